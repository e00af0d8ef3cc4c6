"""The tap lab: where maps stand against coordinates sent through a network, the split against networks at zero."""

from __future__ import annotations

import copy
import doctest
from fractions import Fraction

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from explorer import labs
from explorer.errors import ExplorerError
from explorer.labs import tapping
from explorer.labs.split import weights_of_streams
from explorer.models import ModelSpec, build
from explorer.operations.layers import BilinearUp
from explorer.trace import CancelledError
from tests.labs.made import picture, with_zeros
from tests.test_geometry_autograd import linear, one_channel, run_recording

pytestmark = pytest.mark.usefixtures("one_thread")
LAYERS = ("score_fr", "score_pool4", "score_pool3")


# ---- which taps fit


def test_examples() -> None:
    assert doctest.testmod(tapping) == (0, 2)


@pytest.mark.parametrize("padding", ["paper", "same"])
def test_the_facts_of_the_field(padding: str) -> None:
    """pool4 of the 16s can be averaged, and lies 4 pixels off sub-sampled; 2 for pool3. conv4_3 as it is makes a finer
    network."""
    four, three = labs.taps("fcn8s", padding)
    assert (four.taken, three.taken, four.below, three.below) == ("pool4", "pool3", "score_fr", "fuse_pool4")
    sign, own = (1, 5) if padding == "paper" else (-1, 1)
    assert four["conv4_3", "average"].offset == four["pool4", "as it is"].offset == sign * own
    assert (four["conv4_3", "sub-sample"].fits, four["conv4_3", "sub-sample"].apart) == (False, 4)
    assert (three["conv3_3", "sub-sample"].fits, three["conv3_3", "sub-sample"].apart) == (False, 2)
    finer = four["conv4_3", "as it is"]
    assert (finer.upsampling, finer.offset) == (4, 10 if padding == "paper" else -2)
    assert [tap.step for tap in four.taps if tap.taken] == ["pool4"]
    assert {tap.step for tap in four.taps if tap.upsampling == 2} >= {"pool4", "conv5_1", "conv5_3"}


def test_unet_takes_the_map_before_the_pooling() -> None:
    skips = labs.taps("unet", "valid")
    assert [skip.taken for skip in skips] == ["relu_d3c", "relu_d2c", "relu_d1c", "relu_d0c"]
    assert [[tap.step for tap in skip.taps if tap.taken] for skip in skips] == [
        [f"conv_d{level}b_c"] for level in (3, 2, 1, 0)
    ]
    assert [next(tap.offset for tap in skip.taps if tap.taken) for skip in skips] == [4, 16, 40, 88]


def centres(padding: str, rows: int) -> dict[str, tuple[Tensor, Tensor]]:
    """Of every step: what a network of positive sums makes of the row numbers, and of ones. Their quotient is the mean
    row that a unit sees."""
    network = linear(one_channel("fcn8s", padding))
    image = torch.arange(rows, dtype=torch.float64).view(1, 1, -1, 1)
    found = [
        run_recording(network, x, lambda value: value.sum(3, keepdim=True)) for x in (image, torch.ones_like(image))
    ]
    return {name: (found[0][name], found[1][name]) for name in found[0]}


WAYS = {
    "as it is": lambda x: x,
    "average": lambda x: F.avg_pool2d(x, (2, 1), (2, 1)),
    "sub-sample": lambda x: x[:, :, ::2],
}


@pytest.mark.parametrize("padding", ["paper", "same"])
def test_every_tap_stands_where_coordinates_say(padding: str) -> None:
    """All offsets are tried out; the best one leaves `apart`, and is `offset` where that is nothing."""
    values = centres(padding, 1400)
    for skip in labs.taps("fcn8s", padding):
        for tap in skip.taps:
            own, total = (WAYS[tap.way](part)[0, 0, :, 0] for part in values[tap.step])
            filters = (
                BilinearUp(1, tap.upsampling).weight.detach().double()[:, :, :, tap.upsampling : tap.upsampling + 1]
            )
            up, weight = (
                F.conv_transpose2d(part, filters, stride=(tap.upsampling, 1))[0, 0, :, 0] for part in values[skip.below]
            )
            mine, theirs = own / total, up / weight
            unit = len(theirs) // 2
            apart = {o: float(mine[unit + o] - theirs[unit]) for o in range(-25, 26)}
            best = min(apart, key=lambda o: abs(apart[o]))
            assert float(tap.apart) == pytest.approx(abs(apart[best]), abs=1e-6), tap
            if tap.fits:
                assert tap.offset == best, tap
            assert tap.grid.jump == Fraction(round(float(mine[unit + 1] - mine[unit]), 6))


# ---- the additive split


@pytest.mark.parametrize("model", ["fcn16s", "fcn8s", "fcn8s-atonce"])
@pytest.mark.parametrize("padding", ["paper", "same"])
def test_the_terms_add_up_and_each_is_the_network_with_the_others_at_zero(thin, model, padding) -> None:
    network, image = thin(model, padding), picture(90, 71)
    with torch.inference_mode():
        expected = network(image)
    split = labs.Streams(network, image).split()
    assert tuple(split.streams) == LAYERS[: len(split.streams)]
    assert len(split.streams) == (2 if model == "fcn16s" else 3)
    assert torch.equal(split.output.scores, expected)
    total = sum(split.streams.values())
    assert float((total - expected).abs().max()) <= 1e-4
    assert split.rest == float((torch.stack(list(split.streams.values())).sum(0) - expected).abs().max())
    for name, stream in split.streams.items():
        alone = with_zeros(network, *(other for other in split.streams if other != name))
        with torch.inference_mode():
            assert torch.equal(stream, alone(image))
        assert stream.abs().max() > 0
    at = split.at(40, 33)
    assert sum(at.values()) == pytest.approx(expected[0, :, 40, 33].numpy(), abs=1e-4)
    with pytest.raises(IndexError):
        split.at(90, 0)


def test_each_bias_belongs_to_its_own_stream(thin) -> None:
    """A bias moved by one moves its own term by the weights of its stream, and no other."""
    network, image = thin("fcn8s", "paper"), picture(90, 71)
    weights = weights_of_streams(network, (90, 71))
    before = labs.Streams(network, image).split().streams
    for name in LAYERS:
        changed = copy.deepcopy(network)
        with torch.no_grad():
            changed.get_submodule(name).bias[1] += 1
        after = labs.Streams(changed, image).split().streams
        for other in LAYERS:
            moved = (after[other] - before[other])[0]
            expected = torch.zeros_like(moved)
            if other == name:
                expected[1] = torch.from_numpy(weights[name])
            torch.testing.assert_close(moved, expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize("padding", ["paper", "same"])
def test_a_scaled_stream_is_a_score_layer_with_scaled_weights(thin, padding) -> None:
    network, image = thin("fcn8s", padding), picture(90, 71)
    streams = labs.Streams(network, image)
    truth = np.random.default_rng(0).integers(0, 4, (90, 71)).astype(np.uint8)
    for factors in ({"score_pool3": 0.0}, {"score_fr": 0.0, "score_pool4": 2.5}, {"score_pool4": -1.0}):
        changed = copy.deepcopy(network)
        with torch.no_grad():
            for name, factor in factors.items():
                for parameter in changed.get_submodule(name).parameters():
                    parameter *= factor
            expected = changed(image)
        found = streams.scaled(factors, truth)
        torch.testing.assert_close(found.made.scores, expected, rtol=0, atol=1e-5)
        labels = found.made.scores.argmax(1)[0].numpy()
        assert np.array_equal(found.made.labels, labels)
        assert found.figures.pixel_accuracy == pytest.approx((labels == truth).mean())
        assert found.figures.agreement == pytest.approx((labels == streams.untouched.labels).mean())
    nothing = streams.scaled(dict.fromkeys(LAYERS, 1.0))
    assert torch.equal(nothing.made.scores, streams.untouched.scores)
    assert torch.equal(nothing.made.scores, network(image))


def test_what_cannot_be_split_is_refused(thin) -> None:
    for model, padding in (("unet", "valid"), ("fcn32s", "paper")):
        with pytest.raises(ExplorerError, match="one score layer"):
            labs.Streams(thin(model, padding), picture(188, 188))
    streams = labs.Streams(thin("fcn8s", "same"), picture(40, 40))
    with pytest.raises(ExplorerError, match="choose one of score_fr"):
        streams.scaled({"conv1_1": 0.0})
    with pytest.raises(CancelledError):
        labs.Streams(thin("fcn8s", "same"), picture(40, 40), progress=lambda done, total, name: done < 5)


def test_what_is_not_linear_does_not_add_up(thin) -> None:
    network = copy.deepcopy(thin("fcn8s", "same"))
    network.upscore8.bias = torch.nn.Parameter(torch.ones(4))  # no stream's own
    with pytest.raises(ExplorerError, match="do not add up"):
        labs.Streams(network, picture(40, 40)).split()


def test_the_coarse_stream_is_weaker_at_the_border() -> None:
    """The paper's 8s at 500 pixels: 0.61 at the edge, 0.37 in the corner, whole from row 25 on; 32s from row 13 on."""

    def up(x: Tensor, stride: int) -> Tensor:
        return F.conv_transpose2d(x, BilinearUp(1, stride).weight.detach().double(), stride=stride)

    ones = torch.ones(1, 1, 16, 16, dtype=torch.float64)
    for model, whole in (("fcn8s", 25), ("fcn32s", 13)):
        network = build(ModelSpec(model, "paper", 1e-6, 1, 1, 1)).double()
        coarse = weights_of_streams(network, (500, 500))["score_fr"]
        if model == "fcn8s":
            expected = up(up(up(ones, 2), 2), 8)[0, 0, 31:531, 31:531]
            assert (round(coarse[0, 250], 2), round(coarse[0, 0], 2)) == (0.61, 0.37)
        else:
            expected = up(ones, 32)[0, 0, 19:519, 19:519]
        np.testing.assert_allclose(coarse, expected.numpy(), atol=1e-9)
        assert coarse[whole, 250] == pytest.approx(1)
        assert coarse[whole - 1, 250] < 1 - 1e-6
