"""Border weight map and classes of touching objects from instance maps (Ronneberger et al. 2015, section 3)."""

from __future__ import annotations

import numpy as np

BACKGROUND, OBJECT, TOUCHING = 0, 1, 2
AT_ONCE = 2**22  # distances held at a time


def weight_map(instances: np.ndarray, w0: float = 10.0, sigma: float = 5.0) -> np.ndarray:
    """w0 * exp(-(d1 + d2)^2 / (2 sigma^2)) per pixel (equation 2 without the class weight w_c; float32, H x W).

    d1, d2: distance in pixels from the pixel to the nearest and the second nearest object (0 inside an object).
    Beyond 5 sigma an object counts as infinitely far: the weight lost is below w0 * exp(-12.5).
    """
    radius = int(np.ceil(5 * sigma))
    height, width = instances.shape
    nearest = np.full((2, height, width), np.inf)
    for window, mask in _windows(instances, radius):
        distance = np.sqrt(squared_distance(mask))
        first, second = nearest[:, window[0], window[1]]
        np.minimum(second, np.maximum(first, distance), out=second)
        np.minimum(first, distance, out=first)
    return (w0 * np.exp(-(nearest.sum(0) ** 2) / (2 * sigma**2))).astype(np.float32)


def _windows(instances: np.ndarray, radius: int) -> list[tuple[tuple[slice, slice], np.ndarray]]:
    """Per object: the window that holds it and `radius` pixels around it, and its mask there."""
    rows, columns = np.nonzero(instances)
    ids, where = np.unique(instances[rows, columns], return_inverse=True)
    bounds = []
    for axis, n in ((rows, instances.shape[0]), (columns, instances.shape[1])):
        low, high = np.full(len(ids), n), np.zeros(len(ids), int)
        np.minimum.at(low, where, axis)
        np.maximum.at(high, where, axis)
        bounds.append((np.maximum(low - radius, 0), np.minimum(high + radius + 1, n)))
    found = []
    for i, label in enumerate(ids):
        window = (slice(bounds[0][0][i], bounds[0][1][i]), slice(bounds[1][0][i], bounds[1][1][i]))
        found.append((window, instances[window] == label))
    return found


def squared_distance(mask: np.ndarray) -> np.ndarray:
    """Exact squared Euclidean distance of each pixel to the nearest True pixel (infinite without one)."""
    height, width = mask.shape
    position = np.arange(height)[:, None]
    above = np.maximum.accumulate(np.where(mask, position, -np.inf), axis=0)
    below = np.minimum.accumulate(np.where(mask, position, np.inf)[::-1], axis=0)[::-1]
    column = np.minimum(position - above, below - position) ** 2  # to the nearest one in the same column
    offset = (np.arange(width)[:, None] - np.arange(width)) ** 2
    nearest = np.empty((height, width))
    rows = max(1, AT_ONCE // width**2)
    for start in range(0, height, rows):
        nearest[start : start + rows] = (column[start : start + rows, None, :] + offset).min(2)
    return nearest


def classes_of(instances: np.ndarray) -> np.ndarray:
    """Background, object, and touching border: a pixel whose 3 x 3 neighbourhood holds two different objects."""
    big = np.iinfo(np.int64).max
    padded = np.pad(instances.astype(np.int64), 1)
    height, width = instances.shape
    around = [padded[i : i + height, j : j + width] for i in range(3) for j in range(3)]
    highest = np.maximum.reduce(around)
    lowest = np.minimum.reduce([np.where(part == 0, big, part) for part in around])
    classes = np.where(instances > 0, OBJECT, BACKGROUND).astype(np.uint8)
    classes[(highest > 0) & (lowest != highest)] = TOUCHING
    return classes
