"""Statistics of all values of a map, at a fraction of what it costs to compute the map."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

PIECE = 2**14  # values at a time: they stay in the processor's nearest cache while they are looked at again and again
HELD = 256 * 2**20  # bytes of values that wait


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
    middle = values[: PIECE // 4].mean(dtype=np.float64).astype(values.dtype)
    apart, equal = np.empty(PIECE, values.dtype), np.empty(PIECE, bool)
    for first in range(0, n, PIECE):
        piece = values[first : first + PIECE]
        away = np.subtract(piece, middle, out=apart[: piece.size])
        low, high = np.minimum(low, piece.min()), np.maximum(high, piece.max())  # these hand on NaN
        total += float(away.sum())
        squares += float(np.dot(away, away))
        zeros += int(np.count_nonzero(np.equal(piece, 0, out=equal[: piece.size])))
    mean = total / n
    variance = max(0.0, squares / n - mean**2) if math.isfinite(squares) else math.nan
    return Stats(float(low), float(high), float(middle) + mean, math.sqrt(variance), zeros / n)


class Later:
    """Statistics that are taken when the run is over, so that nobody waits for them on the way to the last map.

    Values are held until then, as long as all of them take no more than HELD bytes.
    """

    def __init__(self) -> None:
        self._values: dict[str, Tensor] = {}
        self._same: dict[str, str] = {}  # a step that hands on what another one made has the same statistics
        self._found: dict[str, Stats] = {}
        self._bytes = 0

    def add(self, name: str, value: Tensor) -> None:
        """Of a step of this name."""
        for other, held in self._values.items():
            if held is value:
                self._same[name] = other
                return
        self._values[name] = value
        self._bytes += value.nbytes
        if self._bytes > HELD:
            self._take()

    def _take(self) -> None:
        with ThreadPoolExecutor(max(1, torch.get_num_threads())) as pool:
            self._found |= zip(self._values, pool.map(stats_of, self._values.values()), strict=True)
        self._values, self._bytes = {}, 0

    def all(self) -> dict[str, Stats]:
        """By name."""
        self._take()
        return self._found | {name: self._found[other] for name, other in self._same.items()}
