"""Operations along one axis: how many units they make, where these stand, and which units each of them reads."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple, Protocol

import numpy as np

from explorer.geometry.places import GeometryError, Grid, Span


class Taps(NamedTuple):
    """One tap of an operation: output unit i reads input unit `units[i]` where `valid[i]`."""

    units: np.ndarray
    valid: np.ndarray


class Op(Protocol):
    """One operation along one axis."""

    def size(self, n: int) -> int:
        """Number of units made of n units; may be zero or negative when nothing is left."""

    def grid(self, grid: Grid) -> Grid:
        """Where the centres of the made units lie."""

    def taps(self, n: int) -> Iterator[Taps]:
        """All (output unit, input unit) pairs that are read, grouped by tap."""


@dataclass(frozen=True)
class Window:
    """Convolution or pooling: kernel k, stride s, zero padding p on both sides, dilation d, floor or ceil rounding."""

    kernel: int
    stride: int = 1
    padding: int = 0
    dilation: int = 1
    ceil: bool = False

    @property
    def extent(self) -> int:
        """Effective kernel size d(k - 1) + 1."""
        return self.dilation * (self.kernel - 1) + 1

    def size(self, n: int) -> int:
        room = n + 2 * self.padding - self.extent
        units = (-(-room // self.stride) if self.ceil else room // self.stride) + 1
        if self.ceil and (units - 1) * self.stride >= n + self.padding:
            units -= 1  # the last window must start inside the map or its left padding
        return units

    def grid(self, grid: Grid) -> Grid:
        shift = Fraction(self.extent - 1, 2) - self.padding
        return Grid(grid.jump * self.stride, grid.start + grid.jump * shift)

    def taps(self, n: int) -> Iterator[Taps]:
        first = np.arange(self.size(n)) * self.stride - self.padding
        for tap in range(self.kernel):
            index = first + tap * self.dilation
            yield Taps(index, (index >= 0) & (index < n))


@dataclass(frozen=True)
class Transposed:
    """Transposed convolution (up-convolution, "deconvolution"): unit q reads units i with q = i*s - p + tap*d."""

    kernel: int
    stride: int = 1
    padding: int = 0
    output_padding: int = 0
    dilation: int = 1

    @property
    def extent(self) -> int:
        return self.dilation * (self.kernel - 1) + 1

    def size(self, n: int) -> int:
        return (n - 1) * self.stride - 2 * self.padding + self.extent + self.output_padding

    def grid(self, grid: Grid) -> Grid:
        jump = grid.jump / self.stride
        return Grid(jump, grid.start - jump * (Fraction(self.extent - 1, 2) - self.padding))

    def taps(self, n: int) -> Iterator[Taps]:
        unit = np.arange(self.size(n)) + self.padding
        for tap in range(self.kernel):
            index, rest = np.divmod(unit - tap * self.dilation, self.stride)
            yield Taps(index, (rest == 0) & (index >= 0) & (index < n))


@dataclass(frozen=True)
class Bilinear:
    """Bilinear up-sampling by a whole factor, half-pixel centres (align_corners=False), edges clamped."""

    factor: int

    def size(self, n: int) -> int:
        return n * self.factor

    def grid(self, grid: Grid) -> Grid:
        jump = grid.jump / self.factor
        return Grid(jump, grid.start + jump * Fraction(1 - self.factor, 2))

    def taps(self, n: int) -> Iterator[Taps]:
        # source coordinate (q + 0.5)/f - 0.5, clamped at 0, as the exact quotient over / (2f)
        over = np.maximum(2 * np.arange(self.size(n)) + 1 - self.factor, 0)
        index, rest = np.divmod(over, 2 * self.factor)
        yield Taps(index, np.ones(len(index), bool))
        yield Taps(np.minimum(index + 1, n - 1), rest > 0)  # a tap of weight zero is no tap


@dataclass(frozen=True)
class Crop:
    """Keeps units offset .. offset + length - 1; length None keeps everything behind the offset."""

    offset: int
    length: int | None = None

    def size(self, n: int) -> int:
        length = n - self.offset if self.length is None else self.length
        if self.offset < 0 or self.offset + length > n:
            raise GeometryError(f"a crop of {length} units from offset {self.offset} does not fit a map of {n} units")
        return length

    def grid(self, grid: Grid) -> Grid:
        return Grid(grid.jump, grid.centre(self.offset))

    def taps(self, n: int) -> Iterator[Taps]:
        size = self.size(n)
        yield Taps(np.arange(size) + self.offset, np.ones(size, bool))


@dataclass(frozen=True)
class Pad:
    """Constant padding: `before` and `after` units that see no pixel."""

    before: int
    after: int

    def size(self, n: int) -> int:
        return n + self.before + self.after

    def grid(self, grid: Grid) -> Grid:
        return Grid(grid.jump, grid.centre(-self.before))

    def taps(self, n: int) -> Iterator[Taps]:
        index = np.arange(self.size(n)) - self.before
        yield Taps(index, (index >= 0) & (index < n))


POINTWISE = Window(1)  # ReLU, dropout, 1x1 convolution, scaling: every unit reads itself


def covered(op: Op, n: int) -> np.ndarray:
    """Mask over the n input units: True where some output unit reads the unit (a pooling drops the others)."""
    mask = np.zeros(n, bool)
    if op.size(n) > 0:
        for index, valid in op.taps(n):
            mask[index[valid]] = True
    return mask


@lru_cache(maxsize=1024)
def _first_and_last(op: Hashable, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Per output unit the first and the last of n input units that it reads; n and -1 where it reads none."""
    taps = list(op.taps(n))  # type: ignore[attr-defined]
    low = np.min([np.where(tap.valid, tap.units, n) for tap in taps], axis=0)
    high = np.max([np.where(tap.valid, tap.units, -1) for tap in taps], axis=0)
    return low, high


def read_span(op: Op, n: int, span: Span) -> Span:
    """The units of a map of n that the units [low, high) of the map that `op` makes of it read; (0, 0) if none.

    `op` has to be hashable, as the frozen ones here are: what it reads is kept for the next question.
    """
    if span[0] >= span[1]:
        return 0, 0
    first, last = _first_and_last(op, n)  # type: ignore[arg-type]
    low, high = int(first[slice(*span)].min()), int(last[slice(*span)].max())
    return (low, high + 1) if low <= high else (0, 0)
