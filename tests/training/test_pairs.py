"""Random pairs, the loss, and scores of whole images."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from explorer import inference
from explorer.metrics import IGNORE
from explorer.models import build
from explorer.training import augment, evaluate
from explorer.training.augment import Augmentation
from explorer.training.data import Sample
from explorer.training.loss import loss_of, unbalance
from tests.training.made import FCN, UNET


def gradient_sample(height: int, width: int) -> Sample:
    """A sample whose label is the image's value, so that any disagreement of image and label shows."""
    value = np.add.outer(np.arange(height), np.arange(width)).astype(np.uint8)
    image = np.repeat(value[:, :, None], 3, 2)
    return Sample("x", "photo", image, value, value.astype(np.float16))


@pytest.mark.parametrize("mirror", [True, False])
def test_image_labels_and_weights_are_moved_alike(mirror: bool) -> None:
    how = Augmentation(scale=(0.7, 1.4), rotate=20, flip="hv", elastic=1.5, mirror=mirror)
    sample = gradient_sample(60, 70)
    for seed in range(8):
        pair = augment.draw(sample, (44, 36), (6, 4), how, (0.4, 0.4, 0.4), np.random.default_rng(seed))
        assert pair.image.shape == (3, 44, 36)
        assert pair.target.shape == pair.weight.shape == (32, 28)
        inside = pair.image[0, 6:-6, 4:-4] * 255
        known = pair.target != IGNORE
        if not mirror:  # next to the outside the image is mixed with the mean colour
            known &= torch.nn.functional.max_pool2d((~known)[None].float(), 5, 1, 2)[0] == 0
        assert known.float().mean() > 0.3
        assert (inside - pair.target)[known].abs().max() < 3
        if mirror:
            assert (inside - pair.weight).abs().max() < 1
        else:  # outside there is no weight to mix with
            assert ((inside - pair.weight).abs()[known] < 1).float().mean() > 0.98


def test_without_augmentation_a_crop_is_a_crop() -> None:
    sample = gradient_sample(30, 40)
    plain = Augmentation()
    for seed in range(6):
        pair = augment.draw(sample, (30, 40), (0, 0), plain, (0, 0, 0), np.random.default_rng(seed))
        image = (pair.image[0] * 255).numpy()
        target = pair.target.numpy()
        assert np.allclose(image, target, atol=0.01)
        assert any(np.array_equal(target, view) for view in (sample.target, sample.target[:, ::-1]))


def test_colours_can_be_left_alone_and_inverted() -> None:
    image = torch.rand(3, 5, 6)
    rng = np.random.default_rng(0)
    torch.testing.assert_close(augment.colours(image, Augmentation(), rng), image)
    torch.testing.assert_close(augment.colours(image, Augmentation(invert=1), rng), 1 - image)
    grey = augment.colours(image, Augmentation(grey=1), rng)
    torch.testing.assert_close(grey[0], grey[2])


def test_short_exposures_are_darker_and_noisier_in_256_levels() -> None:
    image, rng = torch.full((3, 64, 64), 0.8), np.random.default_rng(0)
    drawn = [augment.colours(image, Augmentation(dim=4, noise=0.05), rng) for _ in range(300)]
    means, spreads = (np.array([float(f(x[0])) for x in drawn]) for f in (torch.mean, torch.std))
    darker = means < 0.79
    assert 0.25 < darker.mean() < 0.42  # one in three
    assert 0.19 < means.min() < 0.25
    assert np.exp(np.log(means[darker] / 0.8).mean()) == pytest.approx(0.5, abs=0.07)  # the middle of 1/4 .. 1
    assert 0.04 < spreads.max() < 0.053
    assert np.median(spreads) < 0.02  # small noise is more frequent
    for x in drawn[:20]:
        torch.testing.assert_close(x[0], x[2])
        levels = x * 255
        assert (levels - levels.round()).abs().max() < 1e-3
        assert 0 <= x.min() <= x.max() <= 1


def test_short_exposures_can_be_of_one_kind_of_micrograph_alone() -> None:
    image, how = torch.full((3, 8, 8), 0.8), Augmentation(dim=4, dim_only="fluorescence")
    for kind, some in (("fluorescence", True), ("bright-field", False)):
        rng = np.random.default_rng(0)
        darker = [bool(augment.colours(image, how, rng, kind).mean() < 0.79) for _ in range(60)]
        assert any(darker) is some


def test_loss_by_hand() -> None:
    scores = torch.log(torch.tensor([[0.5, 0.5], [0.9, 0.1], [0.2, 0.8]])).T.reshape(1, 2, 1, 3)
    target = torch.tensor([[[0, 1, IGNORE]]])
    weight = torch.tensor([[[0.0, 2.0, 9.0]]])
    found = loss_of(scores, target, weight, torch.tensor([1.0, 3.0]), dice=0)
    assert found.item() == pytest.approx((1 * -np.log(0.5) + (3 + 2) * -np.log(0.1)) / 2)


def test_class_weights_are_taken_out_of_the_prediction() -> None:
    """A score trained on weighted classes has probabilities w_c p_c / sum; afterwards they are p_c."""
    share, weight = torch.tensor([0.7, 0.2, 0.1]), torch.tensor([0.5, 1.5, 4.0])
    for spec, layer in ((replace(FCN, classes=3), "score_fr"), (UNET, "score")):
        net = build(spec)
        score = net.get_submodule(layer)
        with torch.no_grad():
            score.weight.zero_()
            score.bias.copy_(torch.log(share * weight))
        unbalance(net, weight)
        assert score.bias.softmax(0).tolist() == pytest.approx(share.tolist())


@pytest.mark.parametrize("size", [(5, 9), (64, 60), (70, 131)])
def test_whole_image_scores_stand_where_the_pixels_are(size: tuple[int, int]) -> None:
    """A U-Net that only copies its input's brightness gives it back, pixel on pixel, at any size."""
    for padding in ("valid", "same"):
        spec = replace(UNET, padding=padding)
        net = build(spec)
        for p in net.parameters():
            nn.init.zeros_(p)
        with torch.no_grad():
            for name in ("conv_d0a_b", "conv_d0b_c", "conv_u0c_d", "score"):
                part = net.get_submodule(name)
                part.weight[0, 0, part.kernel_size[0] // 2, part.kernel_size[1] // 2] = 1
            half = net.get_submodule("conv_u0b_c")
            half.weight[0, half.in_channels // 2, 1, 1] = 1  # the skip
        image = np.random.default_rng(0).integers(0, 255, (*size, 3)).astype(np.uint8)
        x = inference.normalise(image, (0, 0, 0), (1, 1, 1))
        with torch.inference_mode():
            (scores,) = evaluate.scores_of(net, spec, image, (0, 0, 0), (1, 1, 1), torch.device("cpu")).values()
        torch.testing.assert_close(scores[0], x[0, 0])
