"""What every kind of operation knows of itself: `Operation`, and the plain data that it speaks in.

One subclass a kind. It is asked by `trace` (geometry, cost, settings, words), `local` (a window of a map alone), `unit`
(the arithmetic of one unit) and the forecast of memory; none of these holds a list of kinds. A module of a kind that is
not registered has no geometry, no windows and no arithmetic: asking for them raises TypeError.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, ClassVar, Generic, NamedTuple, TypeVar

import torch
from torch import Tensor, nn

from explorer.geometry import Axis, Op, Region, read_span
from explorer.operations.arithmetic import Arithmetic, Place, Read, copied

M = TypeVar("M", bound=nn.Module)
Sizes = Sequence[tuple[int, int]]  # heights and widths


class Map(NamedTuple):
    """A map as a step made it: N x C x H x W, with its geometry along rows and columns (None if none is known)."""

    name: str  # of the step, or "image"
    shape: tuple[int, ...]
    axes: tuple[Axis, Axis] | None

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return self.shape[2], self.shape[3]


class Formula(NamedTuple):
    """Where a map's size along an axis comes from. `code` names the sentence, `values` fill it.

    input   {size}: the network's input            kept     {}: the size of the map that is read
    same    {size, source, other}: of both         plain    {size, formula}: "(572 − 3)/1 + 1"
    ceil, floor  {size, quotient}: and one, rounded up or down
    crop    {size, reference, from, offset, behind}: the reference's size
    """

    code: str
    values: dict[str, Any]


@dataclass(frozen=True)
class Part:
    """A window of a made map: the region, and what of each map that is read, of maps of these sizes, it needs.

    in_place  whether what is read may be overwritten
    """

    region: Region
    reads: tuple[Region, ...]
    sizes: tuple[tuple[int, int], ...]
    in_place: bool = False


@dataclass(frozen=True)
class Work:
    """A window that is computed, as far as memory is concerned: of what is `held` of the source it `reads` a part and
    `makes` a region. `channels` read and made, and bytes of a number of each."""

    held: Region
    reads: Region
    makes: Region
    channels: tuple[int, int]
    bytes: tuple[int, int]

    @property
    def copy(self) -> int:
        """Bytes of the part that is read, laid out once more."""
        return self.bytes[1] * self.channels[0] * self.reads.area

    @property
    def cast(self) -> int:
        """Bytes of what is read in the type of what is made."""
        return self.copy if self.bytes[0] != self.bytes[1] else 0

    @property
    def cut(self) -> int:
        """A part of a map has to be laid out for itself."""
        return self.copy if self.reads != self.held else 0


class Operation(Generic[M]):
    """One kind of operation; the defaults are those of an operation that reads one map and hands its channels on.

    `module` is always one of `modules`; `axis` is 0 for rows and 1 for columns. Sizes are (height, width).
    """

    kind: ClassVar[str]
    modules: ClassVar[tuple[type[nn.Module], ...]]
    keeps_channels: ClassVar[bool] = True  # channel c is made of channel c of what is read
    weighted: ClassVar[bool] = False  # with weights and biases at zero its map is zero
    elementwise: ClassVar[bool] = False  # value by value, of maps of one shape
    view: ClassVar[bool] = False  # what it hands on lies in the memory of what it reads
    fresh: ClassVar[bool] = False  # makes a map of its own, which whoever reads it alone may overwrite
    overwrites: ClassVar[bool] = False  # can work in place

    def accepts(self, module: M) -> bool:
        """Whether these settings are known: others have no geometry rather than a wrong one."""
        return True

    # ---- geometry

    def along(self, module: M, axis: int) -> Op:
        """What it does along an axis. Raises TypeError where that needs more than one map."""
        raise TypeError(f"{self.kind} is no operation on one map")

    def through(self, module: M, inputs: Sequence[Axis], axis: int) -> tuple[Axis, Fraction]:
        """The axis of the made map, and how far apart, in input pixels, the units stand that it joins.

        Raises GeometryError or MisalignedError where the map cannot be made.
        """
        return inputs[0].through(self.along(module, axis)), Fraction(0)

    def values_of(self, inputs: Sequence[str]) -> tuple[str, ...]:
        """Of the maps it is given, those whose values it reads (of a crop's reference it takes the size only)."""
        return tuple(inputs)

    def reads(self, module: M, sizes: Sizes, region: Region) -> list[Region]:
        """What a region of the made map reads of each map of `values_of`, maps of these sizes."""
        return [Region(*(read_span(self.along(module, a), sizes[0][a], region.spans[a]) for a in (0, 1)))]

    # ---- values

    def window(self, module: M, values: Sequence[Tensor], part: Part) -> Tensor:
        """The values of a region, 1 x C x h x w, from exactly what it reads. Settings that count units beyond that are
        those of the whole map."""
        made: Tensor = module(*values)
        return made

    def weight_type(self, module: M) -> torch.dtype | None:
        """The type that it computes in whatever it reads; None if it takes the one it gets."""
        return None

    def arithmetic(self, module: M, reads: Sequence[Read], place: Place, most: int) -> Arithmetic:
        """The arithmetic of one unit; the `most` largest terms are listed."""
        return copied(reads[0].term(*place))

    # ---- cost

    def macs(self, module: M, read: int, made: int) -> int:
        """Multiply-accumulates (2 FLOP each) for so many values read and made; only convolutions count, as is usual."""
        return 0

    def scratch(self, module: M, work: Work) -> int:
        """Bytes that it takes for a while beside what it reads and makes."""
        return 0

    # ---- words

    def settings(self, module: M) -> dict[str, Any]:
        """The numbers that define it. Pairs are (rows, columns)."""
        return {}

    def formula(self, module: M, inputs: Sequence[Map], made: Map, axis: int) -> Formula:
        """Where the made map's size along an axis comes from."""
        return Formula("kept", {})

    def numbers(self, module: M, inputs: Sequence[Map], made: Map) -> dict[str, Any]:
        """What fills the sentence "words.<kind>" beside sizes, channels and settings."""
        return {}


_KINDS: dict[str, Operation[Any]] = {}
_KIND_OF: dict[type[nn.Module], Operation[Any]] = {}


K = TypeVar("K", bound=Operation[Any])


def register(kind: type[K]) -> type[K]:
    """Class decorator: make a kind known. Raises ValueError for a kind or a module that is known already."""
    operation = kind()
    if kind.kind in _KINDS or any(module in _KIND_OF for module in kind.modules):
        raise ValueError(f"there is an operation {kind.kind!r}, or one of its modules, already")
    _KINDS[kind.kind] = operation
    _KIND_OF.update(dict.fromkeys(kind.modules, operation))
    return kind


def unregister(kind: str) -> None:
    """Forget a kind: for tests and for who has replaced it."""
    operation = _KINDS.pop(kind)
    for module in operation.modules:
        del _KIND_OF[module]


def kinds() -> tuple[str, ...]:
    """All kinds that are known."""
    return tuple(_KINDS)


def known(module: nn.Module) -> Operation[Any] | None:
    """The operation of a module, which is one of exactly its types; None if it is of none or has unknown settings."""
    found = _KIND_OF.get(type(module))
    return found if found and found.accepts(module) else None


def operation_of(module: nn.Module) -> Operation[Any]:
    """The operation of a module. Raises TypeError if it is not known: it is never taken for another one."""
    found = known(module)
    if found is None:
        raise TypeError(f"no geometry is known for {module}")
    return found


def values_of(module: nn.Module, inputs: Sequence[str]) -> tuple[str, ...]:
    """Of the maps that a module is given, those whose values it reads; of an unknown one all may be."""
    operation = known(module)
    return operation.values_of(inputs) if operation else tuple(inputs)


def along(module: nn.Module, axis: int) -> Op:
    """What a module that reads one map does along an axis (0 rows, 1 columns). Raises TypeError if it is not known."""
    return operation_of(module).along(module, axis)
