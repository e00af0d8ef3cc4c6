"""Run a network again from some of its steps on, with other maps made there: what lies before is not computed again.

A network runs once and keeps what a later run reads: the maps that go into steps behind those that may change. Then
each run computes only what lies behind the steps that do. Nothing of the module is changed, so that others can
compute with it meanwhile.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping

import torch
from torch import Tensor, nn

from explorer.graph import graph_of
from explorer.trace import CancelledError

Made = Callable[..., Tensor]  # what a step makes of the maps that it is given, in their order
Progress = Callable[[int, int, str], bool | None]


class Replay:
    """A network on one image, run again with other maps in the place of those that it made.

    module    in eval mode; image  N x C x H x W on its device
    changed   the steps that later runs may change
    always    steps that are made otherwise in every run, the first one included
    progress  called before each step of the first run with (steps done, steps in all, name); returning False stops
              with CancelledError
    `final` is what the first run gave. Raises ValueError for a step that the network does not have.
    """

    def __init__(
        self,
        module: nn.Module,
        image: Tensor,
        changed: Iterable[str],
        always: Mapping[str, Made] | None = None,
        progress: Progress | None = None,
    ) -> None:
        self.module = module
        nodes = [node for node in graph_of(module).nodes if node.op == "call_module"]
        self._given = {
            str(node.target): ["image" if i.op == "placeholder" else str(i.target) for i in node.all_input_nodes]
            for node in nodes
        }
        self._changed, self._always = frozenset(changed), dict(always or {})
        if unknown := (self._changed | set(self._always)) - set(self._given):
            raise ValueError(f"the network has no step {min(unknown)!r}")
        values, kept = {"image": image}, self._crossing()
        self.final = self._through(list(self._given), values, self._always, kept, progress)
        self._values = {name: values[name] for name in kept}

    def operands(self, step: str) -> tuple[Tensor, ...]:
        """The maps that one of the steps that may change was given in the first run. Raises KeyError for another."""
        return tuple(self._values[name] for name in self._given[step])

    def run(self, instead: Mapping[str, Made]) -> Tensor:
        """The network's output when steps are made otherwise: `instead` says what each makes of the maps it is given.

        Raises ValueError for a step that was not among those that may change.
        """
        if unknown := set(instead) - self._changed:
            raise ValueError(f"{min(unknown)!r} is not among the steps that may change")
        if not instead:
            return self.final
        behind = self._behind(instead)
        steps = [name for name in self._given if name in behind]
        return self._through(steps, dict(self._values), {**self._always, **instead})

    def _behind(self, steps: Collection[str]) -> set[str]:
        """These steps and all that depend on them."""
        found = set(steps)
        for name, given in self._given.items():
            if found & set(given):
                found.add(name)
        return found

    def _crossing(self) -> frozenset[str]:
        """The maps that lead from before a step that may change to it, or to what lies behind it."""
        kept: set[str] = set()
        for step in self._changed:
            behind = self._behind({step})
            kept.update(name for other in behind for name in self._given[other] if name not in behind)
        return frozenset(kept)

    def _through(
        self,
        steps: list[str],
        values: dict[str, Tensor],
        instead: Mapping[str, Made],
        kept: Collection[str] = (),
        progress: Progress | None = None,
    ) -> Tensor:
        """Compute steps in order; a map that none of them reads any more, and that is not kept, is given back."""
        left = Counter(name for step in steps for name in self._given[step])
        with torch.inference_mode():
            for done, step in enumerate(steps):
                if progress and progress(done, len(steps), step) is False:
                    raise CancelledError(step)
                make = instead.get(step) or self.module.get_submodule(step)
                values[step] = make(*(values[name] for name in self._given[step]))
                for name in self._given[step]:
                    left[name] -= 1
                    if not left[name] and name not in kept:
                        del values[name]
        return values[steps[-1]]
