"""The networks and their registry: MODELS names the four choices, `build` makes the module of a `ModelSpec`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor, nn

from explorer.models.fcn import FCN
from explorer.models.unet import UNet
from explorer.operations.layers import SizeError

__all__ = ["FCN", "MODELS", "ModelSpec", "SizeError", "UNet", "build", "rename_vgg16", "shown", "without_weights"]


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


VGG16_FEATURES = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)  # torchvision's indices of the 13 convolutions
VGG16_NAMES = tuple(f"conv{b}_{i}" for b, n in enumerate((2, 2, 3, 3, 3), 1) for i in range(1, n + 1))


def rename_vgg16(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """torchvision's VGG16 weights under FCN's names: 13 convolutions, fc6 and fc7 turned into convolutions.

    The 1000-class layer is left out, as in Long et al. 2015 (section 4.1). Raises ValueError for other layouts
    (vgg16_bn has convolutions at other places).
    """
    expected = {f"features.{i}.{p}" for i in VGG16_FEATURES for p in ("weight", "bias")}
    expected |= {f"classifier.{i}.{p}" for i in (0, 3, 6) for p in ("weight", "bias")}
    if set(state) != expected:
        odd = sorted(set(state) ^ expected)[:4]
        raise ValueError(f"these are not torchvision's VGG16 weights: unexpected or missing {', '.join(odd)}")
    renamed = {}
    for index, name in zip(VGG16_FEATURES, VGG16_NAMES, strict=True):
        for part in ("weight", "bias"):
            renamed[f"{name}.{part}"] = state[f"features.{index}.{part}"]
    renamed["fc6.weight"] = state["classifier.0.weight"].view(4096, 512, 7, 7)
    renamed["fc7.weight"] = state["classifier.3.weight"].view(4096, 4096, 1, 1)
    renamed["fc6.bias"], renamed["fc7.bias"] = state["classifier.0.bias"], state["classifier.3.bias"]
    return renamed
