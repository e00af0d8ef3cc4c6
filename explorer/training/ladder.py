"""A network of levels whose poolings, dilations and channels are settings: what the scale and channel tables compare.

It goes down and up again as U-Net does (Ronneberger et al. 2015). Where a pooling is left out on the way down, a 1x1
convolution stands in the place of the up-convolution on the way up; all 3x3 convolutions stay.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import torch
from torch import Tensor, nn

from explorer.operations.layers import Concat, he_normal_
from explorer.trace import trace
from explorer.training import norm

SQUEEZED = 4  # a bottleneck's 3x3 convolution has a quarter of the channels (He et al. 2016, section 4.1)


class Ladder(nn.Module):
    """N x 3 x H x W -> N x classes x H x W; H and W are multiples of 2^poolings.

    channels    of each level, the finest first: one level more than there can be poolings
    convs       3x3 convolutions of a level, on the way down and again on the way up
    poolings    how many of the steps from level to level halve the map, the finest first; None: all
    dilations   of the 3x3 convolutions, by level; () is 1 everywhere
    bottleneck  each 3x3 convolution stands between two 1x1 ones, with a SQUEEZED-th of the channels
    """

    def __init__(
        self,
        channels: Sequence[int],
        classes: int,
        convs: int = 2,
        poolings: int | None = None,
        dilations: Sequence[int] = (),
        bottleneck: bool = False,
    ) -> None:
        super().__init__()
        self.channels, above = list(channels), range(len(channels) - 1)
        self.poolings = len(above) if poolings is None else poolings
        self.convs, self.bottleneck = convs, bottleneck
        spread = list(dilations) or [1] * len(channels)
        self.down = nn.ModuleList(
            self._level(channels[level - 1] if level else 3, own, spread[level]) for level, own in enumerate(channels)
        )
        self.pool = nn.ModuleList(nn.MaxPool2d(2, 2) for _ in range(self.poolings))
        self.concat = nn.ModuleList(Concat() for _ in above)
        self.up = nn.ModuleList(self._level(2 * channels[level], channels[level], spread[level]) for level in above)
        self.score = nn.Conv2d(channels[0], classes, 1)
        ends = [(channels[level + 1], channels[level]) for level in above]
        self.back = nn.ModuleList(
            nn.ConvTranspose2d(*pair, 2, 2) if level < self.poolings else nn.Conv2d(*pair, 1)
            for level, pair in enumerate(ends)
        )

    def _level(self, channels: int, out: int, dilation: int) -> nn.Sequential:
        parts: list[nn.Module] = []
        for read in (channels, *[out] * (self.convs - 1)):
            middle = max(1, out // SQUEEZED)
            if self.bottleneck:
                parts += [nn.Conv2d(read, middle, 1), nn.ReLU()]
            ends = (middle, middle) if self.bottleneck else (read, out)
            parts += [nn.Conv2d(*ends, 3, padding=dilation, dilation=dilation), nn.ReLU()]
            if self.bottleneck:
                parts += [nn.Conv2d(middle, out, 1), nn.ReLU()]
        return nn.Sequential(*parts)

    def forward(self, image: Tensor) -> Tensor:
        x, skips = self.down[0](image), []
        for level, part in enumerate(list(self.down)[1:]):
            skips.append(x)
            x = part(self.pool[level](x) if level < self.poolings else x)
        for level in reversed(range(len(skips))):
            x = self.up[level](self.concat[level](self.back[level](x), skips[level]))
        return self.score(x)


def begun(net: Ladder, seed: int) -> Ladder:
    """The network with weights drawn from a seed, and batch norm behind the convolutions of its levels; in place.

    Networks that differ in poolings and dilations alone begin with the same weights, but for what stands at a pooling.
    """
    torch.manual_seed(seed)
    net.apply(he_normal_)  # the children in the order in which they were added: `back` comes last
    for level in (*net.down, *net.up):
        norm.insert(level, momentum=0.1)  # there are rows that train few steps
    return net


@lru_cache(maxsize=4)
def dilations(levels: int, convs: int, field: int) -> tuple[int, ...]:
    """Dilations, doubled from level to level but for rounding, with which a `Ladder` without poolings sees a field
    nearest to `field` pixels."""

    def off(tried: tuple[int, ...]) -> int:
        return abs(1 + 2 * convs * (sum(tried) + sum(tried[:-1])) - field)

    return min((tuple(round(first / 64 * 2**n) for n in range(levels)) for first in range(64, 257)), key=off)


def macs(net: nn.Module, crop: int) -> int:
    """Of a network without batch norm, for one crop x crop image."""
    return trace(net.eval(), torch.zeros(1, 3, crop, crop), keep=False).macs


def cost(net: nn.Module, crop: int) -> dict[str, int]:
    """Of a network without batch norm: its weights, its MACs for one crop x crop image, and the largest receptive field
    of an output unit along an axis, in pixels, where no border cuts it off."""
    wide = trace(net.eval(), torch.zeros(1, 3, 32, 2048), keep=False).output.cols
    weights = sum(part.numel() for part in net.parameters())
    return {"parameters": weights, "macs": macs(net, crop), "field": int(wide.extents.max())}
