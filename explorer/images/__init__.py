"""Read any image file safely: 8-bit RGB pixels and a record of what was done to them, or a refusal with its reason.

GDAL reads TIFF and PNG of 16 bits (`raster`), Pillow the rest. Its classes are called directly: they open lazily, so
the size is checked here before a pixel is decoded, while the check of Image.open depends on the process and hides the
size. Relied on are Pillow's refusal of files that end too early (ImageFile.LOAD_TRUNCATED_IMAGES stays off), its limits
on texts and profiles in a PNG (PngImagePlugin.MAX_TEXT_CHUNK, MAX_TEXT_MEMORY) and its decoders' own checks. What it
leaves open is closed here: how much and how long is read, EXIF. Directories of a TIFF are read here (`directories`),
and only layouts that were checked are handed to GDAL (`layouts`). Nothing global is changed, so several threads may
read.
"""

from __future__ import annotations

import hashlib
import io
import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from explorer.errors import ExplorerError
from explorer.images.colours import pixels_of
from explorer.images.domain import EVERYDAY, NUCLEI, domain_of, likely
from explorer.images.formats import FORMATS, MAX_PIXELS, Stream, kind_of, opened, with_end_mark
from explorer.images.headers import Header
from explorer.images.layouts import RGB, Layout
from explorer.images.refusals import NOTES, SENTENCES, Note, readable, refusal
from explorer.images.sizes import at_places, resize, resized_shape

__all__ = [
    "BYTES_A_PIXEL",
    "EVERYDAY",
    "FORMATS",
    "MAX_ASPECT",
    "MAX_BYTES",
    "MAX_PIXELS",
    "MIN_SIDE",
    "NOTES",
    "NUCLEI",
    "SENTENCES",
    "Note",
    "Photograph",
    "Room",
    "at_places",
    "domain_of",
    "likely",
    "photograph",
    "read",
    "resize",
    "resized_shape",
]

MAX_BYTES = 64 * 2**20  # of a file
MOST_VALUES = 32 * MAX_PIXELS  # bytes of an unpacked TIFF: red, green, blue and alpha of 64 bits
MIN_SIDE = 16  # pixels; below it there is nothing to segment
BYTES_A_PIXEL = 16  # that decoding takes at most
MAX_ASPECT = 32  # longer side over shorter; a thinner image has no shorter side left once it is resized

_turn = threading.Semaphore(2)  # files read at the same time; at MAX_PIXELS each takes about 1 GiB

Room = Callable[[int], AbstractContextManager[Any]]


@dataclass(frozen=True, eq=False)
class Photograph:
    """An image ready for a network: `pixels` is H x W x 3, 8-bit, sRGB, contiguous and read-only."""

    pixels: np.ndarray
    size: tuple[int, int]  # height, width
    notes: tuple[Note, ...]
    digest: str  # sha256 of shape and pixels, hexadecimal
    name: str
    page: int = 0  # which of the file's
    pages: int = 1  # TIFF alone has more than one

    @property
    def reading(self) -> dict[str, Any]:
        """How it was read, where a file leaves a choice: `page` and `channels` of `read`."""
        taken = [note.details["taken"] for note in self.notes if note.code == "channels"]
        channels = {"channels": tuple(int(number) - 1 for number in taken[0].split(", "))} if taken else {}
        return ({"page": self.page} if self.page else {}) | channels

    @property
    def identity(self) -> str:
        """Pixels and what was done to get them: equal pixels of another origin have other notes to show."""
        return self.digest + repr(self.notes)


def read(
    source: str | Path | bytes | BinaryIO | None,
    name: str = "",
    page: int = 0,
    channels: Sequence[int] | None = None,
    room: Room = nullcontext,
) -> Photograph:
    """The image in a file (a path, never an address), its bytes, or a stream opened for reading bytes.

    page      of a TIFF, from 0
    channels  from 0: one, taken as grey, or three, taken as red, green and blue; None: those that are colours, or the
              first
    room      is entered with the bytes that decoding takes, before it begins
    The content decides the format, not the name. Raises ExplorerError, and nothing else, for whatever the file holds.
    """
    if not name and isinstance(source, (str, Path)):
        name = Path(source).name
    try:
        with _turn:
            data = _bytes(source)
            kind = kind_of(data)
            pixels, notes, pages = _decode(kind, data, page, channels, room)
    except MemoryError as error:
        raise refusal("out_of_memory") from error
    return photograph(pixels, notes, name, page, pages)


def photograph(pixels: np.ndarray, notes: tuple[Note, ...], name: str, page: int = 0, pages: int = 1) -> Photograph:
    """Of contiguous pixels, H x W x 3 uint8, which cannot be written from then on."""
    pixels.setflags(write=False)
    digest = hashlib.sha256(repr(pixels.shape).encode())
    digest.update(pixels.data)
    return Photograph(pixels, (pixels.shape[0], pixels.shape[1]), notes, digest.hexdigest(), name, page, pages)


def _bytes(source: Any) -> bytes:
    """All that a source gives, which may be in pieces, and no more of it than MAX_BYTES."""
    if source is None or source == "":
        raise refusal("no_image")
    try:
        if isinstance(source, (str, Path)):
            if not Path(source).is_file():  # a pipe or a terminal would block the reader
                raise OSError("not an ordinary file")
            with open(source, "rb") as file:
                return _bytes(file)
        stream = io.BytesIO(source) if isinstance(source, (bytes, bytearray, memoryview)) else source
        pieces, left = [], MAX_BYTES + 1
        while left and (piece := stream.read(left)):
            pieces.append(piece)
            left -= len(piece)
        data = b"".join(pieces)
    except ExplorerError:
        raise
    except (OSError, ValueError) as error:  # ValueError: a closed stream
        raise refusal("cannot_open") from error
    except TypeError as error:  # a stream of text
        raise refusal("not_an_image") from error
    if not data:
        raise refusal("empty_file")
    if not left:
        raise refusal("too_large_bytes", limit_mib=MAX_BYTES // 2**20)
    return data


def _decode(
    kind: str, data: bytes, page: int, channels: Sequence[int] | None, room: Room
) -> tuple[np.ndarray, tuple[Note, ...], int]:
    """Pixels, what was done to them, and the number of pages."""
    if kind == "TIFF":
        return _rastered(kind, data, page, channels, room)
    with readable(kind, "unsupported_layout"):
        if page:
            raise refusal("no_page", page=page + 1, pages=1)
        stream = Stream(data)
        image = opened(kind, stream)
        _check_size(*image.size)
    with room(BYTES_A_PIXEL * image.size[0] * image.size[1]), readable(kind):
        if kind == "JPEG" and data.count(b"\xff\xda") > 100:
            raise ValueError("too many scans")  # each costs a pass over the whole image
        stream.until += 30
        notes, deep = [], kind == "PNG" and ";16" in str(image.tile[0][3])
        try:
            image.load()
        except OSError as error:
            if kind != "JPEG" or "truncated" not in str(error) or not (whole := with_end_mark(data)):
                raise
            image = opened(kind, stream := Stream(whole))
            notes.append(Note("no_end_mark"))
        if deep:
            return _rastered(kind, data, page, channels, nullcontext)  # Pillow found it whole, but keeps 8 bits
        pixels, done = pixels_of(image)
        stream.until += 5
        if (frames := _frames(image)) > 1:
            notes.append(Note("first_frame", {"frames": frames}))
        header = Header(Layout(pixels.shape[:2], RGB, 3, "u8"), notes=notes + done)
        header.take(channels)
        if channels is not None:
            pixels = np.ascontiguousarray(pixels[..., header.taken * (3 // len(header.taken))])
        return pixels, tuple(header.notes), 1


def _rastered(
    kind: str, data: bytes, page: int, channels: Sequence[int] | None, room: Room
) -> tuple[np.ndarray, tuple[Note, ...], int]:
    """The same out of what GDAL reads."""
    from explorer.images.raster import Raster  # 0.1 s that most images do not need

    with readable(kind, "unsupported_layout"):
        raster = Raster(data, kind, page, channels, _check_header)
    height, width = raster.header.layout.size
    with raster, room(BYTES_A_PIXEL * height * width + raster.header.layout.bytes), readable(kind):
        return raster.whole(), tuple(raster.notes), raster.header.pages


def _check_header(header: Header) -> None:
    height, width = header.layout.size
    _check_size(width, height)
    if header.layout.bytes > MOST_VALUES:
        raise refusal("too_many_values", channels=header.layout.samples, width=width, height=height)


def _check_size(width: int, height: int) -> None:
    if min(width, height) < MIN_SIDE:
        raise refusal("too_small", width=width, height=height, minimum=MIN_SIDE)
    if width * height > MAX_PIXELS:
        raise refusal("too_large_pixels", width=width, height=height, limit=MAX_PIXELS)
    if max(width, height) > MAX_ASPECT * min(width, height):
        raise refusal("too_thin", width=width, height=height, maximum=MAX_ASPECT)


def _frames(image: Any) -> int:
    """A GIF is walked for it, so it comes last; damage behind the frame that is used does not matter."""
    try:
        return int(getattr(image, "n_frames", 1))
    except Exception:
        return int(image.tell()) + 1
