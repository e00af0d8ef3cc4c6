"""An image as a lab's network gets it: at the size that fits, or at any other one; true labels beside it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from torch import Tensor

from explorer import inference, metrics
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
    if truth is not None and truth.shape != pixels.shape[:2]:
        raise ExplorerError("lab_truth", "The true labels have another size than the image.")
    prepared = inference.prepare(pixels, loaded.spec, side if size is None else _inner(loaded, pixels, size))
    frames, made = prepared.frames, prepared.network
    if size is not None:
        frames = Frames(frames.original, frames.resized, Frame("network", *size), frames.top, frames.left)
        made = Canvas(prepared.resized, frames, (), ()).crop(Region((0, size[0]), (0, size[1])))
    laid = None if truth is None else _laid(truth, frames)
    return Input(inference.normalise(made, steps.mean, steps.std), laid, frames)


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
