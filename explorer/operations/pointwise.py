"""Operations that make each unit of the unit at its own place: input, ReLU, dropout, normalisation, scaling,
argmax."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from torch import Tensor, nn

from explorer.geometry import POINTWISE, Window
from explorer.operations.arithmetic import Arithmetic, Place, Read, copied, summed
from explorer.operations.base import Formula, Map, Operation, Part, Work, register
from explorer.operations.layers import Argmax, Input, Scale
from explorer.operations.windows import numbers_of

M = TypeVar("M", bound=nn.Module)


class Pointwise(Operation[M]):
    """What they have in common: every unit reads the one at its own place."""

    def along(self, module: M, axis: int) -> Window:
        return POINTWISE


@register
class Entering(Pointwise[Input]):
    """The network's input."""

    kind = "input"
    modules = (Input,)
    view = True

    def window(self, module: Input, values: Sequence[Tensor], part: Part) -> Tensor:
        return values[0]  # the size of a window is no size to check

    def scratch(self, module: Input, work: Work) -> int:
        """As floats, less the mean, over the deviation."""
        return 3 * 4 * work.channels[1] * work.makes.area

    def formula(self, module: Input, inputs: Sequence[Map], made: Map, axis: int) -> Formula:
        return Formula("input", {"size": made.shape[2 + axis]})


@register
class Rectifier(Pointwise[nn.ReLU]):
    """max(0, x)."""

    kind = "relu"
    modules = (nn.ReLU,)
    elementwise = True
    overwrites = True

    def window(self, module: nn.ReLU, values: Sequence[Tensor], part: Part) -> Tensor:
        return values[0].relu_() if part.in_place else values[0].relu()

    def arithmetic(self, module: nn.ReLU, reads: Sequence[Read], place: Place, most: int) -> Arithmetic:
        term = reads[0].term(*place)
        return copied(term, max(0.0, term.value))


@register
class Dropout(Pointwise[nn.Dropout]):
    """Hands everything on in eval mode, in which networks are traced."""

    kind = "dropout"
    modules = (nn.Dropout, nn.Dropout2d)
    elementwise = True
    view = True

    def settings(self, module: nn.Dropout) -> dict[str, Any]:
        return {"p": module.p}


@register
class Identity(Pointwise[nn.Identity]):
    """Hands everything on."""

    kind = "identity"
    modules = (nn.Identity,)
    view = True


@register
class Normalisation(Pointwise[nn.BatchNorm2d]):
    """Batch norm in eval mode: one factor and one shift per channel, from the running statistics."""

    kind = "batchnorm"
    modules = (nn.BatchNorm2d,)

    def accepts(self, module: nn.BatchNorm2d) -> bool:
        return module.running_mean is not None  # else every unit depends on the whole map

    def arithmetic(self, module: nn.BatchNorm2d, reads: Sequence[Read], place: Place, most: int) -> Arithmetic:
        assert module.running_mean is not None
        assert module.running_var is not None
        mean, variance = (float(numbers_of(v[place[0]])) for v in (module.running_mean, module.running_var))
        gamma, beta = (float(v[place[0]]) for v in (module.weight, module.bias)) if module.affine else (1.0, 0.0)
        factor = gamma / (variance + module.eps) ** 0.5
        return summed([reads[0].term(*place, factor)], most, beta - mean * factor)


@register
class Scaling(Pointwise[Scale]):
    """Multiplication by a fixed number."""

    kind = "scale"
    modules = (Scale,)
    elementwise = True

    def arithmetic(self, module: Scale, reads: Sequence[Read], place: Place, most: int) -> Arithmetic:
        return summed([reads[0].term(*place, module.factor)], most)

    def settings(self, module: Scale) -> dict[str, Any]:
        return {"factor": module.factor}

    def numbers(self, module: Scale, inputs: Sequence[Map], made: Map) -> dict[str, Any]:
        return {"factor": module.factor}


@register
class LargestScore(Pointwise[Argmax]):
    """The class of the largest score at each place; the first one of several that are equal, as torch has it."""

    kind = "argmax"
    modules = (Argmax,)
    keeps_channels = False

    def arithmetic(self, module: Argmax, reads: Sequence[Read], place: Place, most: int) -> Arithmetic:
        """The classes that come closest, by their scores."""
        terms = [reads[0].term(channel, *place[1:]) for channel in range(len(reads[0].values))]
        terms.sort(key=lambda term: -term.value)
        return Arithmetic("argmax", float(terms[0].channel), None, tuple(terms[:most]), len(terms), (), 0, 0)

    def numbers(self, module: Argmax, inputs: Sequence[Map], made: Map) -> dict[str, Any]:
        return {"classes": inputs[0].shape[1]}
