"""How far segmentations of one image agree: the share of pixels alike, and how far their boundaries lie apart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from explorer.metrics import edges

MOST_POINTS = 4000  # boundary pixels of a map that are measured from; more are thinned out evenly


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
    points = [np.argwhere(edges(labels)) for labels in (a, b)]
    if not all(map(len, points)):
        return None
    found = np.concatenate([_nearest(points[0], points[1]), _nearest(points[1], points[0])])
    median = np.quantile(found, 0.5, method="lower")
    return Apart(float(found.mean()), float(median), float(np.quantile(found, 0.95)), float((found <= 2).mean()))


def _nearest(points: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Distance from each point (thinned out evenly to MOST_POINTS) to the nearest of the others."""
    if len(points) > MOST_POINTS:
        points = points[np.linspace(0, len(points) - 1, MOST_POINTS).astype(int)]
    from scipy.spatial import cKDTree  # here: the page starts sooner without it

    return cKDTree(others).query(points)[0]
