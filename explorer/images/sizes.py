"""Images and maps of codes at other sizes."""

from __future__ import annotations

import numpy as np
from PIL import Image


def resized_shape(size: tuple[int, int], longest: int, enlarge: bool = False) -> tuple[int, int]:
    """The height and width that `resize` gives an image of `size`."""
    long = max(size)
    if longest > long and not enlarge:
        return size
    height, width = (max(1, (2 * side * longest + long) // (2 * long)) for side in size)
    return height, width


def resize(pixels: np.ndarray, longest: int, enlarge: bool = False) -> np.ndarray:
    """A new H' x W' x 3 copy whose longer side is `longest`, aspect kept, both sides at least 1, antialiased.

    An image that is smaller already keeps its size unless `enlarge` is set.
    """
    if longest < 1:
        raise ValueError(f"longest must be at least 1, not {longest}")
    size = (pixels.shape[0], pixels.shape[1])
    new_height, new_width = resized_shape(size, longest, enlarge)
    if (new_height, new_width) == size:
        return np.array(pixels, order="C")
    image = Image.fromarray(np.ascontiguousarray(pixels))
    return np.array(image.resize((new_width, new_height), Image.Resampling.LANCZOS, reducing_gap=3.0))


def at_places(codes: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """A map of codes (H x W) at another size: each pixel takes the code of the one that its middle lies in."""
    rows, cols = places_of((codes.shape[0], codes.shape[1]), size)
    return codes[rows[:, None], cols[None]]


def places_of(old: tuple[int, int], new: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns of a map of the size `old` that the middles of one of the size `new` lie in."""
    rows, cols = ((2 * np.arange(n) + 1) * m // (2 * n) for n, m in zip(new, old, strict=True))
    return rows, cols
