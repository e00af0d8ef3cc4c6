"""One axis of a feature map: where its units stand and what of the input each of them sees."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from explorer.geometry.ops import Op
from explorer.geometry.places import Box, GeometryError, Grid, MisalignedError

EMPTY = (int(np.iinfo(np.int64).max), int(np.iinfo(np.int64).min))  # identity of (min, max)


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


def join(axes: Sequence[Axis], misaligned: bool = False) -> Axis:
    """Sum or concatenation: unit i sees what unit i of any branch sees (reported as the hull), on the first one's grid.

    In two dimensions the hulls of both axes make the exact box only if no branch is empty on the other axis, or the
    fields are nested, as they are in these networks: a skip's field lies inside that of the up-sampled map.

    Raises GeometryError unless all branches have one length, MisalignedError unless they stand on one grid; with
    `misaligned` only their jumps have to be equal (`misalignment` says how far apart they stand).
    """
    first = axes[0]
    for other in axes[1:]:
        if misaligned:
            misalignment(first.grid, other.grid)
        elif offset := crop_offset(first.grid, other.grid):
            raise MisalignedError(
                f"the maps are {abs(offset) * first.grid.jump} input pixels ({abs(offset)} units) apart"
            )
        if len(other) != len(first):
            raise GeometryError(f"maps of {len(first)} and {len(other)} units cannot be joined")
    lo = np.minimum.reduce([axis.lo for axis in axes])
    return Axis(first.grid, lo, np.maximum.reduce([axis.hi for axis in axes]))


def misalignment(of: Grid, reference: Grid) -> Fraction:
    """How far, in input pixels, each unit of `of` stands behind the same unit of `reference`; negative: before it.

    Raises MisalignedError when the jumps differ: then it is another distance for every unit.
    """
    if of.jump != reference.jump:
        raise MisalignedError(f"the maps have different jumps, {of.jump} and {reference.jump} input pixels per unit")
    return of.start - reference.start


def crop_offset(of: Grid, reference: Grid) -> int:
    """Unit of `of` that stands where unit 0 of `reference` stands: (reference.start - of.start) / jump.

    Positive: `of` begins earlier and has to be cropped; negative: `reference` has to be. Raises MisalignedError
    when the jumps differ or the shift is no whole number of units, and says by how much.
    """
    units = -misalignment(of, reference) / of.jump
    if units.denominator != 1:
        shift = min(units % 1, units % 1 - 1, key=abs) * of.jump
        raise MisalignedError(
            f"the maps are {abs(reference.start - of.start)} input pixels = {abs(units)} units apart; "
            f"the nearest crop leaves {abs(shift)} input pixels between them"
        )
    return int(units)


def hull(rows: Axis, cols: Axis) -> Box | None:
    """The smallest box that holds every pixel some unit of the map sees; None if it sees none."""
    if rows.empty.all() or cols.empty.all():
        return None
    return Box(int(rows.lo.min()), int(cols.lo.min()), int(rows.hi.max()) + 1, int(cols.hi.max()) + 1)
