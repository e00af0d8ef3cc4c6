"""All channels of a feature map as one 8-bit picture: each channel quantised over its own [min, max]."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from torch import Tensor
from torch.nn import functional

MOST_PIXELS = 400_000  # of one mosaic; what a browser holds of a trace is bounded by this times the steps


@dataclass(frozen=True, eq=False)
class Sheet:
    """Maps as the tiles of one picture: `pixels` is (rows * tile height) x (columns * tile width), map c at row c //
    columns. `reduction` k > 1 says that every tile pixel is the mean of k x k units (fewer at the right and bottom
    edges).
    """

    pixels: np.ndarray
    tile: tuple[int, int]
    columns: int
    reduction: int


@dataclass(frozen=True, eq=False)
class Mosaic(Sheet):
    """One channel a tile, uint8. A pixel's value is min[c] + pixel / 255 * (max[c] - min[c]).

    Min and max are of the reduced map, and of its finite values: +inf is drawn as the largest, -inf and NaN as the
    smallest.
    """

    minimum: np.ndarray
    maximum: np.ndarray


def mosaic(value: Tensor, most_pixels: int = MOST_PIXELS) -> Mosaic:
    """The mosaic of one map, 1 x C x H x W of any device and float type."""
    maps = value[0].detach().float()
    channels, height, width = maps.shape
    reduction = max(1, math.ceil(math.sqrt(channels * height * width / most_pixels)))
    while True:
        tile = -(-height // reduction), -(-width // reduction)
        columns = max(1, min(channels, round(math.sqrt(channels * tile[0] / tile[1]))))
        rows = -(-channels // columns)
        if rows * columns * tile[0] * tile[1] <= most_pixels or tile == (1, 1):
            break
        reduction += 1  # ragged edges and empty tiles count too
    if reduction > 1:
        maps = functional.avg_pool2d(maps[None], reduction, ceil_mode=True, count_include_pad=False)[0]
    values = maps.cpu().numpy().astype(np.float64)  # the span of two floats may overflow a float
    if finite := bool(np.isfinite(values).all()):
        low, high = values.min((1, 2)), values.max((1, 2))
    else:
        known = np.isfinite(values)
        low = values.min((1, 2), initial=np.inf, where=known)
        high = values.max((1, 2), initial=-np.inf, where=known)
        low, high = np.where(low <= high, low, 0), np.where(low <= high, high, 0)
    values -= low[:, None, None]
    values *= 255 / np.where(high > low, high - low, 1)[:, None, None]
    coded = np.rint(values if finite else np.nan_to_num(values).clip(0, 255)).astype(np.uint8)
    return Mosaic(tiled(coded, columns), tile, columns, reduction, low, high)


def tiled(maps: np.ndarray, columns: int) -> np.ndarray:
    """C x H x W as one picture of tiles; those that are left over are 0."""
    channels, height, width = maps.shape
    rows = -(-channels // columns)
    sheet = np.zeros((rows * columns, height, width), maps.dtype)
    sheet[:channels] = maps
    return sheet.reshape(rows, columns, height, width).transpose(0, 2, 1, 3).reshape(rows * height, columns * width)
