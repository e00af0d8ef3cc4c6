"""Labels are the numbers that a file stores, of any depth, sign, byte order and polarity; written by other hands."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st

from explorer import masks
from tests.images.made import bmp
from tests.test_masks import CLASSES, NUCLEI, PARTS

SIZES = st.tuples(st.integers(3, 40), st.integers(3, 40))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("masks")


def png(path: Path, values: np.ndarray, bits: int) -> Path:
    """A grey PNG of 1, 2, 4, 8 or 16 bits, written by the standard's words alone."""
    height, width = values.shape
    flat = np.unpackbits(values.astype(">u2")[..., None].view(np.uint8), axis=-1)[..., -bits:].reshape(height, -1)
    rows = b"".join(b"\0" + np.packbits(row).tobytes() for row in flat)
    parts = [(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, 0, 0, 0, 0)), (b"IDAT", zlib.compress(rows))]
    blocks = [
        struct.pack(">I", len(d)) + n + d + struct.pack(">I", zlib.crc32(n + d)) for n, d in [*parts, (b"IEND", b"")]
    ]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(blocks))
    return path


@pytest.mark.parametrize(("bits", "colours"), [(1, 2), (4, 2), (4, 16), (8, 2), (8, 16), (8, 256)])
def test_a_bitmaps_numbers_are_of_the_bits_that_it_says(place: Path, bits: int, colours: int) -> None:
    """Whatever greys its table has: two of them are no sign of one bit a pixel."""
    numbers = np.random.default_rng(bits).integers(0, colours, (19, 21))
    numbers.flat[0] = 0
    for greys in (np.linspace(0, 255, colours).round(), np.arange(colours)):
        (place / "a.bmp").write_bytes(bmp(numbers, bits, table=greys[:, None].repeat(3, 1)))
        found = masks.read(place / "a.bmp", numbers.shape, NUCLEI, parts=PARTS)
        assert np.array_equal(found.objects > 0, numbers > 0)
        if colours > 2:  # of which each is an object then
            pairs = {(int(a), int(b)) for a, b in zip(numbers.flat, found.objects.flat, strict=True)}
            assert len(pairs) == len(np.unique(numbers))


@settings(max_examples=120, deadline=None)
@given(
    SIZES,
    st.sampled_from([*(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)), "float32", "float64"]),
    st.sampled_from("<>"),
    st.sampled_from([None, "deflate"]),
    st.sampled_from(["minisblack", "miniswhite"]),
    st.sampled_from([None, (16, 16)]),
    st.integers(0, 2**32 - 1),
)
def test_a_tiffs_numbers_are_those_that_tifffile_wrote(place, size, kind, order, compression, photometric, tile, seed):
    numbers = np.random.default_rng(seed).integers(0, 120, size).astype(kind)
    numbers.flat[0] = 0
    how = {"compression": compression, "photometric": photometric, "tile": tile, "byteorder": order}
    tifffile.imwrite(place / "a.tif", numbers, **how)
    found = masks.read(place / "a.tif", size, NUCLEI, parts=PARTS)
    assert np.array_equal(np.unique(found.objects), np.arange(len(np.unique(numbers))))
    pairs = {(int(a), int(b)) for a, b in zip(numbers.flat, found.objects.flat, strict=True)}
    assert len(pairs) == len(np.unique(numbers))  # one number for each that was written
    assert (0, 0) in pairs


@settings(max_examples=60, deadline=None)
@given(SIZES, st.sampled_from([1, 2, 4, 8, 16]), st.integers(0, 2**32 - 1))
def test_a_png_of_any_depth_holds_numbers_and_no_brightness(place, size, bits, seed):
    labels = np.random.default_rng(seed).integers(0, min(4, 2**bits), size)
    found = masks.read(png(place / "b.png", labels, bits), size, CLASSES)
    assert np.array_equal(found.labels, labels)
