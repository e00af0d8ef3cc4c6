"""What each step of a network is there for: read off the graph, for any network, and from no name.

input        the network's input
contracting  what the first up-sampling depends on: the path down (all steps of a network that never goes up)
expansive    the first up-sampling and all that depends on it: the path up
skip         what lies on neither, and leads from the one to the other
fusion       a step of the expansive path that joins several maps
score        a step of either path that turns features into class scores
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from explorer.geometry import Axis
from explorer.operations import Operation


class Role(NamedTuple):
    """`level` is the rank of the map's jump among the run's, 0 the finest; `scores`: its channels are the classes."""

    role: str
    level: int
    scores: bool


class Node(NamedTuple):
    """A step as far as roles depend on it. `reads` are the steps whose values it reads."""

    name: str
    reads: tuple[str, ...]
    shape: tuple[int, ...]
    axes: tuple[Axis, Axis] | None
    operation: Operation[Any] | None


def roles_of(nodes: Sequence[Node]) -> list[Role]:
    """The roles of steps, given in order of computation."""
    by_name = {node.name: node for node in nodes}
    scored, makers = _scored({n.name: n.reads for n in nodes}, {n.name: n.operation for n in nodes})
    levels = _levels(nodes)
    first = next((node for node in nodes if _enlarges(node, by_name)), None)
    below, above = _before(first, by_name), _behind(first, nodes)
    found = []
    for node in nodes:
        if node.operation is not None and node.operation.kind == "input":
            role = "input"
        elif first is not None and node.name not in below | above:
            role = "skip"
        elif node.name in makers:
            role = "score"
        elif node.name in above:
            role = "fusion" if len(node.reads) > 1 else "expansive"
        else:
            role = "contracting"
        found.append(Role(role, levels[node.name], node.name in scored))
    return found


def _enlarges(node: Node, by_name: dict[str, Node]) -> bool:
    """Whether a step makes more, finer units of those it reads, as up-sampling does and padding does not."""
    if not node.reads:
        return False
    before = by_name[node.reads[0]]
    if node.axes and before.axes:
        return node.axes[0].grid.jump < before.axes[0].grid.jump
    return node.shape[2] > before.shape[2] * 1.5


def _before(node: Node | None, by_name: dict[str, Node]) -> set[str]:
    """All that a step depends on."""
    found: set[str] = set()
    left = list(node.reads) if node else []
    while left:
        name = left.pop()
        if name not in found:
            found.add(name)
            left += by_name[name].reads
    return found


def _behind(node: Node | None, nodes: Sequence[Node]) -> set[str]:
    """A step and all that depends on it."""
    found = {node.name} if node else set()
    for other in nodes:
        if found & set(other.reads):
            found.add(other.name)
    return found


def score_layers(
    reads: Mapping[str, Sequence[str]], operations: Mapping[str, Operation[Any] | None]
) -> tuple[str, ...]:
    """The steps that turn features into class scores, in order; both arguments by step, in order of computation."""
    _, makers = _scored(reads, operations)
    return tuple(name for name in reads if name in makers)


def _scored(
    reads: Mapping[str, Sequence[str]], operations: Mapping[str, Operation[Any] | None]
) -> tuple[set[str], set[str]]:
    """Steps whose channels are the classes, from the last one back; and those of them that make these channels."""
    names = list(reads)
    scored, makers = {names[-1]}, set()
    for name in reversed(names):
        if name not in scored:
            continue
        operation = operations[name]
        if operation is not None and operation.keeps_channels and reads[name]:
            scored |= set(reads[name])
        else:
            makers.add(name)
    return scored, makers


def _levels(nodes: Sequence[Node]) -> dict[str, int]:
    """The rank of each map's jump. Where no geometry is known the share of the first map's height stands for it."""
    tallest = nodes[0].shape[2]

    def octave(node: Node) -> float:
        if node.axes:
            return round(math.log2(node.axes[0].grid.jump), 1)
        return float(max(0, round(math.log2(tallest / node.shape[2]))))

    ranks = {value: rank for rank, value in enumerate(sorted({octave(node) for node in nodes}))}
    return {node.name: ranks[octave(node)] for node in nodes}
