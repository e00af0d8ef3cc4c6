"""Which formats are read, and Pillow's readers of them made safe against hostile files."""

from __future__ import annotations

import importlib
import io
import re
import struct
import time
from typing import Any

from PIL import Image
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from explorer.images.refusals import refusal

FORMATS = ("JPEG", "PNG", "WebP", "TIFF", "BMP", "GIF")  # and HEIC where Pillow's plugin for it is installed
MAX_PIXELS = 64_000_000  # 8000 x 8000; the 48 and 50 megapixels of phones pass

MOST_PAGES = 5000  # of a TIFF; more are not counted, and not shown

SIGNATURES = {  # what a file begins with; the first that fits counts
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


class Stream(io.BytesIO):
    """Of a hostile file the parts overlap or are tiny; so it is read a few times over and for a few seconds at most."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.left = 4 * len(data) + 2**20
        self.allow(2)

    def allow(self, seconds: float) -> None:
        """So long may be read from now on."""
        self.until = time.thread_time() + seconds

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


READERS: dict[str, Any] = {"JPEG": _Jpeg, "PNG": PngImageFile, "WebP": WebPImageFile}
READERS |= {"TIFF": _Tiff, "BMP": BmpImageFile, "GIF": GifImageFile}


def kind_of(head: bytes) -> str:
    """The format of a file that begins so. Raises ExplorerError for one that cannot be read here."""
    kind = next((kind for kind, sign in SIGNATURES.items() if re.match(sign, head[:1024], re.DOTALL)), None)
    if kind is None:
        raise refusal("not_an_image")
    if kind == "HEIC" and heic() is None:
        raise refusal("heic_plugin")
    if kind not in FORMATS and kind != "HEIC":
        raise refusal("unsupported_format", format=kind)
    return kind


def pages_of(data: bytes) -> int:
    """How many pages a TIFF has, up to MOST_PAGES: their directories are counted, and not read."""
    order, big = ("<" if data[:2] == b"II" else ">"), data[2:4] in (b"+\0", b"\0+")
    count, entry, link = ("Q", 20, "Q") if big else ("H", 12, "I")
    seen: set[int] = set()
    try:
        (offset,) = struct.unpack_from(order + link, data, 8 if big else 4)
        while offset and offset not in seen and len(seen) < MOST_PAGES:
            (entries,) = struct.unpack_from(order + count, data, offset)
            seen.add(offset)
            (offset,) = struct.unpack_from(order + link, data, offset + struct.calcsize(count) + entries * entry)
    except struct.error:  # the file ends there
        pass
    return max(1, len(seen))


def heic() -> Any:
    """The reader of Pillow's plugin for HEIC, None where it is not installed."""
    try:
        return importlib.import_module("pillow_heif").HeifImageFile
    except (ImportError, AttributeError):
        return None


def opened(kind: str, stream: Stream) -> Any:
    """A file of a format, opened but not decoded; raises nearly anything for a damaged one."""
    return (heic() if kind == "HEIC" else READERS[kind])(stream, "")
