"""What a run will take, said before it begins: memory at its fullest moment, and multiply-accumulates."""

from __future__ import annotations

from dataclasses import dataclass

from torch import fx

from explorer.geometry import Region
from explorer.local import WindowRunner

SPARE = 160 * 2**20  # bytes; the C library holds on to freed blocks of up to 32 MiB; `label` lets it keep no more


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
        operation = local.operation(name)
        source = local.sources(name)[0]
        dtype = operation.weight_type(local.module.get_submodule(name))
        wide[name] = dtype.itemsize if dtype else wide[source]
        if local.in_place(node) or operation.view:
            owner[name] = owner[source]
        else:
            owner[name], born[name] = name, i
            size[name] = wide[name] * _numel(local, name, needed[name])
        for read in local.sources(name):
            last[owner[read]] = i
        beside.append(operation.scratch(local.module.get_submodule(name), local.work(node, needed, wide)))
    last[owner[step]] = len(nodes)
    held = [sum(size[o] for o in size if born[o] <= i <= last[o]) + beside[i] for i in range(len(nodes))]
    weights = sum(p.numel() * p.element_size() for p in local.module.parameters())
    return Forecast(weights, max(held) * 21 // 20 + SPARE, sum(macs_of_steps(local, step, region).values()))


def units_of_steps(local: WindowRunner, step: str, region: Region) -> dict[str, int]:
    """Units, height times width, of every step on the way to a region of one."""
    needed = local.regions(step, region)
    return {name: needed[name].area for name in (str(node.target) for node in local.nodes) if name in needed}


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
    return channels * region.area


def _macs(local: WindowRunner, node: fx.Node, region: Region) -> int:
    name = str(node.target)
    module, (source, reads) = local.module.get_submodule(name), local.reads(node, region)[0]
    read, made = _numel(local, source, reads), _numel(local, name, region)
    return local.operation(name).macs(module, read, made)
