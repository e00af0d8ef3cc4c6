"""The probabilities of all classes at every pixel as one picture, precise enough to print."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional

STEPS = 10_000  # a hundredth of a per cent
MOST_NUMBERS = 6_000_000  # numbers in one picture


@dataclass(frozen=True, eq=False)
class Sheet:
    """Probabilities of all classes in one picture: tiles as in a `Mosaic`, H x W x 3 uint8.

    A pixel's probability is (256 * red + green) / STEPS; blue is 0.
    """

    pixels: np.ndarray
    tile: tuple[int, int]
    columns: int
    reduction: int


def sheet(probabilities: np.ndarray, most: int = MOST_NUMBERS) -> Sheet:
    """C x H x W probabilities as a picture; one of more than `most` numbers is reduced to means of k x k pixels."""
    classes, height, width = probabilities.shape
    reduction = max(1, math.ceil(math.sqrt(probabilities.size / most)))
    if reduction > 1:
        whole = torch.from_numpy(probabilities)[None]
        probabilities = functional.avg_pool2d(whole, reduction, ceil_mode=True, count_include_pad=False)[0].numpy()
        _, height, width = probabilities.shape
    columns = max(1, min(classes, round(math.sqrt(classes * height / width))))
    rows = -(-classes // columns)
    codes = np.zeros((rows * columns, height, width), np.uint16)
    np.rint(np.nan_to_num(probabilities) * STEPS, out=codes[:classes], casting="unsafe")
    codes = codes.reshape(rows, columns, height, width).transpose(0, 2, 1, 3).reshape(rows * height, columns * width)
    pixels = np.zeros((*codes.shape, 3), np.uint8)
    pixels[..., 0], pixels[..., 1] = codes >> 8, codes & 255
    return Sheet(pixels, (height, width), columns, reduction)
