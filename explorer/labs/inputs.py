"""An image as a lab's network gets it: at the size that fits, or at any other one; true labels beside it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from torch import Tensor

from explorer import images, inference, metrics
from explorer.errors import ExplorerError
from explorer.geometry import Region
from explorer.inference import Canvas, Frame, Frames
from explorer.weights import Loaded


@dataclass(frozen=True, eq=False)
class Input:
    """`image` is 1 x C x H x W, normalised; `truth` H x W uint8 on it, 255 beyond the image, or None."""

    image: Tensor
    truth: np.ndarray | None
    frames: Frames


def network_input(
    loaded: Loaded,
    pixels: np.ndarray,
    side: int = 320,
    size: tuple[int, int] | None = None,
    truth: np.ndarray | None = None,
) -> Input:
    """An image (H x W x 3 uint8) for a network, mirrored beyond its edges where the network sees more.

    side   of the resized image, at most, in pixels: the network's input is the next size that it takes
    size   height and width of the network's input instead, whatever the network takes; the image is made to fit
    truth  true labels, H x W, as large as the image; each pixel of the resized one takes the nearest
    """
    steps = loaded.card.preprocessing
    prepared = inference.prepare(pixels, loaded.spec, side if size is None else _inner(loaded, pixels, size))
    frames, made = prepared.frames, prepared.network
    if size is not None:
        frames = Frames(frames.original, frames.resized, Frame("network", *size), frames.top, frames.left)
        made = Canvas(prepared.resized, frames, (), ()).crop(Region((0, size[0]), (0, size[1])))
    given = Input(inference.normalise(made, steps.mean, steps.std), None, frames)
    return given if truth is None else with_truth(given, truth)


def with_truth(given: Input, truth: np.ndarray) -> Input:
    """An input with true labels of its image (H x W, as large as that). Raises ExplorerError ("lab_truth")."""
    size = given.frames.original
    if truth.shape != (size.height, size.width):
        raise ExplorerError("lab_truth", "The true labels have another size than the image.")
    return replace(given, truth=_laid(truth, given.frames))


def plain_input(loaded: Loaded, pixels: np.ndarray, side: int = 320, exact: bool = True) -> Tensor:
    """An image of at most `side` pixels as a network's input, 1 x C x h x w, with no pixel beyond its edges: the
    largest part at its top left that the network takes; with `exact` unset the whole of it.

    Raises ExplorerError ("lab_size") for an image that is smaller than the least size that the network takes.
    """
    steps, sizes = loaded.card.preprocessing, inference.placement(loaded.spec).sizes
    resized = images.resize(pixels, side)
    if exact:
        if min(resized.shape[:2]) < sizes.minimum:
            said = (
                f"An image of {resized.shape[0]} x {resized.shape[1]} pixels is too small: {sizes.minimum} are needed."
            )
            raise ExplorerError("lab_size", said, n=min(resized.shape[:2]), nearest=(sizes.minimum,))
        height, width = (sizes.nearest(n)[0] for n in resized.shape[:2])
        resized = resized[:height, :width]
    return inference.normalise(np.ascontiguousarray(resized), steps.mean, steps.std)


def _inner(loaded: Loaded, pixels: np.ndarray, size: tuple[int, int]) -> int:
    """The longer side of the image when it fills the part of the input that gets labels, in height or in width."""
    inner = [max(1, n - inference.placement(loaded.spec).shrink) for n in size]
    scale = min(n / full for n, full in zip(inner, pixels.shape[:2], strict=True))
    return max(1, int(scale * max(pixels.shape[:2])))


def _laid(truth: np.ndarray, frames: Frames) -> np.ndarray:
    """True labels on the network's input."""
    small, whole = frames.resized, frames.network
    rows, cols = (
        ((np.arange(n) + 0.5) * full / n).astype(int)
        for n, full in zip((small.height, small.width), truth.shape, strict=True)
    )
    laid = np.full((whole.height, whole.width), metrics.IGNORE, np.uint8)
    part = truth[rows[:, None], cols[None]][: whole.height - frames.top, : whole.width - frames.left]
    laid[frames.top : frames.top + part.shape[0], frames.left : frames.left + part.shape[1]] = part
    return laid
