"""The probabilities of all classes at every pixel as one picture, precise enough to print."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch.nn import functional

from explorer.figures.mosaic import Sheet, tiled

STEPS = 10_000  # a hundredth of a per cent
MOST_NUMBERS = 6_000_000  # numbers in one picture


def sheet(probabilities: np.ndarray, most: int = MOST_NUMBERS) -> Sheet:
    """C x H x W probabilities as a picture; one of more than `most` numbers is reduced to means of k x k pixels.

    H x W x 3 uint8: a pixel's probability is (256 * red + green) / STEPS; blue is 0.
    """
    classes, height, width = probabilities.shape
    reduction = max(1, math.ceil(math.sqrt(probabilities.size / most)))
    if reduction > 1:
        whole = torch.from_numpy(probabilities)[None]
        probabilities = functional.avg_pool2d(whole, reduction, ceil_mode=True, count_include_pad=False)[0].numpy()
        _, height, width = probabilities.shape
    columns = max(1, min(classes, round(math.sqrt(classes * height / width))))
    codes = tiled(np.rint(np.nan_to_num(probabilities) * STEPS).astype(np.uint16), columns)
    pixels = np.zeros((*codes.shape, 3), np.uint8)
    pixels[..., 0], pixels[..., 1] = codes >> 8, codes & 255
    return Sheet(pixels, (height, width), columns, reduction)
