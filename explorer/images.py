"""Read any image file safely: 8-bit RGB pixels and a record of what was done to them, or a refusal with its reason.

An image file is hostile until shown otherwise. So every container is first walked here, in plain Python and without
decoding: the size stands in the header and is checked before a pixel is allocated, and what is handed to Pillow is a
*clean* file that holds only what its decoder needs. Comments, thumbnails, EXIF, XMP, further pages and frames never
reach it, and with them go the ways to exhaust memory or time that they offer. Orientation and colour profile are taken
out on the way and applied afterwards. Nothing global in Pillow is changed, so reading is safe from several threads.
"""

from __future__ import annotations

import hashlib
import io
import logging
import os
import stat
import struct
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
from PIL import (  # the plugins are imported by name so that reading never loads others
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageCms,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

PLUGINS = (BmpImagePlugin, GifImagePlugin, JpegImagePlugin, PngImagePlugin, TiffImagePlugin, WebPImagePlugin)
FORMATS = ("JPEG", "PNG", "WebP", "TIFF", "BMP", "GIF")

MAX_BYTES = 64 * 2**20  # of a file
MAX_PIXELS = 64_000_000  # 8000 x 8000; the 48 and 50 megapixels of phones pass
MIN_SIDE = 16  # pixels; below it there is nothing to segment
MAX_ASPECT = 32  # longer side over shorter; a thinner image has no shorter side left once it is resized

_MAX_PROFILE = 4 * 2**20  # bytes of a colour profile, inflated
_MAX_PARTS = 100_000  # segments, chunks or directories of one file
_MAX_BLOCKS = 500_000  # GIF sub-blocks of at most 255 bytes
_MAX_VALUES = 2**18  # values of one TIFF tag: 16 x 16 tiles over MAX_PIXELS
_MAX_SCANS = 50  # of a progressive JPEG: each costs a pass over the whole image
_MAX_RLE = 4 * 2**20  # bytes of a run-length BMP, which Pillow decodes in Python
_LARGE = 2**24  # pixels
_SAMPLE = 2**24  # values at most that percentiles are taken from, evenly spread
_BAND = 2**20  # pixels converted at a time, so that the peak is the decoded image and the result

_turn = threading.Semaphore(2)  # images decoded at the same time, so that many readers cannot add up their memory
_large_turn = threading.Lock()  # only one of them may be large: at MAX_PIXELS it takes up to 1 GiB

log = logging.getLogger(__name__)

SENTENCES = {
    "no_image": "There is no image: choose an example, or upload, paste or photograph one.",
    "cannot_open": "The file cannot be opened: check that it exists, is an ordinary file and may be read.",
    "empty_file": "The file is empty (0 bytes): it was probably not copied completely, so save or download it again.",
    "not_an_image": "The file is not an image, whatever its name says: "
    "choose a JPEG, PNG, WebP, TIFF, BMP or GIF file.",
    "unsupported_format": "{format} files cannot be read here: save the image as JPEG, PNG or TIFF and try again.",
    "unsupported_layout": "This {format} file is damaged or stores its pixels in a way that cannot be read here: "
    "save it as 8-bit RGB or 16-bit grey and try again.",
    "truncated": "The {format} file ends too early, so part of the image is missing: save or download it again.",
    "unreadable": "The {format} file is damaged and cannot be decoded: save or export the image again.",
    "too_small": "The image has only {width} x {height} pixels: use one with at least {minimum} pixels on each side.",
    "too_thin": "The image of {width} x {height} pixels is too thin: cut it so that the longer side is at most "
    "{maximum} times the shorter.",
    "too_large_pixels": "The image has {width} x {height} pixels, more than the {limit:,} that are allowed: "
    "make it smaller or cut a part out of it.",
    "too_large_bytes": "The file is larger than the {limit_mib} MiB that are allowed: "
    "make the image smaller or save it as JPEG or PNG.",
    "out_of_memory": "There is not enough memory to read this image now: try again later or make the image smaller.",
}
NOTES = {
    "rotated": "Turned upright as the camera recorded it (EXIF orientation {orientation}).",
    "alpha_on_white": "Transparent parts ({percent} % of the pixels) were laid on white.",
    "first_frame": "Only the first of {frames} frames is used.",
    "first_page": "Only the first of {pages} pages is used.",
    "scaled": "Values from {low} to {high} (percentiles 0.1 and 99.9) were scaled to 0..255.",
    "not_finite": "{count} values that are not finite numbers were replaced.",
    "bits_dropped": "{bits} bits per colour were reduced to 8.",
    "cmyk": "Printing colours (CMYK) were converted to RGB without a profile; they are approximate.",
    "profile_converted": "Colours were converted from the profile “{profile}” to sRGB.",
    "profile_ignored": "The colour profile is not usable and was ignored.",
}


class ImageError(ValueError):
    """Why a file was refused. `code` is a key of SENTENCES, `details` fills it; str() is the English sentence."""

    def __init__(self, code: str, **details: Any) -> None:
        self.code = code
        self.details = details
        super().__init__(SENTENCES[code].format(**details))


@dataclass(frozen=True)
class Note:
    """One thing that was done to an image. `code` is a key of NOTES, `details` fills it."""

    code: str
    details: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return NOTES[self.code].format(**self.details)


@dataclass(frozen=True, eq=False)
class Photograph:
    """An image ready for a network: `pixels` is H x W x 3, 8-bit, sRGB, contiguous and read-only."""

    pixels: np.ndarray
    size: tuple[int, int]  # height, width
    notes: tuple[Note, ...]
    digest: str  # sha256 of shape and pixels, hexadecimal
    name: str


def read(source: str | Path | bytes | BinaryIO | None, name: str = "") -> Photograph:
    """The image in a file (a path, never an address), its bytes, or a stream opened for reading bytes.

    The content decides the format, not the name. Raises ImageError, and nothing else, for whatever the file holds.
    """
    if not name and isinstance(source, (str, Path)):
        name = Path(source).name
    data = _bytes(source)
    if not data:
        raise ImageError("empty_file")
    kind = _recognise(data)
    header: _Header | None = None
    try:
        header = _PARSERS[kind](data)
        _check(header)
        large = header.width * header.height > _LARGE
        with _large_turn if large else nullcontext(), _turn:
            pixels, notes = _decode(header)
    except ImageError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:  # a stricter limit set elsewhere
        width, height = (header.width, header.height) if header else (0, 0)
        limit = Image.MAX_IMAGE_PIXELS or MAX_PIXELS
        raise ImageError("too_large_pixels", width=width, height=height, limit=limit) from error
    except MemoryError as error:
        raise ImageError("out_of_memory") from error
    except Exception as error:  # Pillow's decoders raise nearly anything on damaged data
        log.debug("%s not read: %r", kind, error)
        code = "unreadable"
        if header is None:
            code = "truncated" if isinstance(error, (struct.error, IndexError)) else "unreadable"
        elif header.short or isinstance(error, EOFError) or "truncated" in str(error):
            code = "truncated"
        elif isinstance(error, Image.UnidentifiedImageError):
            code = "unsupported_layout"
        raise ImageError(code, format=kind) from error
    pixels.setflags(write=False)
    digest = hashlib.sha256(repr(pixels.shape).encode())
    digest.update(pixels.data)
    return Photograph(pixels, (pixels.shape[0], pixels.shape[1]), tuple(notes), digest.hexdigest(), name)


def resize(pixels: np.ndarray, longest: int, enlarge: bool = False) -> np.ndarray:
    """A new H' x W' x 3 copy whose longer side is `longest`, aspect kept, both sides at least 1, antialiased.

    An image that is smaller already keeps its size unless `enlarge` is set.
    """
    if longest < 1:
        raise ValueError(f"longest must be at least 1, not {longest}")
    height, width = pixels.shape[:2]
    long = max(height, width)
    if longest == long or (longest > long and not enlarge):
        return np.array(pixels, order="C")
    new_height, new_width = (max(1, (2 * side * longest + long) // (2 * long)) for side in (height, width))
    image = Image.fromarray(np.ascontiguousarray(pixels))
    return np.array(image.resize((new_width, new_height), Image.Resampling.LANCZOS, reducing_gap=3.0))


# ---- from a source to bytes and a format ----------------------------------------------------------------------------


def _bytes(source: Any) -> bytes:
    if source is None or (isinstance(source, str) and not source):
        raise ImageError("no_image")
    try:
        if isinstance(source, (bytes, bytearray, memoryview)):
            return _limited(io.BytesIO(source).read)
        if isinstance(source, (str, Path)):
            with open(source, "rb", opener=_open_ordinary) as file:
                return _limited(file.read)
        return _limited(source.read)
    except ImageError:
        raise
    except MemoryError as error:
        raise ImageError("out_of_memory") from error
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path, a closed stream
        raise ImageError("cannot_open") from error


def _limited(read: Callable[[int], Any]) -> bytes:
    """All that a stream gives, which may be in pieces, and no more of it than MAX_BYTES and one."""
    pieces, left = [], MAX_BYTES + 1
    while left and (piece := read(left)):
        if not isinstance(piece, bytes):
            raise ImageError("not_an_image")  # a stream of text
        pieces.append(piece)
        left -= len(piece)
    if not left:
        raise ImageError("too_large_bytes", limit_mib=MAX_BYTES // 2**20)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def _open_ordinary(path: str, flags: int) -> int:
    """Open without waiting and refuse what is no ordinary file: a pipe or a terminal would block the reader."""
    handle = os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
    status = os.fstat(handle)
    if not stat.S_ISREG(status.st_mode):
        os.close(handle)
        raise OSError("not an ordinary file")
    return handle


_OTHERS: tuple[tuple[int, bytes, str], ...] = (  # offset, magic, what it is
    (4, b"ftyphei", "HEIC"),
    (4, b"ftyphev", "HEIC"),
    (4, b"ftypmif1", "HEIC"),
    (4, b"ftypmsf1", "HEIC"),
    (4, b"ftypavi", "AVIF"),
    (4, b"ftyp", "Video (MP4)"),
    (0, b"\x00\x00\x00\x0cjP  ", "JPEG 2000"),
    (0, b"\xff\x4f\xff\x51", "JPEG 2000"),
    (0, b"\x00\x00\x00\x0cJXL ", "JPEG XL"),
    (0, b"\xff\x0a", "JPEG XL"),
    (0, b"8BPS", "Photoshop (PSD)"),
    (0, b"%PDF", "PDF"),
    (0, b"%!PS", "PostScript"),
    (0, b"PK\x03\x04", "ZIP"),
    (0, b"\x1f\x8b", "gzip"),
    (0, b"\x00\x00\x01\x00", "Icon (ICO)"),
    (0, b"SIMPLE  =", "FITS"),
    (0, b"\x89HDF", "HDF5"),
    (0, b"\x93NUMPY", "NumPy"),
    (0, b"\x1aE\xdf\xa3", "Video (WebM)"),
    (128, b"DICM", "DICOM"),
)


def _recognise(data: bytes) -> str:
    head = data[:16]
    if head.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if head.startswith((b"GIF87a", b"GIF89a")):
        return "GIF"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WebP"
    if head.startswith((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")):
        return "TIFF"
    if head.startswith(b"BM") and data[14:18] in [bytes((n, 0, 0, 0)) for n in (12, 40, 52, 56, 64, 108, 124)]:
        return "BMP"
    for offset, magic, what in _OTHERS:
        if data[offset : offset + len(magic)] == magic:
            raise ImageError("unsupported_format", format=what)
    if b"<svg" in data[:1024].lower():
        raise ImageError("unsupported_format", format="SVG")
    raise ImageError("not_an_image")


# ---- containers: size, orientation and profile out of the header, and a clean file for the decoder ------------------


@dataclass
class _Header:
    kind: str
    width: int
    height: int
    clean: bytes  # the file with nothing in it but what the decoder needs
    orientation: int = 1  # EXIF, 1 to 8
    profile: bytes | None = None  # ICC; empty when there is one that cannot be used
    frames: int = 1
    bits: int = 8  # per channel, as stored
    inverted: bool = False  # TIFF: 0 is white
    unsigned: bool = False  # TIFF: 32-bit values that Pillow takes for signed
    short: bool = False  # the header points behind the end of the file


def _check(header: _Header) -> None:
    width, height = header.width, header.height
    if width < 1 or height < 1:
        raise _damaged(header.kind)
    if min(width, height) < MIN_SIDE:
        raise ImageError("too_small", width=width, height=height, minimum=MIN_SIDE)
    if width * height > MAX_PIXELS:
        raise ImageError("too_large_pixels", width=width, height=height, limit=MAX_PIXELS)
    if max(width, height) > MAX_ASPECT * min(width, height):
        raise ImageError("too_thin", width=width, height=height, maximum=MAX_ASPECT)


def _damaged(kind: str) -> ImageError:
    return ImageError("unreadable", format=kind)


def _jpeg(data: bytes) -> _Header:
    """Segments up to the first scan; of the application data only JFIF and Adobe's colour transform stay."""
    kept, profile, orientation, size, pos = [data[:2]], {}, 0, (0, 0, 8), 2
    for _ in range(_MAX_PARTS):
        if data[pos] != 0xFF:
            raise _damaged("JPEG")
        while data[pos] == 0xFF:  # fill bytes
            pos += 1
        marker, start = data[pos], pos - 1
        pos += 1
        if marker == 0x01 or 0xD0 <= marker <= 0xD8:
            continue
        if marker == 0xD9:
            raise _damaged("JPEG")
        (length,) = struct.unpack_from(">H", data, pos)
        body = data[pos + 2 : pos + length]
        if length < 2:
            raise _damaged("JPEG")
        if len(body) != length - 2:
            raise struct.error("segment behind the end")
        pos += length
        if marker == 0xDA:
            if not size[0] or data.count(b"\xff\xda", start) > _MAX_SCANS:
                raise _damaged("JPEG")
            kept.append(data[start:])
            break
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            bits, height, width = struct.unpack_from(">BHH", body)
            if size[0] or not height:
                raise _damaged("JPEG")
            size = (width, height, bits)
        elif marker == 0xE1 and body.startswith(b"Exif\0\0") and not orientation:
            orientation = _orientation(body)
        elif marker == 0xE2 and body.startswith(b"ICC_PROFILE\0") and len(body) > 14:
            profile[body[12]] = body[14:]
        if marker == 0xFE or (0xE1 <= marker <= 0xEF and marker != 0xEE):
            continue
        kept.append(data[start:pos])
    else:
        raise _damaged("JPEG")
    icc = b"".join(profile[number] for number in sorted(profile)) if profile else None
    width, height, bits = size
    return _Header("JPEG", width, height, b"".join(kept), orientation or 1, icc, bits=bits)


def _png(data: bytes) -> _Header:
    kept, header, pos = [data[:8]], _Header("PNG", 0, 0, b""), 8
    for _ in range(_MAX_PARTS):
        length, tag = struct.unpack_from(">I4s", data, pos)
        end = pos + 12 + length
        if end > len(data):
            raise struct.error("chunk behind the end")
        if not header.width and tag != b"IHDR":
            raise _damaged("PNG")
        if tag in (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"):
            if zlib.crc32(data[pos + 4 : end - 4]) != struct.unpack_from(">I", data, end - 4)[0]:
                raise _damaged("PNG")
            kept.append(data[pos:end])
        if tag == b"IHDR":
            header.width, header.height, header.bits = struct.unpack_from(">IIB", data, pos + 8)
        elif tag == b"iCCP":
            header.profile = _inflate(data[pos + 8 : end - 4].partition(b"\0")[2][1:])
        elif tag == b"eXIf":
            header.orientation = _orientation(data[pos + 8 : end - 4])
        elif tag == b"acTL" and length >= 4:
            header.frames = max(1, struct.unpack_from(">I", data, pos + 8)[0])
        elif tag == b"IEND":
            header.clean = b"".join(kept)
            return header
        pos = end
    raise _damaged("PNG")


def _inflate(packed: bytes) -> bytes:
    """An inflated profile, or nothing when it is damaged or grows too large."""
    try:
        inflater = zlib.decompressobj()
        profile = inflater.decompress(packed, _MAX_PROFILE)
    except zlib.error:
        return b""
    return profile if inflater.eof else b""


def _gif(data: bytes) -> _Header:
    """The first frame alone, with the extension that names its transparent colour."""
    width, height, flags = struct.unpack_from("<HHB", data, 6)
    pos = 13 + (3 << (flags & 7) + 1 if flags & 0x80 else 0)
    screen, control, clean, frames, blocks = data[:pos], b"", b"", 0, 0
    try:
        while True:
            start, introducer = pos, data[pos]
            if introducer == 0x3B:
                break
            if introducer == 0x21:
                label, pos = data[pos + 1], pos + 2
                if label == 0xF9 and data[pos] == 4:
                    transparency = data[pos + 1] & 1
                    control = bytes((0x21, 0xF9, 4, transparency, 0, 0, data[pos + 4], 0))
            elif introducer == 0x2C:
                left, top, wide, high, flags = struct.unpack_from("<HHHHB", data, pos + 1)
                pos += 11 + (3 << (flags & 7) + 1 if flags & 0x80 else 0)
            else:
                raise _damaged("GIF")
            while data[pos]:
                pos += 1 + data[pos]
                blocks += 1
                if blocks > _MAX_BLOCKS:
                    raise _damaged("GIF")
            pos += 1
            blocks += 1
            if introducer == 0x2C:
                frames += 1
                if not clean:
                    width, height = max(width, left + wide), max(height, top + high)
                    clean = screen + control + data[start:pos] + b";"
    except (IndexError, struct.error, ImageError):
        if not clean:  # damage behind the first frame does not matter
            raise
    if not clean:
        raise _damaged("GIF")
    return _Header("GIF", width, height, clean, frames=frames)


def _webp(data: bytes) -> _Header:
    (size,) = struct.unpack_from("<I", data, 4)
    if size + 8 > len(data):
        raise struct.error("file shorter than it says")
    first = data[12:16]
    if first == b"VP8X":
        width, height = (1 + int.from_bytes(data[at : at + 3], "little") for at in (24, 27))
    elif first == b"VP8 ":
        if data[23:26] != b"\x9d\x01\x2a":
            raise _damaged("WebP")
        width, height = (side & 0x3FFF for side in struct.unpack_from("<HH", data, 26))
    elif first == b"VP8L":
        (packed,) = struct.unpack_from("<I", data, 21)
        width, height = 1 + (packed & 0x3FFF), 1 + (packed >> 14 & 0x3FFF)
    else:
        raise _damaged("WebP")
    header, pos, frames = _Header("WebP", width, height, data), 12, 0
    for _ in range(_MAX_PARTS):
        if pos + 8 > size + 8:
            break
        tag, length = struct.unpack_from("<4sI", data, pos)
        body = slice(pos + 8, pos + 8 + length)
        if tag == b"ICCP" and header.profile is None:
            header.profile = data[body]
        elif tag == b"EXIF":
            header.orientation = _orientation(data[body])
        frames += tag == b"ANMF"
        pos += 8 + length + length % 2
    else:
        raise _damaged("WebP")
    header.frames = max(1, frames)
    return header


def _bmp(data: bytes) -> _Header:
    (dib,) = struct.unpack_from("<I", data, 14)
    width, height = struct.unpack_from("<HH" if dib == 12 else "<ii", data, 18)
    if dib > 12 and struct.unpack_from("<I", data, 30)[0] in (1, 2) and len(data) > _MAX_RLE:
        raise ImageError("too_large_bytes", limit_mib=_MAX_RLE // 2**20)
    return _Header("BMP", width, abs(height), data)


_TIFF_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_TIFF_COMPRESSIONS = {1, 2, 3, 4, 5, 7, 8, 32773, 32946, 34925, 50000}  # the rare and the obsolete are left out
_TIFF_INTEGERS = {1: "B", 3: "H", 4: "I", 16: "Q"}
_TIFF_KEPT = {*range(256, 260), 262, 266, 273, *range(277, 280), 284, 292, 293, 317, 320, *range(322, 326)}
_TIFF_KEPT |= {338, 339, 347, 530, 531, 532}


class _Directory:
    """One directory of a TIFF file or an EXIF block, its values read only when asked for."""

    def __init__(self, data: bytes, offset: int = 0) -> None:
        self.data = data
        self.order = {b"II": "<", b"MM": ">"}[data[:2]]
        self.big = self._integer("H", 2) == 43
        self.offset = offset or self._integer("Q" if self.big else "I", 8 if self.big else 4)
        count = self._integer("Q" if self.big else "H", self.offset)
        self.start, self.length = self.offset + (8 if self.big else 2), 20 if self.big else 12
        if count > _MAX_PARTS:
            raise _damaged("TIFF")
        self.after = self.start + count * self.length
        self.next = self._integer("Q" if self.big else "I", self.after)

    def _integer(self, code: str, at: int) -> int:
        return cast(int, struct.unpack_from(self.order + code, self.data, at)[0])

    def entries(self) -> Iterator[tuple[int, int]]:
        """Tag and position of each entry."""
        for at in range(self.start, self.after, self.length):
            yield self._integer("H", at), at

    def block(self, at: int) -> tuple[int, int, int, int]:
        """Type, number of values, position of the values and their size in bytes, of the entry at a position."""
        kind, count = self._integer("H", at + 2), self._integer("Q" if self.big else "I", at + 4)
        size, field_at = count * _TIFF_SIZES.get(kind, 1), at + self.length - (8 if self.big else 4)
        inline = size <= (8 if self.big else 4)
        return kind, count, field_at if inline else self._integer("Q" if self.big else "I", field_at), size

    def integers(self, at: int) -> tuple[int, ...]:
        kind, count, position, _ = self.block(at)
        if count > _MAX_VALUES or kind not in _TIFF_INTEGERS:
            raise _damaged("TIFF")
        return struct.unpack_from(f"{self.order}{count}{_TIFF_INTEGERS[kind]}", self.data, position)


def _orientation(exif: bytes) -> int:
    """EXIF orientation, 1 to 8; 1 when it is not there or makes no sense."""
    try:
        directory = _Directory(exif.removeprefix(b"Exif\0\0"))
        for tag, at in directory.entries():
            if tag == 274:
                value = directory.integers(at)[0]
                return value if 1 <= value <= 8 else 1
    except (ImageError, struct.error, LookupError):
        pass
    return 1


def _tiff(data: bytes) -> _Header:
    """The first page; the tags its decoder needs are copied into a new directory behind the end of the file."""
    directory = _Directory(data)
    kept: dict[int, int] = {}
    profile, orientation = None, 1
    for tag, at in directory.entries():
        kind, count, position, size = directory.block(at)
        if tag in _TIFF_KEPT:
            if count > _MAX_VALUES:
                raise _damaged("TIFF")
            kept.setdefault(tag, at)
        elif tag == 34675:
            profile = data[position : position + size] if size <= _MAX_PROFILE else b""
        elif tag == 274 and kind == 3 and count == 1:
            orientation = directory.integers(at)[0]

    def values(tag: int, default: int = 0) -> tuple[int, ...]:
        return (directory.integers(kept[tag]) if tag in kept else ()) or (default,)

    width, height = values(256)[0], values(257)[0]
    if values(259, 1)[0] not in _TIFF_COMPRESSIONS:
        raise ImageError("unsupported_layout", format="TIFF")
    if values(322)[0] * values(323)[0] > MAX_PIXELS:
        raise _damaged("TIFF")
    offsets, lengths = values(324 if 324 in kept else 273), values(325 if 325 in kept else 279)
    bits = max(values(258, 1))
    code, count_code, offset_at = ("Q", "Q", 8) if directory.big else ("I", "H", 4)
    padding = b"\0" * (-len(data) % 8)
    table = struct.pack(directory.order + count_code, len(kept))
    table += b"".join(data[at : at + directory.length] for _, at in sorted(kept.items()))
    table += struct.pack(directory.order + code, 0)
    pointer = struct.pack(directory.order + code, len(data) + len(padding))
    clean = b"".join((data[:offset_at], pointer, data[offset_at + len(pointer) :], padding, table))
    return _Header(
        "TIFF",
        width,
        height,
        clean,
        orientation if 1 <= orientation <= 8 else 1,
        profile,
        frames=_pages(directory),
        bits=bits,
        inverted=values(262, 1)[0] == 0,
        unsigned=bits == 32 and values(339, 1)[0] == 1,
        short=any(start + length > len(data) for start, length in zip(offsets, lengths, strict=False)),
    )


def _pages(directory: _Directory) -> int:
    seen = {directory.offset}
    try:
        while directory.next and directory.next not in seen and len(seen) < _MAX_PARTS:
            directory = _Directory(directory.data, directory.next)
            seen.add(directory.offset)
    except (ImageError, struct.error):
        pass  # a damaged later page does not matter
    return len(seen)


_PARSERS: dict[str, Callable[[bytes], _Header]] = {
    "JPEG": _jpeg,
    "PNG": _png,
    "GIF": _gif,
    "WebP": _webp,
    "BMP": _bmp,
    "TIFF": _tiff,
}


# ---- from a clean file to pixels ------------------------------------------------------------------------------------


def _decode(header: _Header) -> tuple[np.ndarray, list[Note]]:
    notes: list[Note] = []
    if header.frames > 1:
        paged = header.kind == "TIFF"
        notes.append(
            Note("first_page", {"pages": header.frames}) if paged else Note("first_frame", {"frames": header.frames})
        )
    with Image.open(io.BytesIO(header.clean), formats=[header.kind.upper()]) as image:
        if image.size != (header.width, header.height):
            raise _damaged(header.kind)
        image.load()
        deep = image.mode in ("I", "F") or image.mode.startswith("I;16")
        pixels = _scaled(image, header, notes) if deep else _coloured(image, header, notes)
    if header.orientation > 1:
        pixels = np.ascontiguousarray(_upright(pixels, header.orientation))
        notes.append(Note("rotated", {"orientation": header.orientation}))
    return pixels, notes


def _upright(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Undo an EXIF orientation (EXIF 2.3, table 6)."""
    if orientation in (5, 6, 7, 8):
        pixels = pixels.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return pixels


def _bands(height: int, width: int) -> Iterator[tuple[int, int]]:
    step = max(1, _BAND // width)
    for top in range(0, height, step):
        yield top, min(height, top + step)


def _scaled(image: Image.Image, header: _Header, notes: list[Note]) -> np.ndarray:
    """Grey values of more than 8 bits, spread over 0..255 between two percentiles."""
    values = np.asarray(image)
    if header.unsigned and values.dtype == np.int32:
        values = values.view(np.uint32)
    known = values.ravel()
    if values.dtype.kind == "f":
        finite = np.isfinite(known)
        missing = int(known.size - np.count_nonzero(finite))
        if missing:
            notes.append(Note("not_finite", {"count": missing}))
            known = known[finite]
    sample = known[:: 1 + known.size // _SAMPLE]
    low, high = (float(v) for v in np.percentile(sample, (0.1, 99.9), method="nearest")) if known.size else (0.0, 0.0)
    if known.size and not high > low:  # nearly all one value: what stands out from it is what there is to see
        low, high = float(known.min()), float(known.max())
    notes.append(Note("scaled", {"low": _short(low), "high": _short(high), "bits": header.bits}))
    factor = 255.0 / (high - low) if high > low else 0.0
    grey = np.empty(values.shape, np.uint8)
    for top, bottom in _bands(*values.shape):
        band = np.nan_to_num((np.clip(values[top:bottom].astype(np.float64), low, high) - low) * factor, nan=0.0)
        grey[top:bottom] = np.rint(255.0 - band if header.inverted else band)
    return np.repeat(grey[:, :, None], 3, axis=2)


def _short(value: float) -> int | float:
    return int(value) if value.is_integer() and abs(value) < 2**53 else float(f"{value:.4g}")


def _coloured(image: Image.Image, header: _Header, notes: list[Note]) -> np.ndarray:
    """Any mode of 8 bits or fewer: palette looked up, profile applied, transparency laid on white."""
    if header.bits > 8:
        notes.append(Note("bits_dropped", {"bits": header.bits}))
    convert = _profile(image, header, notes)
    if image.mode == "CMYK" and convert is None:
        notes.append(Note("cmyk"))
    width, height = image.size
    pixels = np.empty((height, width, 3), np.uint8)
    has_alpha, seen_through = image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info, 0
    for top, bottom in _bands(height, width):
        band = image.crop((0, top, width, bottom))
        if band.mode == "La":
            band = band.convert("LA")
        if has_alpha:
            band = band.convert("RGBA")
            alpha = np.asarray(band.getchannel("A"))[:, :, None].astype(np.uint16)
        colours = np.asarray(convert(band) if convert else band.convert("RGB"))
        if has_alpha and (count := int(np.count_nonzero(alpha < 255))):
            seen_through += count
            colours = ((colours * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)
        pixels[top:bottom] = colours
    if seen_through:
        percent = min(100.0, max(0.1, round(100 * seen_through / (width * height), 1)))
        notes.append(Note("alpha_on_white", {"percent": percent}))
    return pixels


def _profile(image: Image.Image, header: _Header, notes: list[Note]) -> Callable[[Image.Image], Image.Image] | None:
    """What turns a band of the image into sRGB, when there is a profile that fits and is not sRGB already."""
    if header.profile is None or image.mode in ("LAB", "YCbCr"):  # these say themselves what their colours are
        return None
    try:
        if len(header.profile) > _MAX_PROFILE:
            raise ValueError("profile too large")
        profile = ImageCms.ImageCmsProfile(io.BytesIO(header.profile))
        name = "".join(c for c in ImageCms.getProfileDescription(profile) if c.isprintable()).strip()[:60]
        mode = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK"}[profile.profile.xcolor_space.strip()]
        grey = image.mode in ("1", "L", "LA", "La")
        if (mode == "CMYK") != (image.mode == "CMYK") or (mode == "L" and not grey):
            raise ValueError(f"a profile for {mode} in an image of mode {image.mode}")
        if name.startswith("sRGB"):
            return None
        flags = ImageCms.Flags.BLACKPOINTCOMPENSATION
        intent = ImageCms.Intent.RELATIVE_COLORIMETRIC
        transform = ImageCms.buildTransform(profile, ImageCms.createProfile("sRGB"), mode, "RGB", intent, flags)
    except Exception as error:  # LittleCMS refuses a bad profile in several ways; the image is readable without it
        log.debug("profile ignored: %r", error)
        notes.append(Note("profile_ignored"))
        return None
    notes.append(Note("profile_converted", {"profile": name}))

    def convert(band: Image.Image) -> Image.Image:
        if mode == "RGB" and band.mode == "RGBA":
            band = band.convert("RGB")
        converted = ImageCms.applyTransform(band if band.mode == mode else band.convert(mode), transform)
        return cast(Image.Image, converted)

    return convert
