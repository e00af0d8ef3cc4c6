"""A module's graph, recorded: which of its leaves reads what. And what follows from it alone: sizes, crop offsets."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from torch import fx, nn

from explorer.geometry import GeometryError, Grid, LegalSizes, covered, crop_offset, legal_sizes
from explorer.operations import along
from explorer.operations.layers import Crop, Input

Bone = tuple[Any, tuple[int, ...]]  # an operation along an axis, a crop's offset or None (a join); what it reads


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


def align(module: nn.Module) -> None:
    """Give every `Crop` of a network the offset that puts its units on those of its reference, and every `Input` the
    sizes that the network takes. Both are derived from the recorded graph.

    Raises MisalignedError where no crop aligns two grids, GeometryError where the reference would have to be cropped
    instead, or no size can be run.
    """
    largest = _align_crops(module)
    sizes = _legal(_skeleton(module), largest)
    for part in module.modules():
        if isinstance(part, Input):
            part.sizes = sizes


def _align_crops(module: nn.Module) -> int:
    """Set the offsets on the way through the graph; returns the largest jump."""
    grids: dict[fx.Node, Grid] = {}
    for node, part, inputs in _leaves(module):
        if part is None:
            grids[node] = Grid()
            continue
        of, *others = (grids[i] for i in inputs)
        if isinstance(part, Crop):
            part.offset = crop_offset(of, others[0])
            if part.offset < 0:
                raise GeometryError(f"{node.target} begins {-part.offset} units late: crop the other map")
        grids[node] = of if others and not isinstance(part, Crop) else along(part, 0).grid(of)
    return int(max(grid.jump for grid in grids.values()))


def output_size(module: nn.Module) -> Callable[[int], int | None]:
    """How many units along an axis a network makes of n pixels, as a function of n.

    That is None where it cannot be run on them: nothing is left, a crop does not fit, maps that are joined differ in
    size, or an operation passes over units at the end, as a pooling does that rounds an odd number down.
    """
    return _size_of(_skeleton(module))


@lru_cache(maxsize=64)
def _legal(skeleton: tuple[Bone, ...], period: int) -> LegalSizes:
    """Networks of other channels have the same sizes; they are found once."""
    return legal_sizes(_size_of(skeleton), period)


def _size_of(skeleton: tuple[Bone, ...]) -> Callable[[int], int | None]:
    def size_of(n: int) -> int | None:
        sizes: list[int] = []
        for op, reads in skeleton:
            size = _made(op, [sizes[i] for i in reads]) if reads else n
            if size is None:
                return None
            sizes.append(size)
        return size

    return size_of


def _made(op: Any, read: list[int]) -> int | None:
    """Units that an operation makes of maps of so many; None where it cannot, or passes over some."""
    if isinstance(op, int):
        return read[1] if op + read[1] <= read[0] else None
    if len(read) > 1:
        return read[0] if len(set(read)) == 1 else None
    size: int = op.size(read[0])
    if size < 1 or (size < read[0] and not covered(op, read[0]).all()):
        return None
    return size


def _skeleton(module: nn.Module) -> tuple[Bone, ...]:
    """What makes sizes along an axis, in order of computation: the image first."""
    leaves = _leaves(module)
    index = {node: i for i, (node, _, _) in enumerate(leaves)}

    def op(part: nn.Module | None, read: list[fx.Node]) -> Any:
        if isinstance(part, Crop):
            return part.offset
        return along(part, 0) if part is not None and len(read) == 1 else None

    return tuple((op(part, read), tuple(index[i] for i in read)) for _, part, read in leaves)


def _leaves(module: nn.Module) -> list[tuple[fx.Node, nn.Module | None, list[fx.Node]]]:
    """Every node in order of computation with its module (None for the image) and what it reads."""
    return [
        (node, None if node.op == "placeholder" else module.get_submodule(str(node.target)), node.all_input_nodes)
        for node in graph_of(module).nodes
        if node.op != "output"
    ]
