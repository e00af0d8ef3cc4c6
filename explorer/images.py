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
import re
import struct
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
from PIL import Image, ImageCms, ImageOps
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

FORMATS = ("JPEG", "PNG", "WebP", "TIFF", "BMP", "GIF")

MAX_BYTES = 64 * 2**20  # of a file
MAX_PIXELS = 64_000_000  # 8000 x 8000; the 48 and 50 megapixels of phones pass
MIN_SIDE = 16  # pixels; below it there is nothing to segment
MAX_ASPECT = 32  # longer side over shorter; a thinner image has no shorter side left once it is resized

_turn = threading.Semaphore(2)  # files read at the same time; at MAX_PIXELS each takes about 1 GiB

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
    try:
        data = _bytes(source)
        kind = next((kind for kind, sign in _SIGNATURES.items() if re.match(sign, data[:1024], re.DOTALL)), None)
        if kind is None:
            raise ImageError("not_an_image")
        if kind not in FORMATS:
            raise ImageError("unsupported_format", format=kind)
        with _turn:
            pixels, notes = _decode(kind, data)
    except MemoryError as error:
        raise ImageError("out_of_memory") from error
    pixels.setflags(write=False)
    digest = hashlib.sha256(repr(pixels.shape).encode())
    digest.update(pixels.data)
    return Photograph(pixels, (pixels.shape[0], pixels.shape[1]), notes, digest.hexdigest(), name)


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


def _bytes(source: Any) -> bytes:
    """All that a source gives, which may be in pieces, and no more of it than MAX_BYTES."""
    if source is None or source == "":
        raise ImageError("no_image")
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
    except ImageError:
        raise
    except (OSError, ValueError) as error:  # ValueError: a closed stream
        raise ImageError("cannot_open") from error
    except TypeError as error:  # a stream of text
        raise ImageError("not_an_image") from error
    if not data:
        raise ImageError("empty_file")
    if not left:
        raise ImageError("too_large_bytes", limit_mib=MAX_BYTES // 2**20)
    return data


_SIGNATURES = {  # what a file begins with; the first that fits counts
    "JPEG": rb"\xff\xd8\xff",
    "PNG": rb"\x89PNG\r\n\x1a\n",
    "GIF": rb"GIF8[79]a",
    "WebP": rb"RIFF.{4}WEBP",
    "TIFF": rb"II[*+]\0|MM\0[*+]",
    "BMP": rb"BM.{12}[\x0c\x28\x34\x38\x40\x6c\x7c]\x00{3}",
    "HEIC": rb".{4}ftyp(hei|hev|mif1|msf1)",
    "AVIF": rb".{4}ftypavi",
    "Video (MP4)": rb".{4}ftyp",
    "JPEG 2000": rb".{4}jP  |\xff\x4f\xff\x51",
    "JPEG XL": rb".{4}JXL |\xff\x0a",
    "Photoshop (PSD)": rb"8BPS",
    "PDF": rb"%PDF",
    "Icon (ICO)": rb"\x00\x00\x01\x00",
    "DICOM": rb".{128}DICM",
    "SVG": rb".{0,1000}<svg",
}


class _Stream(io.BytesIO):
    """Of a hostile file the parts overlap or are tiny; so it is read a few times over and for a few seconds at most."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.left, self.until = 4 * len(data) + 2**20, time.thread_time() + 2

    def read(self, size: int | None = -1) -> bytes:
        piece = super().read(size)
        self.left -= len(piece)
        if self.left < 0 or time.thread_time() > self.until:
            raise RuntimeError("read too much or for too long")
        return piece


class _Jpeg(JpegImageFile):
    def getexif(self) -> Image.Exif:  # on opening, Pillow asks it for the resolution, without a limit on its size
        return Image.Exif()


class _Tiff(TiffImageFile):
    def _setup(self) -> None:
        """Refuse a directory for which Pillow or libtiff would take far more memory than for the pixels."""
        assert self.fp is not None
        tags, order = self.tag_v2, ">" if self.tag_v2.prefix == b"MM" else "<"
        self.fp.seek(0)
        size, code = (8, "Q") if 43 in self.fp.read(4) else (2, "H")
        self.fp.seek(tags.offset)
        (entries,) = struct.unpack(order + code, self.fp.read(size))
        strips = max(len(tags.get(tag, ())) for tag in (273, 324))
        many = entries > min(500, len(tags) + 8) or strips > 2**18  # libtiff reads entries that Pillow skips
        if many or tags.get(322, 1) * tags.get(323, 1) > MAX_PIXELS:
            raise ValueError("too many tags, strips or tiles, or too large tiles")
        super()._setup()


_READERS: dict[str, Any] = {"JPEG": _Jpeg, "PNG": PngImageFile, "WebP": WebPImageFile}
_READERS |= {"TIFF": _Tiff, "BMP": BmpImageFile, "GIF": GifImageFile}


def _decode(kind: str, data: bytes) -> tuple[np.ndarray, tuple[Note, ...]]:
    image = None
    try:
        stream = _Stream(data)
        image = _READERS[kind](stream, "")
        width, height = image.size
        if min(width, height) < MIN_SIDE:
            raise ImageError("too_small", width=width, height=height, minimum=MIN_SIDE)
        if width * height > MAX_PIXELS:
            raise ImageError("too_large_pixels", width=width, height=height, limit=MAX_PIXELS)
        if max(width, height) > MAX_ASPECT * min(width, height):
            raise ImageError("too_thin", width=width, height=height, maximum=MAX_ASPECT)
        if kind == "JPEG" and data.count(b"\xff\xda") > 100:
            raise ValueError("too many scans")  # each costs a pass over the whole image
        stream.until += 30
        pixels, notes = _pixels(image, kind)
        stream.until += 5
        try:  # GIF and TIFF are walked for it, so it comes last; damage behind the first frame does not matter
            frames = getattr(image, "n_frames", 1)
        except Exception:
            frames = image.tell() + 1
        if frames > 1:
            paged = kind == "TIFF"
            notes.insert(0, Note("first_page", {"pages": frames}) if paged else Note("first_frame", {"frames": frames}))
        return pixels, tuple(notes)
    except (ImageError, MemoryError):
        raise
    except Exception as error:  # Pillow raises nearly anything on damaged data
        log.debug("%s not read: %r", kind, error)
        ended = (EOFError, IndexError, struct.error)
        short = isinstance(error, ended) or isinstance(error.__cause__, ended) or "truncated" in str(error).lower()
        code = "truncated" if short else "unreadable" if image else "unsupported_layout"
        raise ImageError(code, format=kind) from error


def _pixels(image: Any, kind: str) -> tuple[np.ndarray, list[Note]]:
    notes: list[Note] = []
    tags = image.tag_v2 if kind == "TIFF" else {}
    orientation = tags.get(274)  # a TIFF is turned by loading it
    sixteen = kind in ("PNG", "TIFF") and ";16" in str(image.tile[0][3])
    image.load()
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        values = np.asarray(image)
        if tags.get(339, (1,)) == (1,) and values.dtype == np.int32:
            values = values.view(np.uint32)  # which Pillow takes for signed
        picture = _spread(values, 16 if sixteen else 32, tags.get(262) == 0, notes)
    else:
        notes += [Note("bits_dropped", {"bits": 16})] if sixteen else []
        picture = _on_white(image, notes)
    if kind != "TIFF":
        orientation = _orientation(image.info.get("exif"))
        picture.info = {}
        picture.getexif()[274] = orientation
        ImageOps.exif_transpose(picture, in_place=True)
    if orientation in range(2, 9):
        notes.append(Note("rotated", {"orientation": orientation}))
    return np.asarray(picture), notes


def _orientation(block: Any) -> int:
    try:
        exif = Image.Exif()
        exif.load_from_fp(_Stream(block.removeprefix(b"Exif\0\0")))
        return int(exif[274])
    except Exception:  # there is none, or it makes no sense
        return 1


def _spread(values: np.ndarray, bits: int, inverted: bool, notes: list[Note]) -> Image.Image:
    """Grey values of more than 8 bits, spread over 0..255 between two percentiles; inverted: 0 is white."""
    known = values[np.isfinite(values)]
    if known.size < values.size:
        notes.append(Note("not_finite", {"count": values.size - known.size}))
    known = known if known.size else np.zeros(1)
    low, high = map(float, np.percentile(known[:: 1 + known.size // 2**22], (0.1, 99.9), method="nearest"))
    if not high > low:  # nearly all one value: what stands out from it is what there is to see
        low, high = float(known.min()), float(known.max())
    short = [int(v) if v.is_integer() and abs(v) < 2**53 else float(f"{v:.4g}") for v in (low, high)]
    notes.append(Note("scaled", {"low": short[0], "high": short[1], "bits": bits}))
    grey = np.empty(values.shape, np.uint8)
    for row, spread in zip(values, grey, strict=True):
        level = np.interp(row, (low, high if high > low else low + 1), (255, 0) if inverted else (0, 255))
        spread[:] = np.rint(np.nan_to_num(level))
    return Image.fromarray(grey).convert("RGB")


def _on_white(image: Image.Image, notes: list[Note]) -> Image.Image:
    """RGB out of any mode of 8 bits or fewer, transparency laid on white."""
    alpha = image.convert("RGBA").getchannel("A") if image.has_transparency_data else None
    picture = _srgb(image, notes)
    if alpha and (seen_through := image.width * image.height - alpha.histogram()[255]):
        percent = round(100 * seen_through / (image.width * image.height), 1)
        notes.append(Note("alpha_on_white", {"percent": min(100.0, max(0.1, percent))}))
        white = Image.new("RGB", image.size, "white")
        white.paste(picture, mask=alpha)
        return white
    return picture


def _srgb(image: Image.Image, notes: list[Note]) -> Image.Image:
    """RGB out of any mode, by the profile of the image when it has one that fits."""
    data = image.info.get("icc_profile")
    if data is not None and image.mode not in ("LAB", "YCbCr"):  # these say themselves what their colours are
        try:
            profile = ImageCms.ImageCmsProfile(io.BytesIO(data))
            name = "".join(c for c in ImageCms.getProfileDescription(profile) if c.isprintable()).strip()[:60]
            mode = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK"}[profile.profile.xcolor_space.strip()]
            if (mode == "CMYK") != (image.mode == "CMYK") or (mode == "L" and image.mode not in ("1", "L", "LA")):
                raise ValueError(f"a profile for {mode} in an image of mode {image.mode}")
            if name.startswith("sRGB"):
                return image.convert("RGB")
            flags, intent = ImageCms.Flags.BLACKPOINTCOMPENSATION, ImageCms.Intent.RELATIVE_COLORIMETRIC
            transform = ImageCms.buildTransform(profile, ImageCms.createProfile("sRGB"), mode, "RGB", intent, flags)
            picture = ImageCms.applyTransform(image.convert(mode), transform)
            notes.append(Note("profile_converted", {"profile": name}))
            return cast(Image.Image, picture)
        except MemoryError:
            raise
        except Exception as error:  # LittleCMS refuses a bad profile in several ways; the image is readable without it
            log.debug("profile ignored: %r", error)
            notes.append(Note("profile_ignored"))
    if image.mode == "CMYK":
        notes.append(Note("cmyk"))
    return image.convert("RGB")
