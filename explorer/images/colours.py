"""From any mode that Pillow decodes to 8-bit sRGB, upright."""

from __future__ import annotations

import io
import logging
from typing import Any, cast

import numpy as np
from PIL import Image, ImageCms, ImageOps

from explorer.images.formats import Stream
from explorer.images.refusals import Note

log = logging.getLogger(__name__)


def pixels_of(image: Any, kind: str) -> tuple[np.ndarray, list[Note]]:
    """H x W x 3, 8-bit, sRGB, upright, out of an opened file, and what was done for it."""
    notes: list[Note] = []
    tags = image.tag_v2 if kind == "TIFF" else {}
    orientation = tags.get(274)  # a TIFF is turned by loading it
    sixteen = kind in ("PNG", "TIFF") and ";16" in str(image.tile[0][3])
    image.load()
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        values = np.asarray(image)
        if tags.get(339, (1,)) == (1,) and values.dtype == np.int32:
            values = values.view(np.uint32)  # which Pillow takes for signed
        picture = _spread(values, 16 if sixteen else 32, tags.get(262) == 0, notes)
    else:
        notes += [Note("bits_dropped", {"bits": 16})] if sixteen else []
        picture = _on_white(image, notes)
    if kind != "TIFF":
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


def _spread(values: np.ndarray, bits: int, inverted: bool, notes: list[Note]) -> Image.Image:
    """Grey values of more than 8 bits, spread over 0..255 between two percentiles; inverted: 0 is white."""
    known = values[np.isfinite(values)]
    if known.size < values.size:
        notes.append(Note("not_finite", {"count": values.size - known.size}))
    known = known if known.size else np.zeros(1)
    low, high = map(float, np.percentile(known[:: 1 + known.size // 2**22], (0.1, 99.9), method="nearest"))
    if not high > low:  # nearly all one value: what stands out from it is what there is to see
        low, high = float(known.min()), float(known.max())
    short = [int(v) if v.is_integer() and abs(v) < 2**53 else float(f"{v:.4g}") for v in (low, high)]
    notes.append(Note("scaled", {"low": short[0], "high": short[1], "bits": bits}))
    grey = np.empty(values.shape, np.uint8)
    for row, spread in zip(values, grey, strict=True):
        level = np.interp(row, (low, high if high > low else low + 1), (255, 0) if inverted else (0, 255))
        spread[:] = np.rint(np.nan_to_num(level))
    return Image.fromarray(grey).convert("RGB")


def _on_white(image: Image.Image, notes: list[Note]) -> Image.Image:
    """RGB out of any mode of 8 bits or fewer, transparency laid on white."""
    alpha = image.convert("RGBA").getchannel("A") if image.has_transparency_data else None
    picture = _srgb(image, notes)
    if alpha and (seen_through := image.width * image.height - alpha.histogram()[255]):
        percent = round(100 * seen_through / (image.width * image.height), 1)
        notes.append(Note("alpha_on_white", {"percent": min(100.0, max(0.1, percent))}))
        white = Image.new("RGB", image.size, "white")
        white.paste(picture, mask=alpha)
        return white
    return picture


def _srgb(image: Image.Image, notes: list[Note]) -> Image.Image:
    """RGB out of any mode, by the profile of the image when it has one that fits."""
    data = image.info.get("icc_profile")
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
    if image.mode == "CMYK":
        notes.append(Note("cmyk"))
    return image.convert("RGB")
