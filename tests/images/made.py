"""Picture files made for the tests: of every kind, put together by hand, and damaged at random."""

from __future__ import annotations

import io
import random
import struct
import warnings
import zlib
from functools import lru_cache

import numpy as np
import pytest
from PIL import Image, ImageCms

from explorer import images
from explorer.errors import ExplorerError
from explorer.images import Photograph, read

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


def refusal(source: object) -> ExplorerError:
    with pytest.raises(ExplorerError) as caught:
        read(source)  # type: ignore[arg-type]
    error = caught.value
    assert str(error) == images.SENTENCES[error.code].format(**error.details)
    assert "{" not in str(error)
    assert str(error).endswith(".")
    return error


def codes(photograph: Photograph) -> list[str]:
    assert all(str(note) for note in photograph.notes)
    return [note.code for note in photograph.notes]


def png(
    width: int,
    height: int,
    packed: bytes,
    *chunks: tuple[bytes, bytes],
    bits: int = 8,
    colour: int = 2,
    interlaced: bool = False,
) -> bytes:
    """A PNG put together by hand; `chunks` stand before the pixel data."""
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, interlaced)
    parts = [(b"IHDR", header), *chunks, (b"IDAT", packed), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + tag + body + struct.pack(">I", zlib.crc32(tag + body)) for tag, body in parts
    )


def bmp(
    values: np.ndarray,
    bits: int,
    head: int = 40,
    table: np.ndarray | None = None,
    masks: tuple[int, ...] = (),
    downward: bool = False,
    packed: bool = False,
) -> bytes:
    """A BMP of any version put together by hand: H x W numbers of `bits`; `table` is n x 3, blue comes first there.

    `masks` are those of red, green, blue and alpha; `downward`: the first row comes first; `packed` by run lengths.
    """
    height, width = values.shape
    lines = values if downward else values[::-1]
    if packed:
        pixels = b"".join(b"".join(bytes((1, value)) for value in line) + b"\0\0" for line in lines) + b"\0\1"
    elif bits < 8:
        split = (lines[..., None] >> np.arange(bits - 1, -1, -1) & 1).reshape(height, -1).astype(np.uint8)
        pixels = b"".join(np.packbits(line).tobytes().ljust((width * bits + 31) // 32 * 4, b"\0") for line in split)
    else:
        split = lines.astype("<u4").view(np.uint8).reshape(height, width, 4)[..., : bits // 8]
        pixels = b"".join(line.tobytes().ljust((width * bits + 31) // 32 * 4, b"\0") for line in split)
    palette = b"" if table is None else np.pad(table[:, ::-1], ((0, 0), (0, head != 12))).astype(np.uint8).tobytes()
    if head == 12:
        about = struct.pack("<IHHHH", 12, width, height, 1, bits)
    else:
        sizes, way = (head, width, -height if downward else height, 1, bits), 1 if packed else 3 if masks else 0
        about = struct.pack("<IiiHHIIiiII", *sizes, way, len(pixels), 0, 0, 0 if table is None else len(table), 0)
        about = (about + struct.pack("<4I", *masks) * (head >= 52) if masks else about).ljust(head, b"\0")[:head]
        about += struct.pack("<3I", *masks[:3]) if masks and head == 40 else b""
    start = 14 + len(about) + len(palette)
    return b"BM" + struct.pack("<IHHI", start + len(pixels), 0, 0, start) + about + palette + pixels


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


OTHERS = [(b"\0\0\0\x18ftypavif", "AVIF"), (b"%PDF-1.7", "PDF")]
OTHERS += [(b"8BPS\0\1", "Photoshop (PSD)"), (bytes(128) + b"DICM", "DICOM"), (b"<?xml?>\n<svg xmlns=''/>", "SVG")]
LOSSLESS = [("PNG", "RGB RGBA L LA P 1"), ("TIFF", "RGB RGBA L LA P 1 LAB"), ("BMP", "RGB L P 1"), ("GIF", "L P 1")]
RAMP = np.arange(2400).reshape(40, 60)
DEEP = [("PNG", RAMP.astype(np.uint16) * 7 + 300), ("TIFF", RAMP.astype(np.uint16) * 7 + 300)]
DEEP += [("TIFF", RAMP.astype(np.int32) * 70000 - 80_000_000), ("TIFF", (RAMP**2 / 1e7 - 0.1).astype(np.float32))]


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
