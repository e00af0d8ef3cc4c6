"""Operations that slide a window over the map: convolution, max pooling, average pooling."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from explorer.geometry import Region, Span, Window
from explorer.operations.arithmetic import Arithmetic, Place, Read, at_taps, summed
from explorer.operations.base import Formula, Map, Operation, Part, Work, register

M = TypeVar("M", bound=nn.Module)


class Sliding(Operation[M]):
    """What they have in common: where the windows lie, what of them lies outside of the map, and their words."""

    def along(self, module: M, axis: int) -> Window:
        raise NotImplementedError

    def both(self, module: M) -> tuple[Window, Window]:
        """Along rows and along columns."""
        return self.along(module, 0), self.along(module, 1)

    def outside(self, module: M, reads: Region, region: Region) -> tuple[Span, Span]:
        """How many rows (above, below) and columns (left, right) of the windows of `region` lie outside of the map."""
        pads = []
        for op, span, read in zip(self.both(module), region.spans, reads.spans, strict=True):
            first = span[0] * op.stride - op.padding
            last = (span[1] - 1) * op.stride - op.padding + op.extent
            pads.append((read[0] - first, last - read[1]) if read[0] < read[1] else (0, last - first))
        return pads[0], pads[1]

    def padded(self, module: M, x: Tensor, part: Part, value: float) -> Tensor:
        """What the windows of a region read, with what lies outside of the map filled in."""
        (top, bottom), (left, right) = self.outside(module, part.reads[0], part.region)
        if 0 in x.shape:  # these windows lie in the padding alone
            height, width = part.reads[0].shape
            return x.new_full((*x.shape[:2], top + height + bottom, left + width + right), value)
        # without padding it would be a copy for nothing
        return F.pad(x, (left, right, top, bottom), value=value) if any((left, right, top, bottom)) else x

    def scratch(self, module: M, work: Work) -> int:
        padded = work.copy if any(map(any, self.outside(module, work.reads, work.makes))) else 0
        return work.cast + max(work.cut, padded)

    def settings(self, module: M) -> dict[str, Any]:
        ops = self.both(module)
        return {name: tuple(getattr(op, name) for op in ops) for name in ("kernel", "stride", "padding", "dilation")}

    def formula(self, module: M, inputs: Sequence[Map], made: Map, axis: int) -> Formula:
        op, n, size = self.along(module, axis), inputs[0].shape[2 + axis], made.shape[2 + axis]
        room = f"{n} + 2·{op.padding} − {op.extent}" if op.padding else f"{n} − {op.extent}"
        if op.stride == 1:
            return Formula("plain", {"size": size, "formula": f"{room} + 1"})
        quotient = f"({room})/{op.stride}"
        down, rest = divmod(n + 2 * op.padding - op.extent, op.stride)
        if not rest:
            return Formula("plain", {"size": size, "formula": f"{quotient} + 1"})
        # a window that would begin beyond the map is left out, however the rest is rounded
        return Formula("ceil" if size > down + 1 else "floor", {"size": size, "quotient": quotient})

    def numbers(self, module: M, inputs: Sequence[Map], made: Map) -> dict[str, Any]:
        """`sum`: where the height comes from, as far as it is no matter of `rounding`: "even", "ceil" or "floor"."""
        code, values = self.formula(module, inputs, made, 0)
        return {"sum": values.get("formula") or values["quotient"], "rounding": "even" if code == "plain" else code}


@register
class Convolution(Sliding[nn.Conv2d]):
    """Convolution with zero padding."""

    kind = "conv"
    modules = (nn.Conv2d,)
    keeps_channels = False
    weighted = True
    fresh = True

    def accepts(self, module: nn.Conv2d) -> bool:
        return module.padding_mode == "zeros" and not isinstance(module.padding, str)

    def along(self, module: nn.Conv2d, axis: int) -> Window:
        kernel, stride, dilation = module.kernel_size[axis], module.stride[axis], module.dilation[axis]
        return Window(kernel, stride, int(module.padding[axis]), dilation)

    def window(self, module: nn.Conv2d, values: Sequence[Tensor], part: Part) -> Tensor:
        x = self.padded(module, values[0], part, 0.0)
        return F.conv2d(x, module.weight, module.bias, module.stride, 0, module.dilation, module.groups)

    def weight_type(self, module: nn.Conv2d) -> torch.dtype:
        return module.weight.dtype

    def arithmetic(self, module: nn.Conv2d, reads: Sequence[Read], place: Place, most: int) -> Arithmetic:
        weight = numbers_of(module.weight[place[0]])
        first = place[0] // (module.out_channels // module.groups) * len(weight)  # the channels of its group
        channels = range(first, first + len(weight))
        terms = at_taps(reads[0], self.both(module), place, channels, lambda c, i, j: float(weight[c - first, i, j]))
        return summed(terms, most, bias_of(module, place[0]), weight.size - len(terms))

    def macs(self, module: nn.Conv2d, read: int, made: int) -> int:
        return made * module.weight[0].numel()

    def settings(self, module: nn.Conv2d) -> dict[str, Any]:
        channels = (module.in_channels, module.out_channels)
        return {**super().settings(module), "channels": channels, "bias": module.bias is not None}

    def numbers(self, module: nn.Conv2d, inputs: Sequence[Map], made: Map) -> dict[str, Any]:
        """`weights`: what a unit's products are counted by."""
        weights = "·".join(map(str, (*module.kernel_size, module.weight.shape[1])))
        return {**super().numbers(module, inputs, made), "weights": weights}


@register
class MaxPooling(Sliding[nn.MaxPool2d]):
    """The largest value of each window; padding never wins."""

    kind = "maxpool"
    modules = (nn.MaxPool2d,)

    def accepts(self, module: nn.MaxPool2d) -> bool:
        return not module.return_indices

    def along(self, module: nn.MaxPool2d, axis: int) -> Window:
        kernel, stride, padding = (pair(value)[axis] for value in (module.kernel_size, module.stride, module.padding))
        return Window(kernel, stride, padding, pair(module.dilation)[axis], module.ceil_mode)

    def window(self, module: nn.MaxPool2d, values: Sequence[Tensor], part: Part) -> Tensor:
        x = self.padded(module, values[0], part, float("-inf"))
        return F.max_pool2d(x, module.kernel_size, module.stride, 0, module.dilation)

    def arithmetic(self, module: nn.MaxPool2d, reads: Sequence[Read], place: Place, most: int) -> Arithmetic:
        terms = at_taps(reads[0], self.both(module), place, place[:1], lambda c, i, j: None)
        terms.sort(key=lambda t: -t.value)
        return Arithmetic("max", terms[0].value, None, tuple(terms), len(terms), (), 0, 0)

    def settings(self, module: nn.MaxPool2d) -> dict[str, Any]:
        return {**super().settings(module), "ceil": module.ceil_mode}


@register
class AveragePooling(Sliding[nn.AvgPool2d]):
    """The mean of each window.

    What is divided by is torch's choice: with `count_include_pad` the padding counts, but nothing that hangs over
    beyond it; without, what lies in the map; `divisor_override` is a fixed number.
    """

    kind = "avgpool"
    modules = (nn.AvgPool2d,)

    def along(self, module: nn.AvgPool2d, axis: int) -> Window:
        kernel, stride, padding = (pair(value)[axis] for value in (module.kernel_size, module.stride, module.padding))
        return Window(kernel, stride, padding, ceil=module.ceil_mode)

    def divisors(self, module: nn.AvgPool2d, axis: int, n: int, span: Span) -> np.ndarray:
        """How many units along an axis of n the windows of a span count."""
        op = self.along(module, axis)
        first = np.arange(*span) * op.stride - op.padding
        last = np.minimum(first + op.kernel, n + op.padding)
        if not module.count_include_pad:
            first, last = np.maximum(first, 0), np.minimum(last, n)
        return last - first

    def window(self, module: nn.AvgPool2d, values: Sequence[Tensor], part: Part) -> Tensor:
        x = self.padded(module, values[0], part, 0.0)
        total = F.avg_pool2d(x, module.kernel_size, module.stride, divisor_override=1)
        if module.divisor_override:
            return total / module.divisor_override
        counts = [self.divisors(module, a, part.sizes[0][a], part.region.spans[a]) for a in (0, 1)]
        return total / torch.from_numpy(np.outer(*counts)).to(total)

    def arithmetic(self, module: nn.AvgPool2d, reads: Sequence[Read], place: Place, most: int) -> Arithmetic:
        counts = [self.divisors(module, a, reads[0].size[a], (place[1 + a], place[1 + a] + 1)) for a in (0, 1)]
        weight = 1 / (module.divisor_override or int(counts[0][0] * counts[1][0]))
        terms = at_taps(reads[0], self.both(module), place, place[:1], lambda c, i, j: weight)
        outside = self.along(module, 0).kernel * self.along(module, 1).kernel - len(terms)
        return summed(terms, most, None, outside)

    def settings(self, module: nn.AvgPool2d) -> dict[str, Any]:
        return {**super().settings(module), "ceil": module.ceil_mode}


def pair(value: int | tuple[int, ...]) -> tuple[int, int]:
    """A setting of torch's as (rows, columns)."""
    return (value, value) if isinstance(value, int) else (value[0], value[1])


def numbers_of(weight: Tensor) -> np.ndarray:
    """Weights in float64."""
    return weight.detach().double().cpu().numpy()


def bias_of(module: nn.Conv2d | nn.ConvTranspose2d, channel: int) -> float | None:
    """The bias of a channel, if there is one."""
    return None if module.bias is None else float(module.bias[channel])
