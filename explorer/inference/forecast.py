"""What a run will take, said before it begins: memory at its fullest moment, and multiply-accumulates."""

from __future__ import annotations

from dataclasses import dataclass

from torch import fx, nn

from explorer.local import Region, WindowRunner, outside_of
from explorer.models.layers import Crop, Input

CONVOLUTIONS = nn.Conv2d | nn.ConvTranspose2d
SPARE = 160 * 2**20  # bytes; the C library holds on to freed blocks of up to 32 MiB; `label` lets it keep no more
VIEWS = Crop | Input | nn.Dropout | nn.Identity  # hand on a part of what they read


@dataclass(frozen=True)
class Forecast:
    """Bytes of the weights and of all that is held beside them at the fullest moment; multiply-accumulates."""

    weights: int
    activations: int
    macs: int

    @property
    def bytes(self) -> int:
        return self.weights + self.activations


def forecast(local: WindowRunner, step: str, region: Region) -> Forecast:
    """Of `local.run(step, region)`, on tensors of the type of the module's weights.

    Counted as held: values until their last reader ran; of the running step what it reads, makes, pads and casts; and
    at the beginning the copies that normalising takes. Convolutions need nothing beside, in the order "channels last".
    A twentieth and SPARE are added for what the libraries hold.
    """
    needed = local.regions(step, region)
    nodes = [node for node in local.nodes if str(node.target) in needed]
    wide = {"image": 4}  # bytes of a number
    owner = {"image": "image"}  # whose memory a step's values lie in
    size = {"image": 4 * _numel(local, "image", needed["image"])}
    born, last, beside = {"image": 0}, {"image": 0}, []
    for i, node in enumerate(nodes):
        name = str(node.target)
        module = local.module.get_submodule(name)
        source = local.inputs(name)[0]
        wide[name] = module.weight.element_size() if isinstance(module, CONVOLUTIONS) else wide[source]
        if local.in_place(node) or isinstance(module, VIEWS):
            owner[name] = owner[source]
        else:
            owner[name], born[name] = name, i
            size[name] = wide[name] * _numel(local, name, needed[name])
        for read in local.sources(name):
            last[owner[read]] = i
        beside.append(_beside(local, node, needed, wide))
    last[owner[step]] = len(nodes)
    held = [sum(size[o] for o in size if born[o] <= i <= last[o]) + beside[i] for i in range(len(nodes))]
    weights = sum(p.numel() * p.element_size() for p in local.module.parameters())
    return Forecast(weights, max(held) * 21 // 20 + SPARE, sum(macs_of_steps(local, step, region).values()))


def macs_of_steps(local: WindowRunner, step: str, region: Region) -> dict[str, int]:
    """Multiply-accumulates of every step on the way to a region of one."""
    needed = local.regions(step, region)
    return {
        str(node.target): _macs(local, node, needed[str(node.target)])
        for node in local.nodes
        if str(node.target) in needed
    }


def _numel(local: WindowRunner, name: str, region: Region) -> int:
    channels = local.image.shape[1] if name == "image" else local.shapes[name][1]
    return channels * region.shape[0] * region.shape[1]


def _beside(local: WindowRunner, node: fx.Node, needed: dict[str, Region], wide: dict[str, int]) -> int:
    """Bytes that a step takes for a while beside what it reads and makes."""
    name = str(node.target)
    module, region = local.module.get_submodule(name), needed[name]
    if isinstance(module, Input):
        return 3 * 4 * _numel(local, name, region)  # as floats, less the mean, over the deviation
    if not isinstance(module, CONVOLUTIONS | nn.MaxPool2d):
        return 0
    source, reads = local.reads(node, region)[0]
    copy = wide[name] * _numel(local, source, reads)
    cast = copy if wide[name] != wide[source] else 0
    cut = copy if reads != needed[source] else 0  # a part of a map has to be laid out for itself
    if isinstance(module, nn.ConvTranspose2d):  # what units spread beyond the region is made, then left
        spread = [
            (high - low - 1) * module.stride[a] + module.kernel_size[a] for a, (low, high) in enumerate(reads.spans)
        ]
        made = wide[name] * module.out_channels * max(0, spread[0]) * max(0, spread[1])
        return cast + cut + max(0, made - wide[name] * _numel(local, name, region))
    padded = copy if any(map(any, outside_of(module, reads, region))) else 0
    return cast + max(cut, padded)


def _macs(local: WindowRunner, node: fx.Node, region: Region) -> int:
    """Multiply-accumulates of a convolution, as `trace.macs_of` counts them."""
    module = local.module.get_submodule(str(node.target))
    if isinstance(module, nn.ConvTranspose2d):
        return _numel(local, *local.reads(node, region)[0]) * module.weight[0].numel()
    if isinstance(module, nn.Conv2d):
        return region.shape[0] * region.shape[1] * module.weight.numel()
    return 0
