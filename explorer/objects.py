"""Single objects of a segmentation: from a label map to instances, and how well they agree with true ones.

An instance map is H x W integers: 0 background, each object a number of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from explorer import strips


def grow(instances: np.ndarray, into: np.ndarray, pixels: int) -> np.ndarray:
    """Extend objects pixel by pixel (4 neighbours) into the mask `into`; the lower number wins where two meet."""
    from scipy import ndimage  # here: the page starts sooner without it

    cross, most = ndimage.generate_binary_structure(2, 1), np.iinfo(instances.dtype).max
    grown = instances.copy()
    for _ in range(pixels):
        nearest = ndimage.minimum_filter(np.where(grown > 0, grown, most), footprint=cross, mode="nearest")
        open_ = (grown == 0) & into & (nearest < most)
        grown[open_] = nearest[open_]
    return grown


def instances_of(labels: np.ndarray, inside: int = 1, touching: int = 2, smallest: int = 16) -> np.ndarray:
    """Instances of a label map with the classes background, inside an object, and border where two objects touch.

    4-connected regions of the class `inside` that the touching border separates, numbered in reading order (int32),
    regions below `smallest` pixels left out, grown by up to 3 pixels into the touching border, which belongs to them.
    """
    from scipy import ndimage  # here: the page starts sooner without it

    found = ndimage.label(labels == inside)[0]  # 4-connected
    kept = strips.counts(found, 1) >= smallest
    kept[0] = False
    numbers = (np.cumsum(kept) * kept).astype(np.int32)
    return grow(numbers[found], labels == touching, 3)


@dataclass(frozen=True)
class Matches:
    """Counts of objects: found ones, invented ones, missed ones."""

    right: int
    invented: int
    missed: int

    def __add__(self, other: Matches) -> Matches:
        return Matches(self.right + other.right, self.invented + other.invented, self.missed + other.missed)

    @property
    def f1(self) -> float:
        """2 TP / (2 TP + FP + FN); NaN without any object."""
        everything = 2 * self.right + self.invented + self.missed
        return 2 * self.right / everything if everything else float("nan")


def match(truth: np.ndarray, predicted: np.ndarray, threshold: float = 0.5) -> Matches:
    """Compare two instance maps: an object is found if a predicted one overlaps it with IoU > threshold.

    From a threshold of 0.5 on, no object can be matched twice (Caicedo et al. 2019, Nature Methods 16).
    """
    if truth.shape != predicted.shape:
        raise ValueError(f"the instance maps have different shapes, {truth.shape} and {predicted.shape}")
    if not 0.5 <= threshold < 1:
        raise ValueError("the threshold lies in [0.5, 1)")
    real, made, overlap = strips.pairs(truth, predicted)
    (reals, there), (mades, here) = (np.unique(numbers, return_inverse=True) for numbers in (real, made))
    union = np.bincount(there, overlap)[there] + np.bincount(here, overlap)[here] - overlap
    right = int(((overlap > threshold * union) & (real != 0) & (made != 0)).sum())
    return Matches(right, int(np.count_nonzero(mades)) - right, int(np.count_nonzero(reals)) - right)
