"""The network's input of an image of any size, made window by window: cut out, mirrored at the border, normalised."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from explorer import images
from explorer.geometry import Region
from explorer.inference.frames import Frames, Placement, border, placement
from explorer.models import ModelSpec


class Pixels(Protocol):
    """H x W x 3, 8 bits each: an array, or what reads rows and columns out of a file as one would be sliced."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    def __getitem__(self, box: Any) -> np.ndarray: ...


@dataclass(frozen=True, eq=False)
class Canvas:
    """`pixels` of the resized frame, seen as the network's input; nothing of it is held beside them."""

    pixels: Pixels
    frames: Frames
    mean: tuple[float, ...]
    std: tuple[float, ...]

    @classmethod
    def of(cls, pixels: Pixels, placed: Placement, mean: tuple[float, ...], std: tuple[float, ...]) -> Canvas:
        """A canvas that is the image with the border that `prepare` would give it."""
        height, width = pixels.shape[:2]
        return cls(pixels, border((height, width), (height, width), placed), mean, std)

    @property
    def shape(self) -> tuple[int, int]:
        return self.frames.network.height, self.frames.network.width

    def crop(self, region: Region) -> np.ndarray:
        """h x w x 3 pixels of the canvas, which goes on beyond its own edges as a mirrored image."""
        image = self.frames.resized
        rows = mirrored(*region.rows, self.frames.top, image.height)
        cols = mirrored(*region.cols, self.frames.left, image.width)
        top, left = int(rows.min()), int(cols.min())
        part = np.asarray(self.pixels[top : int(rows.max()) + 1, left : int(cols.max()) + 1])
        if len(rows) != part.shape[0] or len(cols) != part.shape[1] or np.any(np.diff(rows) < 0):
            part = part[(rows - top)[:, None], (cols - left)[None]]
        return np.ascontiguousarray(part)

    def window(self, region: Region) -> Tensor:
        """The same, normalised: 1 x C x h x w float32."""
        return normalise(self.crop(region), self.mean, self.std)


@dataclass(frozen=True, eq=False)
class Prepared:
    """An image ready for a network: the resized pixels, the network's input pixels (both H x W x 3 uint8), frames."""

    resized: np.ndarray
    network: np.ndarray
    frames: Frames


def prepare(pixels: np.ndarray, spec: ModelSpec, longest: int) -> Prepared:
    """Resize so that the longer side is at most `longest`, then mirror the border up to the network's legal size.

    The border is what the network's output lacks (92 pixels a side for the paper's U-Net, Ronneberger et al. 2015,
    section 2), plus what the next legal size needs at the bottom and on the right.
    """
    resized = images.resize(pixels, longest)
    frames = border(pixels.shape[:2], resized.shape[:2], placement(spec))
    canvas = Canvas(resized, frames, (), ())
    return Prepared(resized, canvas.crop(Region((0, frames.network.height), (0, frames.network.width))), frames)


def mirrored(low: int, high: int, before: int, n: int) -> np.ndarray:
    """Which of n pixels stand at [low, high) of a line that begins `before` pixels ahead, mirrored at both ends.

    The pixel at the edge is not repeated; numpy's "reflect", as far out as asked for.
    """
    if n == 1:
        return np.zeros(high - low, int)
    at = (np.arange(low, high) - before) % (2 * n - 2)
    return np.minimum(at, 2 * n - 2 - at)


def normalise(pixels: np.ndarray, mean: tuple[float, ...], std: tuple[float, ...]) -> Tensor:
    """H x W x 3 uint8 -> 1 x C x H x W float32: (rgb / 255 - mean) / std; one channel takes the grey value."""
    rgb = torch.from_numpy(pixels.astype(np.float32) / 255).permute(2, 0, 1)
    if len(mean) == 1:
        rgb = rgb.mean(0, keepdim=True)
    per_channel = (torch.tensor(v, dtype=torch.float32)[:, None, None] for v in (mean, std))
    m, s = per_channel
    return ((rgb - m) / s)[None]
