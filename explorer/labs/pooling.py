"""Shift lab, one unit: what it reads and what a pooling makes of that, while the image moves under it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from explorer.labs.shifts import Shifts
from explorer.replay import Progress
from explorer.trace import CancelledError

POOLINGS = ("maxpool", "avgpool")
SHIFTS = range(9)


@dataclass(frozen=True, eq=False)
class Pooled:
    """One unit of a pooling while the image is shifted.

    before  shifts x units of its window, row by row: what it reads; after  by shift: what the pooling makes of it
    passed  by shifts that are multiples of the pooling's period: what the unit so much further on gives, which sees
            then what this one saw without a shift
    """

    pooling: str
    source: str
    channel: int
    unit: tuple[int, int]
    shifts: tuple[int, ...]
    before: np.ndarray
    after: np.ndarray
    passed: dict[int, float]

    @property
    def steps(self) -> tuple[float, float]:
        """Mean change from one shift to the next, before and after the pooling: absolute, over all units."""
        before, after = (float(np.abs(np.diff(curve, axis=0)).mean()) for curve in (self.before, self.after))
        return before, after

    @property
    def kept(self) -> int:
        """Shifts at which the pooling gives the very value that it gave before while what it reads has changed."""
        same, read = np.diff(self.after) == 0, (np.diff(self.before, axis=0) != 0).any(1)
        return int((same & read).sum())


def pooled(
    shifts: Shifts,
    pooling: str,
    channel: int | None = None,
    unit: tuple[int, int] | None = None,
    axis: str = "both",
    by: Sequence[int] = SHIFTS,
    progress: Progress | None = None,
) -> Pooled:
    """One unit before and after a pooling, at several shifts; only what the unit depends on is computed.

    channel   default: the one of the largest value after the pooling; unit  row and column, default: the middle one
    progress  called before each shift with (done, in all, the shift); returning False stops with CancelledError

    Raises what `Shifts.at` does, KeyError for a step that there is not, IndexError for a unit or a channel.
    """
    channels, height, width = shifts.shape(pooling)
    row, column = (height // 2, width // 2) if unit is None else unit
    layer, found, passed = shifts.layers[pooling], [], {}
    for done, n in enumerate(by):
        if progress and progress(done, len(by), str(n)) is False:
            raise CancelledError(pooling)
        down, right = shifts.by(n, axis)
        found.append(shifts.values(pooling, (row, column), (down, right)))
        further = int(row + down // layer.jump), int(column + right // layer.jump)
        if n % layer.period == 0 and further[0] < height and further[1] < width:
            passed[n] = shifts.values(pooling, further, (down, right))[pooling][0, :, 0, 0]
    if channel is None:
        channel = int(found[0][pooling][0, :, 0, 0].argmax())
    if not 0 <= channel < channels:
        raise IndexError(f"the map has {channels} channels, none at {channel}")
    source = shifts.source(pooling)
    before = np.array([values[source][0, channel].flatten().tolist() for values in found])
    after = np.array([float(values[pooling][0, channel]) for values in found])
    moved = {n: float(values[channel]) for n, values in passed.items()}
    return Pooled(pooling, source, channel, (row, column), tuple(by), before, after, moved)
