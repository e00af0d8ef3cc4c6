"""How far segmentations of one image agree: the share of pixels alike, and how far their boundaries lie apart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from explorer.metrics import edges

MOST_POINTS = 4000  # boundary pixels of a map that are measured from; more are thinned out evenly
AT_ONCE = 2**22  # distances held at a time


@dataclass(frozen=True)
class Apart:
    """Distances in pixels from each boundary to the nearest point of the other one, both ways taken together.

    mean is the average symmetric surface distance, most95 the 95 % Hausdorff distance; `near` is the share that lies
    within two pixels.
    """

    mean: float
    median: float
    most95: float
    near: float


def agreement(a: np.ndarray, b: np.ndarray) -> float:
    """Share of pixels with the same label."""
    return float((a == b).mean())


def apart(a: np.ndarray, b: np.ndarray) -> Apart | None:
    """How far the boundaries of two label maps lie apart; None if one of them has no boundary."""
    points = [torch.from_numpy(np.argwhere(edges(labels)).astype(np.float32)) for labels in (a, b)]
    if not all(len(p) for p in points):
        return None
    found = torch.cat([_nearest(points[0], points[1]), _nearest(points[1], points[0])]).double()
    return Apart(
        float(found.mean()), float(found.median()), float(found.quantile(0.95)), float((found <= 2).double().mean())
    )


def _nearest(points: torch.Tensor, others: torch.Tensor) -> torch.Tensor:
    """Distance from each point (thinned out evenly to MOST_POINTS) to the nearest of the others."""
    if len(points) > MOST_POINTS:
        points = points[torch.linspace(0, len(points) - 1, MOST_POINTS).long()]
    rows = max(1, AT_ONCE // len(others))
    exact = "donot_use_mm_for_euclid_dist"  # whole numbers of pixels stay exact
    return torch.cat([torch.cdist(part, others, compute_mode=exact).amin(1) for part in points.split(rows)])
