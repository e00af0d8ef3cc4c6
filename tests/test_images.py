"""images: every kind of file is read as the picture that a person sees, and every bad one is refused with a reason."""

from __future__ import annotations

import io
import json
import os
import struct
import subprocess
import sys
import textwrap
import threading
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from explorer import images
from explorer.images import ImageError, Photograph, read, resize

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = ROOT / "assets" / "examples"


def scene(height: int = 40, width: int = 60, seed: int = 0) -> np.ndarray:
    """A smooth coloured picture without any symmetry, H x W x 3."""
    small = np.random.default_rng(seed).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC))


def encode(picture: np.ndarray | Image.Image, kind: str, **options: object) -> bytes:
    image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    stream = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        image.save(stream, kind, **options)
    return stream.getvalue()


def refusal(source: object) -> ImageError:
    with pytest.raises(ImageError) as caught:
        read(source)  # type: ignore[arg-type]
    error = caught.value
    assert str(error) == images.SENTENCES[error.code].format(**error.details)
    assert "{" not in str(error)
    assert str(error).endswith(".")
    return error


def codes(photograph: Photograph) -> list[str]:
    assert all(str(note) for note in photograph.notes)
    return [note.code for note in photograph.notes]


def png(width: int, height: int, packed: bytes, *chunks: tuple[bytes, bytes], bits: int = 8, colour: int = 2) -> bytes:
    """A PNG put together by hand; `chunks` stand before the pixel data."""

    def chunk(tag: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + tag + body + struct.pack(">I", zlib.crc32(tag + body))

    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    parts = [(b"IHDR", header), *chunks, (b"IDAT", packed), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


def zeros(count: int) -> bytes:
    """`count` zero bytes, deflated: one block of them packed once and repeated, then their Adler checksum."""
    block = 2**20

    def pack(size: int, mode: int) -> bytes:
        packer = zlib.compressobj(9, zlib.DEFLATED, -15)
        return packer.compress(bytes(size)) + packer.flush(mode)

    body = pack(block, zlib.Z_FULL_FLUSH) * (count // block) + pack(count % block, zlib.Z_FINISH)
    return b"\x78\xda" + body + struct.pack(">I", (count % 65521) << 16 | 1)


def exif(orientation: int, order: str = "<") -> bytes:
    """An EXIF block with an orientation and nothing else."""
    mark = b"II*\0" if order == "<" else b"MM\0*"
    return mark + struct.pack(f"{order}IHHHIHHI", 8, 1, 274, 3, 1, orientation, 0, 0)


def tiff(tags: list[tuple[int, int, int, bytes]], pixels: bytes = b"") -> bytes:
    """A little-endian TIFF of one page: tags of (number, type, count, four bytes), pixels from byte 8."""
    where = 8 + len(pixels)
    entries = b"".join(struct.pack("<HHI", *tag[:3]) + tag[3].ljust(4, b"\0") for tag in tags)
    return b"II*\0" + struct.pack("<I", where) + pixels + struct.pack("<H", len(tags)) + entries + bytes(4)


def long(value: int) -> bytes:
    return struct.pack("<I", value)


def grey_tiff(width: int, height: int, pixels: bytes, *more: tuple[int, int, int, bytes], **changes: int) -> bytes:
    tags = {256: width, 257: height, 258: 8, 259: 1, 262: 1, 273: 8, 277: 1, 278: height, 279: len(pixels)}
    tags |= {int(number[1:]): value for number, value in changes.items()}
    entries = [(number, 4, 1, long(value)) for number, value in tags.items()]
    return tiff(sorted([*entries, *more]), pixels)


# ---- what a source may be ------------------------------------------------------------------------------------------


def test_path_text_bytes_and_stream_agree(tmp_path: Path) -> None:
    data = encode(scene(), "PNG")
    path = tmp_path / "사진 1.png"
    path.write_bytes(data)
    with path.open("rb") as stream, path.open("rb", buffering=0) as raw:
        all_read = [read(source) for source in (path, str(path), data, stream, io.BytesIO(data), bytearray(data), raw)]
    assert len({photograph.digest for photograph in all_read}) == 1
    assert [photograph.name for photograph in all_read] == ["사진 1.png"] * 2 + [""] * 5
    assert read(path, name="mine").name == "mine"
    first = all_read[0]
    assert first.size == (40, 60)
    assert first.pixels.dtype == np.uint8
    assert first.pixels.flags.c_contiguous
    assert not first.pixels.flags.writeable
    np.testing.assert_array_equal(first.pixels, scene())


def test_stream_that_gives_small_pieces() -> None:
    class Slow(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            return super().read(min(100, size or 0))

    np.testing.assert_array_equal(read(Slow(encode(scene(), "PNG"))).pixels, scene())


def test_digest_tells_shapes_and_pixels_apart() -> None:
    wide, tall = np.zeros((20, 30, 3), np.uint8), np.zeros((30, 20, 3), np.uint8)
    assert read(encode(wide, "PNG")).digest != read(encode(tall, "PNG")).digest
    assert read(encode(wide, "PNG")).digest == read(encode(wide, "BMP")).digest == read(encode(wide, "TIFF")).digest


def test_nothing_given() -> None:
    assert refusal(None).code == "no_image"
    assert refusal("").code == "no_image"


def test_files_that_cannot_be_opened(tmp_path: Path) -> None:
    assert refusal(tmp_path / "missing.png").code == "cannot_open"
    assert refusal(tmp_path).code == "cannot_open"
    assert refusal("a\0b").code == "cannot_open"
    assert refusal("https://example.org/cat.jpg").code == "cannot_open"  # a path like any other; nothing is fetched
    closed = io.BytesIO(b"x")
    closed.close()
    assert refusal(closed).code == "cannot_open"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_named_pipe_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    assert refusal(tmp_path / "pipe.png").code == "cannot_open"


def test_files_that_are_no_images(tmp_path: Path) -> None:
    empty, text = tmp_path / "empty.jpg", tmp_path / "notes.png"
    empty.write_bytes(b"")
    text.write_text("BM: this is a shopping list, not an image\n" * 5)
    assert refusal(empty).code == "empty_file"
    assert refusal(b"").code == "empty_file"
    assert refusal(text).code == "not_an_image"
    assert refusal(io.StringIO("text")).code == "not_an_image"
    assert refusal(bytes(1000)).code == "not_an_image"


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b"\0\0\0\x18ftypheic", "HEIC"),
        (b"\0\0\0\x18ftypavif", "AVIF"),
        (b"%PDF-1.7", "PDF"),
        (b"8BPS\0\1", "Photoshop (PSD)"),
        (bytes(128) + b"DICM", "DICOM"),
        (b'<?xml version="1.0"?>\n<svg xmlns=""/>', "SVG"),
    ],
)
def test_other_formats_are_named(head: bytes, name: str) -> None:
    error = refusal(head + bytes(100))
    assert (error.code, error.details) == ("unsupported_format", {"format": name})
    assert name in str(error)


def test_content_decides_not_the_name(tmp_path: Path) -> None:
    path = tmp_path / "photograph.jpg"
    path.write_bytes(encode(scene(), "PNG"))
    np.testing.assert_array_equal(read(path).pixels, scene())


# ---- formats, modes and depths --------------------------------------------------------------------------------------

KINDS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF")
LOSSLESS = [
    *[("PNG", mode) for mode in ("RGB", "RGBA", "L", "LA", "P", "1")],
    *[("TIFF", mode) for mode in ("RGB", "RGBA", "L", "LA", "P", "1", "LAB")],
    *[("BMP", mode) for mode in ("RGB", "L", "P", "1")],
    *[("GIF", mode) for mode in ("L", "P", "1")],
]


@pytest.mark.parametrize(("kind", "mode"), LOSSLESS)
def test_every_mode_reads_as_pillow_shows_it(kind: str, mode: str) -> None:
    image = Image.fromarray(scene()).convert(mode)
    photograph = read(encode(image, kind))
    np.testing.assert_array_equal(photograph.pixels, np.asarray(image.convert("RGB")))
    assert codes(photograph) == []


@pytest.mark.parametrize("kind", KINDS)
def test_every_format_shows_the_scene(kind: str) -> None:
    photograph = read(encode(scene(), kind))
    assert np.abs(photograph.pixels.astype(int) - scene()).mean() < 8
    assert codes(photograph) == []


@pytest.mark.parametrize(
    "options",
    [{"compression": c} for c in ("tiff_lzw", "tiff_adobe_deflate", "packbits", "zstd", "lzma")]
    + [{"big_tiff": True}, {"compression": "tiff_lzw", "big_tiff": True}, {"description": "x" * 5000}],
)
def test_tiff_compressions(options: dict[str, object]) -> None:
    try:
        data = encode(scene(), "TIFF", **options)
    except OSError:
        pytest.skip("this Pillow cannot write it")
    np.testing.assert_array_equal(read(data).pixels, scene())


def test_progressive_and_metadata_laden_jpeg() -> None:
    plain = read(encode(scene(), "JPEG", quality=90))
    comment = encode(scene(), "JPEG", quality=90, comment=b"c" * 60000, exif=b"Exif\0\0" + exif(1), dpi=(72, 72))
    assert read(comment).digest == plain.digest
    assert codes(read(encode(scene(), "JPEG", progressive=True))) == []


def spread(values: np.ndarray) -> np.ndarray:
    low, high = np.percentile(values[np.isfinite(values)], (0.1, 99.9), method="nearest").astype(float)
    return np.rint((np.clip(values.astype(float), low, high) - low) * (255 / (high - low)))


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("PNG", np.arange(2400).astype(np.uint16) * 7 + 300),
        ("TIFF", np.arange(2400).astype(np.uint16) * 7 + 300),
        ("TIFF", np.arange(2400).astype(np.int32) * 70000 - 80_000_000),
        ("TIFF", (np.arange(2400) ** 2 / 1e7 - 0.1).astype(np.float32)),
    ],
)
def test_deep_greys_are_spread_between_percentiles(kind: str, values: np.ndarray) -> None:
    values = values.reshape(40, 60)
    photograph = read(encode(values, kind))
    assert (photograph.pixels == photograph.pixels[:, :, :1]).all()
    assert np.abs(photograph.pixels[:, :, 0] - spread(values)).max() <= 1
    assert photograph.pixels.min() == 0
    assert photograph.pixels.max() == 255
    (note,) = photograph.notes
    assert note.code == "scaled"
    assert note.details["bits"] == (16 if values.dtype == np.uint16 else 32)
    assert note.details["low"] == pytest.approx(float(np.percentile(values, 0.1, method="nearest")), rel=1e-3)


def test_big_endian_and_unsigned_deep_tiff() -> None:
    values = (np.arange(2400).astype(np.uint32) * 1_700_000).reshape(40, 60)  # up to 4.08e9, beyond signed 32 bits
    photograph = read(grey_tiff(60, 40, values.tobytes(), t258=32))
    assert np.abs(photograph.pixels[:, :, 0] - spread(values)).max() <= 1
    big = Image.frombytes("I;16B", (60, 40), np.arange(2400).astype(">u2").tobytes())
    assert np.abs(read(encode(big, "TIFF")).pixels[:, :, 0] - spread(np.arange(2400).reshape(40, 60))).max() <= 1


def test_white_is_zero() -> None:
    values = (np.arange(2400).astype(np.uint16) * 9).reshape(40, 60)
    straight = read(grey_tiff(60, 40, values.tobytes(), t258=16)).pixels.astype(int)
    inverted = read(grey_tiff(60, 40, values.tobytes(), t258=16, t262=0)).pixels.astype(int)
    assert np.abs(straight + inverted - 255).max() <= 1


def test_values_that_are_not_finite() -> None:
    values = np.linspace(-2, 3, 2400, dtype=np.float32).reshape(40, 60)
    values[0, :3] = np.nan, np.inf, -np.inf
    photograph = read(encode(values, "TIFF"))
    assert photograph.pixels[0, :3, 0].tolist() == [0, 255, 0]
    assert codes(photograph) == ["not_finite", "scaled"]
    assert photograph.notes[0].details == {"count": 3}
    hopeless = read(encode(np.full((40, 60), np.nan, np.float32), "TIFF"))
    assert not hopeless.pixels.any()
    extreme = np.tile(np.array([-3e38, 0, 3e38], np.float32), (30, 20))
    assert read(encode(extreme, "TIFF")).pixels[0, :3, 0].tolist() == [0, 128, 255]


def test_flat_and_nearly_flat_deep_greys() -> None:
    assert not read(encode(np.full((40, 60), 1234, np.uint16), "PNG")).pixels.any()
    lonely = np.full((40, 60), 100, np.uint16)
    lonely[7, 8] = 5000  # less than 0.1 % of the pixels
    pixels = read(encode(lonely, "PNG")).pixels
    assert pixels[7, 8, 0] == 255
    assert pixels.sum() == 3 * 255


def test_sixteen_bit_colour_is_reduced() -> None:
    values = np.random.default_rng(0).integers(0, 65536, (40, 60, 3)).astype(">u2")
    rows = b"".join(b"\0" + row.tobytes() for row in values)
    photograph = read(png(60, 40, zlib.compress(rows), bits=16))
    np.testing.assert_array_equal(photograph.pixels, (values >> 8).astype(np.uint8))
    assert codes(photograph) == ["bits_dropped"]


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_cmyk(kind: str) -> None:
    image = Image.fromarray(scene()).convert("CMYK")
    photograph = read(encode(image, kind))
    assert np.abs(photograph.pixels.astype(int) - scene()).mean() < (5 if kind == "JPEG" else 0.1)
    assert codes(photograph) == ["cmyk"]


@pytest.mark.parametrize(("kind", "options"), [("PNG", {}), ("TIFF", {}), ("WEBP", {"lossless": True, "exact": True})])
def test_alpha_is_laid_on_white(kind: str, options: dict[str, object]) -> None:
    alpha = np.zeros((40, 60), np.uint8)
    alpha[:20], alpha[20:30] = 255, 128
    photograph = read(encode(np.dstack([scene(), alpha]), kind, **options))
    np.testing.assert_array_equal(photograph.pixels[:20], scene()[:20])
    assert np.abs(photograph.pixels[20:30] - (scene()[20:30] * (128 / 255) + 255 * (127 / 255))).max() <= 1
    assert (photograph.pixels[30:] == 255).all()
    assert [(note.code, note.details) for note in photograph.notes] == [("alpha_on_white", {"percent": 50.0})]


@pytest.mark.parametrize("kind", ["PNG", "GIF"])
def test_palette_with_transparency(kind: str) -> None:
    index = np.arange(2400, dtype=np.uint8).reshape(40, 60) % 4
    image = Image.fromarray(index)
    image = image.convert("P")
    image.putpalette([10, 20, 30, 200, 0, 0, 0, 200, 0, 0, 0, 200])
    image.putdata(index.ravel())
    photograph = read(encode(image, kind, transparency=2))
    colours = np.array([[10, 20, 30], [200, 0, 0], [255, 255, 255], [0, 0, 200]], np.uint8)
    np.testing.assert_array_equal(photograph.pixels, colours[index])
    assert [(note.code, note.details) for note in photograph.notes] == [("alpha_on_white", {"percent": 25.0})]


def test_palette_with_partial_transparency() -> None:
    image = Image.new("P", (40, 30), 1)
    image.putpalette([0, 0, 0, 100, 0, 0])
    photograph = read(encode(image, "PNG", transparency=bytes([255, 128])))
    assert np.abs(photograph.pixels[0, 0].astype(int) - [177, 127, 127]).max() <= 1


# ---- orientation, pages, profiles -----------------------------------------------------------------------------------

UPRIGHT = {
    1: lambda a: a,
    2: np.fliplr,
    3: lambda a: np.rot90(a, 2),
    4: np.flipud,
    5: lambda a: np.rot90(np.fliplr(a)),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: np.rot90(np.fliplr(a), -1),
    8: lambda a: np.rot90(a),
}


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientations(orientation: int, order: str) -> None:
    block = exif(orientation, order)
    files = [
        (encode(scene(), "JPEG"), encode(scene(), "JPEG", exif=b"Exif\0\0" + block)),
        (encode(scene(), "PNG"), encode(scene(), "PNG", exif=b"Exif\0\0" + block)),
        (encode(scene(), "WEBP"), encode(scene(), "WEBP", exif=b"Exif\0\0" + block)),
        (encode(scene(), "TIFF"), encode(scene(), "TIFF", tiffinfo={274: orientation})),
        (encode(scene(), "TIFF"), encode(scene(), "TIFF", tiffinfo={274: orientation}, compression="tiff_lzw")),
    ]
    for plain, turned in files:
        photograph = read(turned)
        np.testing.assert_array_equal(photograph.pixels, UPRIGHT[orientation](read(plain).pixels))
        assert photograph.size == photograph.pixels.shape[:2]
        assert photograph.pixels.flags.c_contiguous
        assert codes(photograph) == ([] if orientation == 1 else ["rotated"])


@pytest.mark.parametrize("block", [exif(0), exif(9), exif(6)[:20], exif(6)[:9], b"", b"II*\0\xff\xff\xff\xff", b"junk"])
def test_senseless_orientations_are_ignored(block: bytes) -> None:
    photograph = read(encode(scene(), "PNG", exif=block) if block else encode(scene(), "PNG"))
    np.testing.assert_array_equal(photograph.pixels, scene())
    assert codes(photograph) == []


@pytest.mark.parametrize(
    ("kind", "note"), [("GIF", "first_frame"), ("PNG", "first_frame"), ("WEBP", "first_frame"), ("TIFF", "first_page")]
)
def test_first_of_several(kind: str, note: str) -> None:
    frames = [Image.fromarray(scene(seed=seed)) for seed in range(3)]
    options = {"lossless": True} if kind == "WEBP" else {}
    photograph = read(encode(frames[0], kind, save_all=True, append_images=frames[1:], **options))
    assert photograph.notes[0].code == note
    assert list(photograph.notes[0].details.values()) == [3]
    assert np.abs(photograph.pixels.astype(int) - scene()).mean() < 8


def test_later_damage_does_not_matter() -> None:
    frames = [Image.fromarray(scene(seed=seed)) for seed in range(3)]
    data = encode(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert np.abs(read(data[: len(data) * 2 // 3]).pixels.astype(int) - scene()).mean() < 8


def linear_profile() -> bytes:
    """The sRGB profile with its tone curves replaced by straight lines."""
    data = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    for number in range(struct.unpack_from(">I", data, 128)[0]):
        tag, where, size = struct.unpack_from(">4sII", data, 132 + 12 * number)
        if tag in (b"rTRC", b"gTRC", b"bTRC"):
            data[where : where + size] = (b"curv" + bytes(8)).ljust(size, b"\0")
        if tag == b"desc":
            text = data[where : where + size]
            data[where : where + size] = text.replace("sRGB".encode("utf-16-be"), "line".encode("utf-16-be"))
    return bytes(data)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "WEBP"])
def test_profile_is_converted_to_srgb(kind: str) -> None:
    flat = np.full((40, 60, 3), 55, np.uint8)  # linear 55 / 255 is 128 in sRGB
    photograph = read(encode(flat, kind, icc_profile=linear_profile()))
    assert codes(photograph) == ["profile_converted"]
    assert "line" in photograph.notes[0].details["profile"]
    assert np.abs(photograph.pixels.astype(int) - 128).max() <= 3


def test_profile_and_alpha_together() -> None:
    pixels = np.full((40, 60, 4), 55, np.uint8)
    pixels[:, :30, 3], pixels[:, 30:, 3] = 255, 0
    photograph = read(encode(pixels, "PNG", icc_profile=linear_profile()))
    assert codes(photograph) == ["profile_converted", "alpha_on_white"]
    assert np.abs(photograph.pixels[:, :30].astype(int) - 128).max() <= 3
    assert (photograph.pixels[:, 30:] == 255).all()


def test_srgb_profile_changes_nothing() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    photograph = read(encode(scene(), "PNG", icc_profile=profile))
    np.testing.assert_array_equal(photograph.pixels, scene())
    assert codes(photograph) == []


@pytest.mark.parametrize("profile", [b"junk", linear_profile()[:200], linear_profile()[:-50], bytes(500)])
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "WEBP"])
def test_bad_profile_is_ignored(kind: str, profile: bytes) -> None:
    photograph = read(encode(scene(), kind, icc_profile=profile))
    assert np.abs(photograph.pixels.astype(int) - scene()).mean() < 8
    assert codes(photograph) == ["profile_ignored"]


def test_grey_image_with_a_colour_profile_and_the_reverse() -> None:
    assert codes(read(encode(np.full((40, 60), 55, np.uint8), "PNG", icc_profile=linear_profile())))
    cmyk = Image.fromarray(scene()).convert("CMYK")
    assert codes(read(encode(cmyk, "TIFF", icc_profile=linear_profile()))) == ["profile_ignored", "cmyk"]


# ---- limits and hostile files ---------------------------------------------------------------------------------------


def test_small_and_thin_images() -> None:
    assert refusal(encode(scene(1, 1), "PNG")).details == {"width": 1, "height": 1, "minimum": 16}
    assert refusal(encode(scene(15, 400), "JPEG")).code == "too_small"
    assert read(encode(scene(16, 16), "PNG")).size == (16, 16)
    assert read(encode(scene(16, 512), "PNG")).size == (16, 512)
    assert refusal(encode(scene(16, 513), "PNG")).code == "too_thin"


def test_too_many_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = encode(scene(), "PNG")
    monkeypatch.setattr(images, "MAX_BYTES", len(data))
    assert read(data).size == (40, 60)
    for source in (data + b"\0", bytearray(data + b"\0"), io.BytesIO(data + b"\0")):
        assert refusal(source).code == "too_large_bytes"


HUGE = {
    "PNG": png(30000, 30000, b""),
    "GIF": b"GIF89a" + struct.pack("<HHBBB", 65535, 65535, 0, 0, 0) + b",\0\0\0\0\x10\0\x10\0\0\2\1\0\0;",
    "GIF frame": b"GIF89a" + struct.pack("<HHBBB", 20, 20, 0, 0, 0) + b",\0\0\0\0\xff\xff\xff\xff\0\2\1\0\0;",
    "BMP": b"BM" + struct.pack("<IIIIiiHHIIIIII", 54, 0, 54, 40, 30000, -30000, 1, 24, 0, 0, 0, 0, 0, 0),
    "TIFF": grey_tiff(30000, 30000, b"x"),
    "JPEG": b"\xff\xd8\xff\xc0" + struct.pack(">HBHHB", 11, 8, 30000, 30000, 1) + b"\1\x11\0\xff\xda\0\2",
    "WebP": b"RIFF" + struct.pack("<I4s4sI", 22, b"WEBP", b"VP8X", 10) + bytes(4) + b"\xff\xff\x00" * 2,
    "WebP lossless": b"RIFF" + struct.pack("<I4s4sIB", 17, b"WEBP", b"VP8L", 5, 0x2F) + b"\xff\xff\xff\x0f",
}


@pytest.mark.parametrize("kind", HUGE)
def test_too_many_pixels_are_refused_by_the_header(kind: str) -> None:
    error = refusal(HUGE[kind])
    assert error.code == "too_large_pixels"
    assert error.details["limit"] == images.MAX_PIXELS
    assert min(error.details["width"], error.details["height"]) >= 16384


def test_phone_photographs_pass_the_limit() -> None:
    for megapixels in ((8064, 6048), (8160, 6144), (8000, 8000)):
        assert megapixels[0] * megapixels[1] <= images.MAX_PIXELS


def measured(body: str, *arguments: str) -> tuple[float, float, str]:
    """Seconds and growth of the peak memory in MiB that a piece of code takes in a process of its own."""
    program = f"""
        import re, sys, time
        from explorer import images
        def peak(): return int(re.search(r"VmHWM:\\s*(\\d+)", open("/proc/self/status").read())[1]) / 1024
        images.read(sys.argv[1])  # what the first reading of all loads does not count
        before, start = peak(), time.perf_counter()
        try:
            print({body})
        except images.ImageError as error:
            print(error.code)
        print(time.perf_counter() - start, peak() - before)
    """
    command = [sys.executable, "-c", textwrap.dedent(program), str(EXAMPLES / "cat.jpg"), *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    answer, figures = done.stdout.splitlines()
    seconds, megabytes = map(float, figures.split())
    return seconds, megabytes, answer


def text_bomb(tag: bytes) -> tuple[bytes, bytes]:
    head = {b"zTXt": b"k\0\0", b"iTXt": b"k\0\1\0\0\0", b"iCCP": b"k\0\0"}[tag]
    return tag, head + zeros(200 * 2**20)


def crowded_tiff() -> bytes:
    """30,000 tags, each of which claims the whole file as its value: 3 x 10^10 bytes if all were read."""
    pixels = bytes(2**20)
    more = [(1000 + number, 7, len(pixels), long(8)) for number in range(30000)]
    return grey_tiff(1024, 1024, pixels, *more)


def crowded_exif_jpeg() -> bytes:
    """A JPEG whose EXIF, spread over many segments, does the same."""
    tags = [(1000 + number, 7, 60000, long(8)) for number in range(5000)]
    block = b"Exif\0\0" + tiff(tags, bytes(200))
    segments = b"\xff\xe1" + struct.pack(">H", len(block) + 2) + block
    filler = b"\xff\xe1" + struct.pack(">H", 65535) + b"Exif\0\0" + bytes(65527)
    data = encode(scene(), "JPEG")
    return data[:2] + segments + filler * 100 + data[2:]


BOMBS = {
    "png_30000": (lambda: png(30000, 30000, zeros(30000 * 90001)), "too_large_pixels"),
    "png_13000": (lambda: png(13000, 13000, zeros(13000 * 39001)), "too_large_pixels"),
    "png_ztxt": (lambda: png(20, 20, zeros(1220), *[text_bomb(b"zTXt")] * 20), "(20, 20)"),
    "png_itxt": (lambda: png(20, 20, zeros(1220), *[text_bomb(b"iTXt")] * 20), "(20, 20)"),
    "png_iccp": (lambda: png(20, 20, zeros(1220), *[text_bomb(b"iCCP")] * 3), "(20, 20)"),
    "tiff_tags": (crowded_tiff, "(1024, 1024)"),
    "jpeg_exif": (crowded_exif_jpeg, "(40, 60)"),
    "gif_comment": (lambda: gif_with_comment(40000), "(40, 60)"),
}


def gif_with_comment(blocks: int) -> bytes:
    data = encode(scene(), "GIF")
    end = 13 + (3 << (data[10] & 7) + 1)
    return data[:end] + b"\x21\xfe" + (b"\xff" + b"c" * 255) * blocks + b"\0" + data[end:]


@pytest.mark.skipif(sys.platform != "linux", reason="peak memory is measured as Linux gives it")
@pytest.mark.parametrize("name", BOMBS)
def test_bombs_cost_neither_time_nor_memory(name: str, tmp_path: Path) -> None:
    make, expected = BOMBS[name]
    path = tmp_path / "bomb"
    path.write_bytes(make())
    seconds, megabytes, answer = measured("images.read(sys.argv[2]).size", str(path))
    assert answer == expected
    assert seconds < 2  # a tenth of it when the machine is not busy
    assert megabytes < 64


@pytest.mark.skipif(sys.platform != "linux", reason="peak memory is measured as Linux gives it")
def test_largest_allowed_image_stays_within_bounds(tmp_path: Path) -> None:
    path = tmp_path / "large.png"
    path.write_bytes(png(8000, 8000, zeros(8000 * 32001), colour=6))
    seconds, megabytes, answer = measured("images.read(sys.argv[2]).notes[0].code", str(path))
    assert answer == "alpha_on_white"
    assert 300 < megabytes < 600  # 256 MB decoded, 192 MB of result and a band
    assert seconds < 30


def test_hostile_directories() -> None:
    white = bytes(400)
    assert refusal(grey_tiff(20, 20, white, t259=34676)).code == "unsupported_layout"
    assert refusal(grey_tiff(20, 20, white, t277=2**31)).code in ("unreadable", "unsupported_layout")
    assert refusal(grey_tiff(20, 20, white, (322, 4, 1, long(2**31)), (323, 4, 1, long(2**31)))).code == "unreadable"
    assert refusal(tiff([(256, 4, 2**30, long(8)), (257, 4, 1, long(20))])).code == "unreadable"
    assert refusal(b"II*\0" + long(2**31)).code == "truncated"
    loop = bytearray(grey_tiff(20, 20, white))
    loop[-4:] = long(8 + len(white))  # the next page is this page
    assert codes(read(bytes(loop))) == []


def test_many_scans_and_many_parts() -> None:
    data = encode(scene(), "JPEG", progressive=True)
    scan = data.rindex(b"\xff\xda")
    assert refusal(data[:-2] + data[scan:-2] * 60 + data[-2:]).code == "unreadable"
    assert refusal(data[:2] + b"\xff\xe0\0\2" * 200_000 + data[2:]).code == "unreadable"
    empty = png(20, 20, zeros(1220), *[(b"tEXt", b"")] * 150_000)
    assert refusal(empty).code == "unreadable"


def test_large_run_length_bmp() -> None:
    head = b"BM" + struct.pack("<IIIIiiHHIIIIII", 54, 0, 54, 40, 4000, 4000, 1, 8, 1, 0, 0, 0, 0, 0)
    assert refusal(head + bytes(5 * 2**20)).code == "too_large_bytes"


@pytest.mark.parametrize("kind", KINDS)
def test_truncated_files_are_refused(kind: str) -> None:
    data = encode(scene(200, 300), kind)
    for share in (0.3, 0.6, 0.9):
        assert refusal(data[: int(len(data) * share)]).code == "truncated"


def test_damage_is_refused() -> None:
    data = bytearray(encode(scene(), "PNG"))
    data[data.index(b"IDAT") + 20] ^= 0xFF
    assert refusal(bytes(data)).code == "unreadable"
    assert refusal(png(20, 20, b"junk")).code == "unreadable"
    assert refusal(png(20, 20, zeros(600))).code == "truncated"
    assert refusal(png(0, 20, zeros(600))).code == "unreadable"
    assert refusal(png(20, 20, zeros(1220), bits=7)).code in ("unreadable", "unsupported_layout")
    assert refusal(b"\xff\xd8\xff").code == "truncated"
    assert refusal(b"GIF89a").code == "truncated"


def test_a_stricter_limit_of_the_process_is_respected_and_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 2000)
    assert refusal(encode(scene(200, 300), "PNG")).code == "too_large_pixels"
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        assert refusal(encode(scene(), "PNG")).code == "too_large_pixels"
    assert Image.MAX_IMAGE_PIXELS == 2000


def test_pillow_is_left_as_it_was() -> None:
    from PIL import ImageFile

    before = Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES, list(warnings.filters)
    read(encode(scene(), "TIFF"))
    refusal(HUGE["PNG"])
    assert (Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES, list(warnings.filters)) == before


def test_any_exception_of_a_decoder_becomes_a_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    kinds = [OSError, SyntaxError, ValueError, struct.error, OverflowError, zlib.error, EOFError, IndexError]
    kinds += [KeyError, TypeError, RecursionError, AssertionError, AttributeError, NotImplementedError, MemoryError]
    for kind in kinds:
        monkeypatch.setattr(Image, "open", lambda *_, kind=kind, **__: (_ for _ in ()).throw(kind("hostile")))
        error = refusal(encode(scene(), "PNG"))
        assert error.code == {MemoryError: "out_of_memory", EOFError: "truncated"}.get(kind, "unreadable")
        assert isinstance(error.__cause__, kind)


@lru_cache
def seeds() -> list[bytes]:
    """Small valid files of every format in its main variants."""
    picture = scene(24, 32)
    grey, deep = picture[:, :, 0].copy(), picture[:, :, 0].astype(np.uint16) * 200
    alpha = np.dstack([picture, grey])
    three = {"save_all": True, "append_images": [Image.fromarray(scene(24, 32, seed)) for seed in (1, 2)]}
    block, profile = b"Exif\0\0" + exif(6), linear_profile()
    files = [encode(picture, "JPEG", exif=block, icc_profile=profile), encode(picture, "JPEG", progressive=True)]
    files += [encode(Image.fromarray(picture).convert("CMYK"), "JPEG"), encode(picture, "PNG", exif=block)]
    files += [encode(alpha, "PNG", icc_profile=profile), encode(deep, "PNG"), encode(picture, "PNG", **three)]
    files += [encode(Image.fromarray(picture).convert("P"), "PNG", transparency=3), encode(picture, "GIF", **three)]
    files += [encode(picture, "WEBP", exif=block, icc_profile=profile), encode(alpha, "WEBP", lossless=True)]
    files += [encode(picture, "WEBP", **three), encode(picture, "BMP"), encode(grey, "BMP"), encode(alpha, "BMP")]
    files += [encode(picture, "TIFF", compression=c) for c in ("raw", "tiff_lzw", "jpeg", "tiff_adobe_deflate")]
    files += [encode(grey.astype(np.float32), "TIFF", tiffinfo={274: 6}, icc_profile=profile), encode(deep, "TIFF")]
    files += [encode(picture, "TIFF", **three), encode(picture, "TIFF", big_tiff=True)]
    files += [encode(Image.fromarray(picture).convert("1"), "TIFF", compression="group4")]
    files += [encode(Image.fromarray(picture).convert("P"), "TIFF"), encode(Image.fromarray(grey), "GIF")]
    return files


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    data = bytearray(draw(st.sampled_from(seeds())))
    near_start = draw(st.booleans())
    for _ in range(draw(st.integers(1, 6))):
        where = draw(st.integers(0, (min(len(data), 300) if near_start else len(data)) - 1))
        action = draw(st.sampled_from(["byte", "four", "cut", "double", "remove"]))
        if action == "byte":
            data[where] = draw(st.integers(0, 255))
        elif action == "four":
            value = draw(st.sampled_from([0, 1, 255, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1]))
            data[where : where + 4] = struct.pack(draw(st.sampled_from("<>")) + "I", value)
        elif action == "cut" and where > 4:
            del data[where:]
        elif action == "double":
            data[where:where] = data[where : where + draw(st.integers(1, 200))]
        elif action == "remove":
            del data[where : where + draw(st.integers(1, 20))]
        if not data:
            break
    return bytes(data)


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's remarks on the damage
@settings(max_examples=600, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(mutated())
def test_mutated_files_are_read_or_refused(data: bytes) -> None:
    try:
        photograph = read(data)
    except ImageError:
        return
    assert photograph.pixels.shape == (*photograph.size, 3)
    assert min(photograph.size) >= images.MIN_SIDE


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.sampled_from([b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"II*\0", b"MM\0*", b"BM"]), st.binary())
def test_random_bytes_behind_a_magic_number_are_refused(magic: bytes, data: bytes) -> None:
    refusal(magic + data)


# ---- threads --------------------------------------------------------------------------------------------------------


def test_threads_agree() -> None:
    files = seeds() + [encode(scene(300, 400, seed), "PNG") for seed in range(4)] + [HUGE["PNG"], b"junk"]

    def outcome(data: bytes) -> str:
        try:
            photograph = read(data)
        except ImageError as error:
            return error.code
        return photograph.digest + repr(photograph.notes)

    expected = [outcome(data) for data in files]
    with ThreadPoolExecutor(8) as pool:
        for _ in range(3):
            assert list(pool.map(outcome, files)) == expected


def test_refused_decodings_leave_room_for_others() -> None:
    """The turn is given back whatever happens, or the third reader would wait for ever."""
    broken = png(20, 20, b"junk")
    done = threading.Event()

    def work() -> None:
        for _ in range(10):
            refusal(broken)
        read(encode(scene(), "PNG"))
        done.set()

    threading.Thread(target=work, daemon=True).start()
    assert done.wait(20)


# ---- resize ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shape", "longest", "enlarge", "expected"),
    [
        ((400, 600), 300, False, (200, 300)),
        ((600, 400), 300, False, (300, 200)),
        ((400, 600), 600, False, (400, 600)),
        ((400, 600), 900, False, (400, 600)),
        ((400, 600), 900, True, (600, 900)),
        ((427, 640), 512, False, (342, 512)),
        ((16, 500), 10, False, (1, 10)),
        ((33, 33), 1, False, (1, 1)),
    ],
)
def test_resized_shapes(shape: tuple[int, int], longest: int, enlarge: bool, expected: tuple[int, int]) -> None:
    pixels = resize(scene(*shape), longest, enlarge=enlarge)
    assert pixels.shape == (*expected, 3)
    assert pixels.dtype == np.uint8
    assert pixels.flags.c_contiguous
    assert pixels.flags.writeable


def test_resizing_is_antialiased_and_leaves_the_original_alone() -> None:
    stripes = np.zeros((512, 512, 3), np.uint8)
    stripes[:, ::2] = 255
    stripes.setflags(write=False)
    small = resize(stripes, 100)
    assert np.abs(small[2:-2, 2:-2].astype(int) - 127).max() <= 3  # nearer to the border the filter is cut
    same = resize(stripes, 512)
    same[:] = 7
    assert stripes.max() == 255
    flat = np.full((100, 150, 3), 201, np.uint8)
    assert (resize(flat, 40) == 201).all()


def test_resize_refuses_no_size() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        resize(scene(), 0)


# ---- the examples ---------------------------------------------------------------------------------------------------


def test_examples_are_listed_credited_and_readable() -> None:
    listed = json.loads((EXAMPLES / "examples.json").read_text(encoding="utf-8"))
    credits = (ROOT / "assets" / "CREDITS.md").read_text(encoding="utf-8")
    assert {entry["file"] for entry in listed} == {path.name for path in EXAMPLES.iterdir()} - {"examples.json"}
    assert len({entry["file"] for entry in listed}) == len(listed)
    for entry in listed:
        photograph = read(EXAMPLES / entry["file"])
        assert max(photograph.size) <= 700
        assert (EXAMPLES / entry["file"]).stat().st_size < 300_000
        assert entry["family"] in ("everyday", "nuclei")
        assert entry["title"]["en"]
        assert any("가" <= letter <= "힣" for letter in entry["title"]["ko"])
        assert entry["credit"]
        assert entry["licence"]
        assert entry["source"].startswith("http")
        assert f"`{entry['file']}`" in credits
        assert entry["source"] in credits
    assert {entry["family"] for entry in listed} == {"everyday", "nuclei"}
    assert sum(path.stat().st_size for path in EXAMPLES.iterdir()) < 2.5 * 2**20


def test_every_code_has_a_sentence() -> None:
    assert all(sentence.endswith(".") for sentence in [*images.SENTENCES.values(), *images.NOTES.values()])
    assert isinstance(ImageError("no_image"), ValueError)
