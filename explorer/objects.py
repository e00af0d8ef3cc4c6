"""Single objects of a segmentation: from a label map to instances, and how well they agree with true ones (numpy only).

An instance map is H x W integers: 0 background, each object a number of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


def components(mask: np.ndarray) -> np.ndarray:
    """Number the 4-connected regions of an H x W mask 1, 2, ... in reading order of their first pixel (int32).

    Runs of each row are the nodes of a union-find forest; runs that overlap in neighbouring rows are joined.
    """
    mask = np.asarray(mask, bool)
    height, width = mask.shape
    edges = np.diff(np.pad(mask, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    rows, starts = np.nonzero(edges == 1)
    ends = np.nonzero(edges == -1)[1]
    parent = np.arange(len(rows))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    first = np.searchsorted(rows, np.arange(height + 1))
    for row in range(1, height):
        above, here = first[row - 1], first[row]
        while above < first[row] and here < first[row + 1]:
            if starts[above] < ends[here] and starts[here] < ends[above]:
                a, b = root(above), root(here)
                parent[max(a, b)] = min(a, b)
            if ends[above] < ends[here]:
                above += 1
            else:
                here += 1
    roots = np.array([root(i) for i in range(len(rows))], int)
    numbers = np.unique(roots, return_inverse=True)[1] + 1
    labels = np.zeros((height, width), np.int32)
    for i, number in enumerate(numbers):
        labels[rows[i], starts[i] : ends[i]] = number
    return labels


def grow(instances: np.ndarray, into: np.ndarray, pixels: int) -> np.ndarray:
    """Extend objects pixel by pixel (4 neighbours) into the mask `into`; the lower number wins where two meet."""
    grown = instances.copy()
    for _ in range(pixels):
        padded = np.pad(grown, 1)
        around = np.stack([padded[:-2, 1:-1], padded[2:, 1:-1], padded[1:-1, :-2], padded[1:-1, 2:]])
        nearest = np.where(around > 0, around, np.iinfo(grown.dtype).max).min(0)
        open_ = (grown == 0) & into & (nearest < np.iinfo(grown.dtype).max)
        if not open_.any():
            break
        grown[open_] = nearest[open_]
    return grown


def instances_of(labels: np.ndarray, inside: int = 1, touching: int = 2, smallest: int = 16) -> np.ndarray:
    """Instances of a label map with the classes background, inside an object, and border where two objects touch.

    Regions of the class `inside` that the touching border separates, regions below `smallest` pixels left out, grown
    by up to 3 pixels into the touching border, which belongs to the objects.
    """
    found = components(labels == inside)
    sizes = np.bincount(found.ravel())
    kept = sizes >= smallest
    kept[0] = False
    numbers = np.cumsum(kept) * kept
    return grow(numbers[found].astype(np.int32), labels == touching, 3)


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
    numbers, maps = [], []
    for labels in (truth, predicted):
        known, where = np.unique(labels, return_inverse=True)
        background = int(np.searchsorted(known, 0)) if 0 in known else None
        numbers.append((len(known), background))
        maps.append(where.reshape(-1))
    (n, no_truth), (m, no_guess) = numbers
    overlap = np.bincount(maps[0] * m + maps[1], minlength=n * m).reshape(n, m)
    union = overlap.sum(1)[:, None] + overlap.sum(0)[None] - overlap
    hit = overlap > threshold * union
    if no_truth is not None:
        hit[no_truth] = False
    if no_guess is not None:
        hit[:, no_guess] = False
    right = int(hit.sum())
    return Matches(right, m - (no_guess is not None) - right, n - (no_truth is not None) - right)
