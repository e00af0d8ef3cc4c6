"""Operations that spread each unit over a larger map: up-convolution and fixed bilinear up-sampling."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from explorer.geometry import Transposed
from explorer.operations.arithmetic import Arithmetic, Place, Read, at_taps, summed
from explorer.operations.base import Formula, Map, Operation, Part, Work, register
from explorer.operations.layers import BilinearUp
from explorer.operations.windows import bias_of, numbers_of

T = TypeVar("T", bound=nn.ConvTranspose2d)


class Spreading(Operation[T]):
    """What transposed convolutions have in common."""

    keeps_channels = False
    weighted = True
    fresh = True

    def along(self, module: T, axis: int) -> Transposed:
        return Transposed(
            module.kernel_size[axis],
            module.stride[axis],
            int(module.padding[axis]),
            module.output_padding[axis],
            module.dilation[axis],
        )

    def filters(self, module: T) -> tuple[Tensor, int]:
        """Weights (in x out of a group x k x k) and the number of groups: those that cost least for the same values."""
        return module.weight, module.groups

    def window(self, module: T, values: Sequence[Tensor], part: Part) -> Tensor:
        """The part of what the units that are read spread over the larger map."""
        x, reads, region = values[0], part.reads[0], part.region
        height, width = region.shape
        if 0 in x.shape:
            made = x.new_zeros((x.shape[0], module.out_channels, height, width))
        else:
            weight, groups = self.filters(module)
            spread = F.conv_transpose2d(x, weight, None, module.stride, 0, 0, groups, module.dilation)
            first = [region.spans[a][0] + int(module.padding[a]) - reads.spans[a][0] * module.stride[a] for a in (0, 1)]
            short = [max(0, first[a] + region.shape[a] - spread.shape[2 + a]) for a in (0, 1)]
            before = [max(0, -f) for f in first]
            if any((*before, *short)):
                spread = F.pad(spread, (before[1], short[1], before[0], short[0]))
            top, left = (f + b for f, b in zip(first, before, strict=True))
            made = spread[:, :, top : top + height, left : left + width]
        return made if module.bias is None else made + module.bias[:, None, None]

    def weight_type(self, module: T) -> torch.dtype:
        return module.weight.dtype

    def arithmetic(self, module: T, reads: Sequence[Read], place: Place, most: int) -> Arithmetic:
        per_group = module.out_channels // module.groups
        inputs = module.in_channels // module.groups
        first = place[0] // per_group * inputs  # the channels of its group
        weight = numbers_of(module.weight[first : first + inputs, place[0] % per_group])
        terms = at_taps(
            reads[0],
            (self.along(module, 0), self.along(module, 1)),
            place,
            self.summed_over(module, place[0], range(first, first + inputs)),
            lambda c, i, j: float(weight[c - first, i, j]),
        )
        return summed(terms, most, bias_of(module, place[0]))

    def summed_over(self, module: T, channel: int, channels: Sequence[int]) -> Sequence[int]:
        """Of the channels that a unit's sum may run over those whose weights can differ from zero."""
        return channels

    def macs(self, module: T, read: int, made: int) -> int:
        return read * module.weight[0].numel()

    def scratch(self, module: T, work: Work) -> int:
        """What units spread beyond the region is made, then left."""
        spread = [
            (high - low - 1) * module.stride[a] + module.kernel_size[a]
            for a, (low, high) in enumerate(work.reads.spans)
        ]
        made = max(0, spread[0]) * max(0, spread[1])
        beyond = work.bytes[1] * (module.out_channels * made - work.channels[1] * work.makes.area)
        return work.cast + work.cut + max(0, beyond)

    def settings(self, module: T) -> dict[str, Any]:
        return {
            "kernel": module.kernel_size,
            "stride": module.stride,
            "padding": module.padding,
            "dilation": module.dilation,
            "channels": (module.in_channels, module.out_channels),
            "bias": module.bias is not None,
        }

    def formula(self, module: T, inputs: Sequence[Map], made: Map, axis: int) -> Formula:
        op, n = self.along(module, axis), inputs[0].shape[2 + axis]
        text = f"({n} − 1)·{op.stride} + {op.extent}"
        text += f" − 2·{op.padding}" if op.padding else ""
        text += f" + {op.output_padding}" if op.output_padding else ""
        return Formula("plain", {"size": made.shape[2 + axis], "formula": text})

    def numbers(self, module: T, inputs: Sequence[Map], made: Map) -> dict[str, Any]:
        """`sum`: where the height comes from."""
        return {"sum": self.formula(module, inputs, made, 0).values["formula"]}


@register
class UpConvolution(Spreading[nn.ConvTranspose2d]):
    """Transposed convolution with learned weights."""

    kind = "upconv"
    modules = (nn.ConvTranspose2d,)


@register
class BilinearUpSampling(Spreading[BilinearUp]):
    """Fixed bilinear filters, one a class: the weights between different classes are zero."""

    kind = "bilinear"
    modules = (BilinearUp,)
    keeps_channels = True

    def filters(self, module: BilinearUp) -> tuple[Tensor, int]:
        weight = module.weight
        return torch.stack([weight[c, c] for c in range(len(weight))])[:, None], len(weight)

    def summed_over(self, module: BilinearUp, channel: int, channels: Sequence[int]) -> Sequence[int]:
        return [channel]

    def numbers(self, module: BilinearUp, inputs: Sequence[Map], made: Map) -> dict[str, Any]:
        """`own`: how many weights connect a class with itself."""
        kernel = module.kernel_size
        return {**super().numbers(module, inputs, made), "own": kernel[0] * kernel[1] * module.in_channels}
