"""Read any image file safely: 8-bit RGB pixels and a record of what was done to them, or a refusal with its reason.

Pillow reads the files. Its classes are called directly: they open lazily, so the size is checked here before a pixel is
decoded, while the check of Image.open depends on the whole process and hides the size. Relied on are Pillow's refusal
of files that end too early (ImageFile.LOAD_TRUNCATED_IMAGES stays off), its limits on texts and profiles in a PNG
(PngImagePlugin.MAX_TEXT_CHUNK, MAX_TEXT_MEMORY) and its decoders' own checks. What it leaves open is closed here: how
much and how long is read, EXIF, TIFF directories. Nothing global is changed, so several threads may read.
"""

from __future__ import annotations

import hashlib
import io
import logging
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from explorer.errors import ExplorerError
from explorer.images.colours import pixels_of
from explorer.images.domain import EVERYDAY, NUCLEI, domain_of
from explorer.images.formats import FORMATS, MAX_PIXELS, Stream, kind_of, opened, pages_of
from explorer.images.refusals import NOTES, SENTENCES, Note, refusal
from explorer.images.sizes import at_places, resize, resized_shape

__all__ = [
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
    "at_places",
    "domain_of",
    "read",
    "resize",
    "resized_shape",
]

MAX_BYTES = 64 * 2**20  # of a file
MIN_SIDE = 16  # pixels; below it there is nothing to segment
BYTES_A_PIXEL = 16  # that decoding takes at most
MAX_ASPECT = 32  # longer side over shorter; a thinner image has no shorter side left once it is resized

_turn = threading.Semaphore(2)  # files read at the same time; at MAX_PIXELS each takes about 1 GiB

Room = Callable[[int], AbstractContextManager[Any]]

log = logging.getLogger(__name__)


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
    def identity(self) -> str:
        """Pixels and what was done to get them: equal pixels of another origin have other notes to show."""
        return self.digest + repr(self.notes)


def read(
    source: str | Path | bytes | BinaryIO | None,
    name: str = "",
    page: int = 0,
    room: Room = nullcontext,
) -> Photograph:
    """The image in a file (a path, never an address), its bytes, or a stream opened for reading bytes.

    page  of a TIFF, from 0
    room  is entered with the bytes that decoding takes, before it begins
    The content decides the format, not the name. Raises ExplorerError, and nothing else, for whatever the file holds.
    """
    if not name and isinstance(source, (str, Path)):
        name = Path(source).name
    try:
        with _turn:
            data = _bytes(source)
            kind = kind_of(data)
            pixels, notes, pages = _decode(kind, data, page, room)
    except MemoryError as error:
        raise refusal("out_of_memory") from error
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


def _decode(kind: str, data: bytes, page: int, room: Room) -> tuple[np.ndarray, tuple[Note, ...], int]:
    """Pixels, what was done to them, and the number of pages."""
    with _refusing(kind, "unsupported_layout"):
        stream = Stream(data)
        image = opened(kind, stream)
    with _refusing(kind, "unreadable"):
        pages = pages_of(data) if kind == "TIFF" else 1
        if page:
            if not 0 <= page < pages:
                raise refusal("no_page", page=page + 1, pages=pages)
            image.seek(page)
        width, height = image.size
        if min(width, height) < MIN_SIDE:
            raise refusal("too_small", width=width, height=height, minimum=MIN_SIDE)
        if width * height > MAX_PIXELS:
            raise refusal("too_large_pixels", width=width, height=height, limit=MAX_PIXELS)
        if max(width, height) > MAX_ASPECT * min(width, height):
            raise refusal("too_thin", width=width, height=height, maximum=MAX_ASPECT)
        if kind == "JPEG" and data.count(b"\xff\xda") > 100:
            raise ValueError("too many scans")  # each costs a pass over the whole image
    with room(BYTES_A_PIXEL * width * height), _refusing(kind, "unreadable"):
        stream.allow(30)
        pixels, notes = pixels_of(image, kind)
        if pages > 1:
            notes.insert(0, Note("page", {"page": page + 1, "pages": pages}))
        elif kind != "TIFF" and (frames := _frames(image, stream)) > 1:
            notes.insert(0, Note("first_frame", {"frames": frames}))
        return pixels, tuple(notes), pages


@contextmanager
def _refusing(kind: str, code: str) -> Iterator[None]:
    """Whatever a format's reader raises becomes a refusal of this code, or "truncated"."""
    try:
        yield
    except (ExplorerError, MemoryError):
        raise
    except Exception as error:  # Pillow raises nearly anything on damaged data
        log.debug("%s not read: %r", kind, error)
        ended = (EOFError, IndexError, struct.error)
        short = isinstance(error, ended) or isinstance(error.__cause__, ended) or "truncated" in str(error).lower()
        raise refusal("truncated" if short else code, format=kind) from error


def _frames(image: Any, stream: Stream) -> int:
    """A GIF is walked for it, so it comes last; damage behind the frame that is used does not matter."""
    stream.allow(2)
    try:
        return int(getattr(image, "n_frames", 1))
    except Exception:
        return int(image.tell()) + 1
