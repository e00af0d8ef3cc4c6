"""Run a network once, step by step: trace(module, image) -> Trace.

torch.fx records the graph, its Interpreter runs it node by node; value and geometry are taken in one pass. Nothing
is hooked, so nothing has to be unhooked after an error, and a shared module needs no lock. On the meta device the
same code gives shapes, parameters and MACs of the paper-size networks without weights or arithmetic.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, fx, nn

from explorer import geometry
from explorer.geometry import Axis
from explorer.models.layers import Add, BilinearUp, Concat, Crop, Input, Scale, operation


@dataclass(frozen=True)
class Stats:
    """Of all values of a map: smallest, largest, mean, standard deviation, share of exact zeros."""

    min: float
    max: float
    mean: float
    std: float
    zeros: float


@dataclass(frozen=True, eq=False)
class Step:
    """One step of the run. `shape` is N x C x H x W; `rows` and `cols` are the map's exact geometry."""

    name: str
    operation: str  # a key of OPERATIONS' values
    inputs: tuple[str, ...]  # names of steps; the trace is the graph
    shape: tuple[int, ...]
    settings: dict[str, Any]  # kernel, stride, padding, dilation, ceil, offset, factor, channels
    parameters: int
    macs: int
    milliseconds: float | None  # None on the meta device
    stats: Stats | None
    rows: Axis
    cols: Axis
    value: Tensor | None = field(default=None, repr=False)  # None on meta, or when not kept


@dataclass(frozen=True, eq=False)
class Trace:
    """All steps of one run in order; the last one is the network's output.

    `final` is that output: class scores, N x classes x H x W.
    """

    steps: tuple[Step, ...]
    device: str
    final: Tensor = field(repr=False)

    def __getitem__(self, name: str) -> Step:
        return self._index[name]

    @property
    def _index(self) -> dict[str, Step]:
        return {step.name: step for step in self.steps}

    @property
    def output(self) -> Step:
        return self.steps[-1]

    @property
    def parameters(self) -> int:
        return sum(step.parameters for step in self.steps)

    @property
    def macs(self) -> int:
        return sum(step.macs for step in self.steps)


OPERATIONS: dict[type[nn.Module], str] = {
    Input: "input",
    BilinearUp: "bilinear",
    nn.ConvTranspose2d: "upconv",
    nn.Conv2d: "conv",
    nn.MaxPool2d: "maxpool",
    nn.AvgPool2d: "avgpool",
    nn.ReLU: "relu",
    nn.BatchNorm2d: "batchnorm",
    nn.Dropout: "dropout",
    nn.Identity: "identity",
    Scale: "scale",
    Crop: "crop",
    Add: "add",
    Concat: "concat",
}


class _Leaf(nn.Module):
    """Stands for a module without children while the graph is recorded: a call becomes a node."""

    def __init__(self, tracer: fx.proxy.TracerBase, name: str) -> None:
        super().__init__()
        self.tracer, self.name = tracer, name

    def __call__(self, *args: Any) -> Any:
        return self.tracer.create_proxy("call_module", self.name, args, {})


def _shadow(module: nn.Module, name: str, tracer: fx.proxy.TracerBase) -> nn.Module:
    """A copy of the module's skeleton, with a `_Leaf` in the place of every module without children."""
    children = {key: child for key, child in module._modules.items() if child is not None}
    if name and not children:
        return _Leaf(tracer, name)
    shadow = module.__new__(type(module))
    modules = {key: _shadow(child, f"{name}.{key}".lstrip("."), tracer) for key, child in children.items()}
    shadow.__dict__ = {**module.__dict__, "_modules": modules}
    return shadow


def graph_of(module: nn.Module) -> fx.Graph:
    """The module's graph: which of its leaves (modules without children) reads what.

    The module's own `forward` is run on a shadow whose leaves only note that they were called. fx.Tracer would patch
    nn.Module for the whole process meanwhile, so that forward passes in other threads fail.
    Raises TypeError if `forward` computes anything outside a module, or calls one module twice.
    """
    graph = fx.Graph()
    tracer = fx.proxy.GraphAppendingTracer(graph)
    image = fx.Proxy(graph.placeholder("image"), tracer)
    graph.output(_shadow(module, "", tracer).forward(image).node)
    called = set()
    for node in graph.nodes:
        if node.op in ("placeholder", "output"):
            continue
        if node.op != "call_module":
            raise TypeError(f"every step has to be a module, but forward itself calls {node.target}")
        if node.target in called:
            raise TypeError(f"{node.target} is called twice; every step needs a module of its own")
        called.add(node.target)
    return graph


class CancelledError(Exception):
    """Raised out of `trace` when its `progress` callback asks to stop."""


ELEMENTWISE = (nn.ReLU, nn.Dropout, Add, Scale)


class _Recorder(fx.Interpreter):
    def __init__(
        self,
        module: nn.Module,
        keep: bool,
        progress: Callable[[int, int, str], bool | None] | None,
        visit: Callable[[Step, Tensor], None] | None,
    ) -> None:
        super().__init__(module, graph=graph_of(module))
        self.extra_traceback = False  # an error keeps its own words: people read them
        self.keep, self.progress, self.visit = keep, progress, visit
        self.steps: dict[str, Step] = {}
        self.total = sum(node.op == "call_module" for node in self.graph.nodes)

    def run_node(self, n: fx.Node) -> Any:
        if n.op != "call_module":
            return super().run_node(n)
        name, module = str(n.target), self.module.get_submodule(str(n.target))
        if self.progress and self.progress(len(self.steps), self.total, name) is False:
            raise CancelledError(name)
        source = self.env[n.all_input_nodes[0]]
        synchronise(source.device)
        began = time.perf_counter()
        value = super().run_node(n)
        synchronise(source.device)
        spent = (time.perf_counter() - began) * 1000
        meta = value.device.type == "meta"
        rows, cols = (_axis(module, [self._axis_of(i, a) for i in n.all_input_nodes], a) for a in (0, 1))
        if (len(rows), len(cols)) != tuple(value.shape[2:]):
            raise AssertionError(f"{name}: geometry says {len(rows)} x {len(cols)}, the tensor is {tuple(value.shape)}")
        self.steps[name] = Step(
            name=name,
            operation=OPERATIONS[type(module)],
            inputs=tuple(str(i.target) for i in n.all_input_nodes if i.op == "call_module"),
            shape=tuple(value.shape),
            settings=settings_of(module),
            parameters=sum(p.numel() for p in module.parameters()),
            macs=macs_of(module, source, value),
            milliseconds=None if meta else spent,
            stats=None if meta else stats_of(value),
            rows=rows,
            cols=cols,
            value=value if self.keep and not meta else None,
        )
        if self.visit:
            self.visit(self.steps[name], value)
        return value

    def call_module(self, target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        x, *others = args
        same = x.is_meta and all(other.shape == x.shape for other in others)
        if same and isinstance(self.module.get_submodule(target), ELEMENTWISE):
            return torch.empty_like(x)  # as torch would answer, but not before it has loaded its compiler for seconds
        return super().call_module(target, args, kwargs)

    def _axis_of(self, node: fx.Node, axis: int) -> Axis:
        if node.op == "placeholder":
            return geometry.source(self.env[node].shape[2 + axis])
        step = self.steps[str(node.target)]
        return step.cols if axis else step.rows


def _axis(module: nn.Module, inputs: list[Axis], axis: int) -> Axis:
    if isinstance(module, Crop):
        cropped = inputs[0].through(geometry.Crop(module.offset, len(inputs[1])))
        geometry.join([cropped, inputs[1]])  # raises if misaligned
        return cropped
    if isinstance(module, Add | Concat):
        return geometry.join(inputs)
    return inputs[0].through(operation(module, axis))


def settings_of(module: nn.Module) -> dict[str, Any]:
    """The numbers that define a module's operation, for words and formulas. Pairs are (rows, columns)."""
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        return {
            "kernel": module.kernel_size,
            "stride": module.stride,
            "padding": module.padding,
            "dilation": module.dilation,
            "channels": (module.in_channels, module.out_channels),
            "bias": module.bias is not None,
        }
    if isinstance(module, nn.MaxPool2d | nn.AvgPool2d):
        op = [operation(module, axis) for axis in (0, 1)]
        return {
            "kernel": tuple(o.kernel for o in op),  # type: ignore[attr-defined]
            "stride": tuple(o.stride for o in op),  # type: ignore[attr-defined]
            "padding": tuple(o.padding for o in op),  # type: ignore[attr-defined]
            "ceil": module.ceil_mode,
        }
    names = {Crop: "offset", Scale: "factor", nn.Dropout: "p"}
    return {name: getattr(module, name) for kind, name in names.items() if isinstance(module, kind)}


def macs_of(module: nn.Module, source: Tensor, value: Tensor) -> int:
    """Multiply-accumulates of convolutions (2 FLOP each); other operations count as 0, as is usual."""
    if isinstance(module, nn.ConvTranspose2d):
        return source.numel() * module.weight[0].numel()
    if isinstance(module, nn.Conv2d):
        return value.numel() * module.weight[0].numel()
    return 0


def stats_of(value: Tensor) -> Stats:
    v = value.float()
    low, high = v.aminmax()
    std, mean = torch.std_mean(v, correction=0)
    zeros = (v == 0).sum().item() / v.numel()
    return Stats(low.item(), high.item(), mean.item(), std.item(), zeros)


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
) -> Trace:
    """Run `module` (in eval mode) on `image` (N x C x H x W, its device) and record every step.

    keep      hold every step's value (that is all activations); without it a value lives until its last reader ran.
    progress  called before each step with (steps done, steps in all, name); returning False stops with CancelledError.
    visit     called after each step with (step, value): what to take of a value that is not kept.
    Raises SizeError for an illegal input size.
    """
    if module.training:
        raise ValueError("trace a network in eval mode: module.eval()")
    recorder = _Recorder(module, keep, progress, visit)
    with torch.inference_mode():
        final = recorder.run(image)
    return Trace(tuple(recorder.steps.values()), str(image.device), final)
