"""Files that ask for far more time or memory than they hold, and what they are refused with."""

from __future__ import annotations

import re
import struct
import zlib

from PIL import Image

from tests.images.made import encode, grey_tiff, long, png, scene, tiff, zeros

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
