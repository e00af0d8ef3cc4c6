"""The arithmetic of one unit, as plain data: what it reads, the terms of its sum or maximum, and what they come to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from explorer.geometry import Op, Region

Place = tuple[int, int, int]  # channel, row, column


@dataclass(frozen=True)
class Term:
    """One product of a sum, or one candidate of a maximum: weight x value, read at a place of a step's map."""

    source: str  # step, or "image"
    channel: int
    row: int
    column: int
    value: float
    weight: float | None = None  # None where nothing is multiplied

    @property
    def product(self) -> float:
        return self.value if self.weight is None else self.value * self.weight


@dataclass(frozen=True)
class Share:
    """What one input channel contributes to a sum."""

    source: str
    channel: int
    sum: float


@dataclass(frozen=True, eq=False)
class Arithmetic:
    """How a unit's value comes about, all in float64 from the float32 values it reads.

    kind     "sum" (convolutions, up-sampling, averages, normalisation, addition), "max" (pooling) or "copy" (crop,
             concatenation, ReLU), "argmax"
    terms    the largest by magnitude, largest first; for "max" and "argmax" candidates by value, the winner first
    shares   per input channel, largest magnitude first (only for "sum" over several channels)
    channels number of input channels that are summed over
    outside  weights that meet the zero padding
    value    bias + sum of all terms: the unit's value, also of those terms that are not listed; for "argmax" the index
             of the winner's channel
    """

    kind: str
    value: float
    bias: float | None
    terms: tuple[Term, ...]
    count: int  # of all terms
    shares: tuple[Share, ...]
    channels: int
    outside: int


def summed(terms: Sequence[Term], most: int, bias: float | None = None, outside: int = 0) -> Arithmetic:
    """A sum of terms, of which the `most` largest are listed."""
    by_channel: dict[tuple[str, int], float] = {}
    for term in terms:
        key = term.source, term.channel
        by_channel[key] = by_channel.get(key, 0.0) + term.product
    shares = [Share(source, channel, total) for (source, channel), total in by_channel.items()]
    shares.sort(key=lambda s: -abs(s.sum))
    largest = sorted(terms, key=lambda t: -abs(t.product))[:most]
    value = sum(share.sum for share in shares) + (bias or 0.0)
    return Arithmetic("sum", value, bias, tuple(largest), len(terms), tuple(shares[:most]), len(shares), outside)


def copied(term: Term, value: float | None = None) -> Arithmetic:
    """A value that is handed on; `value` if it changes on the way."""
    return Arithmetic("copy", term.value if value is None else value, None, (term,), 1, (), 0, 0)


@dataclass(frozen=True, eq=False)
class Read:
    """The window `region` of a map of `size`, as far as a unit needs it: values C x h x w in float64."""

    source: str
    size: tuple[int, int]
    region: Region
    values: np.ndarray

    def term(self, channel: int, row: int, column: int, weight: float | None = None) -> Term:
        """The value at a place of the whole map."""
        value = self.values[channel, row - self.region.rows[0], column - self.region.cols[0]]
        return Term(self.source, channel, row, column, float(value), weight)


def at_taps(
    read: Read,
    ops: tuple[Op, Op],
    place: Place,
    channels: Sequence[int],
    weight: Callable[[int, int, int], float | None],
) -> list[Term]:
    """Every unit that the unit at a place reads, of these channels: terms of `weight(c, i, j)` at tap (i, j)."""
    taps = [
        [(t, int(units[at])) for t, (units, valid) in enumerate(op.taps(n)) if valid[at]]
        for op, n, at in zip(ops, read.size, place[1:], strict=True)
    ]
    return [read.term(c, y, x, weight(c, i, j)) for c in channels for i, y in taps[0] for j, x in taps[1]]
