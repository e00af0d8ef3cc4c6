"""Field lab: what a unit could see of the input, and how much of that it uses.

The theoretical receptive field is all that a unit depends on; it follows from geometry alone. The effective one is how
strongly it depends on each pixel: the gradient of the unit by the input, as magnitudes summed over the colour channels
(Luo et al. 2016, "Understanding the effective receptive field in deep convolutional neural networks"). Its size is
the square root of the number of pixels whose magnitude is more than 1 - 95.45 % = 4.55 % of the largest one, as in
that paper's section 3; there the gradient is averaged over many inputs, here it is that on one image.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import torch
from torch import Tensor, nn

from explorer import operations, unit
from explorer.errors import ExplorerError
from explorer.fields import Reach
from explorer.geometry import Axis, Box
from explorer.geometry import unit as region_of
from explorer.labs.crops import walks
from explorer.labs.margins import fields_along
from explorer.labs.walk import network_of
from explorer.local import WindowRunner
from explorer.models import MODELS
from explorer.replay import Progress
from explorer.trace import CancelledError, trace
from explorer.unit import EffectiveField

LEAST = 1 - 0.9545  # of the largest magnitude: what a pixel needs more than to count
ALL, LARGEST = "all", "largest"  # of a unit's channels: their sum, or the one whose value is the largest
SAME_FIELD = ("input", "crop", "relu", "dropout", "identity", "batchnorm", "scale")  # these hand fields on as they are
NEAR = 2  # a window so many times larger is not worth a run of its own


@dataclass(frozen=True)
class Seen:
    """The unit of a step that stands nearest to a place, and what it could see.

    unit    row and column on the step's map
    whole   its theoretical field, as if the input went on forever: its padding is part of it
    inside  what of it lies in the input; None where the unit sees padding alone
    """

    step: str
    operation: str
    role: str  # contracting, skip, fusion, expansive or score: see roles.py
    jump: Fraction  # input pixels between units, along rows
    unit: tuple[int, int]
    whole: Box
    inside: Box | None

    @property
    def size(self) -> float:
        """Side of a square of as many pixels as `whole`."""
        return math.sqrt(math.prod(self.whole.shape))

    @property
    def clipped(self) -> float:
        """Side of a square of as many pixels as `inside`; 0 where there is none."""
        return math.sqrt(math.prod(self.inside.shape)) if self.inside else 0.0


@dataclass(frozen=True)
class Joint:
    """A step that joins two maps, the map that comes by the skip and the one from below, as they are joined."""

    step: str
    skip: str
    below: str


@dataclass(frozen=True, eq=False)
class FieldLab:
    """Theoretical fields of the units at a place of the network's input (row, column), step by step."""

    size: tuple[int, int]
    place: tuple[int, int]
    steps: tuple[Seen, ...]
    joints: tuple[Joint, ...]

    def __getitem__(self, step: str) -> Seen:
        return {seen.step: seen for seen in self.steps}[step]

    @property
    def changing(self) -> tuple[Seen, ...]:
        """Steps at which the field or the map changes: convolutions, poolings, up-samplings and joins."""
        return tuple(seen for seen in self.steps if seen.operation not in SAME_FIELD)

    @property
    def way(self) -> tuple[Seen, ...]:
        """Those of them on the way from the input to the output through the deepest map, without the skips."""
        return tuple(seen for seen in self.changing if seen.role != "skip")

    @property
    def marks(self) -> tuple[Seen, ...]:
        """The fewest that show the way: poolings, joins, what lies deepest, and the last step."""
        joints = {joint.step for joint in self.joints}
        deepest = max(self.way, key=lambda seen: (seen.jump, self.steps.index(seen)))
        return tuple(
            seen
            for seen in self.way
            if "pool" in seen.operation or seen.step in joints or seen in (deepest, self.way[-1])
        )


def field_of_view(
    model: str = "unet", padding: str = "", size: int | tuple[int, int] = 572, place: tuple[int, int] | None = None
) -> FieldLab:
    """Theoretical fields at a place, from geometry alone: no weights, no image, any size that leaves a map.

    size   height and width of the network's input, or both in one
    place  row and column of the input; default: its middle. Of each step the unit is taken whose centre on the input
           is nearest, the first of two that are as near

    Raises ExplorerError for unknown networks, sizes at which no map is left, and a place beyond the input.

    >>> lab = field_of_view("unet", "valid", 572)
    >>> lab["conv_d4b_c"].whole.shape, lab["crop_d0c"].whole.shape
    ((140, 140), (5, 5))
    """
    height, width = (size, size) if isinstance(size, int) else size
    row, column = (height // 2, width // 2) if place is None else place
    network, padding = network_of(model, padding), padding or MODELS[model].paddings[0]
    rows, cols = walks(network, (height, width))
    if not (0 <= row < height and 0 <= column < width):
        said = f"The input has {height} x {width} pixels, none at {row}, {column}: choose one within it."
        raise ExplorerError("lab_place", said, height=height, width=width)
    fields, steps = fields_along(model, padding), []
    for name, down in rows.axes.items():
        across, operation = cols.axes[name], operations.known(network.get_submodule(name))
        (r, top, bottom), (c, left, right) = (
            _at(fields[name], axis, at) for axis, at in ((down, row), (across, column))
        )
        empty = down.empty[r] or across.empty[c]
        inside = None if empty else Box(*(int(n) for n in (down.lo[r], across.lo[c], down.hi[r] + 1, across.hi[c] + 1)))
        kind = "unknown" if operation is None else operation.kind
        steps.append(
            Seen(
                name, kind, rows.roles[name].role, down.grid.jump, (r, c), Box(top, left, bottom + 1, right + 1), inside
            )
        )
    return FieldLab((height, width), (row, column), tuple(steps), tuple(Joint(*skip) for skip in rows.skips))


def _at(fields: Reach, axis: Axis, place: int) -> tuple[int, int, int]:
    """The unit of an axis nearest to a place, and the first and the last pixel of its whole field."""
    nearest = math.ceil((place - axis.grid.start) / axis.grid.jump - Fraction(1, 2))
    index = min(max(nearest, 0), len(axis) - 1)
    periods, phase = divmod(index, len(fields))
    moved = periods * int(axis.grid.jump * len(fields))
    return index, fields[phase][0] + moved, fields[phase][1] + moved


# ---- effective fields


@dataclass(frozen=True, eq=False)
class Effective:
    """The effective field of the unit that was `seen`; `field.heat` holds magnitudes by the largest one.

    channel  whose gradient it is; None for the sum over all
    """

    seen: Seen
    field: EffectiveField
    channel: int | None

    @property
    def pixels(self) -> int:
        """Pixels whose magnitude is more than LEAST of the largest."""
        return int((self.field.heat > LEAST).sum())

    @property
    def size(self) -> float:
        """Side of a square of as many pixels (Luo et al. 2016)."""
        return math.sqrt(self.pixels)

    @property
    def mass(self) -> float:
        """Sum of the magnitudes of all pixels."""
        return self.field.peak * float(self.field.heat.sum(dtype=np.float64))

    @property
    def middle(self) -> float:
        """Share of the magnitude in the middle half of the theoretical field, half as high and half as wide; NaN where
        there is no gradient."""
        heat = self.field.heat
        return float(heat[self._half()].sum(dtype=np.float64) / heat.sum(dtype=np.float64)) if heat.any() else math.nan

    @property
    def even(self) -> float:
        """What `middle` would be if all pixels of the field counted alike; NaN where the unit sees none."""
        return float(self._half().mean()) if self.field.heat.size else math.nan

    def _half(self) -> np.ndarray:
        whole, heat = self.seen.whole, self.field.heat
        near = []
        for first, n, low, high in (
            (self.field.top, heat.shape[0], whole.top, whole.bottom),
            (self.field.left, heat.shape[1], whole.left, whole.right),
        ):
            pixel = first + np.arange(n) + 0.5  # the middle of a pixel, where edges are whole numbers
            near.append(np.abs(pixel - (low + high) / 2) <= (high - low) / 4)
        return np.outer(*near)


def runner(module: nn.Module, image: Tensor, like: nn.Module) -> WindowRunner:
    """A network in eval mode on an image (1 x C x H x W), ready to be measured; `like` is it on the meta device."""
    steps = trace(like, torch.empty(image.shape, device="meta")).steps
    # in this order of memory gradients take half the time on a CPU
    return WindowRunner(
        module, image.contiguous(memory_format=torch.channels_last), {step.name: step.shape for step in steps}
    )


def measure(
    local: WindowRunner,
    lab: FieldLab,
    steps: Iterable[str],
    channel: int | str = ALL,
    progress: Progress | None = None,
) -> dict[str, Effective]:
    """Effective fields of the units of a lab, by name of the step: one pass backwards each.

    channel   the index of one; "all": of their sum; "largest": the one whose value is the largest. A step that has no
              channel of that index is left out
    progress  called before each step with (steps done, steps in all, name); returning False stops with CancelledError
    """
    windows = {step: local.regions(step, region_of(*lab[step].unit))["image"].area for step in steps}
    found: dict[str, Effective] = {}
    ran: unit.Forward | None = None
    order = {seen.step: i for i, seen in enumerate(lab.steps)}
    # what sees most comes first, the last of those that see as much: its run holds the others
    for done, step in enumerate(sorted(windows, key=lambda name: (-windows[name], -order[name]))):
        if progress and progress(done, len(windows), step) is False:
            raise CancelledError(step)
        if isinstance(channel, int) and channel >= local.shapes[step][1]:
            continue
        row, column = lab[step].unit
        if ran is None or not _has(ran, step, row, column) or NEAR * windows[step] < ran.regions["image"].area:
            ran = unit.forward(local, step, row, column)
        chosen = _channel(ran, step, row, column, channel)
        found[step] = Effective(lab[step], unit.effective_field(local, step, chosen, row, column, ran), chosen)
    return {name: found[name] for name in windows if name in found}


def _has(ran: unit.Forward, step: str, row: int, column: int) -> bool:
    """Whether what was run holds a unit."""
    spans = ran.regions[step].spans if step in ran.regions else ((0, 0), (0, 0))
    return all(low <= at < high for (low, high), at in zip(spans, (row, column), strict=True))


def _channel(ran: unit.Forward, step: str, row: int, column: int, channel: int | str) -> int | None:
    if channel == ALL:
        return None
    if channel == LARGEST:
        (top, _), (left, _) = ran.regions[step].spans
        return int(ran.values[step][0, :, row - top, column - left].argmax())
    return int(channel)
