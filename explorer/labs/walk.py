"""A network along one axis, from geometry alone: at any size, legal or not, with its crops placed anywhere.

Rows and columns are two walks. A map that is cut or padded so that it meets another one counts from there on as
standing where the other one stands, as the network takes it to do; what its units really see, their fields, says the
truth. `Cut.misalignment` is the difference.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from torch import fx, nn

from explorer import geometry, operations
from explorer.errors import ExplorerError
from explorer.geometry import Axis, GeometryError, LegalSizes, MisalignedError
from explorer.graph import graph_of
from explorer.models import MODELS, ModelSpec, without_weights
from explorer.operations.layers import Crop
from explorer.roles import Node, Role, roles_of, score_layers

MODES = ("aligned", "centre", "random", "corner", "pad")


@dataclass(frozen=True)
class Placing:
    """Where crops cut, of all that have no mode of their own: see `explorer.labs.crop` for the modes.

    modes, shifts   by name of the crop, as pairs; a shift is in units, behind where the mode puts it
    """

    mode: str = "aligned"
    modes: tuple[tuple[str, str], ...] = ()
    shifts: tuple[tuple[str, int], ...] = ()
    seed: int = 0

    def of(self, crop: str) -> tuple[str, int]:
        """A crop's mode and shift."""
        return dict(self.modes).get(crop, self.mode), dict(self.shifts).get(crop, 0)


@dataclass(frozen=True, eq=False)
class Cut:
    """One crop along one axis. The cropped map has `units`, the reference `reference` of them, `jump` input pixels
    apart.

    offset        the unit that meets the reference's first one; in mode "pad" the units put before the reference
    aligned       the offset that puts both on the same place; centre  half of the rest
    starts        pixels on which the first units of the whole map and of the reference stand, or count as standing
    misalignment  input pixels that each unit of the cropped map stands behind the one that it meets
    limits        of the misalignment, over all offsets that fit
    own, other    the maps that meet, the cropped map's and the reference's, with the field of each unit
    """

    mode: str
    offset: int
    units: int
    reference: int
    aligned: int
    jump: Fraction
    starts: tuple[Fraction, Fraction]
    misalignment: Fraction
    own: Axis
    other: Axis

    @property
    def room(self) -> int:
        """Units that the cropped map has more than the reference."""
        return self.units - self.reference

    @property
    def centre(self) -> int:
        return self.room // 2

    @property
    def dropped(self) -> tuple[int, int]:
        """Units cut off before and behind; in mode "pad" none are."""
        return (0, 0) if self.mode == "pad" else (self.offset, self.room - self.offset)

    @property
    def padded(self) -> tuple[int, int]:
        """Zeros put before and behind the reference, in mode "pad"."""
        return (self.offset, self.room - self.offset) if self.mode == "pad" else (0, 0)

    @property
    def limits(self) -> tuple[Fraction, Fraction]:
        return -self.aligned * self.jump, (self.room - self.aligned) * self.jump

    @property
    def seen(self) -> tuple[int, int] | None:
        """First and last input pixel that a unit which is kept sees; None if none sees any."""
        if self.own.empty.all():
            return None
        return int(self.own.lo.min()), int(self.own.hi.max())


@dataclass(frozen=True, eq=False)
class Walk:
    """What geometry says of a network's steps along one axis of n pixels; all by name of the step.

    given   the maps that a step is given; reads  those of them whose values it reads
    passed  of steps that pass over units at the end of what they read, as a pooling does that rounds down: how many
    joins   of a crop whose map is then joined with its reference: the step that joins them
    """

    n: int
    axes: dict[str, Axis]
    given: dict[str, tuple[str, ...]]
    reads: dict[str, tuple[str, ...]]
    roles: dict[str, Role]
    score_layers: tuple[str, ...]  # that make class scores of features
    cuts: dict[str, Cut]
    passed: dict[str, int]
    joins: dict[str, str]

    @property
    def output(self) -> Axis:
        return list(self.axes.values())[-1]

    @property
    def skips(self) -> tuple[tuple[str, str, str], ...]:
        """(joining step, map that comes by the skip, map that comes from below), in order of computation."""
        found = []
        for name, reads in self.reads.items():
            if len(reads) < 2:
                continue
            sides = [self.roles[read].role in ("skip", "contracting", "input") for read in reads]
            if sides.count(True) == 1:
                skip = reads[sides.index(True)]
                found.append((name, skip, next(read for read in reads if read != skip)))
        return tuple(found)


def legal(module: nn.Module) -> LegalSizes:
    """The sizes that a network takes."""
    sizes: LegalSizes = module.input.sizes  # type: ignore[assignment,union-attr]
    return sizes


def walk(module: nn.Module, n: int, placing: Placing | None = None, axis: int = 0) -> Walk:
    """Follow an axis of n pixels through a network (0 rows, 1 columns).

    Raises ExplorerError where a map cannot be made: too small an input ("lab_size"), or a crop that does not fit
    ("lab_crop"); and for a mode or a crop that there is not ("lab_mode").
    """
    placing = placing or Placing()
    nodes = [node for node in graph_of(module).nodes if node.op != "output"]
    parts = {node: module.get_submodule(str(node.target)) for node in nodes if node.op == "call_module"}
    _check(placing, [str(node.target) for node, part in parts.items() if isinstance(part, Crop)])
    state = _State(n, placing, axis)
    for node in nodes:
        try:
            if node.op == "placeholder":
                state.axes[node] = geometry.source(n)
            else:
                state.step(node, parts[node])
        except MisalignedError as error:
            raise ExplorerError(
                "lab_crop", f"{node.target} cannot be aligned: {error}.", crop=str(node.target)
            ) from error
        except GeometryError as error:
            raise _too_small(module, n) from error
    return state.walked(parts)


def _too_small(module: nn.Module, n: int) -> ExplorerError:
    nearest = legal(module).nearest(n)
    said = " or ".join(map(str, nearest))
    return ExplorerError("lab_size", f"{n} pixels are too few for this network: take {said}.", n=n, nearest=nearest)


def network_of(model: str, padding: str = "") -> nn.Module:
    """The paper's network without weights; its own padding by default. Shared: not to be changed. Raises ExplorerError
    ("lab_mode") for one that there is not."""
    if model not in MODELS:
        raise ExplorerError("lab_mode", f"There is no network {model!r}: choose one of {', '.join(MODELS)}.")
    known = MODELS[model].paddings
    if padding and padding not in known:
        said = f"{MODELS[model].title} has no padding {padding!r}: choose one of {', '.join(known)}."
        raise ExplorerError("lab_mode", said, padding=padding)
    return without_weights(ModelSpec(model, padding))


def _check(placing: Placing, crops: list[str]) -> None:
    if placing.seed < 0:
        raise ExplorerError("lab_mode", f"A seed is 0 or more, not {placing.seed}.", seed=placing.seed)
    for mode in (placing.mode, *(mode for _, mode in placing.modes)):
        if mode not in MODES:
            raise ExplorerError("lab_mode", f"There is no mode {mode!r}: choose one of {', '.join(MODES)}.", mode=mode)
    for name in (*dict(placing.modes), *dict(placing.shifts)):
        if name not in crops:
            said = f"choose one of {', '.join(crops)}" if crops else "the network has none"
            raise ExplorerError("lab_mode", f"There is no crop {name!r}: {said}.", crop=name)


class _State:
    """A walk on its way."""

    def __init__(self, n: int, placing: Placing, axis: int) -> None:
        self.n, self.placing, self.axis = n, placing, axis
        self.axes: dict[fx.Node, Axis] = {}
        self.cuts: dict[str, Cut] = {}
        self.passed: dict[str, int] = {}
        self.joins: dict[str, str] = {}

    def step(self, node: fx.Node, part: nn.Module) -> None:
        name, given = str(node.target), node.all_input_nodes
        if isinstance(part, Crop):
            self.axes[node] = self._crop(name, node)
        elif len(given) > 1:
            self.axes[node] = geometry.join([self._meeting(other, node) for other in given], misaligned=True)
        else:
            op, of = operations.along(part, self.axis), self.axes[given[0]]
            self.axes[node] = of.through(op)
            if len(self.axes[node]) < len(of) and (passed := int((~geometry.covered(op, len(of))).sum())):
                self.passed[name] = passed

    def _crop(self, name: str, node: fx.Node) -> Axis:
        of, reference = (self.axes[i] for i in node.all_input_nodes)
        join = next((u for u in node.users if node.all_input_nodes[1] in u.all_input_nodes), None)
        mode, shift = self.placing.of(name)
        aligned, room = geometry.crop_offset(of.grid, reference.grid), len(of) - len(reference)
        if mode == "pad" and join is None:
            if name in dict(self.placing.modes):
                said = f"{name} cuts the output to the image, which cannot be padded: choose another mode for it."
                raise ExplorerError("lab_crop_pad", said, crop=name)
            mode = "aligned"  # what is asked of all crops is done by those that can
        offset = self._offset(mode, aligned, room, len(self.cuts)) + shift
        if not 0 <= offset <= room:
            before = [other for other, cut in self.cuts.items() if cut.mode == "pad"]
            raise _does_not_fit(name, offset, aligned, len(of), len(reference), ", ".join(before))
        if mode == "pad":
            own, grid = of, of.grid
            padded = reference.through(geometry.Pad(offset, room - offset))
            other = Axis(grid, padded.lo, padded.hi)
        else:
            own, other, grid = of.through(geometry.Crop(offset, len(reference))), reference, reference.grid
        apart = geometry.misalignment(geometry.Crop(offset).grid(of.grid), reference.grid)
        starts = of.grid.start, reference.grid.start
        sizes = len(of), len(reference)
        self.cuts[name] = Cut(mode, offset, *sizes, aligned, of.grid.jump, starts, apart, own=own, other=other)
        if join is not None:
            self.joins[name] = str(join.target)
        return Axis(grid, own.lo, own.hi)

    def _offset(self, mode: str, aligned: int, room: int, index: int) -> int:
        if mode == "aligned":
            return aligned
        if mode == "corner":
            return 0
        if mode == "random" and room > 0:
            return int(np.random.default_rng((self.placing.seed, index, self.axis)).integers(0, room + 1))
        return room // 2

    def _meeting(self, given: fx.Node, join: fx.Node) -> Axis:
        """A map as it is joined: padded where it is the reference of a crop that pads."""
        for other in join.all_input_nodes:
            cut = self.cuts.get(str(other.target))
            if cut and cut.mode == "pad" and other.all_input_nodes[1] is given:
                return cut.other
        return self.axes[given]

    def walked(self, parts: dict[fx.Node, nn.Module]) -> Walk:
        steps = [
            Node(
                str(node.target),
                operations.values_of(part, [str(i.target) for i in node.all_input_nodes if i in parts]),
                (1, 1, len(self.axes[node]), 1),
                (self.axes[node], self.axes[node]),
                operations.known(part),
            )
            for node, part in parts.items()
        ]
        return Walk(
            self.n,
            {str(node.target): self.axes[node] for node in parts},
            {str(node.target): tuple(str(i.target) for i in node.all_input_nodes if i in parts) for node in parts},
            {step.name: step.reads for step in steps},
            {step.name: role for step, role in zip(steps, roles_of(steps), strict=True)},
            score_layers({step.name: step.reads for step in steps}, {step.name: step.operation for step in steps}),
            self.cuts,
            self.passed,
            self.joins,
        )


def _does_not_fit(name: str, offset: int, aligned: int, units: int, reference: int, padded: str) -> ExplorerError:
    """`padded` names the crops before that pad; without one no map is smaller than what it is cut to."""
    room = units - reference
    if room < 0:
        said = f'{name} cannot cut {units} units to {reference} behind {padded}: let {padded} be "aligned".'
        return ExplorerError("lab_crop_small", said, crop=name, units=units, reference=reference, before=padded)
    low, high = -aligned, room - aligned
    said = (
        f"{name} cannot cut at offset {offset}: offsets from 0 to {room} fit, that is shifts of {low} to {high} units."
    )
    return ExplorerError("lab_crop", said, crop=name, offset=offset, room=room, low=low, high=high)
