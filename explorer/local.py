"""Run only what a few units depend on: exact values of a window of any step, from the image up.

A unit of a deep map needs a window of every map before it and nothing else. Going backwards through the graph gives
these windows, going forwards computes them, with the zeros of the padding where a window reaches over an edge. The
values are those of the whole run (up to the order of summation), at a cost that follows the receptive field.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn

from explorer import geometry
from explorer.models.layers import Add, BilinearUp, Concat, Crop, Input, operation
from explorer.trace import CancelledError, graph_of

Span = tuple[int, int]  # half-open units along one axis; (0, 0) if nothing is needed


@dataclass(frozen=True)
class Region:
    """Units [top, bottom) x [left, right) of a map; half-open, may be empty."""

    rows: Span
    cols: Span

    @property
    def spans(self) -> tuple[Span, Span]:
        return self.rows, self.cols

    @property
    def shape(self) -> tuple[int, int]:
        return self.rows[1] - self.rows[0], self.cols[1] - self.cols[0]


def unit(row: int, column: int) -> Region:
    """The region of one unit."""
    return Region((row, row + 1), (column, column + 1))


class WindowRunner:
    """A network on one image, computed where it is asked for.

    module  in eval mode; image  1 x C x H x W on the module's device, or on "meta" where windows of it are handed in.
    `shapes` are those of the whole run's steps.
    """

    def __init__(self, module: nn.Module, image: Tensor, shapes: dict[str, tuple[int, ...]]) -> None:
        self.module, self.image, self.shapes = module, image, shapes
        self.nodes = [node for node in graph_of(module).nodes if node.op == "call_module"]
        self._inputs = {str(n.target): [_name(source) for source in n.all_input_nodes] for n in self.nodes}
        crops = {str(n.target) for n in self.nodes if isinstance(module.get_submodule(str(n.target)), Crop)}
        self._sources = {
            name: of[:1] if name in crops else of for name, of in self._inputs.items()
        }  # whose values it reads

    def regions(self, step: str, region: Region) -> dict[str, Region]:
        """What of every step (and of "image", the network's input) the region of a step depends on."""
        self._check(step, region)
        needed: dict[str, Region] = {step: region}
        for node in reversed(self.nodes):
            name = str(node.target)
            if name not in needed:
                continue
            for source, reads in self.reads(node, needed[name]):
                needed[source] = _hull(needed[source], reads) if source in needed else reads
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

    def in_place(self, node: fx.Node) -> bool:
        """Whether a step may overwrite what it reads: a ReLU alone behind a convolution."""
        (source, *more) = node.all_input_nodes
        if more or source.op == "placeholder" or len(source.users) > 1:
            return False
        kinds = [type(self.module.get_submodule(str(n.target))) for n in (node, source)]
        return kinds[0] is nn.ReLU and issubclass(kinds[1], nn.Conv2d | nn.ConvTranspose2d)

    def inputs(self, step: str) -> list[str]:
        """The steps that a step reads, "image" for the network's input."""
        return self._inputs[step]

    def sources(self, step: str) -> list[str]:
        """The steps whose values a step reads: of a crop's reference it takes the size only."""
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
        """What a region of a step reads of each of its inputs."""
        module = self.module.get_submodule(str(node.target))
        sources = [_name(source) for source in node.all_input_nodes]
        if isinstance(module, Add | Concat):
            return [(source, region) for source in sources]
        if isinstance(module, Crop):  # the reference gives its size only
            rows, cols = ((low + module.offset, high + module.offset) for low, high in region.spans)
            return [(sources[0], Region(rows, cols))]
        size = self.size(sources[0])
        spans = [_read_span(operation(module, a), size[a], region.spans[a]) for a in (0, 1)]
        return [(sources[0], Region(*spans))]

    def _compute(
        self, node: fx.Node, needed: dict[str, Region], found: dict[str, Tensor], in_place: bool = False
    ) -> Tensor:
        name = str(node.target)
        module, region = self.module.get_submodule(name), needed[name]
        sources = [_name(source) for source in node.all_input_nodes]
        if isinstance(module, Add | Concat):
            return module(*(_cut(found[s], needed[s], region) for s in sources))
        reads = self.reads(node, region)[0][1]
        x = _cut(found[sources[0]], needed[sources[0]], reads)
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            x = x.to(module.weight.dtype)
        if isinstance(module, nn.ConvTranspose2d):
            return _transposed(module, x, reads, region)
        if isinstance(module, nn.Conv2d | nn.MaxPool2d):
            return _window(module, x, reads, region, self.size(sources[0]))
        if isinstance(module, Input | Crop):
            return x
        return x.relu_() if in_place else module(x)


def _name(node: fx.Node) -> str:
    return "image" if node.op == "placeholder" else str(node.target)


def _hull(a: Region, b: Region) -> Region:
    spans = []
    for one, other in zip(a.spans, b.spans, strict=True):
        full = [s for s in (one, other) if s[0] < s[1]]
        spans.append((min(s[0] for s in full), max(s[1] for s in full)) if full else (0, 0))
    return Region(*spans)


@lru_cache(maxsize=1024)
def _first_and_last(op: Hashable, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Per output unit the first and the last of n input units that it reads; n and -1 where it reads none."""
    assert isinstance(op, geometry.Window | geometry.Transposed | geometry.Crop)  # frozen, so hashable
    taps = list(op.taps(n))
    low = np.min([np.where(tap.valid, tap.units, n) for tap in taps], axis=0)
    high = np.max([np.where(tap.valid, tap.units, -1) for tap in taps], axis=0)
    return low, high


def _read_span(op: geometry.Op, n: int, span: Span) -> Span:
    """The units of a map of n that output units [low, high) read."""
    if span[0] >= span[1]:
        return 0, 0
    first, last = _first_and_last(op, n)  # type: ignore[arg-type]
    low, high = int(first[slice(*span)].min()), int(last[slice(*span)].max())
    return (low, high + 1) if low <= high else (0, 0)


def _cut(value: Tensor, has: Region, wants: Region) -> Tensor:
    """The part `wants` of a value that is there in the region `has`."""
    if 0 in wants.shape:
        return value[:, :, :0, :0].reshape(value.shape[0], value.shape[1], 0, 0)
    (top, bottom), (left, right) = ((w[0] - h[0], w[1] - h[0]) for h, w in zip(has.spans, wants.spans, strict=True))
    return value[:, :, top:bottom, left:right]


def outside_of(module: nn.Conv2d | nn.MaxPool2d, reads: Region, region: Region) -> tuple[Span, Span]:
    """How many rows (above, below) and columns (left, right) of the windows of `region` lie outside of the map."""
    pads = []
    for axis in (0, 1):
        op = operation(module, axis)
        assert isinstance(op, geometry.Window)
        first = region.spans[axis][0] * op.stride - op.padding
        last = (region.spans[axis][1] - 1) * op.stride - op.padding + op.extent
        low, high = reads.spans[axis]
        pads.append((low - first, last - high) if low < high else (0, last - first))
    return pads[0], pads[1]


def _window(
    module: nn.Conv2d | nn.MaxPool2d, x: Tensor, reads: Region, region: Region, size: tuple[int, int]
) -> Tensor:
    """Convolution or max-pooling of exactly the windows of `region`, with what lies outside the map filled in."""
    (top, bottom), (left, right) = outside_of(module, reads, region)
    outside = 0.0 if isinstance(module, nn.Conv2d) else float("-inf")
    if 0 in x.shape:  # these windows lie in the padding alone
        x = x.new_full((x.shape[0], x.shape[1], top + bottom + reads.shape[0], left + right + reads.shape[1]), outside)
    elif any((left, right, top, bottom)):  # else it would be a copy for nothing
        x = F.pad(x, (left, right, top, bottom), value=outside)
    if isinstance(module, nn.Conv2d):
        return F.conv2d(x, module.weight, module.bias, module.stride, 0, module.dilation, module.groups)
    return F.max_pool2d(x, module.kernel_size, module.stride, 0, module.dilation)


def _transposed(module: nn.ConvTranspose2d, x: Tensor, reads: Region, region: Region) -> Tensor:
    """The part `region` of what the units `reads` spread over the larger map."""
    weight, groups = module.weight, module.groups
    if isinstance(module, BilinearUp):  # its weight is diagonal: class by class
        groups = len(weight)
        weight = torch.stack([weight[c, c] for c in range(groups)])[:, None]
    channels = module.out_channels
    height, width = region.shape
    if 0 in x.shape:
        made = x.new_zeros((x.shape[0], channels, height, width))
    else:
        spread = F.conv_transpose2d(x, weight, None, module.stride, 0, 0, groups, module.dilation)
        first = [region.spans[a][0] + int(module.padding[a]) - reads.spans[a][0] * module.stride[a] for a in (0, 1)]
        short = [max(0, first[a] + region.shape[a] - spread.shape[2 + a]) for a in (0, 1)]
        before = [max(0, -f) for f in first]
        if any((*before, *short)):
            spread = F.pad(spread, (before[1], short[1], before[0], short[0]))
        top, left = (f + b for f, b in zip(first, before, strict=True))
        made = spread[:, :, top : top + height, left : left + width]
    return made if module.bias is None else made + module.bias[:, None, None]
