"""Every layout of the table is read as tifffile reads it, small and giant alike; any other is refused by its name."""

from __future__ import annotations

import io
import random
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from PIL import Image

from explorer.errors import ExplorerError
from explorer.giant import GiantImage
from explorer.images import read

UNSIGNED = ("uint8", "uint16", "uint32", "uint64")
DTYPES = ("bool", *UNSIGNED, "int8", "int16", "int32", "int64", "float16", "float32", "float64", "complex64")
PHOTOMETRICS = ("minisblack", "minisblack", "miniswhite", "rgb", "rgb", "palette", "separated", "ycbcr", "cielab")
LOSSY = ("jpeg", "webp", "png", "jpegxl", "jpeg2000")  # or of 8 bits alone
NOT_LERC = ("uint64", "int64", "float16", "complex64")
NAMED = {"tiff_layout", "tiff_compression"}
CHOICES: dict[str, tuple[Any, ...]] = {
    "dtype": DTYPES,
    "photometric": PHOTOMETRICS,
    "more": (0, 0, 0, 1, 1, 2, 4),  # samples that are no colours
    "extra": ("unspecified", "assocalpha", "unassalpha"),
    "planarconfig": ("contig", "separate"),
    "compression": (None, None, "zlib", "lzw", "packbits", "lzma", "zstd", "lerc", *LOSSY),
    "predictor": (False, False, True),
    "tile": (None, None, (16, 16), (32, 16)),
    "rowsperstrip": (None, 1, 7),
    "byteorder": ("<", ">"),
    "bigtiff": (False, True),
    "bits": (None, None, None, 2, 4, 10, 12, 14),  # packed
    "depth": (1.0, 1.0, 0.0625),  # of the range; 12 of 16 bits
}


def sensible(seed: int) -> dict[str, Any]:
    """A kind, or the nearest that tifffile is likely to write, so that few draws are wasted."""
    chance = random.Random(seed)
    kind = {name: chance.choice(choices) for name, choices in CHOICES.items()}
    if kind["photometric"] in ("palette", "ycbcr", "cielab") and kind["dtype"] not in ("uint8", "uint16"):
        kind["dtype"] = "uint8"
    dtype, packed = np.dtype(kind["dtype"]), kind["compression"]
    if (packed in LOSSY and dtype.itemsize > 1) or (packed == "lerc" and dtype.name in NOT_LERC):
        kind["compression"] = "lzw"
    if dtype.kind == "b":
        kind["compression"] = None
    kind["more"] *= kind["photometric"] not in ("palette", "ycbcr", "cielab")
    fits = dtype.name in ("uint8", "uint16") and (dtype.itemsize == 1) == ((kind["bits"] or 0) < 8)
    kind["bits"] = kind["bits"] if fits else None
    whole = dtype.kind == "f" or (dtype.kind in "ui" and dtype.itemsize < 8)
    kind["predictor"] &= whole and not kind["bits"] and kind["compression"] not in (None, *LOSSY)
    return kind


def written(kind: dict[str, Any], seed: int) -> bytes:
    """A TIFF of a kind; ValueError, KeyError or TypeError where tifffile does not write such."""
    chance = np.random.default_rng(seed)
    height, width = chance.integers(16, 25, 2) * (1 + (kind["compression"] == "jpeg"))  # its tiles' edges are smoothed
    colours = {"rgb": 3, "ycbcr": 3, "cielab": 3, "separated": 4}.get(kind["photometric"], 1)
    shape = (height, width, colours + kind["more"])
    dtype, how = np.dtype(kind["dtype"]), {name: kind[name] for name in ("photometric", "compression", "bigtiff")}
    values = chance.random(shape) * kind["depth"]
    if kind["compression"] in ("jpeg", "webp"):  # which lose noise, each in its own way
        values[:] = np.hypot(*np.mgrid[-1 : 1 : 1j * height, -1 : 1 : 1j * width])[..., None] / 1.5
    packed = kind["bits"] if dtype.kind == "u" and not kind["compression"] else None
    if dtype.kind in "ui":
        top = 2 ** (packed or 8 * dtype.itemsize)
        values = (values - (dtype.kind == "i") / 2) * min(top, 2.0**62)
    if dtype.kind == "b":
        values = values > 0.5 * kind["depth"]
    pixels = values.astype(dtype)
    pixels = np.moveaxis(pixels, -1, 0) if kind["planarconfig"] == "separate" else pixels
    pixels = pixels.reshape(shape[:2]) if shape[2] == 1 else pixels
    if shape[2] > 1:
        how["planarconfig"] = kind["planarconfig"]
    if kind["more"]:
        how["extrasamples"] = [kind["extra"]] * kind["more"]
    if kind["photometric"] == "palette":
        how["colormap"] = chance.integers(0, 65536, (3, 2 ** min(16, packed or 8 * dtype.itemsize)), np.uint16)
    if packed:
        how["bitspersample"] = packed
    how |= {"tile": kind["tile"]} if kind["tile"] else {"rowsperstrip": kind["rowsperstrip"]}
    stream = io.BytesIO()
    tifffile.imwrite(stream, pixels, byteorder=kind["byteorder"], predictor=kind["predictor"], metadata=None, **how)
    return stream.getvalue()


def shown(data: bytes) -> np.ndarray:
    """The picture (H x W x 3, 0..255) of what tifffile reads, by the rules that the notes tell."""
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        page = file.pages[0]
        values = page.asarray()
        separate, colour = page.planarconfig == 2 and values.ndim == 3, page.photometric.name
        bits, extras, table = page.bitspersample, page.extrasamples, page.colormap
    values = np.moveaxis(values, 0, -1) if separate else values
    values = values.reshape(*values.shape[:2], -1)
    if colour == "PALETTE":
        return (table[:, values[..., 0]] >> 8).transpose(1, 2, 0).astype(float)
    if colour == "CIELAB" or (colour == "YCBCR" and page.compression.name != "JPEG"):
        mode, size = {"CIELAB": "LAB", "YCBCR": "YCbCr"}[colour], values.shape[1::-1]
        image = Image.frombytes(mode, size, np.ascontiguousarray(values).tobytes())
        return np.asarray(image.convert("RGB")).astype(float)
    count = values.shape[2]
    wanted = {"RGB": 3, "YCBCR": 3, "SEPARATED": 4}.get(colour, 1)
    opaque = count == wanted + 1 and extras[0] in (1, 2) and wanted != 4 and values.dtype.kind != "i"
    alpha = values[..., -1].astype(float) if opaque else None
    wanted = 3 if wanted == 1 and count - (alpha is not None) == 3 else wanted
    colours = values[..., :wanted].astype(float)
    if alpha is not None and alpha.any():
        most = values.astype(float).max()
        unit = values.dtype.kind == "f" and alpha.max() <= 1
        full = 1.0 if unit else next(2.0**n - 1 for n in (min(bits, 8), 10, 12, 14, 16, 32, 64) if most < 2.0**n)
        share = np.clip(alpha / full, 0, 1)[..., None]
        if extras[0] == 1:
            colours = np.clip(np.divide(colours, alpha[..., None] / full, where=share > 0, out=colours * 0), 0, full)
    else:
        share = np.ones((1, 1, 1))
    if colour == "SEPARATED":
        ink = colours / (255 if bits == 8 else 65535)
        return 255 * (1 - ink[..., :3]) * (1 - ink[..., 3:])
    ends = (0, 2.0**bits - 1)
    if bits > 8 or values.dtype.kind not in "ub":
        low, high = np.percentile(colours, (0.1, 99.9), method="nearest")
        ends = (low, high) if high > low else (colours.min(), max(colours.max(), colours.min() + 1))
    level = np.clip((colours - ends[0]) / (ends[1] - ends[0]), 0, 1)
    level = 1 - level if colour == "MINISWHITE" else level
    return np.broadcast_to(255 * (level * share + 1 - share), (*level.shape[:2], 3))


SEEN: Counter[str] = Counter()


@settings(
    max_examples=2150,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(st.integers(0, 2**64))
def check(folder: Path, seed: int) -> None:
    """`seed` alone is drawn: what hypothesis spends on each choice is more than reading the file takes."""
    kind = sensible(seed)
    try:
        data = written(kind, seed)
    except (ValueError, KeyError, TypeError, RuntimeError, IndexError, NotImplementedError):  # tifffile writes no such
        SEEN["not written"] += 1
        return
    try:
        photograph = read(data)
    except ExplorerError as error:
        SEEN["refused" if error.code in NAMED else f"{error} {kind} {seed}"] += 1
        return
    wanted = shown(data)
    apart = np.abs(photograph.pixels - wanted)
    lossy = kind["compression"] == "jpeg"  # its colours are coarser, and decoders smooth them or do not
    assert (apart.mean() <= 8) if lossy else (apart.max() <= 2), (kind, seed)
    path = folder / "same.tif"
    path.write_bytes(data)
    with GiantImage(path) as giant:
        np.testing.assert_array_equal(giant[3:, 1:15], photograph.pixels[3:, 1:15])
        assert tuple(giant.notes) == photograph.notes
    SEEN["read"] += 1


def test_random_layouts_are_read_as_tifffile_reads_them_or_refused(tmp_path: Path) -> None:
    check(tmp_path)
    assert set(SEEN) == {"read", "refused", "not written"}  # nothing was called damaged
    assert SEEN["read"] + SEEN["refused"] >= 2000
    assert SEEN["read"] >= 1000
