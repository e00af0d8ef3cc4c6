"""Grids, spans, regions and boxes: where something stands or lies. And what is raised where maps do not fit."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction


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


Span = tuple[int, int]  # half-open units along one axis; (0, 0) if nothing is needed


@dataclass(frozen=True)
class Region:
    """Units [top, bottom) x [left, right) of a map; half-open, may be empty."""

    rows: Span
    cols: Span

    @property
    def spans(self) -> tuple[Span, Span]:
        return self.rows, self.cols

    @property
    def shape(self) -> tuple[int, int]:
        return self.rows[1] - self.rows[0], self.cols[1] - self.cols[0]

    @property
    def area(self) -> int:
        """Number of units."""
        return self.shape[0] * self.shape[1]

    def shifted(self, units: int) -> Region:
        """The same shape, so many units further down and to the right."""
        (top, bottom), (left, right) = self.spans
        return Region((top + units, bottom + units), (left + units, right + units))

    def joined(self, other: Region) -> Region:
        """The smallest region that holds both."""
        spans = []
        for one, two in zip(self.spans, other.spans, strict=True):
            full = [span for span in (one, two) if span[0] < span[1]]
            spans.append((min(s[0] for s in full), max(s[1] for s in full)) if full else (0, 0))
        return Region(*spans)


def unit(row: int, column: int) -> Region:
    """The region of one unit."""
    return Region((row, row + 1), (column, column + 1))


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
