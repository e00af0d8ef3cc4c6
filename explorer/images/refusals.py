"""What is said of an image that was changed on reading, or refused."""

from __future__ import annotations

import logging
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from explorer.errors import ExplorerError

log = logging.getLogger(__name__)

SENTENCES = {
    "no_image": "There is no image: choose an example, or upload, paste or photograph one.",
    "cannot_open": "The file cannot be opened: check that it exists, is an ordinary file and may be read.",
    "empty_file": "The file is empty (0 bytes): it was probably not copied completely, so save or download it again.",
    "not_an_image": "The file is not an image, whatever its name says: "
    "choose a JPEG, PNG, WebP, TIFF, BMP or GIF file.",
    "heic_plugin": "HEIC files need Pillow's plugin, which is not installed here: "
    "install it (pip install pillow-heif), or save the image as JPEG.",
    "unsupported_format": "{format} files cannot be read here: save the image as JPEG, PNG or TIFF and try again.",
    "unsupported_layout": "This {format} file is damaged or stores its pixels in a way that cannot be read here: "
    "save it as 8-bit RGB or 16-bit grey and try again.",
    "not_in_pieces": "{format} files cannot be read piece by piece, as an image of this size has to be: "
    "save it as TIFF or PNG and try again.",
    "tiff_layout": "This TIFF stores its pixels in a way that cannot be read here ({layout}): "
    "save it as 8-bit RGB or 16-bit grey and try again.",
    "tiff_compression": "This TIFF is compressed with {compression}, which cannot be read here: "
    "save it without compression or with LZW or Deflate.",
    "raw_camera": "This is a raw file of a camera ({format}), of which only a small preview can be read here: "
    "develop it in the camera's or another raw program and export it as JPEG or TIFF.",
    "science_format": "{format} files cannot be read here: open it in the program that wrote it or in Fiji, "
    "and export the picture as TIFF.",
    "archive": "The file is an archive ({format}): unpack it and choose an image of it.",
    "no_channel": "Channels {wanted} cannot be taken: choose one, or three for red, green and blue, "
    "from 1 to {channels}.",
    "too_many_values": "The image has {channels} channels of {height} x {width} pixels, more than can be read at once: "
    "save those that are needed on their own.",
    "truncated": "The {format} file ends too early, so part of the image is missing: save or download it again.",
    "unreadable": "The {format} file is damaged and cannot be decoded: save or export the image again.",
    "too_small": "The image has only {height} x {width} pixels: use one with at least {minimum} pixels on each side.",
    "too_thin": "The image of {height} x {width} pixels is too thin: cut it so that the longer side is at most "
    "{maximum} times the shorter.",
    "too_large_pixels": "The image has {height} x {width} pixels, more than the {limit:,} that are allowed: "
    "make it smaller or cut a part out of it.",
    "too_large_bytes": "The file is larger than the {limit_mib} MiB that are allowed: "
    "make the image smaller or save it as JPEG or PNG.",
    "no_page": "The file has no page {page}: choose one from 1 to {pages}.",
    "out_of_memory": "There is not enough memory to read this image now: try again later or make the image smaller.",
}
NOTES = {
    "rotated": "Turned upright as the camera recorded it (EXIF orientation {orientation}).",
    "alpha_on_white": "Transparent parts ({percent} % of the pixels) were laid on white.",
    "first_frame": "Only the first of {frames} frames is used.",
    "page": "Page {page} of {pages} is used.",
    "scaled": "Values from {low} to {high} (percentiles 0.1 and 99.9) were scaled to 0..255.",
    "not_finite": "{count} values that are not finite numbers were replaced.",
    "channels": "Of {channels} channels these are used: {taken}.",
    "preview": "The file says that this is only a preview of another picture.",
    "reduced": "Read as a copy of {height} x {width} pixels, out of {whole_height} x {whole_width}.",
    "alpha_ignored": "The transparency channel is zero everywhere and was ignored.",
    "no_end_mark": "The file lacks its end mark; all of the image is there.",
    "bits_dropped": "{bits} bits per colour were reduced to 8.",
    "cmyk": "Printing colours (CMYK) were converted to RGB without a profile; they are approximate.",
    "profile_converted": "Colours were converted from the profile “{profile}” to sRGB.",
    "profile_ignored": "The colour profile is not usable and was ignored.",
}


@contextmanager
def readable(kind: str, otherwise: str = "unreadable") -> Iterator[None]:
    """Whatever a reader raises becomes a refusal: that the file ends too early where it does, or `otherwise`."""
    try:
        yield
    except (ExplorerError, MemoryError):
        raise
    except Exception as error:  # readers raise nearly anything on damaged data
        log.debug("%s not read: %r", kind, error)
        ended = (EOFError, IndexError, struct.error)
        short = isinstance(error, ended) or isinstance(error.__cause__, ended) or "truncated" in str(error).lower()
        raise refusal("truncated" if short else otherwise, format=kind) from error


def refusal(code: str, **details: Any) -> ExplorerError:
    """The error to raise for a file that is not read. `code` is a key of SENTENCES, `details` fills it."""
    return ExplorerError(code, SENTENCES[code].format(**details), **details)


@dataclass(frozen=True)
class Note:
    """One thing that was done to an image. `code` is a key of NOTES, `details` fills it."""

    code: str
    details: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return NOTES[self.code].format(**self.details)
