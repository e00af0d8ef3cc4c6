"""Placement, mirrored borders and normalised pixels against hand-written reflection and the facts of the papers."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torchvision.transforms import functional as vision

from explorer.inference import Frame, Frames, normalise, placement, prepare
from explorer.models import ModelSpec
from tests.conftest import VARIANTS
from tests.inference.made import spec_of
from tests.ui.made import MEAN, STD, UNET, noise

# ---- placement


@pytest.mark.parametrize(("model", "padding"), VARIANTS)
def test_reach_is_that_of_the_papers(model, padding):
    far = placement(spec_of(model, padding))
    assert (far.margin, far.shrink) == ((92, 184) if (model, padding) == ("unet", "valid") else (0, 0))
    smallest, period = {"valid": (188, 16), "same": (16, 16)}[padding] if model == "unet" else (1, 1)
    assert (far.sizes.minimum, far.sizes.period) == (smallest, period)


def test_placement_does_not_depend_on_width_or_classes():
    assert placement(spec_of("unet", "valid", width=1.0, classes=2, in_channels=1)) == placement(
        spec_of("unet", "valid")
    )
    assert placement(ModelSpec("unet", "")) == placement(spec_of("unet", "valid"))  # "" is the paper's


# ---- prepare


def mirror(position: int, n: int) -> int:
    """Source pixel of a mirrored position: 2 1 | 0 1 2 ... n-1 | n-2, back and forth for ever."""
    if n == 1:
        return 0
    around = position % (2 * (n - 1))
    return around if around < n else 2 * (n - 1) - around


@pytest.mark.parametrize("size", [(388, 388), (200, 130), (93, 92), (50, 64), (16, 33), (17, 40)])
def test_the_border_is_the_mirrored_image(size):
    """Also where the image is smaller than the 92 pixels of the border: then it is mirrored again."""
    pixels = noise(*size)
    done = prepare(pixels, UNET, max(size))
    np.testing.assert_array_equal(done.resized, pixels)
    height, width = done.network.shape[:2]
    rows = [mirror(y - 92, size[0]) for y in range(height)]
    cols = [mirror(x - 92, size[1]) for x in range(width)]
    np.testing.assert_array_equal(done.network, pixels[rows][:, cols])


def test_the_border_is_torchvisions_reflection():
    pixels = noise(230, 301)
    done = prepare(pixels, UNET, 301)
    height, width = done.network.shape[:2]
    sides = [92, 92, width - 301 - 92, height - 230 - 92]  # left, top, right, bottom
    padded = vision.pad(torch.from_numpy(pixels).permute(2, 0, 1), sides, padding_mode="reflect")
    np.testing.assert_array_equal(done.network, padded.permute(1, 2, 0).numpy())


def test_one_row_can_be_mirrored():
    done = prepare(noise(1, 40), spec_of("unet", "same"), 40)
    assert done.network.shape == (16, 48, 3)
    assert (done.network == done.network[:1]).all()


def test_the_papers_tile():
    """388 pixels of an image make the paper's 572 of input, 92 mirrored on every side."""
    done = prepare(noise(388, 388), UNET, 388)
    assert done.frames == Frames(
        Frame("original", 388, 388), Frame("resized", 388, 388), Frame("network", 572, 572), 92, 92
    )


def test_fcn_needs_no_border():
    for padding in ("paper", "same"):
        done = prepare(noise(77, 33), spec_of("fcn8s", padding), 77)
        assert (done.frames.top, done.frames.left) == (0, 0)
        assert done.frames.network == Frame("network", 77, 33)
        np.testing.assert_array_equal(done.network, done.resized)


@settings(deadline=None, max_examples=200)
@given(
    height=st.integers(1, 300),
    width=st.integers(1, 300),
    longest=st.integers(1, 260),
    variant=st.sampled_from([("unet", "valid"), ("unet", "same"), ("fcn8s", "paper"), ("fcn32s", "same")]),
)
@example(1, 1, 1, ("unet", "valid"))
@example(300, 16, 192, ("unet", "valid"))
@example(4, 4, 4, ("unet", "valid"))
@example(5, 5, 5, ("unet", "valid"))
def test_any_image_becomes_a_legal_input(height, width, longest, variant):
    spec = spec_of(*variant)
    pixels = np.zeros((height, width, 3), np.uint8)
    done = prepare(pixels, spec, longest)
    frames = done.frames
    assert frames.original == Frame("original", height, width)
    assert done.resized.shape == (frames.resized.height, frames.resized.width, 3)
    assert done.network.shape == (frames.network.height, frames.network.width, 3)
    assert done.network.dtype == np.uint8
    assert done.network.flags.c_contiguous
    assert max(done.resized.shape[:2]) == min(longest, max(height, width))
    margin = 92 if variant == ("unet", "valid") else 0
    assert frames.top == frames.left == margin
    for n, whole in ((frames.resized.height, frames.network.height), (frames.resized.width, frames.network.width)):
        rest = whole - n - 2 * margin
        if variant[0] == "unet":
            assert 0 <= rest < (188 if n < 4 else 16)
            assert (whole - 12) % 16 == 0 if margin else whole % 16 == 0
            assert whole >= (188 if margin else 16)
        else:
            assert rest == 0


def test_a_read_only_image_stays_as_it_is():
    pixels = noise(60, 70)
    pixels.setflags(write=False)
    before = pixels.copy()
    done = prepare(pixels, UNET, 64)
    np.testing.assert_array_equal(pixels, before)
    assert done.resized.shape == (55, 64, 3)


# ---- normalise


def test_normalise_is_torchvisions():
    pixels = noise(12, 17)
    want = vision.normalize(vision.to_tensor(pixels), MEAN, STD)[None]
    got = normalise(pixels, MEAN, STD)
    assert got.dtype == torch.float32
    torch.testing.assert_close(got, want, rtol=1e-6, atol=1e-6)


def test_one_channel_takes_the_grey_value():
    pixels = noise(5, 6)
    got = normalise(pixels, (0.25,), (0.5,))
    want = (pixels.astype(np.float64).mean(2) / 255 - 0.25) / 0.5
    assert got.shape == (1, 1, 5, 6)
    np.testing.assert_allclose(got[0, 0], want, rtol=1e-5, atol=1e-6)
