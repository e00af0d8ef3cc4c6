"""The frames of a run, and the way from an image's pixels to what a network gets."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import torch

from explorer.fields import Reach, whole_fields
from explorer.geometry import LegalSizes
from explorer.models import ModelSpec, without_weights
from explorer.trace import trace


@dataclass(frozen=True)
class Frame:
    """A named pixel frame."""

    name: str
    height: int
    width: int


@dataclass(frozen=True)
class Frames:
    """The three frames of a run; the resized image lies at (top, left) of the network's input."""

    original: Frame
    resized: Frame
    network: Frame
    top: int
    left: int


@dataclass(frozen=True)
class Placement:
    """How a network's output lies on its input along an axis: output pixel p is input pixel p + margin."""

    sizes: LegalSizes
    margin: int  # 92 for the paper's U-Net, 0 for FCN and "same" networks
    shrink: int  # input size minus output size


@lru_cache(maxsize=32)
def placement(spec: ModelSpec) -> Placement:
    """Derived from one run on the meta device at a legal size; raises GeometryError if the output is no pixel grid."""
    module = without_weights(spec)
    sizes: LegalSizes = module.input.sizes  # type: ignore[assignment,union-attr]
    n = sizes.minimum + 2 * sizes.period
    out = trace(module, torch.empty(1, spec.in_channels, n, n, device="meta")).output
    grid = out.rows.grid
    if grid.jump != 1 or grid.start.denominator != 1:
        raise ValueError(f"the output of {spec.model} does not stand on the input's pixels: {grid}")
    return Placement(sizes, int(grid.start), n - len(out.rows))


@lru_cache(maxsize=32)
def network_fields(spec: ModelSpec) -> dict[str, Reach]:
    """Unclipped receptive fields per step: measured on an input that holds the largest field several times."""
    return whole_fields(without_weights(spec), spec.in_channels, placement(spec).sizes.at_least(1500))


def border(original: tuple[int, ...], resized: tuple[int, ...], placed: Placement) -> Frames:
    """The frames of an image of `original` size (height, width) that is run at `resized` size."""
    full = [placed.sizes.at_least(n + placed.shrink) for n in resized]
    return Frames(
        Frame("original", *original), Frame("resized", *resized), Frame("network", *full), placed.margin, placed.margin
    )
