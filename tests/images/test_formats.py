"""Every kind of file is read as the picture that a person sees, from whatever source it comes."""

from __future__ import annotations

import io
import os
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from explorer.errors import ExplorerError
from explorer.images import read
from tests.images.made import (
    DEEP,
    LOSSLESS,
    OTHERS,
    RAMP,
    codes,
    encode,
    exif,
    grey_tiff,
    linear_profile,
    png,
    refusal,
    scene,
)

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


@pytest.mark.parametrize(("head", "name"), OTHERS)
def test_other_formats_are_named(head: bytes, name: str) -> None:
    error = refusal(head + bytes(100))
    assert (error.code, error.details) == ("unsupported_format", {"format": name})


# ---- formats, modes and depths --------------------------------------------------------------------------------------


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


@pytest.mark.parametrize("bits", [10, 12, 14, 16])
def test_deep_colour_is_spread_by_one_scale_for_all_channels(bits: int) -> None:
    """Cameras store 10 to 14 bits in 16 and do not say so; 8 of 16 bits would be nearly black."""
    values = (np.random.default_rng(0).random((40, 60, 3)) * (1.0, 0.8, 0.5) * (2**bits - 1)).astype(">u2")
    rows = b"".join(b"\0" + row.tobytes() for row in values)
    photograph = read(png(60, 40, zlib.compress(rows), bits=16))
    assert np.abs(photograph.pixels - spread(values.astype(np.uint16))).max() <= 1
    assert codes(photograph) == ["scaled"]


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
    with pytest.raises(ExplorerError) as caught:
        read(data, page=3)
    assert (caught.value.code, caught.value.details) == ("no_page", {"page": 4, "pages": 3})
    with pytest.raises(ExplorerError) as caught:
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
    with pytest.raises(ExplorerError):
        read(out.getvalue()[:200])
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(ExplorerError, match="pip install pillow-heif") as caught:
        read(out.getvalue())
    assert caught.value.code == "heic_plugin"


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "WEBP"])
def test_profile_is_converted_to_srgb(kind: str) -> None:
    flat = np.full((40, 60, 3), 55, np.uint8)  # linear 55 / 255 is 128 in sRGB
    photograph = read(encode(flat, kind, icc_profile=linear_profile()))
    assert codes(photograph) == ["profile_converted"]
    assert "line" in photograph.notes[0].details["profile"]
    if kind in ("PNG", "TIFF"):
        half = np.full((40, 60, 4), (55, 55, 55, 0), np.uint8)
        half[0, 0, 3] = 255
        clear = read(encode(half, kind, icc_profile=linear_profile()))
        assert (clear.pixels[1:].min(), codes(clear)) == (255, ["profile_converted", "alpha_on_white"])
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
