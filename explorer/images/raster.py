"""Windows of a file's pixels as 8-bit RGB: every TIFF, PNG of 16 bits, and whatever is larger than memory.

Small and giant images take this one way, so that a picture does not change where it grows. GDAL unpacks piece by piece
into buffers of a size that is known before, so that a file cannot unpack to more than its picture. What lies in a file
as in memory is sliced there: stacks of one directory, and BMP.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar, cast

import numpy as np
import rasterio
from PIL import Image
from rasterio.errors import NotGeoreferencedWarning
from rasterio.io import MemoryFile
from rasterio.windows import Window

from explorer.images.bitmaps import Rows
from explorer.images.colours import ends_of, inked, on_white, spread
from explorer.images.formats import READERS, Stream
from explorer.images.headers import Header, check_in_pieces, other_header, tiff_header
from explorer.images.layouts import CMYK, LAB, YCBCR
from explorer.images.refusals import Note

Own = TypeVar("Own", bound="Raster")
DRIVERS = {"TIFF": "GTiff", "PNG": "PNG", "JPEG": "JPEG", "WebP": "WEBP"}  # none that follows links
SAMPLE = 2048  # pixels a side that a scale is taken from
CACHE = 64 * 2**20  # bytes that GDAL may keep of files
AT_ONCE = 2**28  # bytes of values that `whole` unpacks at a time
DEPTHS = (8, 10, 12, 14, 16, 32, 64)  # bits that cameras and microscopes have

TURNS = {  # EXIF orientation: whether rows and columns are swapped, then whether each of them runs backwards
    1: (False, False, False),
    2: (False, False, True),
    3: (False, True, True),
    4: (False, True, False),
    5: (True, False, False),
    6: (True, False, True),
    7: (True, True, True),
    8: (True, True, False),
}

logging.getLogger("rasterio").addHandler(logging.NullHandler())  # GDAL's words on damage, else printed on stderr


class Raster:
    """H x W x 3 uint8, read where it is sliced from a file: a path, or all its bytes. Close it, or use it as a context.

    Values of more than 8 bits are spread between two percentiles of a sample, transparency is laid on white, profile
    and orientation are followed; `notes` say so. `check` is called with height and width before a pixel is unpacked.
    Raises ExplorerError, EOFError where a file ends too early, and nearly anything for a damaged one.
    """

    def __init__(
        self,
        source: Path | bytes,
        kind: str,
        page: int = 0,
        channels: Sequence[int] | None = None,
        check: Callable[[Header], None] = lambda header: None,
    ) -> None:
        self.kind, self.not_finite = kind, 0
        self._open = ExitStack()
        try:
            self.header = self._begun(source, page, check)
            self.header.take(channels)
            self.swap, self.up, self.back = TURNS.get(self.header.layout.orientation, TURNS[1])
            height, width = self.header.layout.size
            self.shape = (width, height, 3) if self.swap else (height, width, 3)
            self._look()
        except BaseException:
            self.close()
            raise

    @property
    def notes(self) -> list[Note]:
        return self.header.notes

    def _begun(self, source: Path | bytes, page: int, check: Callable[[Header], None]) -> Header:
        """Read the header, have it checked, and only then open the file for its pixels."""
        stream: Any = Stream(source) if isinstance(source, bytes) else self._open.enter_context(source.open("rb"))
        self._array: Any = None  # H x W x samples, where they lie in the file as in memory
        self._inks = ""  # of a JPEG: CMYK, or YCCK, which is to CMYK as YCbCr to RGB
        if self.kind == "TIFF":
            size = len(source) if isinstance(source, bytes) else source.stat().st_size
            header = tiff_header(stream, size, page)
            check(header)
            layout = header.layout
            if layout.frames > 1:
                start = layout.start + page * layout.bytes
                self._array = _mapped(source, layout.dtype, start, (*layout.size, layout.samples))
            else:
                raw = "" if layout.colours == YCBCR else "GTIFF_RAW:"  # only these are converted by libtiff
                self.file = self._opened(source, f"{raw}GTIFF_DIR:off:{header.offset}:")
            return header
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image = READERS[self.kind](stream, "")
        check_in_pieces(image, self.kind)
        if self.kind == "BMP":
            header = other_header(image)
            self._array = Rows(image, cast(Path, source))
        else:
            if image.mode == "CMYK":
                self._inks = "YCCK" if image.info.get("adobe_transform") else "CMYK"
            self.file = self._opened(source, "")
            header = other_header(image, self.file)
        check(header)
        return header

    def _opened(self, source: Path | bytes, prefix: str) -> Any:
        options = {"GDAL_PNG_WHOLE_IMAGE_OPTIM": "NO"}  # which makes up what a short PNG lacks, and is silent
        options |= {"GDAL_JPEG_TO_RGB": "NO"} if self._inks else {}
        about = {"GDAL_PAM_ENABLED": False, "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR"}
        self._open.enter_context(rasterio.Env(GDAL_CACHEMAX=CACHE, **about, **options))
        kept = self._open.enter_context(MemoryFile(source)) if isinstance(source, bytes) else None
        name = kept.name if kept else str(Path(str(source)).resolve())
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            return self._open.enter_context(rasterio.open(prefix + name, driver=DRIVERS[self.kind], sharing=False))

    # ---- values

    @property
    def _bands(self) -> tuple[int, ...]:
        alpha = self.header.alpha
        return self.header.taken if alpha is None else (*self.header.taken, alpha)

    def _values(self, top: int, bottom: int, left: int, right: int, step: int = 1) -> np.ndarray:
        """Samples that are used x h x w, of every `step`-th row and column."""
        if self._array is not None:
            found = self._array[top:bottom:step, left:right:step, list(self._bands)].transpose(2, 0, 1)
            return cast(np.ndarray, found)
        window, sides = (
            Window(left, top, right - left, bottom - top),
            (-(-(bottom - top) // step), -(-(right - left) // step)),
        )
        bands = [band + 1 for band in self._bands]
        found = self.file.read(bands, window=window, out_shape=(len(bands), *sides))
        return inked(found, self._inks) if self._inks else found

    def _look(self) -> None:
        """What the values mean that are in the file: taken from a sample of them, so that every window agrees."""
        header, layout = self.header, self.header.layout
        self.ends: tuple[float, float] | None = None  # what becomes 0 and 255; None: the values are that already
        self.full = 255.0  # of alpha, where a pixel is opaque
        plain = layout.depth == "u8" and not self._is_seen_through
        if plain and not header.profile and layout.colours not in (CMYK, LAB):
            self.ends = (0, 255) if layout.inverted else None
            self._note_turn()
            return
        height, width = layout.size
        values = self._values(0, height, 0, width, -(-max(height, width) // SAMPLE))
        if header.alpha is not None:
            self.full = _full(values, layout.bits)
        if self._is_seen_through and not self._alpha(values).any():
            values = values[: len(header.taken)]
            header.alpha = header.key = None
            header.table = None if header.table is None else header.table[:, :3]
            header.notes.append(Note("alpha_ignored"))
        colours = self._colours(values)
        if layout.colours == CMYK and layout.bits > 8:
            self.ends = (0, 65535)
            header.notes.append(Note("bits_dropped", {"bits": layout.bits}))
        elif layout.depth.startswith("u") and layout.bits < 8:
            self.ends = (0, 2**layout.bits - 1)
        elif layout.depth != "u8" and header.table is None:
            self.ends, note = ends_of(colours, layout.bits)
            header.notes.append(note)
        elif layout.inverted:
            self.ends = (0, 255)
        self._picture(values, header.notes)
        self._note_turn()

    @property
    def _is_seen_through(self) -> bool:
        header = self.header
        clear = header.table is not None and header.table.shape[1] == 4
        return header.alpha is not None or header.key is not None or clear

    def _alpha(self, values: np.ndarray) -> np.ndarray:
        """How opaque each pixel is, h x w uint8."""
        header = self.header
        if header.alpha is not None:
            return spread(values[-1:], (0, self.full))[0]
        if header.key is not None:
            opaque = (values != header.key[:, None, None]).any(0)
            return np.where(opaque, 255, 0).astype(np.uint8)
        assert header.table is not None
        return header.table[np.minimum(values[0], len(header.table) - 1), 3]

    def _note_turn(self) -> None:
        if self.header.layout.orientation in range(2, 9):
            self.header.notes.append(Note("rotated", {"orientation": self.header.layout.orientation}))

    def _colours(self, values: np.ndarray) -> np.ndarray:
        """The values without alpha, and not multiplied with it."""
        if self.header.alpha is None:
            return values
        if not self.header.layout.associated:
            return values[:-1]
        share = values[-1] / self.full
        return np.where(share > 0, values[:-1] / np.where(share > 0, share, 1), 0).clip(0, self.full)

    # ---- pixels

    def _picture(self, values: np.ndarray, notes: list[Note]) -> np.ndarray:
        """Samples x h x w -> h x w x 3 uint8."""
        header, colours = self.header, self._colours(values)
        alpha = Image.fromarray(self._alpha(values)) if self._is_seen_through else None
        if header.table is not None:
            bands = header.table[np.minimum(colours[0], len(header.table) - 1), :3]
        else:
            if colours.dtype.kind == "f" and header.layout.depth.startswith("f"):
                self.not_finite += colours.size - int(np.isfinite(colours).sum())
            made = colours.astype(np.uint8) if self.ends is None else spread(colours, self.ends, header.layout.inverted)
            bands = np.moveaxis(made, 0, -1)
        mode = {CMYK: "CMYK", LAB: "LAB"}.get(header.layout.colours, "L" if bands.shape[-1] == 1 else "RGB")
        image = Image.frombytes(mode, (bands.shape[1], bands.shape[0]), np.ascontiguousarray(bands).tobytes())
        return np.asarray(on_white(image, alpha, header.profile, notes))

    def __getitem__(self, box: Any) -> np.ndarray:
        """[top:bottom, left:right] as h x w x 3. Raises what `__init__` raises where the file is damaged."""
        spans = [part.indices(n)[:2] for part, n in zip(box, self.shape[:2], strict=True)]
        flips = [self.up, self.back]
        turned = [
            (n - b, n - a) if flip else (a, b) for (a, b), n, flip in zip(spans, self.shape[:2], flips, strict=True)
        ]
        (top, bottom), (left, right) = reversed(turned) if self.swap else turned
        pixels = self._picture(self._values(top, bottom, left, right), [])
        if self.header.picked:
            pixels = pixels[..., self.header.picked * (3 // len(self.header.picked))]
        if self.swap:
            pixels = pixels.transpose(1, 0, 2)
        return np.ascontiguousarray(pixels[:: -1 if self.up else 1, :: -1 if self.back else 1])

    def whole(self) -> np.ndarray:
        """All pixels; their values are unpacked a part at a time."""
        height, width = self.shape[:2]
        made = np.empty(self.shape, np.uint8)
        self.not_finite = 0
        rows = max(16, AT_ONCE // (8 * width * len(self._bands)))
        for top in range(0, height, rows):
            made[top : top + rows] = self[top : top + rows, 0:width]
        if self.not_finite:
            place = next((i for i, note in enumerate(self.notes) if note.code == "scaled"), 0)
            self.notes.insert(place, Note("not_finite", {"count": self.not_finite}))
        return made

    @property
    def held(self) -> int:
        """Bytes that reading it whole and writing its labels leave in memory at most."""
        layout = self.header.layout
        return min(CACHE, layout.bytes + layout.size[0] * layout.size[1])

    def close(self) -> None:
        self._open.close()

    def __enter__(self: Own) -> Own:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self.close()


def _mapped(source: Path | bytes, dtype: np.dtype, start: int, shape: tuple[int, ...]) -> np.ndarray:
    """An array that lies in a file."""
    if isinstance(source, bytes):
        return np.ndarray(shape, dtype, source, start)
    return np.memmap(source, dtype, "r", start, shape)


def _full(values: np.ndarray, bits: int) -> float:
    """What the last band has where a pixel is opaque: 1 of floating-point numbers, else all bits of the depth."""
    if bits < 8:
        return 2.0**bits - 1
    if values.dtype.kind == "f" and values[-1].max() <= 1:
        return 1.0
    most = float(np.nan_to_num(values).max())
    return float(next((2**depth - 1 for depth in DEPTHS if most < 2**depth), 1))
