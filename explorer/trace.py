"""Run a network once, step by step: trace(module, image) -> Trace.

torch.fx records the graph, its Interpreter runs it node by node; value and geometry are taken in one pass. Nothing
is hooked, so nothing has to be unhooked after an error, and a shared module needs no lock. On the meta device the
same code gives shapes, parameters and MACs of the paper-size networks without weights or arithmetic.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

import torch
from torch import Tensor, fx, nn

from explorer import geometry, operations
from explorer.alter import Altered
from explorer.geometry import Axis, GeometryError
from explorer.graph import graph_of
from explorer.operations import Formula, Map
from explorer.roles import Node, roles_of
from explorer.stats import Stats, stats_of


@dataclass(frozen=True, eq=False)
class Step:
    """One step of the run. `shape` is N x C x H x W; `rows` and `cols` are the map's exact geometry."""

    name: str
    operation: str  # its kind, one of operations.kinds(), or "unknown"
    inputs: tuple[str, ...]  # names of steps; the trace is the graph
    reads: tuple[str, ...]  # those of them whose values it reads: of a crop's reference it takes the size only
    shape: tuple[int, ...]
    settings: dict[str, Any]  # kernel, stride, padding, dilation, ceil, offset, factor, channels
    size: tuple[Formula, Formula] | None  # where height and width come from; None if the operation is unknown
    numbers: dict[str, Any]  # what fills the sentence for the operation, beside sizes and settings
    parameters: int
    macs: int
    milliseconds: float | None  # None on the meta device
    stats: Stats | None
    axes: tuple[Axis, Axis] | None  # along rows and columns; None behind an operation that is not known
    misalignment: tuple[Fraction, Fraction] = (Fraction(0), Fraction(0))
    # input pixels, rows and columns, between the units that a crop, sum or concatenation lets meet
    role: str = ""  # input, contracting, skip, fusion, expansive or score: see roles.py
    level: int = 0  # of resolution, 0 the finest
    scores: bool = False  # its channels are the classes
    value: Tensor | None = field(default=None, repr=False)  # None on meta, or when not kept

    @property
    def rows(self) -> Axis:
        """Raises GeometryError if no geometry is known."""
        return self._axis(0)

    @property
    def cols(self) -> Axis:
        """Raises GeometryError if no geometry is known."""
        return self._axis(1)

    def _axis(self, axis: int) -> Axis:
        if self.axes is None:
            raise GeometryError(f"no geometry is known of {self.name}: it is, or depends on, an unknown operation")
        return self.axes[axis]


@dataclass(frozen=True, eq=False)
class Trace:
    """All steps of one run in order; the last one is the network's output.

    `final` is that output: class scores, N x classes x H x W.
    """

    steps: tuple[Step, ...]
    device: str
    final: Tensor = field(repr=False)

    def __getitem__(self, name: str) -> Step:
        return {step.name: step for step in self.steps}[name]

    @property
    def output(self) -> Step:
        return self.steps[-1]

    @property
    def parameters(self) -> int:
        return sum(step.parameters for step in self.steps)

    @property
    def macs(self) -> int:
        return sum(step.macs for step in self.steps)


class CancelledError(Exception):
    """Raised out of `trace` when its `progress` callback asks to stop."""


class _Recorder(fx.Interpreter):
    def __init__(
        self,
        module: nn.Module,
        keep: bool,
        progress: Callable[[int, int, str], bool | None] | None,
        visit: Callable[[Step, Tensor], None] | None,
        altered: Altered,
    ) -> None:
        super().__init__(module, graph=graph_of(module))
        self.altered = altered
        self.extra_traceback = False  # an error keeps its own words: people read them
        self.keep, self.progress, self.visit = keep, progress, visit
        self.convolved = getattr(module, "convolved", ())  # names of fully connected layers that became convolutions
        self.steps: dict[str, Step] = {}
        self.maps: dict[fx.Node, Map] = {}
        self.total = sum(node.op == "call_module" for node in self.graph.nodes)

    def run_node(self, n: fx.Node) -> Any:
        if n.op == "placeholder":
            image = super().run_node(n)
            axes = geometry.source(image.shape[2]), geometry.source(image.shape[3])
            self.maps[n] = Map("image", tuple(image.shape), axes)
            return image
        if n.op != "call_module":
            return super().run_node(n)
        name = str(n.target)
        if self.progress and self.progress(len(self.steps), self.total, name) is False:
            raise CancelledError(name)
        source = self.env[n.all_input_nodes[0]]
        synchronise(source.device)
        began = time.perf_counter()
        value = super().run_node(n)
        if name in self.altered:
            value = self.altered[name](value)
        synchronise(source.device)
        spent = (time.perf_counter() - began) * 1000
        step = self._step(n, source, value)
        if not value.is_meta:
            kept = value if self.keep else None
            step = replace(step, milliseconds=spent, stats=stats_of(value), value=kept)
        self.steps[name] = step
        if self.visit:
            self.visit(step, value)
        return value

    def _step(self, n: fx.Node, source: Tensor, value: Tensor) -> Step:
        """What is known of a step before its values are looked at."""
        name, module = str(n.target), self.module.get_submodule(str(n.target))
        if value.ndim != 4:
            raise TypeError(f"{name} makes no map N x C x H x W, but {tuple(value.shape)}")
        inputs, operation = [self.maps[i] for i in n.all_input_nodes], operations.known(module)
        axes, misalignment = self._geometry(module, inputs)
        made = self.maps[n] = Map(name, tuple(value.shape), axes)
        if axes and (len(axes[0]), len(axes[1])) != made.size:
            raise AssertionError(f"{name}: geometry says {len(axes[0])} x {len(axes[1])}, the tensor is {made.shape}")
        names = tuple(str(i.target) for i in n.all_input_nodes if i.op == "call_module")
        step = Step(
            name=name,
            operation="unknown",
            inputs=names,
            reads=operations.values_of(module, names),
            shape=made.shape,
            settings={},
            size=None,
            numbers={},
            parameters=sum(p.numel() for p in module.parameters()),
            macs=0,
            milliseconds=None,
            stats=None,
            axes=axes,
            misalignment=misalignment,
        )
        if operation is None:
            return step
        convolved = {"convolved": name} if name in self.convolved else {}
        return replace(
            step,
            operation=operation.kind,
            settings=operation.settings(module),
            size=(operation.formula(module, inputs, made, 0), operation.formula(module, inputs, made, 1)),
            numbers=operation.numbers(module, inputs, made) | convolved,
            macs=operation.macs(module, source.numel(), value.numel()),
        )

    @staticmethod
    def _geometry(module: nn.Module, inputs: list[Map]) -> tuple[tuple[Axis, Axis] | None, tuple[Fraction, Fraction]]:
        """Along rows and columns, and how far apart the units stand that meet. None where anything is unknown."""
        operation, met = operations.known(module), (Fraction(0), Fraction(0))
        known = [i.axes for i in inputs if i.axes is not None]
        if operation is None or len(known) < len(inputs):
            return None, met
        (rows, down), (cols, across) = (
            operation.through(module, [axes[axis] for axes in known], axis) for axis in (0, 1)
        )
        return (rows, cols), (down, across)

    def call_module(self, target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        x, *others = args
        if x.is_meta and all(other.shape == x.shape for other in others):
            operation = operations.known(self.module.get_submodule(target))
            if operation and operation.elementwise:
                # as torch would answer, but not before it has loaded its compiler for seconds
                return torch.empty_like(x)
        return super().call_module(target, args, kwargs)


def synchronise(device: torch.device) -> None:
    """Wait for the device, so that a time belongs to the step it is written to."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def trace(
    module: nn.Module,
    image: Tensor,
    keep: bool = True,
    progress: Callable[[int, int, str], bool | None] | None = None,
    visit: Callable[[Step, Tensor], None] | None = None,
    altered: Altered | None = None,
) -> Trace:
    """Run `module` (in eval mode) on `image` (N x C x H x W, its device) and record every step.

    keep      hold every step's value (that is all activations); without it a value lives until its last reader ran.
    progress  called before each step with (steps done, steps in all, name); returning False stops with CancelledError.
    visit     called after each step with (step, value): what to take of a value that is not kept. Roles and
              levels are known when all steps have run.
    altered   what some steps make, changed before others read it.
    A step whose operation is not known has its map, and no geometry; nor has any step behind it.
    Raises SizeError for an illegal input size.
    """
    if module.training:
        raise ValueError("trace a network in eval mode: module.eval()")
    recorder = _Recorder(module, keep, progress, visit, altered or {})
    with torch.inference_mode():
        final = recorder.run(image)
    steps = tuple(recorder.steps.values())
    nodes = [Node(s.name, s.reads, s.shape, s.axes, operations.known(module.get_submodule(s.name))) for s in steps]
    steps = tuple(replace(step, **role._asdict()) for step, role in zip(steps, roles_of(nodes), strict=True))
    return Trace(steps, str(image.device), final)
