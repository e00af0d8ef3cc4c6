"""Which formats are read, and Pillow's readers of them made safe against hostile files."""

from __future__ import annotations

import importlib
import io
import os
import re
import time
from typing import Any, BinaryIO

from PIL import Image
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

from explorer.images.refusals import refusal

FORMATS = ("JPEG", "PNG", "WebP", "TIFF", "BMP", "GIF")  # and HEIC where Pillow's plugin for it is installed
MAX_PIXELS = 64_000_000  # 8000 x 8000; the 48 and 50 megapixels of phones pass

TAIL = 2**16  # bytes; a PNG's end is looked for there
END_MARK = b"\xff\xd9"  # of a JPEG

SCIENCE = {  # of microscopes and laboratories: Fiji reads them
    "Zeiss CZI": rb"ZISRAWFILE",
    "Nikon ND2": rb"\xda\xce\xbe\x0a",
    "Leica LIF": rb"\x70\x00\x00\x00",
    "Olympus OIB or another compound (OLE)": rb"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
    "Olympus OIF": rb"(\xff\xfe)?\[\x00?F\x00?i\x00?l\x00?e\x00?I\x00?n\x00?f\x00?o",
    "HDF5": rb"\x89HDF\r\n\x1a\n",
    "NetCDF": rb"CDF[\x01\x02\x05]",
    "FITS": rb"SIMPLE  =",
    "NRRD": rb"NRRD000",
    "NIfTI": rb".{344}(n\+1|ni1)\x00",
    "MRC": rb".{208}MAP[ \x00]",
    "NumPy": rb"\x93NUMPY",
}
RAW = {  # of cameras; DNG, NEF and ARW are TIFFs and are known by their directories
    "Canon CR2": rb"II\*\0.{4}CR\x02",
    "Canon CR3": rb".{4}ftypcrx ",
    "Fujifilm RAF": rb"FUJIFILMCCD-RAW",
    "Olympus ORF": rb"IIR[OS]\x08|MMOR",
    "Panasonic RW2": rb"IIU\x00",
}
ARCHIVES = {"ZIP": rb"PK\x03\x04", "gzip": rb"\x1f\x8b", "7z": rb"7z\xbc\xaf", "RAR": rb"Rar!"}
SIGNATURES = {  # what a file begins with; the first that fits counts
    **RAW,  # some look like TIFF or MP4, too
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
    "PPM": rb"P[1-6]\s+[#\d]|P7\s",
    "OpenEXR": rb"\x76\x2f\x31\x01",
    "Radiance (HDR)": rb"#\?(RADIANCE|RGBE)",
    "GIMP (XCF)": rb"gimp xcf",
    "EPS": rb"%!PS|\xc5\xd0\xd3\xc6",
    **SCIENCE,
    **ARCHIVES,
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


READERS: dict[str, Any] = {"JPEG": _Jpeg, "PNG": PngImageFile, "WebP": WebPImageFile}
READERS |= {"BMP": BmpImageFile, "GIF": GifImageFile}


def kind_of(head: bytes) -> str:
    """The format of a file that begins so. Raises ExplorerError for one that cannot be read here."""
    kind = next((kind for kind, sign in SIGNATURES.items() if re.match(sign, head[:1024], re.DOTALL)), None)
    if kind is None:
        raise refusal("not_an_image")
    if kind == "HEIC" and heic() is None:
        raise refusal("heic_plugin")
    if kind in SCIENCE:
        raise refusal("science_format", format=kind)
    if kind in RAW:
        raise refusal("raw_camera", format=kind)
    if kind in ARCHIVES:
        raise refusal("archive", format=kind)
    if kind not in FORMATS and kind != "HEIC":
        raise refusal("unsupported_format", format=kind)
    return kind


def heic() -> Any:
    """The reader of Pillow's plugin for HEIC, None where it is not installed."""
    try:
        return importlib.import_module("pillow_heif").HeifImageFile
    except (ImportError, AttributeError):
        return None


def with_end_mark(data: bytes) -> bytes | None:
    """A JPEG that ends too early, with an end mark where it lacks nothing else; None where pixels are missing, too.

    A decoder makes up what is missing of whatever follows; where nothing is missing it passes that over. So two
    different endings give the same pixels if, and only if, these do not depend on them.
    """
    data = data.rstrip(b"\xff")  # half a mark
    images = []
    for filler in (b"", bytes(range(1, 255)) * 64):
        image = READERS["JPEG"](Stream(data + filler + END_MARK), "")
        image.load()
        images.append(image.tobytes())
    return data + END_MARK if images[0] == images[1] else None


def opened(kind: str, stream: Stream) -> Any:
    """A file of a format, opened but not decoded; raises nearly anything for a damaged one."""
    return (heic() if kind == "HEIC" else READERS[kind])(stream, "")


def is_whole(file: BinaryIO, kind: str) -> bool:
    """Whether a file has its end, if it is a PNG: GDAL fills up what a short one lacks, and is silent."""
    size = file.seek(0, os.SEEK_END)
    file.seek(-min(size, TAIL), os.SEEK_END)
    return kind != "PNG" or b"IEND" in file.read()
