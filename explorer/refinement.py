"""From class scores to labels, level by level: what a network would predict if its finer score layers gave nothing.

FCN adds score layers of finer and finer levels (Long et al. 2015, section 4.2). With the weights and biases of the
finer ones at zero, its own up-sampling brings up what the coarser ones say: inside one FCN-8s, predictions at stride
32, 16 and 8. A score layer at zero gives a map of zeros, so that only what lies behind score layers is run again.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, fx, nn

from explorer import operations
from explorer.alter import Altered
from explorer.graph import graph_of
from explorer.operations import Map
from explorer.operations.layers import Argmax
from explorer.roles import score_layers
from explorer.trace import Step, Trace


@dataclass(frozen=True)
class Stage:
    """A prediction on the way. `step` is the first one that depends on all score layers that are left; those of finer
    levels are `zeroed`."""

    step: str
    zeroed: tuple[str, ...]


class Refiner:
    """Keeps what is needed of a run while it goes on: pass `visit` to `trace`, then ask for `stages`, and their
    `scores`. `module`, `image` and `altered` are those of the run.

    Nothing is kept of a network with one score layer, or where something that is no convolution makes classes of
    features: there the only stage is the network's own output.
    """

    def __init__(self, module: nn.Module, image: Tensor, altered: Altered | None = None) -> None:
        self.module, self.altered = module, altered or {}
        self._nodes = [node for node in graph_of(module).nodes if node.op == "call_module"]
        parts = {str(node.target): module.get_submodule(str(node.target)) for node in self._nodes}
        known = {name: operations.known(part) for name, part in parts.items()}
        given = {str(node.target): _names(node) for node in self._nodes}
        layers = score_layers({name: operations.values_of(parts[name], given[name]) for name in parts}, known)
        zeroable = all((operation := known[name]) is not None and operation.weighted for name in layers)
        self.layers = layers if zeroable and len(layers) > 1 else ()
        self._behind = self._behind_layers()
        again = {str(node.target) for node in self._behind}
        self._kept = {name for node in self._behind for name in _names(node)} - again | set(self.layers)
        self._values: dict[str, Tensor] = {"image": image}

    def _behind_layers(self) -> list[fx.Node]:
        """What depends on a score layer, in order."""
        found, names = [], set(self.layers)
        for node in self._nodes:
            if names & set(_names(node)):
                found.append(node)
                names.add(str(node.target))
        return found

    def visit(self, step: Step, value: Tensor) -> None:
        """Keep a step's map if it is read again."""
        if step.name in self._kept:
            self._values[step.name] = value

    def stages(self, trace: Trace) -> tuple[Stage, ...]:
        """From the coarsest level of score layers to the network's own output, which zeroes nothing."""
        levels = sorted({trace[name].level for name in self.layers}, reverse=True)
        if len(levels) < 2:
            return (Stage(_first_scores(trace), ()),)
        behind = _dependences(trace, self.layers)
        made = []
        for level in levels:
            zeroed = tuple(name for name in self.layers if trace[name].level < level)
            left = set(self.layers) - set(zeroed)
            made.append(Stage(next(name for name, found in behind.items() if left <= found), zeroed))
        return tuple(made)

    def scores(self, stage: Stage, trace: Trace) -> Tensor:
        """The network's output at a stage, N x classes x H x W."""
        if not stage.zeroed:
            return trace.final
        values = dict(self._values)
        for name in stage.zeroed:
            values[name] = torch.zeros_like(self._values[name])
        with torch.inference_mode():
            for node in self._behind:
                name = str(node.target)
                if name not in stage.zeroed:
                    read = [values[other] for other in _names(node)]
                    made = self.module.get_submodule(name)(*read)
                    values[name] = self.altered[name](made) if name in self.altered else made
        return values[trace.output.name]


def _names(node: fx.Node) -> list[str]:
    """The steps that a node is given; "image" for the network's input."""
    return ["image" if i.op == "placeholder" else str(i.target) for i in node.all_input_nodes]


def _first_scores(trace: Trace) -> str:
    """The first step whose channels are the classes."""
    return next(step.name for step in trace.steps if step.scores)


def _dependences(trace: Trace, layers: tuple[str, ...]) -> dict[str, set[str]]:
    """Which of the score layers each step depends on."""
    found: dict[str, set[str]] = {}
    for step in trace.steps:
        found[step.name] = {step.name} & set(layers)
        found[step.name].update(*(found[name] for name in step.reads))
    return found


def labelling(trace: Trace, name: str = "argmax") -> Step:
    """argmax as a step behind a run's output: N x 1 x H x W, the index of the class with the largest score.

    It is no step of a trace, whose last one gives scores. Where the network has a step of this name, it gets a longer
    one.
    """
    while any(step.name == name for step in trace.steps):
        name += "_"
    module, scores = Argmax(), trace.output
    operation = operations.operation_of(module)
    read = Map(scores.name, scores.shape, scores.axes)
    made = Map(name, (scores.shape[0], 1, *scores.shape[2:]), scores.axes)
    return Step(
        name=name,
        operation=operation.kind,
        inputs=(scores.name,),
        reads=(scores.name,),
        shape=made.shape,
        settings=operation.settings(module),
        size=(operation.formula(module, [read], made, 0), operation.formula(module, [read], made, 1)),
        numbers=operation.numbers(module, [read], made),
        parameters=0,
        macs=0,
        milliseconds=None,
        stats=None,
        axes=scores.axes,
        role="score",
        level=scores.level,
    )
