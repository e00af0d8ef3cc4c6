"""Skip surgery, against networks whose weights are zero or whose skips are exchanged by hand."""

from __future__ import annotations

import copy

import pytest
import torch
import torch.nn.functional as F

from explorer import labs
from explorer.errors import ExplorerError
from tests.labs.made import cropping, picture, unet

pytestmark = pytest.mark.usefixtures("one_thread")


def test_surgery_that_changes_nothing_changes_nothing(network) -> None:
    sizes = network.input.sizes
    image = picture(sizes.at_least(40), sizes.at_least(60))
    with torch.inference_mode():
        expected = network(image)
    skips = labs.operate(network, image, {}).skips
    for cutting in (labs.Cutting("shift"), labs.Cutting("swap")):
        found = labs.operate(network, image, dict.fromkeys(skips, cutting), image)
        assert torch.equal(found.made.scores, expected)
        assert found.figures.agreement == 1


def test_a_skip_at_zero_is_one_whose_weights_are_zero(thin) -> None:
    network, image = thin("unet", "valid"), picture(204, 188)
    changed = copy.deepcopy(network)
    channels = changed.upconv_u2a.out_channels
    with torch.no_grad():
        changed.conv_u2b_c.weight[:, channels:] = 0
        found = labs.operate(network, image, {"concat_u2b": labs.Cutting("zero")})
        assert torch.equal(found.made.scores, changed(image))
    for padding in ("paper", "same"):
        network, image = thin("fcn8s", padding), picture(70, 61)
        changed = copy.deepcopy(network)
        with torch.no_grad():
            changed.score_pool4.weight.zero_()
            changed.score_pool4.bias.zero_()
            found = labs.operate(network, image, {"fuse_pool4": labs.Cutting("zero")})
            assert torch.equal(found.made.scores, changed(image))


def test_skips_are_swapped_and_shifted(thin) -> None:
    network, image, other = thin("unet", "valid"), picture(188, 204), picture(188, 204, 1)
    theirs: dict[int, torch.Tensor] = {}
    plain = cropping({3: (4, 4), 2: (16, 16), 1: (40, 40), 0: (88, 88)})

    def note(level, skip, x):
        theirs[level], _ = plain(level, skip, x)
        return theirs[level], x

    def swap(level, skip, x):
        own, _ = plain(level, skip, x)
        return (theirs[level] if level == 1 else own), x

    def shift(level, skip, x):
        own, _ = plain(level, skip, x)
        if level == 0:
            own = F.pad(own, (0, 5, 2, 0))[:, :, : own.shape[2], 5:]  # down by 2, left by 5
        return own, x

    unet(network, other, note)
    found = labs.operate(network, image, {"concat_u1b": labs.Cutting("swap")}, other)
    assert torch.equal(found.made.scores, unet(network, image, swap))
    found = labs.operate(network, image, {"concat_u0b": labs.Cutting("shift", 2, -5)})
    assert torch.equal(found.made.scores, unet(network, image, shift))
    assert labs.operate(network, image, {"concat_u0b": labs.Cutting("shift", 999)}).figures.agreement <= 1


@pytest.mark.parametrize(
    ("cuttings", "said"),
    [
        ({"conv_d0a_b": labs.Cutting("zero")}, "concat_u3b, concat_u2b"),
        ({"concat_u3b": labs.Cutting("cut")}, "zero, shift, swap"),
        ({"concat_u3b": labs.Cutting("swap")}, "another image"),
    ],
)
def test_surgery_is_refused_with_what_can_be_done(thin, cuttings, said) -> None:
    with pytest.raises(ExplorerError, match=said):
        labs.operate(thin("unet", "valid"), picture(188, 188), cuttings)
