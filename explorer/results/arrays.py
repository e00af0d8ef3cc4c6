"""A map's exact values as files: NPY for numpy, TIFF for image programs."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image


def as_npy(maps: np.ndarray) -> bytes:
    """The array as `numpy.load` reads it, without pickle."""
    out = io.BytesIO()
    np.save(out, maps, allow_pickle=False)
    return out.getvalue()


def as_tiff(maps: np.ndarray) -> bytes:
    """C x H x W of float32 or uint8 as a TIFF of C pages, not compressed."""
    first, *others = [Image.fromarray(one) for one in maps]
    out = io.BytesIO()
    first.save(out, "TIFF", save_all=True, append_images=others)
    return out.getvalue()
