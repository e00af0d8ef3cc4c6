"""Small networks whose layers all matter, random images, and how both are run."""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from torch import nn

from explorer import inference
from explorer.inference import Canvas, Outputs, RunOptions, label, placement, plan
from explorer.models import ModelSpec, build
from tests.ui.made import FCN, UNET

MEAN, STD = (0.4, 0.5, 0.6), (0.2, 0.25, 0.3)


@cache
def network(model: str, padding: str, width: float = 1 / 16) -> tuple[ModelSpec, nn.Module]:
    """A small network whose layers all matter: He's weights, also where the paper begins with zeros."""
    spec = ModelSpec(model, padding, width, fc_channels=24, classes=5)
    torch.manual_seed(1)
    module = build(spec)
    with torch.no_grad():
        for layer in module.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight)
                nn.init.normal_(layer.bias, std=0.1)
    return spec, module


def picture(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def canvas_of(spec: ModelSpec, pixels: np.ndarray) -> Canvas:
    return Canvas.of(pixels, placement(spec), MEAN, STD)


def run(spec: ModelSpec, module: nn.Module, pixels: np.ndarray, options: RunOptions, **more) -> inference.Labelling:
    outputs = Outputs.in_memory(pixels.shape[:2], spec.classes, scores=True)
    return label(module, canvas_of(spec, pixels), plan(spec, pixels.shape[:2], options), outputs, **more)


def untiled(spec: ModelSpec, module: nn.Module, pixels: np.ndarray) -> np.ndarray:
    """Class scores of the plain module on the whole padded canvas."""
    prepared = inference.prepare(pixels, spec, max(pixels.shape))
    with torch.inference_mode():
        scores = module(inference.normalise(prepared.network, MEAN, STD))
    return scores[0, :, : pixels.shape[0], : pixels.shape[1]].numpy()


def spec_of(model: str, padding: str, **more) -> ModelSpec:
    base = UNET if model == "unet" else FCN
    return ModelSpec(**{**base.dict(), "model": model, "padding": padding, **more})
