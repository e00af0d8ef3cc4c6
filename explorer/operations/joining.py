"""Operations that bring two maps onto one grid and join them: crop, sum, concatenation."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any, TypeVar

from torch import Tensor

from explorer import geometry
from explorer.geometry import Axis, Region
from explorer.operations.arithmetic import Arithmetic, Place, Read, copied, summed
from explorer.operations.base import Formula, Map, Operation, Part, Sizes, register
from explorer.operations.layers import Add, Concat, Crop

J = TypeVar("J", Add, Concat)


def text(value: Fraction, bracket: bool = False) -> str:
    """A number of a formula; a negative one may stand in brackets."""
    written = f"{float(value):.6g}".replace("-", "−")
    return f"({written})" if bracket and value < 0 else written


@register
class Cropping(Operation[Crop]):
    """Keeps a window of one map, as large as another one, the reference."""

    kind = "crop"
    modules = (Crop,)
    view = True

    def along(self, module: Crop, axis: int) -> geometry.Crop:
        return geometry.Crop(module.offset)

    def through(self, module: Crop, inputs: Sequence[Axis], axis: int) -> tuple[Axis, Fraction]:
        cropped = inputs[0].through(geometry.Crop(module.offset, len(inputs[1])))
        geometry.join([cropped, inputs[1]], module.misaligned)  # raises if they do not meet
        return cropped, geometry.misalignment(cropped.grid, inputs[1].grid)

    def values_of(self, inputs: Sequence[str]) -> tuple[str, ...]:
        return tuple(inputs[:1])

    def reads(self, module: Crop, sizes: Sizes, region: Region) -> list[Region]:
        return [region.shifted(module.offset)]

    def window(self, module: Crop, values: Sequence[Tensor], part: Part) -> Tensor:
        return values[0]

    def arithmetic(self, module: Crop, reads: Sequence[Read], place: Place, most: int) -> Arithmetic:
        channel, row, column = place
        return copied(reads[0].term(channel, row + module.offset, column + module.offset))

    def settings(self, module: Crop) -> dict[str, Any]:
        return {"offset": module.offset}

    def formula(self, module: Crop, inputs: Sequence[Map], made: Map, axis: int) -> Formula:
        n, size = inputs[0].shape[2 + axis], made.shape[2 + axis]
        values = {"size": size, "reference": inputs[1].name, "from": n, "offset": module.offset}
        return Formula("crop", {**values, "behind": n - module.offset - size})

    def numbers(self, module: Crop, inputs: Sequence[Map], made: Map) -> dict[str, Any]:
        """What is dropped at the bottom and on the right, and where the offset comes from: both grids."""
        drop, wide = (n - module.offset - m for n, m in zip(inputs[0].size, made.size, strict=True))
        found = {"reference": inputs[1].name, "offset": module.offset, "drop": drop, "dropWidth": wide}
        axes = inputs[0].axes, inputs[1].axes
        if axes[0] is None or axes[1] is None:
            return found
        of, reference = axes[0][0].grid, axes[1][0].grid
        difference = f"({text(reference.start)} − {text(of.start, True)})/{text(of.jump)}"
        return {**found, "sum": f"{difference} = {text((reference.start - of.start) / of.jump)}"}


class Joining(Operation[J]):
    """What sums and concatenations have in common: unit (n, m) of one map meets unit (n, m) of the other."""

    def through(self, module: J, inputs: Sequence[Axis], axis: int) -> tuple[Axis, Fraction]:
        first, *others = inputs
        apart = [geometry.misalignment(other.grid, first.grid) for other in others]
        return geometry.join(inputs, module.misaligned), max(apart, key=abs, default=Fraction(0))

    def reads(self, module: J, sizes: Sizes, region: Region) -> list[Region]:
        return [region for _ in sizes]

    def formula(self, module: J, inputs: Sequence[Map], made: Map, axis: int) -> Formula:
        names = {"source": inputs[0].name, "other": inputs[1].name}
        return Formula("same", {"size": made.shape[2 + axis], **names})


@register
class Summing(Joining[Add]):
    """Sum of two maps, channel by channel."""

    kind = "add"
    modules = (Add,)
    elementwise = True

    def arithmetic(self, module: Add, reads: Sequence[Read], place: Place, most: int) -> Arithmetic:
        return summed([read.term(*place) for read in reads], most)

    def numbers(self, module: Add, inputs: Sequence[Map], made: Map) -> dict[str, Any]:
        return {"other": inputs[1].name}


@register
class Concatenation(Joining[Concat]):
    """The channels of one map, then those of the other."""

    kind = "concat"
    modules = (Concat,)
    keeps_channels = False

    def arithmetic(self, module: Concat, reads: Sequence[Read], place: Place, most: int) -> Arithmetic:
        channel, row, column = place
        for read in reads:
            if channel < len(read.values):
                return copied(read.term(channel, row, column))
            channel -= len(read.values)
        raise ValueError(f"the concatenation has no channel {place[0]}")

    def numbers(self, module: Concat, inputs: Sequence[Map], made: Map) -> dict[str, Any]:
        return {"other": inputs[1].name, "a": inputs[0].shape[1], "b": inputs[1].shape[1]}
