"""Image files that make trouble, by name: every mode, depth and orientation, damage, bombs, and what is no image."""

from __future__ import annotations

import io
import random
from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image

from explorer.ui import answers
from explorer.ui.segmenter import Segmenter
from tests.images import bombs
from tests.images import made as files
from tests.ui.made import heard

SEGMENTED = "segmented"


def collection() -> dict[str, tuple[Callable[[], bytes], str]]:
    """How each file is made, and what has to become of it: SEGMENTED, or the code of the refusal."""
    return {**_modes(), **_turned(), **_deep(), **_odd(), **_refused(), **_bombs()}


def _modes() -> dict[str, tuple[Callable[[], bytes], str]]:
    """Every mode that Pillow writes, in every format."""
    kept = {
        **dict(files.LOSSLESS),
        "JPEG": "RGB L CMYK",
        "WEBP": "RGB RGBA",
        "TIFF": "RGB RGBA L LA P 1 LAB CMYK",
    }
    return {
        f"{kind} {mode}": (
            lambda kind=kind, mode=mode: files.encode(Image.fromarray(files.scene()).convert(mode), kind),
            SEGMENTED,
        )
        for kind, modes in kept.items()
        for mode in modes.split()
    }


def _turned() -> dict[str, tuple[Callable[[], bytes], str]]:
    return {
        f"JPEG turned {n}": (
            lambda n=n: files.encode(files.scene(), "JPEG", exif=b"Exif\0\0" + files.exif(n)),
            SEGMENTED,
        )
        for n in range(10)  # 0 and 9 mean nothing
    }


def _deep() -> dict[str, tuple[Callable[[], bytes], str]]:
    odd = np.linspace(-2, 3, 2400, dtype=np.float32).reshape(40, 60)
    odd[0, :3] = np.nan, np.inf, -np.inf
    arrays = {f"{kind} {values.dtype}": (kind, values) for kind, values in files.DEEP}
    arrays |= {"TIFF not finite": ("TIFF", odd), "TIFF all NaN": ("TIFF", np.full((40, 60), np.nan, np.float32))}
    arrays |= {"PNG flat 16 bits": ("PNG", np.full((40, 60), 1234, np.uint16))}
    return {name: (lambda pair=pair: files.encode(pair[1], pair[0]), SEGMENTED) for name, pair in arrays.items()}


def _odd() -> dict[str, tuple[Callable[[], bytes], str]]:
    picture = files.scene()
    three = {"save_all": True, "append_images": [Image.fromarray(files.scene(seed=s)) for s in (1, 2)]}
    made: dict[str, tuple[Callable[[], bytes], str]] = {
        f"{kind} of three": (lambda kind=kind: files.encode(picture, kind, **three), SEGMENTED)
        for kind in ("GIF", "PNG", "WEBP", "TIFF")
    }
    made |= {
        f"{kind} with a linear profile": (
            lambda kind=kind: files.encode(picture, kind, icc_profile=files.linear_profile()),
            SEGMENTED,
        )
        for kind in ("JPEG", "PNG", "TIFF", "WEBP")
    }
    made["PNG with junk for a profile"] = (lambda: files.encode(picture, "PNG", icc_profile=b"junk"), SEGMENTED)
    made["TIFF of 64-bit offsets"] = (lambda: files.encode(picture, "TIFF", big_tiff=True), SEGMENTED)
    ycbcr = Image.fromarray(picture).convert("YCbCr")
    made["TIFF YCbCr"] = (lambda: files.encode(ycbcr, "TIFF", compression="jpeg"), SEGMENTED)
    made["JPEG progressive"] = (lambda: files.encode(picture, "JPEG", progressive=True), SEGMENTED)
    made["PNG least"] = (lambda: files.encode(files.scene(16, 16), "PNG"), SEGMENTED)
    made["PNG thinnest"] = (lambda: files.encode(files.scene(16, 512), "PNG"), SEGMENTED)
    return made


def _refused() -> dict[str, tuple[Callable[[], bytes], str]]:
    picture = files.scene(200, 300)
    made: dict[str, tuple[Callable[[], bytes], str]] = {
        f"{kind} cut off": (lambda kind=kind: files.encode(picture, kind)[:-2000], "truncated")
        for kind in ("JPEG", "PNG", "TIFF", "BMP", "GIF")
    }
    made |= {
        f"the head of a {name}": (lambda head=head: head + bytes(100), "unsupported_format")
        for head, name in files.OTHERS
    }
    made["nothing"] = (lambda: b"", "empty_file")
    made["a text"] = (lambda: b"BM: this is a shopping list, not an image\n" * 5, "not_an_image")
    made["zeros"] = (lambda: bytes(1000), "not_an_image")
    made["PNG of one pixel"] = (lambda: files.encode(files.scene(1, 1), "PNG"), "too_small")
    made["PNG too thin"] = (lambda: files.encode(files.scene(16, 513), "PNG"), "too_thin")
    made["PNG with junk for pixels"] = (lambda: files.png(20, 20, b"junk"), "unreadable")
    return made


def _bombs() -> dict[str, tuple[Callable[[], bytes], str]]:
    made = {
        f"{kind} of 900 million pixels": (lambda kind=kind: bombs.HUGE[kind], "too_large_pixels") for kind in bombs.HUGE
    }
    made |= {
        f"bomb {name}": (make, SEGMENTED if code.startswith("(") else code)
        for name, (make, code) in bombs.BOMBS.items()
    }
    return made


def mutations(count: int, seed: int = 0) -> list[bytes]:
    """Small valid files of every format, damaged in a few places."""
    chance = random.Random(seed)
    return [files.mutated(bytearray(chance.choice(files.seeds())), chance) for _ in range(count)]


def send(segmenter: Segmenter, data: bytes, selection: dict[str, Any], longest: int = 64) -> dict[str, Any]:
    """Upload a file and have it segmented as a copy with this longer side: the page's last word of it."""
    path = segmenter.pictures.uploads.put(io.BytesIO(data))
    question = {
        "what": "segment",
        "selection": {**selection, "image": ""},
        "upload": {"sent": path, "name": "own.png"},
        "options": {"way": "smaller", "longest": longest},
    }
    return heard(answers.segment_messages(segmenter, question, lambda: False))[-1]
