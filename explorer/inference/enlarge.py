"""Labels of an image whose copy of another size was run: scores are enlarged, not labels."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

BAND = 32 * 2**20  # bytes of enlarged scores at a time


def labels_at(scores: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The class of the largest score (C x H x W, float32) at every pixel of a size, as uint8.

    Scores are bilinear between pixel middles and stay as they are beyond the outermost, as those that
    torch.nn.functional.interpolate gives with align_corners=False; but band by band, so that memory stays that of one.
    """
    labels = np.empty(size, np.uint8)
    values = torch.from_numpy(scores)[None]
    ys, xs = (_middles(length) for length in size)
    rows = max(1, BAND // (4 * len(scores) * size[1]))
    for top in range(0, size[0], rows):
        band = slice(top, top + rows)
        grid = torch.stack(torch.meshgrid(xs, ys[band], indexing="xy"), -1)
        enlarged = F.grid_sample(values, grid[None], padding_mode="border", align_corners=False)
        labels[band] = enlarged[0].argmax(0).to(torch.uint8).numpy()
    return labels


def _middles(length: int) -> Tensor:
    """Where pixels' middles lie if the whole reaches from -1 to 1."""
    return ((2 * torch.arange(length, dtype=torch.float64) + 1) / length - 1).float()
