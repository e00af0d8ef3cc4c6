"""One unit looked into: its value, the arithmetic that makes it, and what it responds to (effective field)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from explorer.geometry import Box, Region, unit
from explorer.local import WindowRunner
from explorer.operations import Arithmetic, Read, operation_of
from explorer.operations.layers import Argmax


@dataclass(frozen=True, eq=False)
class Forward:
    """Everything that the units of a step at one place depend on: windows and values of all steps, with gradients."""

    step: str
    row: int
    column: int
    regions: dict[str, Region]
    image: Tensor  # the window of the network's input; a leaf that requires gradients
    values: dict[str, Tensor]


def forward(local: WindowRunner, step: str, row: int, column: int) -> Forward:
    """Run what one place of a step depends on. Raises ValueError for a place that the step does not have."""
    check(local, step, 0, row, column)
    here = unit(row, column)
    regions = local.regions(step, here)
    (top, bottom), (left, right) = regions["image"].spans
    with torch.enable_grad():
        image = local.image[:, :, top:bottom, left:right].detach().clone().requires_grad_()
        return Forward(step, row, column, regions, image, local.values(step, here, image))


def arithmetic(
    local: WindowRunner, step: str, channel: int, row: int, column: int, most: int = 12, ran: Forward | None = None
) -> Arithmetic:
    """The arithmetic of one unit of a step. Raises ValueError for a unit that the step does not have.

    ran  what `forward` gave for the place, to save running it again
    """
    check(local, step, channel, row, column)
    ran = ran or forward(local, step, row, column)
    reads = [_read(local, source, ran) for source in local.sources(step)]
    with torch.inference_mode():
        module = local.module.get_submodule(step)
        return operation_of(module).arithmetic(module, reads, (channel, row, column), most)


def choice(
    local: WindowRunner, scores: str, row: int, column: int, most: int = 12, ran: Forward | None = None
) -> Arithmetic:
    """argmax at one place of a step of class scores: which class wins, and by what scores the others lose.

    ran  what `forward` gave for the place of `scores`. Raises ValueError for a place that the step does not have.
    """
    ran = ran or forward(local, scores, row, column)
    module = Argmax()
    return operation_of(module).arithmetic(module, [_read(local, scores, ran)], (0, row, column), most)


def _read(local: WindowRunner, source: str, ran: Forward) -> Read:
    """What was run of a step, as its readers get it."""
    values = ran.values[source].detach()[0].double().cpu().numpy()
    return Read(source, local.size(source), ran.regions[source], values)


def check(local: WindowRunner, step: str, channel: int, row: int, column: int) -> None:
    """Raises ValueError unless the step has that unit."""
    if step not in local.shapes:
        raise ValueError(f"the network has no step {step!r}")
    channels = local.shapes[step][1]
    height, width = local.size(step)
    if not (0 <= channel < channels and 0 <= row < height and 0 <= column < width):
        raise ValueError(f"{step} has {channels} x {height} x {width} units, none at {channel}, {row}, {column}")


@dataclass(frozen=True, eq=False)
class EffectiveField:
    """Gradient magnitude of one unit over the input (Luo et al. 2016: the effective receptive field).

    `heat` is h x w float32, 0..1 of the largest, for the window (top, left) of the network's input that the unit can
    see at all. `half` and `most` are the least numbers of pixels that hold 50 % and 95 % of the whole magnitude, `peak`
    the largest magnitude itself.
    """

    value: float
    top: int
    left: int
    heat: np.ndarray
    half: int
    most: int
    peak: float = 0.0

    @property
    def core(self) -> Box:
        """The window of the network's input that holds at least 95 %: beyond each of its sides lies at most 1.25 %."""
        edges = []
        for axis, first in ((1, self.top), (0, self.left)):
            share = self.heat.sum(axis, dtype=np.float64).cumsum()
            share /= share[-1]
            edges.append((first + int(np.searchsorted(share, 0.0125)), first + int(np.searchsorted(share, 0.9875)) + 1))
        (top, bottom), (left, right) = edges
        return Box(top, left, bottom, right)

    @property
    def silent(self) -> bool:
        """No gradient anywhere: rectifiers or zero weights on every way, or the unit sees padding alone."""
        return not self.heat.any()


def effective_field(
    local: WindowRunner, step: str, channel: int | None, row: int, column: int, ran: Forward | None = None
) -> EffectiveField:
    """|d unit / d input|, summed over the colour channels. Raises ValueError for a unit the step does not have.

    channel  None: of the sum over all channels there
    ran      what `forward` gave for the place, to save running it again; or for a place of another step that depends on
             this one
    """
    check(local, step, channel or 0, row, column)
    ran = ran or forward(local, step, row, column)
    own = (ran.step, ran.row, ran.column) == (step, row, column)
    window = (ran.regions if own else local.regions(step, unit(row, column)))["image"]
    top, left = (span[0] for span in window.spans)
    with torch.enable_grad():
        (first, _), (begin, _) = ran.regions[step].spans
        units = ran.values[step][0, :, row - first, column - begin]
        value = units.sum() if channel is None else units[channel]
        if 0 in window.shape or not value.requires_grad:
            return EffectiveField(value.item(), top, left, np.zeros(window.shape, np.float32), 0, 0)
        (gradient,) = torch.autograd.grad(value, ran.image, retain_graph=True)
    (high, low), (height, width) = (tuple(span[0] for span in ran.regions["image"].spans), window.shape)
    there = gradient[0, :, top - high : top - high + height, left - low : left - low + width]
    heat = there.abs().sum(0).float().cpu().numpy()
    ordered = np.sort(heat.ravel())[::-1].astype(np.float64).cumsum()
    half, most = (int(np.searchsorted(ordered, share * ordered[-1])) + 1 for share in (0.5, 0.95))
    peak = heat.max()
    if not peak > 0:
        return EffectiveField(value.item(), top, left, np.zeros_like(heat), 0, 0)
    return EffectiveField(value.item(), top, left, heat / peak, half, most, float(peak))
