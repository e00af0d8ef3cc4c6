"""What is larger than memory is read piece by piece, and as what is read whole: of every kind of every format."""

from __future__ import annotations

import itertools
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from explorer.errors import ExplorerError
from explorer.giant import GiantImage
from explorer.images import headers, read
from tests.images.made import bmp, encode, exif, linear_profile, png, scene

EXAMPLES = Path(__file__).resolve().parents[2] / "assets" / "examples"
PIECES = ("unsupported_layout", "unreadable", "truncated")  # what is wrong shows earlier where all is read at once


def giant(path: Path, channels: tuple[int, ...] | None = None) -> tuple[np.ndarray, list[str]]:
    with GiantImage(path, channels=channels) as image:
        whole = image[:, :]
        assert image.shape == whole.shape
        for box in ((slice(3, 18), slice(5, 21)), (slice(11, None), slice(0, 9))):
            np.testing.assert_array_equal(image[box], whole[box])
        return whole, [str(note) for note in image.notes]


def agreed(path: Path, data: bytes, most: int = 0) -> np.ndarray:
    """The pixels of a file, which both readers find, with what they say of it; at most `most` apart."""
    path.write_bytes(data)
    for channels in (None, (1,), (2, 0, 1)):
        plain, (pixels, notes) = read(path, channels=channels), giant(path, channels)
        assert np.abs(pixels.astype(int) - plain.pixels).max() <= most
        assert notes == [str(note) for note in plain.notes]
    return read(path).pixels


def refused(path: Path, data: bytes) -> tuple[str, str]:
    """What both readers say of a file that neither reads."""
    path.write_bytes(data)
    with pytest.raises(ExplorerError) as plain:
        read(path)
    with pytest.raises(ExplorerError) as pieces:
        giant(path)
    return plain.value.code, pieces.value.code


# ---- PNG ------------------------------------------------------------------------------------------------------------

SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
BITS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
PASSES = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))


def rows(values: np.ndarray, bits: int) -> bytes:
    """Rows of a PNG without a filter: H x W x samples, packed."""
    if bits == 16:
        return b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    flat = values.reshape(len(values), -1, 1) >> np.arange(bits - 1, -1, -1) & 1
    return b"".join(b"\0" + np.packbits(row.astype(np.uint8)).tobytes() for row in flat)


def made_png(values: np.ndarray, bits: int, colour: int, interlaced: bool, *chunks: tuple[bytes, bytes]) -> bytes:
    parts = [values[top::down, left::right] for top, left, down, right in PASSES] if interlaced else [values]
    packed = zlib.compress(b"".join(rows(part, bits) for part in parts if part.size))
    return png(values.shape[1], values.shape[0], packed, *chunks, bits=bits, colour=colour, interlaced=interlaced)


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize(("colour", "bits"), [(colour, bits) for colour, depths in BITS.items() for bits in depths])
def test_png(colour: int, bits: int, interlaced: bool, tmp_path: Path) -> None:
    chance = np.random.default_rng(bits)
    height, width = chance.integers(30, 60, 2)
    values = chance.integers(0, 2**bits, (height, width, SAMPLES[colour]))
    key = values[5, 6].copy()
    values[10:20, 10:20] = key
    table = chance.integers(0, 256, (2**bits, 3), np.uint8) if colour == 3 else None
    opaque = np.array([255, 0, 128, 7], np.uint8)[: 2**bits]
    palette = [] if table is None else [(b"PLTE", table.tobytes())]
    clear = (b"tRNS", opaque.tobytes() if colour == 3 else struct.pack(f">{len(key)}H", *key))
    for chunks in (palette, [*palette, clear]) if colour in (0, 2, 3) else (palette,):
        pixels = agreed(tmp_path / "a", made_png(values, bits, colour, interlaced, *chunks)).astype(float)
        seen = np.ones((height, width))
        if colour == 3:
            shown = table[values[..., 0]]
            if len(chunks) > 1:
                seen = np.append(opaque, np.full(256, 255))[values[..., 0]] / 255
        else:
            shown = np.broadcast_to(values[..., : 3 - 2 * (colour in (0, 4))] * (255 / (2**bits - 1)), pixels.shape)
            if colour in (4, 6):
                seen = values[..., -1] / (2**bits - 1)
            elif chunks:
                seen = 1.0 - (values == key).all(-1)
        wanted = shown * seen[..., None] + 255 * (1 - seen[..., None])
        assert np.abs(pixels - wanted).max() <= (
            2 if bits == 16 else 1
        )  # percentiles of all values are nearly the ends


def test_png_with_a_key_that_says_nothing_or_too_much(tmp_path: Path) -> None:
    values = np.full((20, 30, 1), 3)
    flat = made_png(values, 8, 0, False, (b"tRNS", struct.pack(">H", 3)))
    np.testing.assert_array_equal(agreed(tmp_path / "a", flat), np.full((20, 30, 3), 3))  # nothing would be left
    values[:10] = 7
    beyond = made_png(values, 8, 0, False, (b"tRNS", struct.pack(">H", 0x1203)))  # its lower eight bits are meant
    assert (agreed(tmp_path / "a", beyond)[10:] == 255).all()
    index = np.arange(600).reshape(20, 30, 1) % 16
    short = made_png(index, 4, 3, False, (b"PLTE", bytes(range(9))))  # of three colours
    assert not agreed(tmp_path / "a", short)[0, 3:16].any()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_profiles_turns_and_frames(kind: str, tmp_path: Path) -> None:
    still = {"lossless": True} if kind == "WEBP" else {"subsampling": 0} if kind == "JPEG" else {}
    extra = {"icc_profile": linear_profile(), "exif": b"Exif\0\0" + exif(6)}
    agreed(tmp_path / "a", encode(scene(), kind, **extra, **still), most=2 if kind == "JPEG" else 0)
    if kind == "PNG":
        agreed(tmp_path / "a", encode(scene(), kind, save_all=True, append_images=[Image.fromarray(scene(seed=1))]))


# ---- BMP ------------------------------------------------------------------------------------------------------------

HEADS = (12, 40, 52, 56, 64, 108, 124)
MASKS = {
    16: [(0xF800, 0x7E0, 0x1F, 0), (0x7C00, 0x3E0, 0x1F, 0), (0x7C00, 0x3E0, 0x1F, 0x8000), (0xF00, 0xF0, 0xF, 0xF000)],
    24: [(0xFF0000, 0xFF00, 0xFF, 0)],
    32: [(0xFF << a, 0xFF << b, 0xFF << c, (0xFF << d) * alpha) for a, b, c, d in itertools.permutations((0, 8, 16, 24))
         for alpha in (0, 1)] + [(0x3FF00000, 0xFFC00, 0x3FF, 0)],
}  # fmt: skip


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("bits", [1, 4, 8, 16, 24, 32])
def test_bmp(head: int, bits: int, tmp_path: Path) -> None:
    chance = np.random.default_rng(bits)
    height, width = chance.integers(20, 60, 2)
    values = chance.integers(0, 2**bits, (height, width))
    for colours, downward in itertools.product({2, 16, 256} if bits <= 8 else {0}, (False, True)):
        if 2**bits < colours or (head == 12 and (downward or 2**bits > colours)):
            continue
        greys = np.linspace(0, 255, colours).round()[:, None] if colours else np.zeros((0, 1))
        few = values % max(1, colours)
        for table in (
            chance.integers(0, 256, (colours, 3)),
            greys.repeat(3, 1),
            np.arange(colours)[:, None].repeat(3, 1),
        ):
            pixels = agreed(tmp_path / "a", bmp(few if colours else values, bits, head, table, downward=downward))
            if colours:
                np.testing.assert_array_equal(pixels, table[few])
            else:
                shifts = (10, 5, 0) if bits == 16 else (16, 8, 0)
                top = 31 if bits == 16 else 255
                wanted = np.stack([(values >> shift & top) * (255 / top) for shift in shifts], -1)
                assert np.abs(pixels - wanted).max() <= (1 if bits == 16 else 0)


@pytest.mark.parametrize("head", HEADS[1:])
@pytest.mark.parametrize("bits", [16, 24, 32])
def test_bmp_with_masks(head: int, bits: int, tmp_path: Path) -> None:
    """Masks that Pillow does not know are refused by both; the others mean what the file says."""
    chance = np.random.default_rng(bits)
    values = chance.integers(0, 2**bits, (25, 37))
    known = 0
    for masks in MASKS[bits] if head != 64 else ():  # 3 is a packing of OS/2 there
        data = bmp(values, bits, head, masks=masks)
        try:
            pixels = agreed(tmp_path / "a", data)
        except ExplorerError:
            assert refused(tmp_path / "a", data) == ("unsupported_layout", "unsupported_layout")
            continue
        known += 1
        parts = [(values & mask) / max(1, mask) for mask in masks]
        seen = parts[3] if masks[3] and head >= 56 and bits == 32 else np.ones(values.shape)
        wanted = 255 * (np.stack(parts[:3], -1) * seen[..., None] + 1 - seen[..., None])
        assert np.abs(pixels - wanted).max() <= (5 if bits == 16 else 1)
    assert known >= (head != 64)


def test_bmp_that_is_packed_or_short(tmp_path: Path) -> None:
    values = np.arange(32 * 32).reshape(32, 32) % 2
    packed = bmp(values, 8, 40, np.array([[9, 9, 9], [200, 0, 0]]), packed=True)
    path = tmp_path / "a"
    path.write_bytes(packed)
    np.testing.assert_array_equal(read(path).pixels, np.array([[9, 9, 9], [200, 0, 0]])[values])
    with pytest.raises(ExplorerError) as caught:
        GiantImage(path)
    assert (caught.value.code, caught.value.details) == ("not_in_pieces", {"format": "BMP (RLE)"})
    assert refused(path, bmp(values, 8, 40, np.zeros((2, 3), int))[:-40]) == ("truncated", "truncated")


# ---- JPEG and WebP --------------------------------------------------------------------------------------------------


def as_ycck(data: bytes) -> bytes:
    """A JPEG of four inks that says, as Photoshop's do, that three of them are stored as YCbCr."""
    at = data.index(b"Adobe") + 11
    return data[:at] + b"\2" + data[at + 1 :]


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK", "YCCK", "RGB stored"])
def test_jpeg(mode: str, progressive: bool, tmp_path: Path) -> None:
    how = {"progressive": progressive, "quality": 92, "subsampling": 0, "keep_rgb": mode == "RGB stored"}
    image = Image.fromarray(scene(77, 93)).convert(mode[:3].strip() if mode.startswith(("L", "RGB")) else "CMYK")
    data = encode(image, "JPEG", **how)
    agreed(tmp_path / "a", as_ycck(data) if mode == "YCCK" else data, most=0 if mode in ("L", "CMYK") else 2)


@pytest.mark.parametrize("subsampling", ["4:2:2", "4:2:0"])
def test_jpeg_of_coarser_colours(subsampling: str, tmp_path: Path) -> None:
    """Libraries enlarge coarse colours in two ways: colours at edges differ, and brightness hardly at all."""
    path = tmp_path / "a"
    for name in ("cat", "bus", "flower", "astronaut"):
        path.write_bytes(encode(read(EXAMPLES / f"{name}.jpg").pixels, "JPEG", quality=90, subsampling=subsampling))
        apart = giant(path)[0].astype(float) - read(path).pixels
        assert np.abs(apart).mean() <= 1
        assert np.abs(apart).max() <= 64
        assert np.abs(apart @ (0.299, 0.587, 0.114)).mean() <= 0.25
    agreed(path, encode(Image.fromarray(scene()).convert("L"), "JPEG"))


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
@pytest.mark.parametrize("options", [{"quality": 70}, {"lossless": True}, {"lossless": True, "exact": True}])
def test_webp(mode: str, options: dict[str, object], tmp_path: Path) -> None:
    picture = np.dstack([scene(77, 93), scene(77, 93, 1)[..., 0]])[..., : len(mode)]
    agreed(tmp_path / "a", encode(picture, "WEBP", **options))


def test_formats_that_cannot_be_read_in_pieces_are_called_by_their_names(tmp_path: Path) -> None:
    path = tmp_path / "a"
    two = {"save_all": True, "append_images": [Image.fromarray(scene(seed=1))]}
    for kind, name in (("GIF", "GIF"), ("WEBP", "WebP (animated)")):
        path.write_bytes(encode(scene(), kind, **two))
        assert read(path).size == (40, 60)
        with pytest.raises(ExplorerError) as caught:
            GiantImage(path)
        assert (caught.value.code, caught.value.details) == ("not_in_pieces", {"format": name})


@pytest.mark.parametrize(("subsampling", "share"), [("4:4:4", 3), ("4:2:2", 2), ("4:2:0", 1.5)])
def test_a_progressive_jpeg_is_read_as_far_as_gdal_keeps_it(
    subsampling: str, share: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of its coefficients, of 16 bits, are in memory at once; GDAL calls more than 500 MiB of them damage."""
    path, plain = tmp_path / "a", tmp_path / "b"
    path.write_bytes(encode(scene(64, 96), "JPEG", progressive=True, subsampling=subsampling))
    plain.write_bytes(encode(scene(64, 96), "JPEG", subsampling=subsampling))
    monkeypatch.setattr(headers, "MOST_COEFFICIENTS", int(2 * 64 * 96 * share))
    np.testing.assert_array_equal(giant(path)[0], giant(plain)[0])
    monkeypatch.setattr(headers, "MOST_COEFFICIENTS", int(2 * 64 * 96 * share) - 1)
    with pytest.raises(ExplorerError) as caught:
        GiantImage(path)
    assert (caught.value.code, caught.value.details) == ("not_in_pieces", {"format": "JPEG (progressive)"})
    giant(plain)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP", "WEBP"])
def test_damage_is_refused_by_both(kind: str, tmp_path: Path) -> None:
    data = encode(scene(200, 300), kind)
    for cut in (len(data) // 4, len(data) // 2, 900):
        assert set(refused(tmp_path / "a", data[:-cut])) <= set(PIECES)
    if kind == "PNG":  # with its end, and so that the rows of its last part are missing
        middle = data.index(b"IEND") - 900
        assert set(refused(tmp_path / "a", data[:middle] + data[-12:])) <= set(PIECES)
        lines = b"".join(b"\0" + row.tobytes() for row in scene(200, 300))
        for short in (1, 900, 90_000):
            assert set(refused(tmp_path / "a", png(300, 200, zlib.compress(lines[:-short])))) <= set(PIECES)
        np.testing.assert_array_equal(agreed(tmp_path / "a", data[:-12]), scene(200, 300))  # its end alone is missing
