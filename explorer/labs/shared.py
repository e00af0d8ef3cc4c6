"""Shift lab, geometry: with what period a step's map repeats, and which units two shifted windows can be compared by.

A window is moved over a larger canvas, so that what comes in at its side is true content. A unit counts if its whole
field lies on pixels that both windows show: it then sees neither padding nor what one window has alone. Convolution is
equivariant to shifts; a network of poolings is so to multiples of the largest jump on the way (see `explorer.fields`),
which a transposed convolution behind it does not make any smaller.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import floor, lcm

import numpy as np
from torch import nn

from explorer import operations
from explorer.errors import ExplorerError
from explorer.geometry import Axis, Region, Span
from explorer.labs.walk import Walk, legal, walk

AXES = {"both": (1, 1), "rows": (1, 0), "cols": (0, 1)}  # which way an image is shifted: down and right, down, right
MARGIN = 512  # pixels around a window in which the fields of its units are looked up; more where that is too few
PLAIN = ("input", "relu", "dropout", "identity", "crop")  # steps that repeat the map before them, as far as shifts go


@dataclass(frozen=True, eq=False)
class Fields:
    """Along one axis of a window of n pixels: first and last pixel that each unit sees, padding and all, so that they
    may lie beyond the window."""

    n: int
    lo: np.ndarray
    hi: np.ndarray

    def moved(self, shift: int, units: int) -> Span:
        """Units u whose field, as that of unit u + `units` of the window with the image shifted by so many pixels, lies
        on pixels that both windows show; half-open, in units of the window that is not shifted."""
        count = max(0, len(self.lo) - units)
        own = (self.lo[:count] >= 0) & (self.hi[:count] < self.n - shift)
        their = (self.lo[units:] >= shift) & (self.hi[units:] < self.n)
        return _span(own & their)

    def still(self, shift: int) -> Span:
        """Units whose field lies on pixels that both windows show, in either of them."""
        return _span((self.lo >= shift) & (self.hi < self.n - shift))

    @property
    def size(self) -> int:
        """Pixels of the largest field."""
        return int((self.hi - self.lo).max()) + 1


@dataclass(frozen=True, eq=False)
class Layer:
    """A step's map in a window.

    jump    input pixels between its neighbouring units
    period  by whose multiples the image has to be shifted so that the map moves and changes nothing else: the least
            common multiple of all jumps on the way, the largest one in these networks
    """

    step: str
    operation: str
    jump: Fraction
    period: int
    rows: Fields
    cols: Fields

    @property
    def field(self) -> tuple[int, int]:
        return self.rows.size, self.cols.size

    def units(self, shift: int) -> int:
        """Whole units that are nearest to a shift in pixels; a half counts up."""
        return floor(shift / self.jump + Fraction(1, 2))

    def moved(self, by: tuple[int, int]) -> Region:
        """The units that are compared with those `units` further on when the image is shifted by (down, right)."""
        rows, cols = (f.moved(n, self.units(n)) for f, n in zip((self.rows, self.cols), by, strict=True))
        return Region(rows, cols)

    def still(self, by: tuple[int, int]) -> Region:
        """The units that are compared with themselves."""
        rows, cols = (f.still(n) for f, n in zip((self.rows, self.cols), by, strict=True))
        return Region(rows, cols)


def layers(module: nn.Module, window: tuple[int, int]) -> dict[str, Layer]:
    """All steps of a network in a window of h x w pixels, in order of computation.

    Raises ExplorerError ("lab_window") for a window that the network does not take.
    """
    for n in window:
        if n not in legal(module):
            nearest = legal(module).nearest(n)
            said = f"A window of {n} pixels is none that this network takes: take {' or '.join(map(str, nearest))}."
            raise ExplorerError("lab_window", said, n=n, nearest=nearest)
    walked = walk(module, window[0])
    periods = _periods(walked)
    rows = _fields(module, walked, window[0], max(periods.values()))
    square = window[0] == window[1]
    cols = rows if square else _fields(module, walk(module, window[1], axis=1), window[1], max(periods.values()))
    made = {}
    for name, axis in walked.axes.items():
        operation = operations.known(module.get_submodule(name))
        kind = "unknown" if operation is None else operation.kind
        made[name] = Layer(name, kind, axis.grid.jump, periods[name], rows[name], cols[name])
    return made


def telling(found: dict[str, Layer]) -> tuple[str, ...]:
    """The steps that are worth a look: all but those that repeat the map before them; and the output."""
    names = [name for name, layer in found.items() if layer.operation not in PLAIN]
    last = list(found)[-1]
    return tuple(names if last in names else [*names, last])


def by_axis(shift: int, axis: str) -> tuple[int, int]:
    """A shift as (down, right). Raises ExplorerError ("lab_axis") for an axis that there is not."""
    if axis not in AXES:
        raise ExplorerError("lab_axis", f"There is no axis {axis!r}: choose one of {', '.join(AXES)}.", axis=axis)
    down, right = AXES[axis]
    return shift * down, shift * right


def _periods(walked: Walk) -> dict[str, int]:
    found: dict[str, int] = {}
    for name, axis in walked.axes.items():
        jump = axis.grid.jump
        own = jump.numerator if jump >= 1 else 1
        found[name] = lcm(own, *(found[read] for read in walked.reads[name]))
    return found


def _fields(module: nn.Module, walked: Walk, n: int, period: int) -> dict[str, Fields]:
    """The fields of all steps as they are in the middle of a larger input, where no edge clips them."""
    margin = -(-MARGIN // period) * period
    while True:
        wide = walk(module, n + 2 * margin).axes
        found = {}
        for name, axis in walked.axes.items():
            first = int(margin / axis.grid.jump)
            fields = _within(wide[name], first, len(axis), n + 2 * margin)
            if fields is None:
                break
            found[name] = Fields(n, fields[0] - margin, fields[1] - margin)
        else:
            return found
        margin *= 2


def _within(axis: Axis, first: int, count: int, n: int) -> tuple[np.ndarray, np.ndarray] | None:
    """The fields of so many units, or None where an edge may clip one."""
    lo, hi = (ends[first : first + count] for ends in (axis.lo, axis.hi))
    return None if len(lo) < count or lo.min() <= 0 or hi.max() >= n - 1 else (lo, hi)


def _span(counts: np.ndarray) -> Span:
    """Fields begin and end in order, so that those which count stand side by side."""
    at = np.flatnonzero(counts)
    return (int(at[0]), int(at[-1]) + 1) if len(at) else (0, 0)
