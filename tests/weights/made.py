"""Thin networks of random weights, and cards for them."""

from __future__ import annotations

import torch
from torch import nn

from explorer.cards import Card, ClassInfo, Preprocessing
from explorer.models import ModelSpec, build


def card_of(spec: ModelSpec) -> Card:
    def text(words: str) -> dict[str, str]:
        return {"en": words, "ko": words}

    return Card(
        name="?",
        title=text("a title"),
        spec=spec,
        geometries=(spec.padding,),
        classes=tuple(ClassInfo(f"class_{i}", text(f"class {i}"), (i, 2 * i, 255 - i)) for i in range(spec.classes)),
        preprocessing=Preprocessing((0.5, 0.4, 0.3), (0.2, 0.2, 0.1)),
        data=text("random numbers"),
        licence=text("CC0"),
        recipe={"steps": 3},
        seed=7,
        metrics={"figures": {"same": 0.5}},
        note=text(""),
    )


def network(spec: ModelSpec, seed: int = 0) -> nn.Module:
    """The network with random weights everywhere (score layers start from zero otherwise)."""
    torch.manual_seed(seed)
    module = build(spec)
    for part in module.modules():
        if isinstance(part, nn.Conv2d):
            nn.init.normal_(part.weight, std=0.2)
            nn.init.normal_(part.bias, std=0.2)
    return module


FCN8S = ModelSpec("fcn8s", "same", 0.05, 8, 3, 4)
UNET = ModelSpec("unet", "valid", 0.05, 4096, 3, 3)
