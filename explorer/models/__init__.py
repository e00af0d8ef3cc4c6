"""The networks and their registry: MODELS names the four choices, `build` makes the module of a `ModelSpec`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

import torch
from torch import nn

from explorer.models.fcn import FCN
from explorer.models.unet import UNet
from explorer.operations.layers import SizeError

__all__ = ["FCN", "MODELS", "ModelSpec", "SizeError", "UNet", "build", "shown", "without_weights"]


@dataclass(frozen=True)
class ModelSpec:
    """Everything that makes a network's shapes; small, hashable, and written into a checkpoint's card."""

    model: str  # key of MODELS
    padding: str = ""  # "" = the paper's ("paper" for FCN, "valid" for U-Net)
    width: float = 1.0
    fc_channels: int = 4096  # FCN only
    in_channels: int = 3
    classes: int = 21

    def dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Model:
    """One entry of the registry. `paddings` lists the geometries, the paper's first."""

    title: str
    family: str  # weights of one family share their trunk
    paddings: tuple[str, ...]
    domain: str  # of a card: what the images of the network's paper show
    make: Callable[[ModelSpec], nn.Module]
    size: int = 320  # longer side, in pixels, that a page first runs it at
    shown: bool = True  # among a page's networks; else from the command line and Python only


def _fcn(stride: int, at_once: bool = False) -> Callable[[ModelSpec], nn.Module]:
    return lambda s: FCN(stride, at_once, s.padding or "paper", s.width, s.fc_channels, s.in_channels, s.classes)


def _unet(s: ModelSpec) -> nn.Module:
    return UNet(s.padding or "valid", s.width, s.in_channels, s.classes)


MODELS: dict[str, Model] = {
    "fcn32s": Model("FCN-32s", "fcn", ("paper", "same"), "everyday", _fcn(32)),
    "fcn16s": Model("FCN-16s", "fcn", ("paper", "same"), "everyday", _fcn(16)),
    "fcn8s": Model("FCN-8s", "fcn", ("paper", "same"), "everyday", _fcn(8)),
    "fcn8s-atonce": Model("FCN-8s at once", "fcn", ("paper", "same"), "everyday", _fcn(8, True), shown=False),
    "unet": Model("U-Net", "unet", ("valid", "same"), "nuclei", _unet, size=388),  # a square's is 572 then, the paper's
}


def shown() -> tuple[str, ...]:
    """Keys of the networks that a page offers, in order."""
    return tuple(key for key, model in MODELS.items() if model.shown)


def build(spec: ModelSpec) -> nn.Module:
    """The module of a spec, in eval mode. Raises ValueError for an unknown model or padding."""
    if spec.model not in MODELS:
        raise ValueError(f"unknown network {spec.model!r}; known: {', '.join(MODELS)}")
    return MODELS[spec.model].make(spec).eval()


@lru_cache(maxsize=64)
def without_weights(spec: ModelSpec) -> nn.Module:
    """The module of a spec on torch's meta device, where tensors have a shape and no values. Shared: not to be changed.

    Raises ValueError as `build` does.
    """
    with torch.device("meta"):
        return build(spec)
