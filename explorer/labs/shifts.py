"""Shift lab, values: what of a network's maps and labels moves with the image, and what stays as it was.

Equivariance: f(T x) = T f(x), the map of the shifted image is the shifted map. Invariance: f(T x) = f(x), it is the map
as it was. Two windows of one larger canvas are compared, so that no border is invented (Azulay and Weiss 2019, "Why do
deep convolutional networks generalize so poorly to small image transformations?", section 2, on sub-sampling; Zhang
2019, "Making convolutional networks shift-invariant again", section 3.1, on measuring it feature by feature).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import torch
from torch import Tensor, nn

from explorer import compare
from explorer.errors import ExplorerError
from explorer.geometry import Box, Region
from explorer.labs.judging import Output, common, output_of
from explorer.labs.shared import Layer, by_axis, layers
from explorer.labs.walk import walk
from explorer.local import WindowRunner
from explorer.replay import Made, Progress, Replay
from explorer.trace import CancelledError

MOST = 32  # pixels that a sweep shifts by


@dataclass(frozen=True)
class Moved:
    """How a step's map answers a shift; shares of 1, NaN where no unit can be compared.

    equivariance  ||T f(x) - f(T x)|| / ||f(x)|| over so many `units`. T moves the map by shift / jump units, by the
                  nearest whole number of them where jump does not divide the shift (a half counts up)
    invariance    ||f(T x) - f(x)|| / ||f(y) - f(x)|| over so many units that stay (`still`); y is another image
    """

    step: str
    jump: Fraction
    period: int
    equivariance: float
    units: int
    invariance: float
    still: int

    def repeats(self, shift: int) -> bool:
        """Whether the map of an image shifted so has to be the shifted map."""
        return shift % self.period == 0


@dataclass(frozen=True, eq=False)
class Shifted:
    """What a shift does to the steps of a network and to its labels.

    before, after  labels of the window, and of the shifted one moved back; both in pixels of the first window
    pixels         that both label; `flipped` the share of them whose label differs, 0 to 1
    inside         those of them whose field both windows show whole; `flipped_inside` the share of these, or NaN
    """

    shift: tuple[int, int]  # down, right
    steps: tuple[Moved, ...]
    before: Output
    after: Output
    pixels: int
    flipped: float
    inside: int
    flipped_inside: float

    def __getitem__(self, step: str) -> Moved:
        return {one.step: one for one in self.steps}[step]


class Shifts:
    """A network on a window of a canvas, and on the window after the image was shifted: maps of the first are kept.

    module  in eval mode
    canvas  1 x C x H x W, normalised; the window is its part at the bottom right, so that the image can be shifted
            down by H - h pixels and to the right by W - w
    other   an unrelated canvas y of the same size
    window  h and w, or both in one, that the network takes
    steps   whose maps are compared (default: all); each is kept once, as far as its units see no padding
    progress  called before each step with (done, in all, name); returning False stops with CancelledError

    Raises ExplorerError ("lab_window") for a window that the network does not take, ("lab_canvas") for a canvas that
    does not hold it or another one of another size.
    """

    def __init__(
        self,
        module: nn.Module,
        canvas: Tensor,
        other: Tensor,
        window: int | tuple[int, int],
        steps: Collection[str] | None = None,
        progress: Progress | None = None,
    ) -> None:
        self.module, self.canvas = module, canvas
        self.window = (window, window) if isinstance(window, int) else window
        self.layers = layers(module, self.window)
        self.most = canvas.shape[2] - self.window[0], canvas.shape[3] - self.window[1]
        if min(self.most) < 0 or other.shape != canvas.shape:
            said = (
                f"A canvas of {tuple(canvas.shape[2:])} pixels holds no window of {self.window}, or the other differs."
            )
            raise ExplorerError("lab_canvas", said, window=max(self.window))
        self.steps = tuple(name for name in self.layers if steps is None or name in steps)
        self._free = {name: self.layers[name].still((0, 0)) for name in self.steps}
        self._kept: dict[str, Tensor] = {}
        self._apart: dict[str, Tensor] = {}  # of each unit, h x w: the squared distance to that of y
        self._shapes: dict[str, tuple[int, ...]] = {}
        self._axes = tuple(walk(module, n, axis=i).output for i, n in enumerate(self.window))
        self.scores = self._run(self._part(canvas, (0, 0)), self._keep, _half(progress, 0))
        self.before = output_of(self.scores, (self._axes[0], self._axes[1]))
        self._run(self._part(other, (0, 0)), self._compare, _half(progress, 1))

    @property
    def bytes(self) -> int:
        """What is kept."""
        maps = (*self._kept.values(), *self._apart.values(), self.canvas)
        return sum(m.numel() * m.element_size() for m in maps)

    def at(self, shift: int, axis: str = "both", progress: Progress | None = None) -> Shifted:
        """Shift the image by so many pixels down and to the right, or along one of the axes, and run the network once.

        Raises ExplorerError ("lab_shift") for more than the canvas has, ("lab_axis") for an axis that there is not.
        """
        by, found = self.by(shift, axis), []

        def visit(step: str, value: Tensor) -> None:
            if step in self._kept:
                found.append(self._moved(step, by, lambda region: _cut(value, region)))

        scores = self._run(self._part(self.canvas, by), visit, progress)
        after = output_of(scores, (self._axes[0], self._axes[1]))
        after = Output(after.scores, after.labels, after.top - by[0], after.left - by[1])
        return self._labels(by, tuple(found), after)

    def sweep(
        self, step: str, axis: str = "both", shifts: Sequence[int] = range(MOST + 1), progress: Progress | None = None
    ) -> tuple[Moved, ...]:
        """How one step's map answers several shifts: for each one run of what its units depend on, and no more.

        progress  called before each run with (runs done, runs in all, the shift)
        Raises ExplorerError as `at` does, KeyError for a step that is not kept.
        """
        found = []
        for done, shift in enumerate(shifts):
            by = self.by(shift, axis)
            if progress and progress(done, len(shifts), str(shift)) is False:
                raise CancelledError(step)
            runner = WindowRunner(self.module, self._part(self.canvas, by), self._shapes)
            layer = self.layers[step]
            units = _further(layer, layer.moved(by), by).joined(layer.still(by))
            found.append(self._moved(step, by, _part_of(runner, step, units)))
        return tuple(found)

    def values(self, step: str, unit: tuple[int, int], by: tuple[int, int]) -> dict[str, Tensor]:
        """What a unit of a step is made of when the image is shifted by (down, right), by step, as
        `explorer.local.WindowRunner.values` gives it. Raises IndexError for a unit that there is not."""
        (row, column), (height, width) = unit, self.shape(step)[1:]
        if not (0 <= row < height and 0 <= column < width):
            raise IndexError(f"the map has {height} x {width} units, none at {unit}")
        runner = WindowRunner(self.module, self._part(self.canvas, by), self._shapes)
        with torch.inference_mode():
            return runner.values(step, Region((row, row + 1), (column, column + 1)))

    def shape(self, step: str) -> tuple[int, int, int]:
        """Channels, height and width of a step's map in the window. Raises KeyError for a step that there is not."""
        _, channels, height, width = self._shapes[step]
        return channels, height, width

    def source(self, step: str) -> str:
        """The first map whose values a step reads."""
        return WindowRunner(self.module, self.canvas, self._shapes).sources(step)[0]

    # ---- runs

    def by(self, shift: int, axis: str) -> tuple[int, int]:
        """A shift as (down, right). Raises ExplorerError ("lab_shift", "lab_axis")."""
        by = by_axis(shift, axis)
        if shift < 0 or any(n > most for n, most in zip(by, self.most, strict=True)):
            said = f"This canvas lets the image be shifted by 0 to {min(self.most)} pixels, not {shift}."
            raise ExplorerError("lab_shift", said, shift=shift, most=min(self.most))
        return by

    def _part(self, canvas: Tensor, by: tuple[int, int]) -> Tensor:
        """The window of a canvas whose image is shifted down and to the right: it reaches so much further up."""
        top, left = (most - n for most, n in zip(self.most, by, strict=True))
        return canvas[:, :, top : top + self.window[0], left : left + self.window[1]].contiguous()

    def _run(self, image: Tensor, visit: Callable[[str, Tensor], None], progress: Progress | None) -> Tensor:
        def looked_at(name: str) -> Made:
            def make(*maps: Tensor) -> Tensor:
                value: Tensor = self.module.get_submodule(name)(*maps)
                visit(name, value)
                return value

            return make

        return Replay(self.module, image, (), {name: looked_at(name) for name in self.layers}, progress).final

    def _keep(self, step: str, value: Tensor) -> None:
        self._shapes[step] = tuple(value.shape)
        if step in self._free:
            self._kept[step] = _cut(value, self._free[step]).clone()

    def _compare(self, step: str, value: Tensor) -> None:
        if step in self._kept:
            away = _cut(value, self._free[step]) - self._kept[step]
            self._apart[step] = away.square_().sum(1)[0].double()

    # ---- what is compared

    def _own(self, step: str, region: Region) -> Tensor:
        """Units of the map that is kept."""
        top, left = self._free[step].rows[0], self._free[step].cols[0]
        (a, b), (c, d) = region.spans
        return self._kept[step][:, :, a - top : b - top, c - left : d - left]

    def _moved(self, step: str, by: tuple[int, int], take: Callable[[Region], Tensor]) -> Moved:
        """`take` gives a region of the shifted image's map."""
        layer = self.layers[step]
        units, still = layer.moved(by), layer.still(by)
        equivariance = invariance = float("nan")
        with torch.inference_mode():
            if units.area:
                own, their = self._own(step, units), take(_further(layer, units, by))
                equivariance = _ratio(torch.dist(their, own), torch.linalg.vector_norm(own))
            if still.area:
                top, left = self._free[step].rows[0], self._free[step].cols[0]
                (a, b), (c, d) = still.spans
                apart = self._apart[step][a - top : b - top, c - left : d - left].sum().sqrt()
                invariance = _ratio(torch.dist(take(still), self._own(step, still)), apart)
        return Moved(step, layer.jump, layer.period, equivariance, units.area, invariance, still.area)

    def _labels(self, by: tuple[int, int], steps: tuple[Moved, ...], after: Output) -> Shifted:
        box = common(self.before.box, after.box)  # begins where `before` does: the image moved down and to the right
        box = Box(box.top, box.left, max(box.top, box.bottom), max(box.left, box.right))
        before, shifted = self.before.cut(box), after.cut(box)
        flipped = 1 - compare.agreement(before, shifted) if before.size else float("nan")
        (a, b), (c, d) = list(self.layers.values())[-1].moved(by).spans
        parts = [labels[a:b, c:d] for labels in (before, shifted)]
        inside = parts[0].size
        within = float(np.mean(parts[0] != parts[1])) if inside else float("nan")
        return Shifted(by, steps, self.before, after, int(before.size), flipped, int(inside), within)


def shift(
    module: nn.Module,
    canvas: Tensor,
    other: Tensor,
    window: int | tuple[int, int],
    by: int,
    axis: str = "both",
    progress: Progress | None = None,
) -> Shifted:
    """One shift of an image; settings and errors are those of `Shifts` and of its `at`."""
    return Shifts(module, canvas, other, window, progress=progress).at(by, axis, progress)


def _half(progress: Progress | None, which: int) -> Progress | None:
    """The progress of one of two runs."""
    return progress and (lambda done, total, name: progress(done + which * total, 2 * total, name))


def _further(layer: Layer, region: Region, by: tuple[int, int]) -> Region:
    """The units that stand where a region's were moved to."""
    if not region.area:
        return region
    down, right = (layer.units(n) for n in by)
    (top, bottom), (left, far) = region.spans
    return Region((top + down, bottom + down), (left + right, far + right))


def _cut(value: Tensor, region: Region) -> Tensor:
    return value[:, :, slice(*region.rows), slice(*region.cols)]


def _part_of(runner: WindowRunner, step: str, units: Region) -> Callable[[Region], Tensor]:
    """Regions of a part of a step's map that is computed once."""
    if not units.area:
        return lambda region: _cut(runner.image, region)  # nothing is asked for
    made = runner.run(step, units, _cut(runner.image, runner.regions(step, units)["image"]))
    top, left = units.rows[0], units.cols[0]
    return lambda region: made[
        :, :, region.rows[0] - top : region.rows[1] - top, region.cols[0] - left : region.cols[1] - left
    ]


def _ratio(distance: Tensor, norm: Tensor) -> float:
    return float(distance) / float(norm) if float(norm) else float("nan")
