"""One unit looked into: its value, the arithmetic that makes it, and what it responds to (effective field)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from explorer.geometry import Box
from explorer.local import Region, WindowRunner, unit
from explorer.models.layers import Add, BilinearUp, Concat, Crop, Scale, operation


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

    kind     "sum" (convolutions, up-sampling, addition), "max" (pooling) or "copy" (crop, concatenation, ReLU)
    terms    the largest by magnitude, largest first; for "max" all candidates, the winner first
    shares   per input channel, largest magnitude first (only for "sum" over several channels)
    channels number of input channels that are summed over
    outside  weights that meet the zero padding
    value    bias + sum of all terms: the unit's value, also of those terms that are not listed
    """

    kind: str
    value: float
    bias: float | None
    terms: tuple[Term, ...]
    count: int  # of all terms
    shares: tuple[Share, ...]
    channels: int
    outside: int


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
    module = local.module.get_submodule(step)
    ran = ran or forward(local, step, row, column)
    regions, values = ran.regions, {name: value.detach() for name, value in ran.values.items()}
    with torch.inference_mode():
        sources = local.inputs(step)
        if isinstance(module, Add):
            terms = [_at(values, regions, s, channel, row, column) for s in sources]
            return _sum(terms, None, 0, most)
        if isinstance(module, Concat):
            first = values[sources[0]].shape[1]
            source, number = (sources[0], channel) if channel < first else (sources[1], channel - first)
            return _copy(_at(values, regions, source, number, row, column))
        if isinstance(module, Crop):
            term = _at(values, regions, sources[0], channel, row + module.offset, column + module.offset)
            return _copy(term)
        if isinstance(module, nn.MaxPool2d):
            terms = _reads(local, module, values, regions, sources[0], None, channel, row, column)
            terms.sort(key=lambda t: -t.value)
            return Arithmetic("max", terms[0].value, None, tuple(terms), len(terms), (), 0, 0)
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            weight = _weight(module, channel)
            terms = _reads(local, module, values, regions, sources[0], weight, channel, row, column)
            bias = None if module.bias is None else float(module.bias[channel])
            taps = weight.shape[1] * weight.shape[2] * len(weight)
            outside = taps - len(terms) if isinstance(module, nn.Conv2d) else 0
            return _sum(terms, bias, outside, most)
        term = _at(values, regions, sources[0], channel, row, column)
        if isinstance(module, nn.ReLU):
            return Arithmetic("copy", max(0.0, term.value), None, (term,), 1, (), 0, 0)
        if isinstance(module, Scale):
            return _sum([Term(**{**vars(term), "weight": module.factor})], None, 0, most)
        return _copy(term)


def check(local: WindowRunner, step: str, channel: int, row: int, column: int) -> None:
    """Raises ValueError unless the step has that unit."""
    if step not in local.shapes:
        raise ValueError(f"the network has no step {step!r}")
    channels = local.shapes[step][1]
    height, width = local.size(step)
    if not (0 <= channel < channels and 0 <= row < height and 0 <= column < width):
        raise ValueError(f"{step} has {channels} x {height} x {width} units, none at {channel}, {row}, {column}")


def _at(
    values: dict[str, Tensor], regions: dict[str, Region], source: str, channel: int, row: int, column: int
) -> Term:
    region = regions[source]
    value = values[source][0, channel, row - region.rows[0], column - region.cols[0]]
    return Term(source, channel, row, column, float(value))


def _copy(term: Term) -> Arithmetic:
    return Arithmetic("copy", term.value, None, (term,), 1, (), 0, 0)


def _weight(module: nn.Conv2d | nn.ConvTranspose2d, channel: int) -> np.ndarray:
    """Input channels x kernel rows x kernel columns of one output channel."""
    weight = module.weight[:, channel] if isinstance(module, nn.ConvTranspose2d) else module.weight[channel]
    return weight.detach().double().cpu().numpy()


def _reads(
    local: WindowRunner,
    module: nn.Module,
    values: dict[str, Tensor],
    regions: dict[str, Region],
    source: str,
    weight: np.ndarray | None,
    channel: int,
    row: int,
    column: int,
) -> list[Term]:
    """Every unit that is read, with its weight: for a convolution all input channels, for a pooling its own."""
    sizes, region = local.size(source), regions[source]
    taps = []
    for axis, at in ((0, row), (1, column)):
        found = [(t, int(i[at])) for t, (i, valid) in enumerate(operation(module, axis).taps(sizes[axis])) if valid[at]]
        taps.append(found)
    value = values[source][0].double().cpu().numpy()
    own = weight is None or isinstance(module, BilinearUp)  # the weights of other classes are zero
    channels = [channel] if own else range(len(value))
    return [
        Term(
            source,
            c,
            y,
            x,
            float(value[c, y - region.rows[0], x - region.cols[0]]),
            None if weight is None else float(weight[c, i, j]),
        )
        for c in channels
        for i, y in taps[0]
        for j, x in taps[1]
    ]


def _sum(terms: list[Term], bias: float | None, outside: int, most: int) -> Arithmetic:
    by_channel: dict[tuple[str, int], float] = {}
    for term in terms:
        key = term.source, term.channel
        by_channel[key] = by_channel.get(key, 0.0) + term.product
    shares = [Share(source, channel, total) for (source, channel), total in by_channel.items()]
    shares.sort(key=lambda s: -abs(s.sum))
    largest = sorted(terms, key=lambda t: -abs(t.product))[:most]
    value = sum(share.sum for share in shares) + (bias or 0.0)
    return Arithmetic("sum", value, bias, tuple(largest), len(terms), tuple(shares[:most]), len(shares), outside)


@dataclass(frozen=True, eq=False)
class EffectiveField:
    """Gradient magnitude of one unit over the input (Luo et al. 2016: the effective receptive field).

    `heat` is h x w float32, 0..1 of the largest, for the window (top, left) of the network's input that the unit can
    see at all. `half` and `most` are the least numbers of pixels that hold 50 % and 95 % of the whole magnitude.
    """

    value: float
    top: int
    left: int
    heat: np.ndarray
    half: int
    most: int

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
    local: WindowRunner, step: str, channel: int, row: int, column: int, ran: Forward | None = None
) -> EffectiveField:
    """|d unit / d input|, summed over the colour channels. Raises ValueError for a unit the step does not have.

    ran  what `forward` gave for the place, to save running it again
    """
    check(local, step, channel, row, column)
    ran = ran or forward(local, step, row, column)
    window = ran.regions["image"]
    top, left = (span[0] for span in window.spans)
    with torch.enable_grad():
        value = ran.values[step][0, channel, 0, 0]
        if 0 in window.shape or not value.requires_grad:
            return EffectiveField(value.item(), top, left, np.zeros(window.shape, np.float32), 0, 0)
        (gradient,) = torch.autograd.grad(value, ran.image, retain_graph=True)
    heat = gradient[0].abs().sum(0).float().cpu().numpy()
    ordered = np.sort(heat.ravel())[::-1].astype(np.float64).cumsum()
    half, most = (int(np.searchsorted(ordered, share * ordered[-1])) + 1 for share in (0.5, 0.95))
    peak = heat.max()
    if not peak > 0:
        return EffectiveField(value.item(), top, left, np.zeros_like(heat), 0, 0)
    return EffectiveField(value.item(), top, left, heat / peak, half, most)
