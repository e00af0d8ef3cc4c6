"""Scale lab: what it takes to see as far without poolings: more layers, larger kernels, or dilations."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from explorer.labs.scaling import CHANNELS_IN, Design, Layers, convolution, growth, layers, made_of, parts_of


@dataclass(frozen=True)
class Alternative:
    """A network of the design's channels that sees at least as far, at full resolution.

    way        "layers": more layers of the same kernel; "kernel": the least kernel that does, at the same depth;
               "dilation": dilations that double from layer to layer, up to the least one that does (Yu and Koltun 2016)
    kernel     of those convolutions that see more than a pixel;  dilations  of each of them;  added  convolutions more
               than the design's
    """

    way: str
    kernel: int
    dilations: tuple[int, ...]
    added: int
    layers: Layers


@lru_cache(maxsize=64)
def without_poolings(design: Design) -> tuple[Alternative, ...]:
    """What it takes to see as far as the design at full resolution; nothing where the design has no poolings, and
    only the way "kernel" where its kernel is 1: layers and dilations of it see no more than a pixel."""
    if not design.poolings:
        return ()
    aim = layers(design)[-1].field
    found = [_by_kernel(design, aim)]
    if design.kernel > 1:
        found = [_by_layers(design, aim), *found, _by_dilation(design, aim)]
    return tuple(found)


def _kernels(design: Design) -> int:
    """Convolutions that see more than a pixel, where a kernel does."""
    return (design.poolings + 1) * design.convolutions


def _flat(design: Design, dilations: Sequence[int]) -> Layers:
    """The design at full resolution with these dilations; those beyond its own depth on the last level's channels."""
    found, channels = [], CHANNELS_IN
    for i, dilation in enumerate(dilations):
        level, place = min(i // design.convolutions, design.poolings), i % design.convolutions
        if i >= _kernels(design):
            place = i - design.poolings * design.convolutions
        out = design.channels(level)
        found += convolution(f"conv{level + 1}_{place + 1}", design, dilation, channels, out)
        channels = out
    return made_of(found, design.size)


def _seen(kernel: int, dilations: Iterable[int]) -> int:
    """The field of layers at full resolution."""
    return 1 + sum(growth(kernel, dilation) for dilation in dilations)


def _by_layers(design: Design, aim: int) -> Alternative:
    dilations = [design.dilation] * _kernels(design)
    step = _seen(design.kernel, [design.dilation]) - 1
    more = max(0, -(-(aim - _seen(design.kernel, dilations)) // step))
    made = (*dilations, *[design.dilation] * more)
    return Alternative("layers", design.kernel, made, more, _flat(design, made))


def _by_kernel(design: Design, aim: int) -> Alternative:
    dilations = (design.dilation,) * _kernels(design)
    low = high = 1
    while _seen(2 * high - 1, dilations) < aim:
        low, high = high + 1, 2 * high
    while low < high:  # the least one is from 2 low - 1 to 2 high - 1
        middle = (low + high) // 2
        low, high = (low, middle) if _seen(2 * middle - 1, dilations) >= aim else (middle + 1, high)
    kernel = 2 * low - 1
    parts = [
        replace(part, kernel=kernel) if _is_wide(part.name, design) else part
        for part in parts_of(design)
        if part.kind == "conv"
    ]
    return Alternative("kernel", kernel, dilations, 0, made_of(parts, design.size))


def _is_wide(name: str, design: Design) -> bool:
    """Whether a convolution is the one with the kernel: of a bottleneck the middle one."""
    return not design.bottleneck or name.endswith("b")


def _by_dilation(design: Design, aim: int) -> Alternative:
    least = _kernels(design)
    for most in range(64):  # 2 ** 63 pixels are more than any aim
        count = max(least, most + 1)
        dilations = tuple(design.dilation * 2 ** min(i, most) for i in range(count))
        if _seen(design.kernel, dilations) >= aim:
            return Alternative("dilation", design.kernel, dilations, count - least, _flat(design, dilations))
    raise AssertionError(f"no dilations see {aim} pixels")
