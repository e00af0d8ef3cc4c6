"""Tap lab, geometry: which map a skip may take, and whether its units can ever meet those from below.

FCN takes pool4 and pool3 (Long et al. 2015, section 4.2), U-Net the map before each pooling. Any map will do whose
units can be brought onto those of the map from below: by a whole number of units, since crops cut whole units.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction

from torch import nn

from explorer import geometry, operations
from explorer.geometry import POINTWISE, Grid, MisalignedError, Op, Transposed, Window
from explorer.labs.walk import Walk, legal, network_of, walk

HALVE = 2  # what a tap of half the jump is brought to the skip's by


@dataclass(frozen=True)
class Tap:
    """One map that a skip could take.

    step        the layer that makes it; operation  its kind
    way         "as it is", or of a finer map "average" (2 x 2 average pooling) or "sub-sample" (every second unit)
    grid        where its units stand
    upsampling  factor by which the map from below is enlarged to meet it, and the grid that this gives
    offset      units of the larger map to crop: of the tap if positive, of the map from below if negative; None if no
                crop brings the units together
    apart       input pixels between the units that meet after the best crop; 0 if they can be aligned
    taken       whether the network's own skip takes it
    """

    step: str
    operation: str
    way: str
    grid: Grid
    upsampling: int
    below: Grid
    offset: int | None
    apart: Fraction
    taken: bool

    @property
    def fits(self) -> bool:
        return self.offset is not None


@dataclass(frozen=True)
class SkipTaps:
    """A skip, by the step that joins it: what the network takes, the map that is enlarged to meet it, and the grid of
    that; and all that it could take."""

    join: str
    taken: str
    below: str
    below_grid: Grid
    taps: tuple[Tap, ...]

    def __getitem__(self, key: tuple[str, str]) -> Tap:
        """By (step, way)."""
        return {(tap.step, tap.way): tap for tap in self.taps}[key]


def taps(model: str = "fcn8s", padding: str = "") -> tuple[SkipTaps, ...]:
    """The skips of a network and the maps that each could take, in the order in which they are joined.

    Those are what pooling and convolutions make on the way down with the jump of the map that is taken, or with half of
    it: these as they are (the network then becomes finer), averaged, or sub-sampled. Raises ExplorerError for an
    unknown network.

    >>> four, three = taps("fcn8s", "paper")
    >>> four["pool4", "as it is"].offset, four["conv4_3", "average"].offset, str(four["conv4_3", "sub-sample"].apart)
    (5, 5, '4')
    """
    network = network_of(model, padding)
    sizes = legal(network)
    found = walk(network, sizes.minimum + 16 * sizes.period)  # grids do not depend on the size
    return tuple(_skip(network, found, join, skip, other) for join, skip, other in found.skips)


def _skip(network: nn.Module, found: Walk, join: str, skip: str, other: str) -> SkipTaps:
    jump = found.axes[skip].grid.jump
    taken, up = skip, other
    while found.roles[taken].role != "contracting":
        taken = found.reads[taken][0]
    while not isinstance(_op(network, up), Transposed):
        up = found.reads[up][0]
    below = found.reads[up][0]
    made = []
    for step, axis in found.axes.items():
        if found.roles[step].role != "contracting" or not _makes(network, step):
            continue
        ways: tuple[tuple[str, Op], ...] = ()
        if axis.grid.jump == jump:
            ways = (("as it is", POINTWISE),)
        elif axis.grid.jump * HALVE == jump:
            ways = (("as it is", POINTWISE), ("average", Window(HALVE, HALVE)), ("sub-sample", Window(1, HALVE)))
        for way, op in ways:
            own = way == "as it is" and _same_map(network, found, step, taken)
            made.append(_tap(network, step, way, op.grid(axis.grid), found.axes[below].grid, _up(network, up), own))
    return SkipTaps(join, taken, below, found.axes[below].grid, tuple(made))


def _op(network: nn.Module, step: str) -> Op | None:
    """What a step does along an axis; None for what joins or crops maps."""
    try:
        return operations.along(network.get_submodule(step), 0)
    except TypeError:
        return None


def _up(network: nn.Module, step: str) -> Transposed:
    op = _op(network, step)
    assert isinstance(op, Transposed)
    return op


def _makes(network: nn.Module, step: str) -> bool:
    """Whether a step makes new values of a window of units, as a convolution or a pooling does, and a ReLU does not."""
    op = _op(network, step)
    return isinstance(op, Window) and op != POINTWISE


def _same_map(network: nn.Module, found: Walk, step: str, taken: str) -> bool:
    """Whether what is taken is a step's map, or that map after its ReLU."""
    while taken != step and _op(network, taken) == POINTWISE and found.reads[taken]:
        taken = found.reads[taken][0]
    return taken == step


def _tap(network: nn.Module, step: str, way: str, grid: Grid, below: Grid, up: Transposed, taken: bool) -> Tap:
    factor = int(below.jump / grid.jump)
    enlarged = replace(up, kernel=up.kernel // up.stride * factor, stride=factor).grid(below)
    try:
        offset, apart = geometry.crop_offset(grid, enlarged), Fraction(0)
    except MisalignedError:
        units = geometry.misalignment(grid, enlarged) / grid.jump
        offset, apart = None, min(units % 1, 1 - units % 1) * grid.jump
    kind = operations.operation_of(network.get_submodule(step)).kind
    return Tap(step, kind, way, grid, factor, enlarged, offset, apart, taken)
