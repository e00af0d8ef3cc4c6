"""One set of weights as several networks: in several geometries, and read out at coarser strides."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, fx, nn

from explorer.models import ModelSpec, build
from explorer.operations.layers import BilinearUp, Crop
from explorer.training import norm

COARSER = {"fcn32s": ("score_fr", "upscore"), "fcn16s": ("fuse_pool4", "upscore16")}  # tap, its up-sampling


class _Leaves(fx.Tracer):
    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return next(m.children(), None) is None


class SeparableUp(nn.Module):
    """What a `BilinearUp`, and the `Crop` behind it if one is given, compute, as two thin matrix products per class
    instead of a dense transposed convolution; what the crop drops is never computed."""

    def __init__(self, up: BilinearUp, crop: Crop | None = None) -> None:
        super().__init__()
        kernel = up.weight.detach()[0, 0]
        self.line = kernel[:, kernel.shape[1] // 2] / kernel[:, kernel.shape[1] // 2].sum() * up.stride[0]
        self.stride, self.crop = up.stride[0], crop

    def _matrix(self, n: int, like: Tensor) -> Tensor:
        """(n - 1) * stride + kernel rows, n columns: column i holds the filter from row i * stride on."""
        matrix = torch.zeros((n - 1) * self.stride + len(self.line), n)
        for i in range(n):
            matrix[i * self.stride : i * self.stride + len(self.line), i] = self.line
        return matrix.to(like)

    def forward(self, x: Tensor, reference: Tensor | None = None) -> Tensor:
        batch, classes, height, width = x.shape
        down, across = self._matrix(height, x), self._matrix(width, x)
        if self.crop is not None and reference is not None:
            start = self.crop.offset
            down, across = (m[start : start + n] for m, n in zip((down, across), reference.shape[2:], strict=True))
        wide = (x.reshape(-1, width) @ across.T).reshape(-1, height, len(across))
        return (down @ wide).reshape(batch, classes, len(down), len(across))


class Streams(nn.Module):
    """N x C x H x W -> {network: N x classes x H' x W'}: the network itself, and FCN-32s and -16s on its trunk.

    The coarser outputs are those of the coarser networks: their taps, their up-sampling and their final crop.
    """

    def __init__(self, spec: ModelSpec, net: nn.Module, coarser: tuple[str, ...] = ()) -> None:
        super().__init__()
        parts = nn.Module()  # the network's own parts and those of the coarser outputs
        parts._modules.update(net._modules)
        graph = _Leaves().trace(net)
        nodes = {str(node.target): node for node in graph.nodes}
        result = next(node for node in graph.nodes if node.op == "output")
        outputs: dict[str, Any] = {spec.model: result.args[0]}
        for name in coarser:
            tap, up = COARSER[name]
            other = build(replace(spec, model=name))
            parts.add_module(f"{name}_up", other.get_submodule(up))
            parts.add_module(f"{name}_score", other.get_submodule("score"))
            with graph.inserting_before(result):
                big = graph.call_module(f"{name}_up", (nodes[tap],))
                outputs[name] = graph.call_module(f"{name}_score", (big, nodes["input"]))
        result.args = (outputs,)
        _separate(parts, graph)
        self.graph = fx.GraphModule(parts, graph)

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        return self.graph(image)


def _separate(parts: nn.Module, graph: fx.Graph) -> None:
    """Put `SeparableUp` in the place of each `BilinearUp`, and of the crop of its output where that is all it feeds."""
    for node in [n for n in graph.nodes if n.op == "call_module"]:
        up = parts.get_submodule(str(node.target))
        if not isinstance(up, BilinearUp):
            continue
        user, crop = next(iter(node.users)), None
        if len(node.users) == 1 and user.op == "call_module" and user.args[0] is node:
            crop = parts.get_submodule(str(user.target))
        if not isinstance(crop, Crop):
            parts.add_module(str(node.target), SeparableUp(up))
            continue
        parts.add_module(str(node.target), SeparableUp(up, crop))
        with graph.inserting_before(user):
            joined = graph.call_module(str(node.target), (node.args[0], user.args[1]))
        user.replace_all_uses_with(joined)
        graph.erase_node(user)
        graph.erase_node(node)


class Nets:
    """`plain[padding]`: networks that share all parameters and batch norm; `streams[padding]`: with coarser outputs."""

    def __init__(self, spec: ModelSpec, paddings: tuple[str, ...], coarser: tuple[str, ...], normed: bool) -> None:
        self.plain, self.streams = {}, {}
        for padding in paddings:
            here = replace(spec, padding=padding)
            net = self.plain[padding] = build(here)
            if normed:
                norm.insert(net)
            share(self.first, net)
            self.streams[padding] = Streams(here, net, coarser)

    @property
    def first(self) -> nn.Module:
        """The network of the main geometry; its tensors are everyone's."""
        return next(iter(self.plain.values()))

    def to(self, device: torch.device) -> None:
        for streams in self.streams.values():
            streams.to(device).to(memory_format=torch.channels_last)
        for net in self.plain.values():
            net.to(device)  # its dense up-sampling, for which the streams have another
            share(self.first, net)

    def train(self, frozen_norm: bool, dropout: float) -> None:
        for net in self.plain.values():
            net.train()
            for part in net.modules():
                if isinstance(part, nn.Dropout):
                    part.p = dropout
            if frozen_norm:
                norm.freeze(net)

    def eval(self) -> None:
        for streams in (*self.streams.values(), *self.plain.values()):
            streams.eval()

    def folded(self) -> nn.Module:
        """A copy of the first network as the paper's plain one, without batch norm."""
        net = copy.deepcopy(self.first).float().cpu().eval()
        norm.fold(net)
        return net


def share(source: nn.Module, target: nn.Module) -> None:
    """Let `target` use the parameters and buffers of `source` (the same tensors); modules keep their own settings."""
    for kind in ("_parameters", "_buffers"):
        for name, part in source.named_modules():
            for key, tensor in getattr(part, kind).items():
                getattr(target.get_submodule(name), kind)[key] = tensor
