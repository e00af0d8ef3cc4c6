"""Batch norm for training only: put in behind the trunk's convolutions, folded into them before shipping."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn

from explorer.operations.layers import BilinearUp


def insert(module: nn.Module, momentum: float = 0.03) -> None:
    """Replace, in place, each convolution of `module` except the score layers by (convolution, batch norm)."""
    for name, part in list(module.named_children()):
        if isinstance(part, nn.Conv2d) and not name.startswith("score") and not isinstance(part, BilinearUp):
            module.add_module(name, nn.Sequential(part, nn.BatchNorm2d(part.out_channels, momentum=momentum)))


def fold(module: nn.Module) -> None:
    """Undo `insert`, in place, so that the plain network computes what the normed one computes in eval mode.

    Exact at any padding: the zeros stand before the convolution, and batch norm is one factor and one shift per
    channel behind it:  w' = w * gamma / sqrt(var + eps),  b' = (b - mean) * gamma / sqrt(var + eps) + beta.
    """
    for name, part in list(module.named_children()):
        if not isinstance(part, nn.Sequential):
            continue
        conv, norm = part
        if not isinstance(conv, nn.Conv2d) or not isinstance(norm, nn.BatchNorm2d) or conv.bias is None:
            raise TypeError(f"{name} is no convolution with batch norm")
        if norm.running_var is None or norm.running_mean is None:
            raise TypeError(f"{name} keeps no running statistics")
        with torch.no_grad():
            factor = norm.weight / torch.sqrt(norm.running_var + norm.eps)
            conv.weight.mul_(factor[:, None, None, None])
            conv.bias.copy_((conv.bias - norm.running_mean) * factor + norm.bias)
        module.add_module(name, conv)


def named_as_normed(plain: Mapping[str, Tensor], normed: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tensors of a plain network by their names in the same network after `insert`, where each norm is the identity."""
    found = {}
    for key, tensor in plain.items():
        name, _, kind = key.rpartition(".")
        inner = f"{name}.0.{kind}"
        found[inner if inner in normed else key] = tensor
        if inner in normed and kind == "weight":
            ones = torch.ones(len(tensor), device=tensor.device)
            found |= {f"{name}.1.{part}": ones.clone() for part in ("weight", "running_var")}
            found |= {f"{name}.1.{part}": torch.zeros_like(ones) for part in ("bias", "running_mean")}
    return found


def calibrate(nets: Mapping[str, nn.Module], batches: Iterable[tuple[str, Tensor]]) -> None:
    """Give norms that are the identity the statistics of what reaches them, and the factor and shift that undo them.

    The network computes what it did, and can go on with the statistics of its batches. The convolutions before the
    norms are brought back to the size of random ones (a channel's weights have the norm sqrt(2), as by He et al.
    2015), which the norms take out again: folding made them small, and a step of Adam, which does not depend on the
    size of weights, would soon have overwritten them. `nets` (by a key that comes with each batch, N x C x H x W)
    share their tensors and are in eval mode.
    """
    sums: dict[str, Tensor] = {}

    def note(name: str, x: Tensor) -> None:
        pixels = x.double().transpose(0, 1).flatten(1)
        row = torch.stack((torch.full_like(pixels[:, 0], pixels.shape[1]), pixels.sum(1), (pixels**2).sum(1)))
        sums[name] = sums.get(name, torch.zeros_like(row)) + row

    hooks = [
        part.register_forward_pre_hook(lambda _, given, name=name: note(name, given[0]))
        for net in nets.values()
        for name, part in net.named_modules()
        if isinstance(part, nn.BatchNorm2d)
    ]
    try:
        with torch.inference_mode():
            for key, images in batches:
                nets[key](images)
    finally:
        for hook in hooks:
            hook.remove()
    first = next(iter(nets.values()))
    with torch.no_grad():
        for name, (count, total, squares) in sums.items():
            part, mean = first.get_submodule(name), total / count
            if not isinstance(part, nn.BatchNorm2d) or part.running_mean is None or part.running_var is None:
                raise TypeError(f"{name} keeps no running statistics")
            conv = first.get_submodule(f"{name.rpartition('.')[0]}.0")
            if not isinstance(conv, nn.Conv2d) or conv.bias is None:
                raise TypeError(f"{name} does not stand behind a convolution")
            part.running_mean.copy_(mean)
            part.running_var.copy_((squares / count - mean**2).clamp(min=0))
            part.bias.copy_(part.running_mean)
            size = conv.weight.flatten(1).norm(dim=1)
            larger = torch.where(size > 0, 2**0.5 / size, 1.0)
            conv.weight.mul_(larger[:, None, None, None])
            part.weight.copy_(torch.sqrt(part.running_var + part.eps / larger**2))
            for tensor, power in ((conv.bias, 1), (part.running_mean, 1), (part.running_var, 2)):
                tensor.mul_(larger**power)


def freeze(module: nn.Module) -> None:
    """Batch norm uses its running statistics from now on (call again after each `module.train()`)."""
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.eval()
