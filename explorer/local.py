"""Run only what a few units depend on: exact values of a window of any step, from the image up.

A unit of a deep map needs a window of every map before it and nothing else. Going backwards through the graph gives
these windows, going forwards computes them, with the zeros of the padding where a window reaches over an edge. The
values are those of the whole run (up to the order of summation), at a cost that follows the receptive field.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, fx, nn

from explorer.alter import Altered
from explorer.geometry import Region
from explorer.operations import Operation, Part, Work, operation_of, values_of
from explorer.trace import CancelledError, graph_of


class WindowRunner:
    """A network on one image, computed where it is asked for.

    module  in eval mode; image  1 x C x H x W on the module's device, or on "meta" where windows of it are handed in.
    `shapes` are those of the whole run's steps, `altered` what was changed in it. Asking for what depends on an
    operation that is not known raises TypeError.
    """

    def __init__(
        self, module: nn.Module, image: Tensor, shapes: dict[str, tuple[int, ...]], altered: Altered | None = None
    ) -> None:
        self.module, self.image, self.shapes, self.altered = module, image, shapes, altered or {}
        self.nodes = [node for node in graph_of(module).nodes if node.op == "call_module"]
        self._sources = {
            str(n.target): values_of(module.get_submodule(str(n.target)), [_name(i) for i in n.all_input_nodes])
            for n in self.nodes
        }

    def regions(self, step: str, region: Region) -> dict[str, Region]:
        """What of every step (and of "image", the network's input) the region of a step depends on."""
        self._check(step, region)
        needed: dict[str, Region] = {step: region}
        for node in reversed(self.nodes):
            name = str(node.target)
            if name not in needed:
                continue
            for source, reads in self.reads(node, needed[name]):
                needed[source] = needed[source].joined(reads) if source in needed else reads
        return needed

    def values(self, step: str, region: Region, image: Tensor | None = None) -> dict[str, Tensor]:
        """Values (1 x C x h x w) of all steps on the way, in the windows that `regions` gives.

        image  stands for the window "image" of the network's input, for example to take gradients.
        """
        needed = self.regions(step, region)
        rows, cols = needed["image"].spans
        found = {"image": self.image[:, :, slice(*rows), slice(*cols)] if image is None else image}
        for node in self.nodes:
            name = str(node.target)
            if name in needed:
                found[name] = self._compute(node, needed, found)
        return found

    def run(
        self,
        step: str,
        region: Region,
        image: Tensor,
        before: Callable[[str], bool | None] | None = None,
    ) -> Tensor:
        """Values of one step alone, of its whole region: what no further step reads is given back at once.

        image   the window "image" that `regions` gives, of any float type; steps take the type of their weights
        before  called with the name of each step on the way; returning False stops with CancelledError
        """
        needed = self.regions(step, region)
        nodes = [node for node in self.nodes if str(node.target) in needed]
        left = self.readers(needed)
        found = {"image": image}
        del image  # else it would stay until the end
        with torch.inference_mode():
            for node in nodes:
                name = str(node.target)
                if before and before(name) is False:
                    raise CancelledError(name)
                found[name] = self._compute(node, needed, found, self.in_place(node))
                for source in self._sources[name]:
                    left[source] -= 1
                    if not left[source]:
                        del found[source]
        return found[step]

    def readers(self, needed: dict[str, Region]) -> dict[str, int]:
        """How many of the steps needed read each of them."""
        count = dict.fromkeys(needed, 0)
        for name in needed:
            for source in self._sources.get(name, ()):
                count[source] += 1
        return count

    def operation(self, step: str) -> Operation[nn.Module]:
        """The operation of a step. Raises TypeError if it is not known."""
        return operation_of(self.module.get_submodule(step))

    def in_place(self, node: fx.Node) -> bool:
        """Whether a step may overwrite what it reads: a ReLU alone behind a convolution."""
        (source, *more) = node.all_input_nodes
        if more or source.op == "placeholder" or len(source.users) > 1:
            return False
        return self.operation(str(node.target)).overwrites and self.operation(str(source.target)).fresh

    def sources(self, step: str) -> tuple[str, ...]:
        """The steps whose values a step reads, "image" for the network's input; of a crop's reference it takes the size
        only."""
        return self._sources[step]

    def size(self, name: str) -> tuple[int, int]:
        """Height and width of a step's whole map."""
        height, width = (self.image.shape if name == "image" else self.shapes[name])[2:]
        return int(height), int(width)

    def _check(self, step: str, region: Region) -> None:
        if step not in self.shapes:
            raise ValueError(f"the network has no step {step!r}")
        for (low, high), n in zip(region.spans, self.size(step), strict=True):
            if not 0 <= low < high <= n:
                raise ValueError(f"units {low} to {high - 1} do not lie in {step}, which has {n}")

    def reads(self, node: fx.Node, region: Region) -> list[tuple[str, Region]]:
        """What a region of a step reads of each map whose values it reads."""
        name = str(node.target)
        module, sources = self.module.get_submodule(name), self._sources[name]
        sizes = [self.size(source) for source in sources]
        return list(zip(sources, operation_of(module).reads(module, sizes, region), strict=True))

    def work(self, node: fx.Node, needed: dict[str, Region], wide: dict[str, int]) -> Work:
        """What computing a step's region takes; `wide` are the bytes of a number of each map."""
        name = str(node.target)
        source, reads = self.reads(node, needed[name])[0]
        channels = [self.image.shape[1] if n == "image" else self.shapes[n][1] for n in (source, name)]
        return Work(needed[source], reads, needed[name], (channels[0], channels[1]), (wide[source], wide[name]))

    def _compute(
        self, node: fx.Node, needed: dict[str, Region], found: dict[str, Tensor], in_place: bool = False
    ) -> Tensor:
        name = str(node.target)
        module, region, reads = self.module.get_submodule(name), needed[name], self.reads(node, needed[name])
        operation = operation_of(module)
        if not region.area:  # what reads it lies between the units, as behind a stride larger than the kernel
            like = next(self.module.parameters(), self.image)
            return like.new_zeros((self.image.shape[0], self.shapes[name][1], *region.shape))
        values = [_cut(found[source], needed[source], read) for source, read in reads]
        if dtype := operation.weight_type(module):
            values = [value.to(dtype) for value in values]
        sizes = tuple(self.size(source) for source, _ in reads)
        part = Part(region, tuple(read for _, read in reads), sizes, in_place)
        made = operation.window(module, values, part)
        return self.altered[name](made, region) if name in self.altered else made


def _name(node: fx.Node) -> str:
    return "image" if node.op == "placeholder" else str(node.target)


def _cut(value: Tensor, has: Region, wants: Region) -> Tensor:
    """The part `wants` of a value that is there in the region `has`."""
    if 0 in wants.shape:
        return value[:, :, :0, :0].reshape(value.shape[0], value.shape[1], 0, 0)
    (top, bottom), (left, right) = ((w[0] - h[0], w[1] - h[0]) for h, w in zip(has.spans, wants.spans, strict=True))
    return value[:, :, top:bottom, left:right]
