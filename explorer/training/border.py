"""Border weight map and classes of touching objects from instance maps (Ronneberger et al. 2015, section 3)."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

BACKGROUND, OBJECT, TOUCHING = 0, 1, 2


def weight_map(instances: np.ndarray, w0: float = 10.0, sigma: float = 5.0) -> np.ndarray:
    """w0 * exp(-(d1 + d2)^2 / (2 sigma^2)) per pixel (equation 2 without the class weight w_c; float32, H x W).

    d1, d2: distance in pixels from the pixel to the nearest and the second nearest object (0 inside an object).
    Beyond 5 sigma an object counts as infinitely far: the weight lost is below w0 * exp(-12.5).
    """
    radius = int(np.ceil(5 * sigma))
    nearest = np.full((2, *instances.shape), np.inf)
    for label, box in enumerate(ndimage.find_objects(instances), 1):
        if box is None:  # a number that no object has
            continue
        rows, columns = (slice(max(side.start - radius, 0), side.stop + radius) for side in box)
        distance = ndimage.distance_transform_edt(instances[rows, columns] != label)
        first, second = nearest[:, rows, columns]
        np.minimum(second, np.maximum(first, distance), out=second)
        np.minimum(first, distance, out=first)
    return (w0 * np.exp(-(nearest.sum(0) ** 2) / (2 * sigma**2))).astype(np.float32)


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
