"""Overlap-tile strategy (Ronneberger et al. 2015, figure 2): a network of valid convolutions, window by window.

Windows start at multiples of the network's largest jump: only there do its poolings pair the same pixels as in the
whole image, so only there is the joined result the result of the whole image. The paper's own abutting tiles of 388
pixels are not a multiple of 16.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from explorer.geometry import LegalSizes


@dataclass(frozen=True)
class Tile:
    """Along one axis, half-open: the network reads [start, stop) of the canvas; of what it makes, [skip, skip + take)
    becomes [to, to + take) of the output."""

    start: int
    stop: int
    skip: int
    take: int
    to: int


def plan(canvas: int, tile: int, sizes: LegalSizes, shrink: int) -> list[Tile]:
    """Cut a canvas of legal size into windows of at most `tile` pixels whose outputs cover the output gap-free.

    shrink  input size minus output size. Raises ValueError if the canvas is no legal size or the tile is too small.
    """
    if canvas not in sizes:
        raise ValueError(f"a canvas of {canvas} pixels is no legal input size")
    if canvas <= tile:
        return [Tile(0, canvas, 0, canvas - shrink, 0)]
    fitting = sizes.at_least(tile)
    fitting -= sizes.period * (fitting > tile)
    made = fitting - shrink
    stride = made // sizes.period * sizes.period
    if fitting < sizes.minimum or stride < 1:
        least = sizes.at_least(shrink + sizes.period)
        raise ValueError(f"tiles of {tile} pixels are too small for this network; take at least {least}")
    starts = [*range(0, canvas - fitting, stride), canvas - fitting]
    tiles, done = [], 0
    for start in starts:
        end = start + made
        tiles.append(Tile(start, start + fitting, done - start, end - done, done))
        done = end
    return tiles


def run(net: Callable[[Tensor], Tensor], canvas: Tensor, tile: int, sizes: LegalSizes, shrink: int) -> Tensor:
    """net on a canvas (1 x C x H x W of legal size), in windows of at most `tile` pixels a side; on canvas's device."""
    down, across = (plan(n, tile, sizes, shrink) for n in canvas.shape[2:])
    if len(down) == len(across) == 1:
        return net(canvas)
    rows = []
    for y in down:
        parts = []
        for x in across:
            made = net(canvas[:, :, y.start : y.stop, x.start : x.stop].contiguous())
            parts.append(made[:, :, y.skip : y.skip + y.take, x.skip : x.skip + x.take])
        rows.append(torch.cat(parts, 3))
    return torch.cat(rows, 2)
