"""Networks said again, for the labs' numbers to be compared with."""

from __future__ import annotations

import copy
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Fit = Callable[[int, Tensor, Tensor], tuple[Tensor, Tensor]]  # level, skip, map from below -> the two that are joined


@torch.inference_mode()
def unet(network: nn.Module, image: Tensor, fit: Fit, pool: Callable[[Tensor, int], Tensor] = F.max_pool2d) -> Tensor:
    """U-Net's forward pass by hand, any size, with `fit` in the place of the crops."""
    part, x, skips = network.get_submodule, image, []
    for level in range(5):
        if level:
            x = pool(x, 2)
        x = part(f"conv_d{level}a_b")(x).relu()
        x = part(f"conv_d{level}b_c")(x).relu()
        skips.append(x)
    for level in (3, 2, 1, 0):
        skip, x = fit(level, skips[level], part(f"upconv_u{level}a")(x))
        x = torch.cat((x, skip), 1)
        x = part(f"conv_u{level}b_c")(x).relu()
        x = part(f"conv_u{level}c_d")(x).relu()
    return part("score")(x)


def cropping(offsets: dict[int, tuple[int, int]]) -> Fit:
    """Crops at (row, column) of each level."""

    def fit(level: int, skip: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        top, left = offsets[level]
        return skip[:, :, top : top + x.shape[2], left : left + x.shape[3]], x

    return fit


def with_zeros(network: nn.Module, *names: str) -> nn.Module:
    """A copy with the parameters of some layers at zero."""
    changed = copy.deepcopy(network)
    with torch.no_grad():
        for name in names:
            for parameter in changed.get_submodule(name).parameters():
                parameter.zero_()
    return changed


def picture(height: int, width: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(1, 3, height, width, generator=generator)
