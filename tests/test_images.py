"""images: every kind of file is read as the picture that a person sees, and every bad one is refused with a reason."""

from __future__ import annotations

import io
import json
import os
import random
import re
import struct
import subprocess
import sys
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageFile

from explorer import images
from explorer.images import ImageError, Photograph, formats, read, resize

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = ROOT / "assets" / "examples"
KINDS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF")


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
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    parts = [(b"IHDR", header), *chunks, (b"IDAT", packed), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + tag + body + struct.pack(">I", zlib.crc32(tag + body)) for tag, body in parts
    )


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


def long(value: int) -> bytes:
    return struct.pack("<I", value)


def tiff(tags: list[tuple[int, int, int, bytes]], pixels: bytes = b"") -> bytes:
    """A little-endian TIFF of one page: tags of (number, type, count, four bytes), pixels from byte 8."""
    entries = b"".join(struct.pack("<HHI", *tag[:3]) + tag[3].ljust(4, b"\0") for tag in tags)
    return b"II*\0" + long(8 + len(pixels)) + pixels + struct.pack("<H", len(tags)) + entries + bytes(4)


def grey_tiff(width: int, height: int, pixels: bytes, *more: tuple[int, int, int, bytes], **changes: int) -> bytes:
    tags = {256: width, 257: height, 258: 8, 259: 1, 262: 1, 273: 8, 277: 1, 278: height, 279: len(pixels)}
    tags |= {int(number[1:]): value for number, value in changes.items()}
    entries = [(number, 4, 1, long(value)) for number, value in tags.items()]
    return tiff(sorted([*entries, *more]), pixels)


# ---- what a source may be -------------------------------------------------------------------------------------------


class Slow(io.BytesIO):
    def read(self, size: int | None = -1) -> bytes:
        return super().read(min(100, size or 0))


def test_path_text_bytes_and_stream_agree(tmp_path: Path) -> None:
    data = encode(scene(), "PNG")
    path = tmp_path / "사진 1.jpg"  # the content decides, not the name
    path.write_bytes(data)
    with path.open("rb") as stream, path.open("rb", buffering=0) as raw:
        all_read = [read(source) for source in (path, str(path), data, stream, Slow(data), bytearray(data), raw)]
    assert len({photograph.digest for photograph in all_read}) == 1
    assert [photograph.name for photograph in all_read] == ["사진 1.jpg"] * 2 + [""] * 5
    first = all_read[0]
    assert first.pixels.flags.c_contiguous
    assert not first.pixels.flags.writeable
    np.testing.assert_array_equal(first.pixels, scene())
    assert read(encode(scene().reshape(60, 40, 3), "PNG")).digest != first.digest == read(encode(scene(), "BMP")).digest


def test_sources_that_hold_no_image(tmp_path: Path) -> None:
    assert refusal(None).code == refusal("").code == "no_image"
    assert refusal(b"").code == "empty_file"
    closed, pipe = io.BytesIO(b"x"), tmp_path / "pipe.png"
    closed.close()
    if hasattr(os, "mkfifo"):
        os.mkfifo(pipe)
    for source in (tmp_path / "missing.png", tmp_path, "a\0b", "https://example.org/cat.jpg", closed, pipe):
        assert refusal(source).code == "cannot_open"  # an address is a path like any other; nothing is fetched
    for other in (b"BM: this is a shopping list, not an image\n" * 5, io.StringIO("text"), bytes(1000)):
        assert refusal(other).code == "not_an_image"


OTHERS = [(b"\0\0\0\x18ftypavif", "AVIF"), (b"%PDF-1.7", "PDF")]
OTHERS += [(b"8BPS\0\1", "Photoshop (PSD)"), (bytes(128) + b"DICM", "DICOM"), (b"<?xml?>\n<svg xmlns=''/>", "SVG")]


@pytest.mark.parametrize(("head", "name"), OTHERS)
def test_other_formats_are_named(head: bytes, name: str) -> None:
    error = refusal(head + bytes(100))
    assert (error.code, error.details) == ("unsupported_format", {"format": name})


# ---- formats, modes and depths --------------------------------------------------------------------------------------


LOSSLESS = [("PNG", "RGB RGBA L LA P 1"), ("TIFF", "RGB RGBA L LA P 1 LAB"), ("BMP", "RGB L P 1"), ("GIF", "L P 1")]


@pytest.mark.parametrize(("kind", "mode"), [(kind, mode) for kind, modes in LOSSLESS for mode in modes.split()])
def test_every_mode_reads_as_pillow_shows_it(kind: str, mode: str) -> None:
    image = Image.fromarray(scene()).convert(mode)
    photograph = read(encode(image, kind))
    np.testing.assert_array_equal(photograph.pixels, np.asarray(image.convert("RGB")))
    assert codes(photograph) == []


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_adobe_deflate", "packbits"])
@pytest.mark.parametrize("options", [{"big_tiff": True}, {"description": "x" * 5000}])
def test_tiff_compressions(compression: str, options: dict[str, object]) -> None:
    np.testing.assert_array_equal(read(encode(scene(), "TIFF", compression=compression, **options)).pixels, scene())


def spread(values: np.ndarray) -> np.ndarray:
    low, high = np.percentile(values[np.isfinite(values)], (0.1, 99.9), method="nearest").astype(float)
    return np.rint((np.clip(values.astype(float), low, high) - low) * (255 / (high - low)))


RAMP = np.arange(2400).reshape(40, 60)
DEEP = [("PNG", RAMP.astype(np.uint16) * 7 + 300), ("TIFF", RAMP.astype(np.uint16) * 7 + 300)]
DEEP += [("TIFF", RAMP.astype(np.int32) * 70000 - 80_000_000), ("TIFF", (RAMP**2 / 1e7 - 0.1).astype(np.float32))]


@pytest.mark.parametrize(("kind", "values"), DEEP)
def test_deep_greys_are_spread_between_percentiles(kind: str, values: np.ndarray) -> None:
    photograph = read(encode(values, kind))
    assert np.abs(photograph.pixels - spread(values)[:, :, None]).max() <= 1
    assert (photograph.pixels.min(), photograph.pixels.max()) == (0, 255)
    (note,) = photograph.notes
    assert (note.code, note.details["bits"]) == ("scaled", 16 if values.dtype == np.uint16 else 32)
    assert note.details["low"] == pytest.approx(float(np.percentile(values, 0.1, method="nearest")), rel=1e-3)


def test_unsigned_big_endian_and_inverted_deep_tiff() -> None:
    values = RAMP.astype(np.uint32) * 1_700_000  # up to 4.08e9, beyond signed 32 bits
    assert np.abs(read(grey_tiff(60, 40, values.tobytes(), t258=32)).pixels[:, :, 0] - spread(values)).max() <= 1
    big = Image.frombytes("I;16B", (60, 40), RAMP.astype(">u2").tobytes())
    assert np.abs(read(encode(big, "TIFF")).pixels[:, :, 0] - spread(RAMP)).max() <= 1
    inverted = read(grey_tiff(60, 40, (RAMP * 9).astype(np.uint16).tobytes(), t258=16, t262=0)).pixels  # 0 is white
    assert np.abs(inverted[:, :, 0] + spread(RAMP) - 255).max() <= 1


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


# ---- orientation, pages, profiles -----------------------------------------------------------------------------------

TURNS = Image.Transpose
UPRIGHT = dict(enumerate((TURNS.FLIP_LEFT_RIGHT, TURNS.ROTATE_180, TURNS.FLIP_TOP_BOTTOM), 2))
UPRIGHT |= dict(enumerate((TURNS.TRANSPOSE, TURNS.ROTATE_270, TURNS.TRANSVERSE, TURNS.ROTATE_90), 5))


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientations(orientation: int, order: str) -> None:
    block, tag = {"exif": b"Exif\0\0" + exif(orientation, order)}, {"tiffinfo": {274: orientation}}
    variants = [
        ("JPEG", block),
        ("PNG", block),
        ("WEBP", block),
        ("TIFF", tag),
        ("TIFF", tag | {"compression": "tiff_lzw"}),
    ]
    for kind, options in variants:
        upright = Image.fromarray(read(encode(scene(), kind)).pixels)
        if orientation > 1:
            upright = upright.transpose(UPRIGHT[orientation])
        photograph = read(encode(scene(), kind, **options))
        np.testing.assert_array_equal(photograph.pixels, np.asarray(upright))
        assert photograph.size == photograph.pixels.shape[:2]
        assert [note.details for note in photograph.notes] == (
            [{"orientation": orientation}] if orientation > 1 else []
        )
    deep = read(encode(RAMP.astype(np.uint16), "PNG", **block))
    assert codes(deep) == (["scaled", "rotated"] if orientation > 1 else ["scaled"])
    assert deep.size == ((60, 40) if orientation > 4 else (40, 60))


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's remarks on the damage
@pytest.mark.parametrize("block", [exif(0), exif(9), exif(6)[:20], b"II*\0\xff\xff\xff\xff", b"junk"])
def test_senseless_orientations_are_ignored(block: bytes) -> None:
    photograph = read(encode(scene(), "PNG", exif=block))
    np.testing.assert_array_equal(photograph.pixels, scene())
    assert codes(photograph) == []


@pytest.mark.parametrize(
    ("kind", "note"), [("GIF", "first_frame"), ("PNG", "first_frame"), ("WEBP", "first_frame"), ("TIFF", "page")]
)
def test_first_of_several(kind: str, note: str) -> None:
    frames = [Image.fromarray(scene(seed=seed)) for seed in range(3)]
    options = {"lossless": True} if kind == "WEBP" else {}
    photograph = read(encode(frames[0], kind, save_all=True, append_images=frames[1:], **options))
    assert photograph.notes[0].code == note
    assert list(photograph.notes[0].details.values()) == ([1, 3] if kind == "TIFF" else [3])
    assert (photograph.page, photograph.pages) == (0, 3 if kind == "TIFF" else 1)
    assert np.abs(photograph.pixels.astype(int) - scene()).mean() < 8


def test_a_page_of_a_tiff_is_chosen() -> None:
    """Pages of different sizes; damage behind the chosen one does not matter."""
    pages = [Image.fromarray(scene(seed=seed)).resize((60 + seed, 50)) for seed in range(3)]
    data = encode(pages[0], "TIFF", save_all=True, append_images=pages[1:])
    for i, page in enumerate(pages):
        photograph = read(data, page=i)
        assert (photograph.page, photograph.pages) == (i, 3)
        np.testing.assert_array_equal(photograph.pixels, np.asarray(page))
        assert str(photograph.notes[0]) == f"Page {i + 1} of 3 is used."
    with pytest.raises(ImageError) as caught:
        read(data, page=3)
    assert (caught.value.code, caught.value.details) == ("no_page", {"page": 4, "pages": 3})
    with pytest.raises(ImageError) as caught:
        read(encode(pages[0], "PNG"), page=1)
    assert caught.value.code == "no_page"


def test_heic_is_read_by_pillows_plugin_where_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    plugin = pytest.importorskip("pillow_heif")
    image = Image.fromarray(scene())
    out = io.BytesIO()
    plugin.from_pillow(image).save(out, quality=95)
    photograph = read(out.getvalue(), "phone.heic")
    assert photograph.pixels.shape == scene().shape
    assert np.abs(photograph.pixels.astype(int) - scene()).mean() < 8
    with pytest.raises(ImageError):
        read(out.getvalue()[:200])
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(ImageError, match="pip install pillow-heif") as caught:
        read(out.getvalue())
    assert caught.value.code == "heic_plugin"


def linear_profile() -> bytes:
    """The sRGB profile with its tone curves replaced by straight lines."""
    data = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    data[24:36] = struct.pack(">6H", 2026, 1, 1, 0, 0, 0)  # made now, else: damaged files would be others each time
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
    if kind in ("PNG", "TIFF"):
        clear = read(encode(np.full((40, 60, 4), (55, 55, 55, 0), np.uint8), kind, icc_profile=linear_profile()))
        assert (clear.pixels.min(), codes(clear)) == (255, ["profile_converted", "alpha_on_white"])
    assert np.abs(photograph.pixels.astype(int) - 128).max() <= 3


@pytest.mark.parametrize("profile", [b"junk", linear_profile()[:200], bytes(500)])
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "WEBP"])
def test_profiles_that_change_nothing(kind: str, profile: bytes) -> None:
    plain = read(encode(scene(), kind))
    photograph = read(encode(scene(), kind, icc_profile=profile))
    assert (photograph.digest, codes(photograph)) == (plain.digest, ["profile_ignored"])
    cmyk = Image.fromarray(scene()).convert("CMYK")
    assert codes(read(encode(cmyk, "TIFF", icc_profile=linear_profile()))) == ["profile_ignored", "cmyk"]
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert codes(read(encode(scene(), kind, icc_profile=srgb))) == []


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
    "BMP": b"BM" + struct.pack("<IIIIiiHHIIIIII", 54, 0, 54, 40, 30000, -30000, 1, 24, 0, 0, 0, 0, 0, 0),
    "TIFF": grey_tiff(30000, 30000, b"x"),
    "JPEG": b"\xff\xd8\xff\xc0" + struct.pack(">HBHHB", 11, 8, 30000, 30000, 1) + b"\1\x11\0\xff\xda\0\2",
    "WebP": re.sub(
        rb"(?s)(VP8X.{8}).{6}",
        rb"\1" + b"\xff\x3f\0" * 2,
        encode(scene(), "WEBP", save_all=True, append_images=[Image.fromarray(scene(seed=1))]),
    ),
}


@pytest.mark.parametrize("kind", HUGE)
def test_too_many_pixels_are_refused_by_the_header(kind: str) -> None:
    error = refusal(HUGE[kind])
    assert error.code == "too_large_pixels"
    assert error.details["limit"] == images.MAX_PIXELS
    assert min(error.details["width"], error.details["height"]) >= 16384


MEASURE = """import re, sys, time
from explorer import images
def peak(): return int(re.search(r"VmHWM:\\s*(\\d+)", open("/proc/self/status").read())[1]) / 1024
images.read(sys.argv[1])  # what the first reading of all loads does not count
before, start = peak(), time.process_time()
try: print(images.read(sys.argv[2]).size)
except images.ImageError as error: print(error.code)
print(time.process_time() - start, peak() - before)"""


def text_bomb(tag: bytes) -> tuple[bytes, bytes]:
    return tag, b"k\0\0" + zeros(200 * 2**20)


def crowded_exif_jpeg() -> bytes:
    """A JPEG whose EXIF is spread over many segments and holds 5,000 tags that claim 60,000 bytes each."""
    tags = [(1000 + number, 7, 60000, long(8)) for number in range(5000)]
    block = b"Exif\0\0" + tiff(tags, bytes(200))
    segments = b"\xff\xe1" + struct.pack(">H", len(block) + 2) + block
    filler = b"\xff\xe1" + struct.pack(">H", 65535) + b"Exif\0\0" + bytes(65527)
    data = encode(scene(), "JPEG")
    return data[:2] + segments + filler * 100 + data[2:]


def gif_with_comment(blocks: int) -> bytes:
    data = encode(scene(), "GIF")
    end = 13 + (3 << (data[10] & 7) + 1)
    return data[:end] + b"\x21\xfe" + (b"\xff" + b"c" * 255) * blocks + b"\0" + data[end:]


def crowded_tiff(kind: int, compression: int = 1) -> bytes:
    """5,000 tags, each of which claims a whole MiB as its value."""
    pixels = zlib.compress(bytes(400)) if compression == 8 else bytes(400)
    more = [(1000 + number, kind, 2**17, long(8 + len(pixels))) for number in range(5000)]
    return grey_tiff(20, 20, pixels + bytes(2**20), *more, t259=compression, t279=len(pixels))


def scans() -> bytes:
    data = encode(scene(), "JPEG", progressive=True)
    scan = data.rindex(b"\xff\xda")
    return data[:-2] + data[scan:-2] * 110 + data[-2:]


NO_LAYOUT = "unsupported_layout"
BOMBS = {
    "png_30000": (lambda: png(30000, 30000, zeros(30000 * 90001)), "too_large_pixels"),
    "png_13000": (lambda: png(13000, 13000, zeros(13000 * 39001)), "too_large_pixels"),
    "png_ztxt": (lambda: png(20, 20, zeros(1220), *[text_bomb(b"zTXt")] * 20), NO_LAYOUT),
    "png_iccp": (lambda: png(20, 20, zeros(1220), *[text_bomb(b"iCCP")] * 3), NO_LAYOUT),
    "png_parts": (lambda: png(20, 20, zeros(1220), *[(b"teSt", b"")] * 2_000_000), NO_LAYOUT),
    "webp": (lambda: HUGE["WebP"], "too_large_pixels"),
    "tiff_tags": (lambda: crowded_tiff(7), NO_LAYOUT),
    "tiff_tags_for_libtiff": (lambda: crowded_tiff(17, 8), NO_LAYOUT),
    "tiff_tile": (lambda: grey_tiff(20, 20, bytes(9), (322, 4, 1, long(2**16)), (323, 4, 1, long(2**16))), NO_LAYOUT),
    "tiff_strips": (lambda: grey_tiff(20, 20, bytes(2**22), (273, 4, 2**20, long(8))), NO_LAYOUT),
    "jpeg_exif": (crowded_exif_jpeg, "(40, 60)"),
    "jpeg_scans": (scans, "unreadable"),
    "largest_allowed": (lambda: png(8000, 8000, zeros(8000 * 32001), colour=6), "(8000, 8000)"),
    "gif_comment": (lambda: gif_with_comment(40000), NO_LAYOUT),
    "gif_frame": (lambda: b"GIF89a" + bytes([20, 0, 20, 0, 0, 0, 0]) + b",\0\0\0\0\xff\xff\xff\xff\0\2\0", NO_LAYOUT),
}


@pytest.mark.skipif(sys.platform != "linux", reason="peak memory is measured as Linux gives it")
@pytest.mark.parametrize("name", BOMBS)
def test_bombs_cost_neither_time_nor_memory(name: str, tmp_path: Path) -> None:
    make, expected = BOMBS[name]
    path = tmp_path / "bomb"
    path.write_bytes(make())
    command = [sys.executable, "-c", MEASURE, str(EXAMPLES / "cat.jpg"), str(path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=True)
    answer, figures = done.stdout.splitlines()
    seconds, megabytes = map(float, figures.split())
    assert answer == expected
    most = {"largest_allowed": (30, 1024), "png_parts": (4, 160)}.get(name, (4, 64))
    assert seconds < (0.5 if answer == "too_large_pixels" else most[0])
    assert megabytes < most[1]


@pytest.mark.parametrize("kind", KINDS)
def test_truncated_files_are_refused(kind: str) -> None:
    data = encode(scene(200, 300), kind)
    for share in (0.3, 0.6, 0.9):
        code = refusal(data[: int(len(data) * share)]).code
        assert code == "truncated" or (kind, code) == ("WEBP", NO_LAYOUT)


def test_damage_is_refused() -> None:
    data = bytearray(encode(scene(), "PNG"))
    data[data.index(b"IDAT") + 20] ^= 0xFF
    assert refusal(bytes(data)).code == refusal(png(20, 20, b"junk")).code == "unreadable"
    assert (
        refusal(png(20, 20, zeros(600))).code == refusal(b"\xff\xd8\xff").code == refusal(b"GIF89a").code == "truncated"
    )
    for other in (png(0, 20, zeros(600)), png(20, 20, zeros(1220), bits=7), grey_tiff(20, 20, bytes(400), t259=12345)):
        assert refusal(other).code == NO_LAYOUT


def test_damage_behind_the_first_frame_does_not_matter() -> None:
    data = encode(scene(), "GIF", save_all=True, append_images=[Image.fromarray(scene(seed=seed)) for seed in (1, 2)])
    assert np.abs(read(data[: len(data) * 2 // 3]).pixels.astype(int) - scene()).mean() < 8
    loop = bytearray(grey_tiff(20, 20, bytes(400)))
    loop[-4:] = long(408)  # the next page is this page
    assert codes(read(bytes(loop))) == []


def test_pillow_is_left_as_it_was() -> None:
    before = Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES, list(warnings.filters)
    read(encode(scene(), "TIFF"))
    refusal(HUGE["PNG"])
    assert (Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES, list(warnings.filters)) == before


def test_any_exception_of_a_decoder_becomes_a_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    kinds = [OSError, SyntaxError, ValueError, OverflowError, zlib.error, EOFError, KeyError, TypeError]
    for kind in [*kinds, RecursionError, AssertionError, AttributeError, MemoryError, Image.DecompressionBombError]:
        monkeypatch.setitem(formats.READERS, "PNG", lambda *_, kind=kind: (_ for _ in ()).throw(kind("hostile")))
        error = refusal(encode(scene(), "PNG"))
        assert error.code == {MemoryError: "out_of_memory", EOFError: "truncated"}.get(kind, NO_LAYOUT)
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


def mutated(data: bytearray, chance: random.Random) -> bytes:
    for _ in range(chance.randint(1, 6)):
        where = chance.randrange(min(len(data), chance.choice((300, 10**6))))
        size = chance.randint(1, 20)
        value = chance.choice([0, 1, 255, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1])
        data[where : where + chance.choice((0, 4, size))] = chance.choice(
            [chance.randbytes(1), struct.pack(chance.choice("<>") + "I", value), data[where : where + size], b""]
        )
        if chance.random() < 0.05 or not data:
            return bytes(data[:where])
    return bytes(data)


@pytest.mark.filterwarnings("ignore")  # Pillow's remarks on the damage
def test_mutated_files_are_read_or_refused() -> None:
    chance = random.Random(0)
    for _ in range(1500):
        try:
            photograph = read(mutated(bytearray(chance.choice(seeds())), chance))
        except ImageError:
            continue
        assert photograph.pixels.shape == (*photograph.size, 3)
        assert min(photograph.size) >= images.MIN_SIDE


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


# ---- resize and the examples -----------------------------------------------------------------------------------------


SHAPES = [(400, 600, 300, False, (200, 300)), (600, 400, 300, False, (300, 200)), (400, 600, 600, False, (400, 600))]
SHAPES += [(400, 600, 900, False, (400, 600)), (400, 600, 900, True, (600, 900)), (427, 640, 512, False, (342, 512))]
SHAPES += [(16, 500, 10, False, (1, 10)), (33, 33, 1, False, (1, 1))]


@pytest.mark.parametrize(("height", "width", "longest", "enlarge", "expected"), SHAPES)
def test_resized_shapes(height: int, width: int, longest: int, enlarge: bool, expected: tuple[int, int]) -> None:
    pixels = resize(scene(height, width), longest, enlarge=enlarge)
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
