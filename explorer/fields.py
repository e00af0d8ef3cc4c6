"""Receptive fields of a whole network along an axis, not clipped to any image."""

from __future__ import annotations

import torch
from torch import nn

from explorer.geometry import Axis
from explorer.trace import trace

Reach = tuple[tuple[int, int], ...]


def whole_fields(module: nn.Module, channels: int, n: int) -> dict[str, Reach]:
    """Receptive fields along an axis per step, not clipped to any image: (lo, hi) of the units 0, 1, ... of a period.

    A network repeats with its largest jump J: unit i + J / jump sees what unit i sees, J pixels on. `lo` may be
    negative: those pixels lie in the padding. More than one unit makes a period where the field depends on the phase,
    as behind a transposed convolution.

    `module` lies on the meta device, `n` is a legal size far above the largest field: units in the middle see no edge.
    """
    steps = trace(module, torch.empty(1, channels, n, n, device="meta")).steps
    largest = max(step.rows.grid.jump for step in steps)
    return {step.name: _period(step.rows, int(largest / step.rows.grid.jump), int(largest), n) for step in steps}


def _period(axis: Axis, units: int, pixels: int, n: int) -> Reach:
    inside = (axis.lo > 0) & (axis.hi < n - 1) & ~axis.empty
    for k in range(len(axis) // units):
        here = slice(k * units, (k + 1) * units)
        if inside[here].all():
            ends = zip(axis.lo[here].tolist(), axis.hi[here].tolist(), strict=True)
            return tuple((lo - k * pixels, hi - k * pixels) for lo, hi in ends)
    raise ValueError(f"an input of {n} pixels is too small to hold the fields of a whole period")
