"""Statistics of all values of a map, at a fraction of what it costs to compute the map."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

PIECE = 2**16  # values at a time: they stay in the processor's cache while they are looked at again and again


@dataclass(frozen=True)
class Stats:
    """Of all values of a map: smallest, largest, mean, standard deviation, share of exact zeros."""

    min: float
    max: float
    mean: float
    std: float
    zeros: float


def stats_of(value: Tensor) -> Stats:
    """Statistics of a tensor of any shape and float type. NaN where a value is; no spread where one is infinite."""
    if value.device.type == "cpu":
        return _in_pieces(value.reshape(-1))
    v = value.float()
    low, high = v.aminmax()
    variance, mean = torch.var_mean(v, correction=0)
    zeros = (v.numel() - torch.count_nonzero(v)) / v.numel()
    return Stats(*torch.stack([low, high, mean, variance.sqrt(), zeros]).tolist())  # one wait for the device


def _in_pieces(flat: Tensor) -> Stats:
    """On the CPU. torch.std_mean alone costs several times the ReLU that it is taken of.

    Sums are taken of the distances from a value in the midst of the map's own, so that a small spread around a large
    mean is not lost.
    """
    values = flat.numpy() if flat.dtype in (torch.float32, torch.float64) else flat.float().numpy()
    n, low, high, total, squares, zeros = values.size, math.inf, -math.inf, 0.0, 0.0, 0
    middle = values[: 2**12].mean(dtype=np.float64).astype(values.dtype)
    apart, equal, ones = np.empty(PIECE, values.dtype), np.empty(PIECE, bool), np.ones(PIECE, values.dtype)
    for first in range(0, n, PIECE):
        piece = values[first : first + PIECE]
        away = np.subtract(piece, middle, out=apart[: piece.size])
        low, high = np.minimum(low, piece.min()), np.maximum(high, piece.max())  # these hand on NaN
        total += float(np.dot(away, ones[: piece.size]))  # in half the time of a sum
        squares += float(np.dot(away, away))
        zeros += int(np.count_nonzero(np.equal(piece, 0, out=equal[: piece.size])))
    mean = total / n
    variance = max(0.0, squares / n - mean**2) if math.isfinite(squares) else math.nan
    return Stats(float(low), float(high), float(middle) + mean, math.sqrt(variance), zeros / n)
