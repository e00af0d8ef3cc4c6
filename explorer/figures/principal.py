"""A whole layer in one picture: its first three principal components as red, green and blue."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

CLIP = 1.0  # per cent at either end of a component's values that are drawn alike


@dataclass(frozen=True, eq=False)
class Principal:
    """`pixels` is H x W x 3 uint8; `shares` how much of the variance over places each component holds."""

    pixels: np.ndarray
    shares: tuple[float, ...]


def principal(value: Tensor) -> Principal:
    """Principal components over the channels of one map, 1 x C x H x W; a map of fewer channels has fewer.

    Each component is stretched between its 1st and 99th percentile. A component's sign is free: it is chosen so that
    its largest weight is positive, which keeps equal maps equally coloured.
    """
    maps = value[0].detach().double().cpu()
    channels, height, width = maps.shape
    flat = maps.reshape(channels, -1)
    centred = flat - flat.mean(1, keepdim=True)
    variances, vectors = torch.linalg.eigh(centred @ centred.T / flat.shape[1])
    order = variances.argsort(descending=True)[:3]
    total = float(variances.clamp(min=0).sum())
    pixels = np.full((height, width, 3), 128, np.uint8)
    for i, component in enumerate(order.tolist()):
        vector = vectors[:, component]
        vector = vector * vector[vector.abs().argmax()].sign()
        line = (vector @ centred).numpy()
        low, high = np.percentile(line, (CLIP, 100 - CLIP))
        if high > low:
            scaled = ((line - low) / (high - low)).clip(0, 1) * 255
            pixels[..., i] = scaled.round().astype(np.uint8).reshape(height, width)
    shares = tuple(max(0.0, float(variances[c])) / total if total > 0 else 0.0 for c in order.tolist())
    return Principal(pixels, shares)
