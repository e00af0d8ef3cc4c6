"""Images too large for memory: windows of a file in, labels to a file out (GDAL, through rasterio).

A `GiantImage` and a `LabelFile` take slices as arrays do, so that a run in tiles holds a tile and no more.
"""

from __future__ import annotations

import os
import tempfile
import warnings
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import rasterio
from PIL import Image
from rasterio import shutil as raster_files
from rasterio.enums import ColorInterp
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.windows import Window

from explorer.images.colours import orientation_of
from explorer.images.formats import kind_of
from explorer.images.refusals import Note, refusal

DRIVERS = {"TIFF": "GTiff", "PNG": "PNG", "JPEG": "JPEG", "WebP": "WEBP", "BMP": "BMP"}  # no driver that follows links
MOST_SIDE = 2**20  # pixels
SAMPLE = 2048  # pixels a side that a scale is taken from
TAIL = 2**16  # bytes; a PNG's end is looked for there
CACHE = 64 * 2**20  # bytes that GDAL may keep of files

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


class GiantImage:
    """H x W x 3 uint8, read from a file where it is sliced. Close it, or use it as a context.

    Values of more than 8 bits are spread between two percentiles of a sample, transparency is laid on white, the
    orientation is followed; colour profiles are not. `notes` say what is done. Raises ExplorerError for other files.
    """

    def __init__(self, path: str | Path, page: int = 0) -> None:
        path = Path(path)
        try:
            if not path.is_file():
                raise OSError("not an ordinary file")
            with open(path, "rb") as file:
                kind = kind_of(file.read(1024))
                file.seek(-min(path.stat().st_size, TAIL), os.SEEK_END)
                whole = kind != "PNG" or b"IEND" in file.read()  # GDAL fills up what a short PNG lacks, and is silent
        except OSError as error:
            raise refusal("cannot_open") from error
        if not whole:
            raise refusal("truncated", format=kind)
        if kind not in DRIVERS:
            raise refusal("unsupported_format", format=kind)
        self.kind, self.notes = kind, list[Note]()
        self._open = ExitStack()
        self._open.enter_context(
            rasterio.Env(GDAL_CACHEMAX=CACHE, GDAL_PAM_ENABLED=False, GDAL_DISABLE_READDIR_ON_OPEN="EMPTY_DIR")
        )
        try:
            self._read(path, page)
        except (RasterioError, OSError, ValueError) as error:
            self.close()
            raise refusal("unreadable", format=kind) from error
        except BaseException:
            self.close()
            raise

    def _read(self, path: Path, page: int) -> None:
        name = f"GTIFF_DIR:{page + 1}:{path.resolve()}" if page else str(path.resolve())
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            self.file = self._open.enter_context(rasterio.open(name, driver=DRIVERS[self.kind], sharing=False))
        if max(self.file.height, self.file.width) > MOST_SIDE:
            raise refusal("unsupported_layout", format=self.kind)
        kinds = self.file.colorinterp
        self.alpha = next((i for i, k in enumerate(kinds) if k == ColorInterp.alpha), None)
        self.table = None
        if kinds[0] == ColorInterp.palette:
            self.table = np.zeros((256, 4), np.uint8)
            for index, colour in self.file.colormap(1).items():
                self.table[index] = colour
        self.cmyk = ColorInterp.black in kinds
        colours = self.file.count - (self.alpha is not None)
        if self.table is None and not self.cmyk and colours not in (1, 3):
            raise refusal("unsupported_layout", format=self.kind)
        self.ends = self._ends()
        self.swap, self.up, self.back = TURNS[self._orientation(path)]
        height, width = self.file.shape
        self.shape = (width, height, 3) if self.swap else (height, width, 3)
        if self.cmyk:
            self.notes.append(Note("cmyk"))

    def _ends(self) -> tuple[float, float] | None:
        """Percentiles of values of more than 8 bits; None for 8 bits."""
        if self.file.dtypes[0] == "uint8":
            return None
        height, width = (min(SAMPLE, n) for n in self.file.shape)
        values = self.file.read(out_shape=(self.file.count, height, width))
        known = values[np.isfinite(values)]
        low, high = map(float, np.percentile(known, (0.1, 99.9), method="nearest")) if known.size else (0.0, 1.0)
        short = [int(v) if v.is_integer() and abs(v) < 2**53 else float(f"{v:.4g}") for v in (low, high)]
        self.notes.append(Note("scaled", {"low": short[0], "high": short[1], "bits": 8 * values.itemsize}))
        return low, high if high > low else low + 1

    def _orientation(self, path: Path) -> int:
        if self.kind not in ("JPEG", "TIFF"):
            return 1
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                with Image.open(path) as image:  # its header
                    found = image.tag_v2.get(274, 1) if self.kind == "TIFF" else orientation_of(image.info.get("exif"))  # type: ignore[attr-defined]
        except Exception:  # larger than Pillow allows, or damaged: then it is read as it lies
            return 1
        if found not in range(2, 9):
            return 1
        self.notes.append(Note("rotated", {"orientation": found}))
        return int(found)

    def __getitem__(self, box: Any) -> np.ndarray:
        """[top:bottom, left:right] as h x w x 3. Raises ExplorerError where the file is damaged."""
        spans = [part.indices(n)[:2] for part, n in zip(box, self.shape[:2], strict=True)]
        flips = [self.up, self.back]
        turned = [
            (n - b, n - a) if flip else (a, b) for (a, b), n, flip in zip(spans, self.shape[:2], flips, strict=True)
        ]
        (top, bottom), (left, right) = reversed(turned) if self.swap else turned
        try:
            values = self.file.read(window=Window(left, top, right - left, bottom - top))
        except RasterioError as error:
            raise refusal("truncated", format=self.kind) from error
        pixels = self._colours(values)
        if self.swap:
            pixels = pixels.transpose(1, 0, 2)
        return np.ascontiguousarray(pixels[:: -1 if self.up else 1, :: -1 if self.back else 1])

    def _colours(self, values: np.ndarray) -> np.ndarray:
        """Bands x h x w of any type -> h x w x 3 uint8."""
        if self.table is not None:
            rgba = self.table[values[0]]
            colour, alpha = rgba[..., :3], rgba[..., 3:]
        else:
            if self.ends:
                values = np.nan_to_num(np.interp(values, self.ends, (0, 255))).round().astype(np.uint8)
            alpha = None if self.alpha is None else values[self.alpha][..., None]
            bands = [band for i, band in enumerate(values) if i != self.alpha]
            if self.cmyk:
                ink, black = np.stack(bands[:3], -1).astype(np.uint16), bands[3][..., None]
                colour = (255 - np.minimum(255, ink + black)).astype(np.uint8)
            else:
                colour = np.stack(bands if len(bands) == 3 else bands[:1] * 3, -1)
        if alpha is None or (alpha == 255).all():
            return colour
        share = alpha.astype(np.float32) / 255
        return np.rint(colour * share + 255 * (1 - share)).astype(np.uint8)

    @property
    def held(self) -> int:
        """Bytes that reading it whole and writing its labels leave in memory at most."""
        bands = sum(np.dtype(kind).itemsize for kind in self.file.dtypes) + 1
        return min(CACHE, bands * self.file.height * self.file.width)

    def close(self) -> None:
        self._open.close()

    def __enter__(self) -> GiantImage:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class LabelFile:
    """Labels (H x W uint8) that are written where they are sliced, into a temporary file beside their goal.

    `finish` turns it into an indexed PNG at once; leaving the context takes the temporary file away in any case.
    """

    def __init__(self, goal: Path, size: tuple[int, int], colours: Sequence[tuple[int, int, int]]) -> None:
        self.goal, self.shape, self.colours = Path(goal), size, colours
        self.counts = np.zeros(256, np.int64)  # pixels per label; each is written once

    def __enter__(self) -> LabelFile:
        self._open = ExitStack()
        self.folder = self._open.enter_context(tempfile.TemporaryDirectory(prefix=".labels-", dir=self.goal.parent))
        self._open.enter_context(rasterio.Env(GDAL_CACHEMAX=CACHE, GDAL_PAM_ENABLED=False))
        about = {"driver": "GTiff", "height": self.shape[0], "width": self.shape[1], "count": 1, "dtype": "uint8"}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            self.file = rasterio.open(f"{self.folder}/labels.tif", "w+", tiled=True, bigtiff="IF_SAFER", **about)
        self._open.callback(self.file.close)
        self.file.write_colormap(1, {i: (*colour, 255) for i, colour in enumerate(self.colours)})
        return self

    def __setitem__(self, box: Any, labels: np.ndarray) -> None:
        (top, bottom), (left, right) = (part.indices(n)[:2] for part, n in zip(box, self.shape, strict=True))
        self.counts += np.bincount(labels.ravel(), minlength=256)
        self.file.write(np.ascontiguousarray(labels, np.uint8), 1, window=Window(left, top, right - left, bottom - top))

    def __getitem__(self, box: Any) -> np.ndarray:
        (top, bottom), (left, right) = (part.indices(n)[:2] for part, n in zip(box, self.shape, strict=True))
        return self.file.read(1, window=Window(left, top, right - left, bottom - top))

    @property
    def band(self) -> Any:
        """The whole as a band, for what reads rasters piece by piece."""
        return rasterio.band(self.file, 1)

    def finish(self) -> Path:
        """Write the PNG: whole, or not at all."""
        made = Path(self.folder, "labels.png")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            raster_files.copy(self.file, str(made), driver="PNG")
        made.replace(self.goal)
        return self.goal

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self._open.close()
