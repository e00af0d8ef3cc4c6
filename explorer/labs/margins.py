"""Border lab, geometry: how much of each field is padding, where pixels get lost, and which reach which skip.

Valid convolutions (Ronneberger et al. 2015) label fewer pixels than they see, zeros around the image (Long et al. 2015)
let units see nothing of it. Nothing moves to the middle: a pixel of the border is seen by units of the border.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

import numpy as np
from torch import nn

from explorer.fields import Reach, whole_fields
from explorer.geometry import Axis
from explorer.inference import placement
from explorer.labs.crops import walks
from explorer.labs.split import weights_of_streams
from explorer.labs.variants import MIRRORED, borders, geometry_of, spec_of, with_border
from explorer.labs.walk import Walk, legal
from explorer.models import ModelSpec, build

LARGE = 1500  # pixels, far above any field: units in the middle of such an input see no edge


@dataclass(frozen=True, eq=False)
class Outside:
    """How much of the field of each unit of a step lies outside of the image, along rows and columns: shares of 1."""

    step: str
    rows: np.ndarray
    cols: np.ndarray

    @property
    def map(self) -> np.ndarray:
        """Of each unit of the map, H x W: fields are rectangles."""
        return 1 - np.outer(1 - self.rows, 1 - self.cols)

    @property
    def free(self) -> int:
        """Units whose field lies within the image."""
        return int((self.rows == 0).sum() * (self.cols == 0).sum())

    @property
    def blind(self) -> int:
        """Units that see nothing of the image."""
        return self.rows.size * self.cols.size - int((self.rows < 1).sum() * (self.cols < 1).sum())


@dataclass(frozen=True)
class Lost:
    """Input pixels by which a step's map covers less than what it is made of: (top, bottom, left, right); negative
    where padding makes it cover more."""

    step: str
    pixels: tuple[Fraction, Fraction, Fraction, Fraction]


@dataclass(frozen=True, eq=False)
class Reached:
    """How many units of a map each input pixel reaches: units of rows by each row of pixels, and of columns.

    seen   first and last input pixel that some unit sees, of rows and of columns; None if none sees any
    share  of the units of the map that these are cut from, those that are kept
    ends   pixels on which the first and the last unit stand that a pixel reaches, 2 x H of rows and 2 x W of columns;
           NaN where it reaches none
    """

    step: str
    rows: np.ndarray
    cols: np.ndarray
    share: float
    ends: tuple[np.ndarray, np.ndarray]

    @property
    def seen(self) -> tuple[tuple[int, int] | None, tuple[int, int] | None]:
        found = [np.flatnonzero(counts) for counts in (self.rows, self.cols)]
        rows, cols = (None if not len(f) else (int(f[0]), int(f[-1])) for f in found)
        return rows, cols

    @property
    def unreached(self) -> float:
        """Share of the input's pixels that reach no unit."""
        return 1 - float((self.rows > 0).mean() * (self.cols > 0).mean())

    def count(self, row: int, column: int) -> int:
        """Units that a pixel reaches."""
        return int(self.rows[row] * self.cols[column])

    def farthest(self, row: int, column: int) -> float | None:
        """Input pixels, along rows or along columns, between a pixel and the farthest unit that it reaches; None if it
        reaches none."""
        if not self.count(row, column):
            return None
        pairs = zip(self.ends, (row, column), strict=True)
        return float(max(np.abs(ends[:, pixel] - pixel).max() for ends, pixel in pairs))

    def reaches(self, row: int, column: int, place: tuple[float, float]) -> bool:
        """Whether a pixel reaches the unit at a place of the input, or one beside it, less than a pixel away."""
        pairs = zip(self.ends, (row, column), place, strict=True)
        return all(ends[0, pixel] - 1 < at < ends[1, pixel] + 1 for ends, pixel, at in pairs)


@dataclass(frozen=True, eq=False)
class BorderLab:
    """What geometry says of a network's border. `size` is the network's input; the image lies in it from `first` on.

    outside  of every step; lost  of the steps on the way to the output that lose or gain pixels
    skips    of each skip's kept units; output  of the network's output
    """

    size: tuple[int, int]
    first: int
    image: tuple[int, int]
    outside: tuple[Outside, ...]
    lost: tuple[Lost, ...]
    skips: tuple[Reached, ...]
    output: Reached

    def __getitem__(self, step: str) -> Outside:
        return {outside.step: outside for outside in self.outside}[step]

    @property
    def margin(self) -> tuple[Fraction, ...]:
        """Input pixels without a label of their own: (top, bottom, left, right)."""
        return tuple(sum((lost.pixels[side] for lost in self.lost), Fraction(0)) for side in range(4))


def border(model: str = "unet", kind: str = "", size: int | tuple[int, int] = 572) -> BorderLab:
    """What becomes of a network's border, from geometry alone.

    kind  one of `borders(model)`: a padding; "mirrored" (valid convolutions, on an image that goes on as its mirror
          image); or "in-phase" (the paper's zeros, so many that all units stand where those of "same" padding do).
          Default: the paper's padding
    size  height and width of the network's input, or both in one; of the image for "mirrored"

    Raises ExplorerError for a kind that the network has not and for a size at which no map is left.

    >>> lab = border("unet", "valid", 572)
    >>> [(lost.step, int(lost.pixels[0])) for lost in lab.lost][:3], int(lab.margin[0])
    ([('conv_d0a_b', 1), ('conv_d0b_c', 1), ('conv_d1a_b', 2)], 92)
    """
    kind = kind or borders(model)[0]
    image = (size, size) if isinstance(size, int) else size
    spec, network = spec_of(ModelSpec(model), kind), geometry_of(model, kind)
    whole, first = image, 0
    if kind == MIRRORED:
        placed = placement(spec)
        first, (height, width) = placed.margin, image
        whole = placed.sizes.at_least(height + placed.shrink), placed.sizes.at_least(width + placed.shrink)
    rows, cols = walks(network, whole)
    fields = fields_along(model, kind)
    outside = tuple(
        Outside(
            name,
            _outside(fields[name], rows.axes[name], first, image[0]),
            _outside(fields[name], cols.axes[name], first, image[1]),
        )
        for name in rows.axes
    )
    skips = tuple(_reached(skip, rows, cols) for _, skip, _ in rows.skips)
    return BorderLab(whole, first, image, outside, _lost(rows, cols), skips, _reached(list(rows.axes)[-1], rows, cols))


@lru_cache(maxsize=16)
def fields_along(model: str, kind: str) -> dict[str, Reach]:
    """Receptive fields along an axis, not clipped to any image: see `explorer.fields`."""
    network = geometry_of(model, kind)
    return whole_fields(network, ModelSpec(model).in_channels, legal(network).at_least(LARGE))


def _outside(field: Reach, axis: Axis, first: int, n: int) -> np.ndarray:
    """The share of each unit's field that lies outside of the pixels first ... first + n - 1."""
    unit, period = np.arange(len(axis)), len(field)
    moved = unit // period * int(axis.grid.jump * period)
    low, high = (np.array([ends[i] for ends in field])[unit % period] + moved for i in (0, 1))
    inside = np.minimum(high, first + n - 1) - np.maximum(low, first) + 1
    shares: np.ndarray = 1 - np.maximum(inside, 0) / (high - low + 1)
    return shares


def _lost(rows: Walk, cols: Walk) -> tuple[Lost, ...]:
    """Step by step on the way from the input to the output, by the map from below where two are joined."""
    below = {join: other for join, _, other in rows.skips}
    way = [list(rows.axes)[-1]]
    while rows.reads[way[0]]:
        way.insert(0, below.get(way[0], rows.reads[way[0]][0]))
    found, before = [], (Fraction(0),) * 4
    for step in way:
        edges = (*_edges(rows.axes[step], rows.n), *_edges(cols.axes[step], cols.n))
        pixels = [now - then for now, then in zip(edges, before, strict=True)]
        before = edges
        if any(pixels):
            found.append(Lost(step, (pixels[0], pixels[1], pixels[2], pixels[3])))
    return tuple(found)


def _edges(axis: Axis, n: int) -> tuple[Fraction, Fraction]:
    """Input pixels before a map's first unit and behind its last one, where each unit is as wide as the jump."""
    half = (axis.grid.jump - 1) / 2
    return axis.grid.start - half, n - 1 - axis.grid.centre(len(axis) - 1) - half


def _reached(step: str, rows: Walk, cols: Walk) -> Reached:
    cuts = rows.cuts.get(step), cols.cuts.get(step)
    kept = [1.0 if cut is None else cut.reference / cut.units for cut in cuts]
    (down, ends_rows), (across, ends_cols) = (_seen(walk.axes[step], walk.n) for walk in (rows, cols))
    return Reached(step, down, across, kept[0] * kept[1], (ends_rows, ends_cols))


def _seen(axis: Axis, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Of each of n pixels: how many units along an axis see it, and where the first and the last of them stand."""
    unit, pixel = np.flatnonzero(~axis.empty), np.arange(n)
    first = np.searchsorted(axis.hi[unit], pixel)  # fields begin and end in the order of their units
    last = np.searchsorted(axis.lo[unit], pixel, side="right") - 1
    counts = np.maximum(last - first + 1, 0)
    ends = np.full((2, n), np.nan)
    there = counts > 0
    centres = float(axis.grid.start) + unit * float(axis.grid.jump)
    ends[:, there] = centres[first[there]], centres[last[there]]
    return counts, ends


def stream_weights(model: str = "fcn8s", kind: str = "", size: int | tuple[int, int] = 500) -> dict[str, np.ndarray]:
    """How much of what each score layer gives reaches each pixel of the output, H x W by name of the layer: the sum of
    the up-sampling's weights, 1 where it comes whole. With the paper's padding FCN's coarse scores are weaker at the
    border, where no unit stands any more. Settings and errors are those of `border`."""
    network = _one_channel(model, kind or borders(model)[0])
    return weights_of_streams(network, (size, size) if isinstance(size, int) else size)


@lru_cache(maxsize=16)
def _one_channel(model: str, kind: str) -> nn.Module:
    spec = spec_of(ModelSpec(model, width=0, fc_channels=1, in_channels=1, classes=1), kind)
    return with_border(build(spec), model, kind)
