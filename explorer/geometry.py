"""Exact geometry of a network, one spatial axis at a time (numpy only; heights and widths are two calls).

Two views of a feature map's axis, both exact:

* `Grid`: the affine map  image coordinate = start + jump * unit  of the units' nominal centres, as fractions.
  Crop offsets are derived from it: the offset o that puts unit 0 of a map x on unit 0 of a reference r with the
  same jump is (r.start - x.start) / jump (Caffe's coord_map.py, Long et al. 2015).
* `Axis`: for every unit i the inclusive interval lo[i]..hi[i] of input pixels it depends on (its receptive field,
  clipped to the image). This view stays exact behind transposed convolutions, crops, sums and borders, where no
  triple (jump, size, start) describes the field.

Coordinates are pixel indices: the first pixel is 0, not 0.5. A unit that sees padding only has the empty interval
EMPTY (lo > hi). An operation is an `Op`: how many units it makes, where their centres lie, and which units each reads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple, Protocol

import numpy as np

EMPTY = (int(np.iinfo(np.int64).max), int(np.iinfo(np.int64).min))  # identity of (min, max)


class GeometryError(ValueError):
    """A map that cannot be made: no units left, or a crop that does not fit."""


class MisalignedError(GeometryError):
    """Two maps whose units do not stand on the same image coordinates; the message says by how much."""


@dataclass(frozen=True)
class Grid:
    """Centres of a map's units along one axis, in input pixels: centre(i) = start + jump * i."""

    jump: Fraction = Fraction(1)
    start: Fraction = Fraction(0)

    def centre(self, unit: int) -> Fraction:
        return self.start + self.jump * unit


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


@dataclass(frozen=True, eq=False)
class Axis:
    """One axis of a feature map: its grid and the interval lo[i]..hi[i] (inclusive, input pixels) of every unit i."""

    grid: Grid
    lo: np.ndarray
    hi: np.ndarray

    def __len__(self) -> int:
        return len(self.lo)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Axis):
            return NotImplemented
        return self.grid == other.grid and np.array_equal(self.lo, other.lo) and np.array_equal(self.hi, other.hi)

    @property
    def empty(self) -> np.ndarray:
        """True for units that depend on no input pixel at all."""
        return self.lo > self.hi

    @property
    def extents(self) -> np.ndarray:
        """Receptive field size of every unit after clipping to the input; 0 where empty."""
        return np.where(self.empty, 0, np.where(self.empty, 0, self.hi) - np.where(self.empty, 0, self.lo) + 1)

    def through(self, op: Op) -> Axis:
        """The axis of the map that `op` makes of this one. Raises GeometryError if no unit is left."""
        units = op.size(len(self))
        if units < 1:
            raise GeometryError(f"{op} leaves no unit of a map of {len(self)} units")
        lo, hi = np.full(units, EMPTY[0]), np.full(units, EMPTY[1])
        for index, valid in op.taps(len(self)):
            lo[valid] = np.minimum(lo[valid], self.lo[index[valid]])
            hi[valid] = np.maximum(hi[valid], self.hi[index[valid]])
        return Axis(op.grid(self.grid), lo, hi)


def source(n: int) -> Axis:
    """The input image itself: n pixels, pixel i sees pixel i. Raises GeometryError for n < 1."""
    if n < 1:
        raise GeometryError(f"an input of {n} pixels has nothing to see")
    return Axis(Grid(), np.arange(n), np.arange(n))


def join(axes: Sequence[Axis]) -> Axis:
    """Sum or concatenation: unit i sees what unit i of any branch sees (reported as the hull).

    In two dimensions the hulls of both axes make the exact box only if no branch is empty on the other axis, or the
    fields are nested, as they are in these networks: a skip's field lies inside that of the up-sampled map.

    Raises MisalignedError unless all branches stand on one grid, GeometryError unless they have one length.
    """
    first = axes[0]
    for other in axes[1:]:
        offset = crop_offset(first.grid, other.grid)
        if offset:
            raise MisalignedError(
                f"the maps are {abs(offset) * first.grid.jump} input pixels ({abs(offset)} units) apart"
            )
        if len(other) != len(first):
            raise GeometryError(f"maps of {len(first)} and {len(other)} units cannot be joined")
    lo = np.minimum.reduce([axis.lo for axis in axes])
    return Axis(first.grid, lo, np.maximum.reduce([axis.hi for axis in axes]))


def crop_offset(of: Grid, reference: Grid) -> int:
    """Unit of `of` that stands where unit 0 of `reference` stands: (reference.start - of.start) / jump.

    Positive: `of` begins earlier and has to be cropped; negative: `reference` has to be. Raises MisalignedError
    when the jumps differ or the shift is no whole number of units, and says by how much.
    """
    if of.jump != reference.jump:
        raise MisalignedError(f"the maps have different jumps, {of.jump} and {reference.jump} input pixels per unit")
    units = (reference.start - of.start) / of.jump
    if units.denominator != 1:
        shift = min(units % 1, units % 1 - 1, key=abs) * of.jump
        raise MisalignedError(
            f"the maps are {abs(reference.start - of.start)} input pixels = {abs(units)} units apart; "
            f"the nearest crop leaves {abs(shift)} input pixels between them"
        )
    return int(units)


def covered(op: Op, n: int) -> np.ndarray:
    """Mask over the n input units: True where some output unit reads the unit (a pooling drops the others)."""
    mask = np.zeros(n, bool)
    if op.size(n) > 0:
        for index, valid in op.taps(n):
            mask[index[valid]] = True
    return mask


@dataclass(frozen=True)
class LegalSizes:
    """Input sizes a network accepts along one axis: minimum, minimum + period, minimum + 2 period, ..."""

    minimum: int
    period: int

    def __contains__(self, n: int) -> bool:
        return n >= self.minimum and (n - self.minimum) % self.period == 0

    def at_least(self, n: int) -> int:
        """The smallest legal size that is not below n."""
        return self.minimum + max(0, -(-(n - self.minimum) // self.period)) * self.period

    def nearest(self, n: int) -> tuple[int, ...]:
        """The nearest legal sizes around n: one below (if there is one) and one above."""
        above = self.at_least(n)
        return (above,) if above == self.minimum or above == n else (above - self.period, above)


def legal_sizes(output_size: Callable[[int], int | None], period: int) -> LegalSizes:
    """Find the rule behind `output_size(n)` (None where n is illegal) of a network whose largest jump is `period`.

    A network of poolings repeats with its largest jump, so three periods behind the first legal size decide; raises
    GeometryError if they do not follow one arithmetic progression.
    """
    searched = 64 * period + 1024
    minimum = next((n for n in range(1, searched) if output_size(n) is not None), None)
    if minimum is None:
        raise GeometryError(f"no legal input size below {searched}")
    legal = [n - minimum for n in range(minimum, minimum + 3 * period + 1) if output_size(n) is not None]
    step = legal[1] if len(legal) > 1 else 0
    if not step or legal != list(range(0, 3 * period + 1, step)):
        raise GeometryError(f"legal sizes do not repeat: {minimum} + {legal[:8]}")
    return LegalSizes(minimum, step)


@dataclass(frozen=True)
class Box:
    """Half-open rectangle in pixels of a named frame: rows top..bottom-1, columns left..right-1."""

    top: int
    left: int
    bottom: int
    right: int

    @property
    def shape(self) -> tuple[int, int]:
        return self.bottom - self.top, self.right - self.left


def hull(rows: Axis, cols: Axis) -> Box | None:
    """The smallest box that holds every pixel some unit of the map sees; None if it sees none."""
    if rows.empty.all() or cols.empty.all():
        return None
    return Box(int(rows.lo.min()), int(cols.lo.min()), int(rows.hi.max()) + 1, int(cols.hi.max()) + 1)
