"""Label maps as pictures: indexed PNG, and laid over the image."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from explorer.masks.picture import SOFTWARE
from explorer.metrics import edges

Colour = tuple[int, int, int]


def palette(colours: Sequence[Colour]) -> list[int]:
    """768 numbers, red, green and blue of 256 entries; those without a class are black."""
    flat = [part for colour in colours for part in colour]
    return flat + [0] * (768 - len(flat))


def mask_png(labels: np.ndarray, colours: Sequence[Colour], kind: str = "", how: str = "") -> bytes:
    """An indexed PNG: pixel value = class, H x W uint8, with the classes' colours as its palette.

    kind, how  what it is and how it was made, which the file says itself (`words`)
    """
    image = Image.fromarray(np.ascontiguousarray(labels, np.uint8))
    image.putpalette(palette(colours))  # makes it an indexed one
    return _png(image, words(kind, how))


def instances_png(instances: np.ndarray, how: str = "") -> bytes:
    """A 16-bit grey PNG: pixel value = number of the object, 0 outside. Raises ValueError beyond 65535 objects."""
    if instances.max(initial=0) > 65535:
        raise ValueError(f"{instances.max()} objects do not fit into 16 bits")
    return _png(Image.fromarray(instances.astype(np.uint16)), words("instances", how))


def overlay(
    pixels: np.ndarray, labels: np.ndarray, colours: Sequence[Colour], opacity: float = 0.5, clear: int | None = None
) -> np.ndarray:
    """The image (H x W x 3 uint8) with each class's colour laid over it; the class `clear` stays uncovered."""
    table = np.zeros((256, 3), np.float32)
    table[: len(colours)] = colours
    share = np.full(256, opacity, np.float32)
    if clear is not None:
        share[clear] = 0
    made = np.empty_like(pixels)
    for row, (image, line) in enumerate(zip(pixels, labels, strict=True)):  # row by row: memory stays that of a row
        part = share[line][:, None]
        made[row] = np.rint(image * (1 - part) + table[line] * part)
    return made


def outlines(instances: np.ndarray) -> np.ndarray:
    """The pixels of objects (bool, H x W) that have a pixel of another object or of none beside them."""
    return edges(instances) & (instances > 0)


def png(pixels: np.ndarray, kind: str = "") -> bytes:
    """H x W x 3 uint8 as a PNG."""
    return _png(Image.fromarray(pixels), words(kind))


def words(kind: str, how: str = "") -> dict[str, str]:
    """What a PNG says of itself, so that a reader of true labels knows it for what it is."""
    return {"Software": SOFTWARE, "Title": kind, "Description": how} if kind else {}


def _png(image: Image.Image, said: dict[str, str]) -> bytes:
    out, info = io.BytesIO(), PngInfo()
    for key, text in said.items():
        info.add_text(key, text)
    image.save(out, "PNG", pnginfo=info)
    return out.getvalue()
