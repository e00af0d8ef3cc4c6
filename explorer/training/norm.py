"""Batch norm for training only: put in behind the trunk's convolutions, folded into them before shipping."""

from __future__ import annotations

import torch
from torch import nn

from explorer.models.layers import BilinearUp


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


def freeze(module: nn.Module) -> None:
    """Batch norm uses its running statistics from now on (call again after each `module.train()`)."""
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.eval()
