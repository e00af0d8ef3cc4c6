"""From any mode that Pillow decodes to 8-bit sRGB, upright."""

from __future__ import annotations

import io
import logging
from functools import cache
from typing import Any, cast

import numpy as np
from PIL import Image, ImageCms, ImageOps

from explorer.images.formats import Stream
from explorer.images.refusals import Note

log = logging.getLogger(__name__)

AT_ONCE = 2**18  # values, which are fractions of 64 bits meanwhile


def pixels_of(image: Any) -> tuple[np.ndarray, list[Note]]:
    """H x W x 3, 8-bit, sRGB, upright, out of an opened file of 8 bits, and what was done for it."""
    notes: list[Note] = []
    image.load()
    alpha = image.convert("RGBA").getchannel("A") if image.has_transparency_data else None
    if alpha and alpha.getextrema() == (0, 0):
        alpha = None
        notes.append(Note("alpha_ignored"))
    picture = on_white(image, alpha, image.info.get("icc_profile"), notes)
    orientation = orientation_of(image.info.get("exif"))
    picture.info = {}
    picture.getexif()[274] = orientation
    ImageOps.exif_transpose(picture, in_place=True)
    if orientation in range(2, 9):
        notes.append(Note("rotated", {"orientation": orientation}))
    return np.asarray(picture), notes


def orientation_of(block: Any) -> int:
    """The EXIF orientation (1 to 8) in a block of EXIF data; 1 if it says none."""
    try:
        exif = Image.Exif()
        exif.load_from_fp(Stream(block.removeprefix(b"Exif\0\0")))
        return int(exif[274])
    except Exception:  # there is none, or it makes no sense
        return 1


def ends_of(values: np.ndarray, bits: int) -> tuple[tuple[float, float], Note]:
    """The two values that 0 and 255 are made of, for all colours of an image alike: percentiles 0.1 and 99.9.

    Cameras and microscopes store 10, 12 or 14 bits in 16 and do not say so, in grey as in colour.
    """
    known = values[np.isfinite(values)]
    known = known if known.size else np.zeros(1)
    low, high = map(float, np.percentile(known[:: 1 + known.size // 2**22], (0.1, 99.9), method="nearest"))
    if not high > low:  # nearly all one value: what stands out from it is what there is to see
        low, high = float(known.min()), float(known.max())
    short = [int(v) if v.is_integer() and abs(v) < 2**53 else float(f"{v:.4g}") for v in (low, high)]
    note = Note("scaled", {"low": short[0], "high": short[1], "bits": bits})
    return (low, high if high > low else low + 1), note


def spread(values: np.ndarray, ends: tuple[float, float], inverted: bool = False) -> np.ndarray:
    """Bands x h x w of any type as 8 bits, so that `ends` become 0 and 255; inverted: 255 and 0."""
    made = np.empty(values.shape, np.uint8)
    flat, short = values.reshape(-1), made.reshape(-1)
    for start in range(0, flat.size, AT_ONCE):
        part = slice(start, start + AT_ONCE)
        level = np.interp(flat[part], ends, (255, 0) if inverted else (0, 255))
        short[part] = np.rint(np.nan_to_num(level, copy=False))
    return made


def inked(values: np.ndarray, inks: str) -> np.ndarray:
    """Cyan, magenta, yellow and black as other formats have them, out of a JPEG's (4 x h x w), which are inverse."""
    if inks == "CMYK":
        return 255 - values
    colours, size = np.ascontiguousarray(np.moveaxis(values[:3], 0, -1)), values.shape[:0:-1]
    colours = np.asarray(Image.frombytes("YCbCr", size, colours.tobytes()).convert("RGB"))
    return np.concatenate([np.moveaxis(colours, -1, 0), 255 - values[3:]])


def on_white(image: Image.Image, alpha: Image.Image | None, profile: bytes | None, notes: list[Note]) -> Image.Image:
    """RGB out of any mode of 8 bits or fewer, what its alpha channel lets see through laid on white."""
    picture = _srgb(image, profile, notes)
    if alpha and (seen_through := image.width * image.height - alpha.histogram()[255]):
        percent = round(100 * seen_through / (image.width * image.height), 1)
        notes.append(Note("alpha_on_white", {"percent": min(100.0, max(0.1, percent))}))
        white = Image.new("RGB", image.size, "white")
        white.paste(picture, mask=alpha)
        return white
    return picture


@cache
def _of_lab() -> Any:
    """Pillow makes it anew for every picture, and a large one is read in many."""
    return ImageCms.buildTransform(ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB"), "LAB", "RGB")


def _srgb(image: Image.Image, data: bytes | None, notes: list[Note]) -> Image.Image:
    """RGB out of any mode, by the profile of the image when it has one that fits."""
    if data is not None and image.mode not in ("LAB", "YCbCr"):  # these say themselves what their colours are
        try:
            profile = ImageCms.ImageCmsProfile(io.BytesIO(data))
            name = "".join(c for c in ImageCms.getProfileDescription(profile) if c.isprintable()).strip()[:60]
            mode = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK"}[profile.profile.xcolor_space.strip()]
            if (mode == "CMYK") != (image.mode == "CMYK") or (mode == "L" and image.mode not in ("1", "L", "LA")):
                raise ValueError(f"a profile for {mode} in an image of mode {image.mode}")
            if name.startswith("sRGB"):
                return image.convert("RGB")
            flags, intent = ImageCms.Flags.BLACKPOINTCOMPENSATION, ImageCms.Intent.RELATIVE_COLORIMETRIC
            transform = ImageCms.buildTransform(profile, ImageCms.createProfile("sRGB"), mode, "RGB", intent, flags)
            picture = ImageCms.applyTransform(image.convert(mode), transform)
            notes.append(Note("profile_converted", {"profile": name}))
            return cast(Image.Image, picture)
        except MemoryError:
            raise
        except Exception as error:  # LittleCMS refuses a bad profile in several ways; the image is readable without it
            log.debug("profile ignored: %r", error)
            notes.append(Note("profile_ignored"))
    if image.mode == "LAB":
        return cast(Image.Image, ImageCms.applyTransform(image, _of_lab()))
    if image.mode == "CMYK":
        notes.append(Note("cmyk"))
    return image.convert("RGB")
