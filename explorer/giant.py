"""Images too large for memory: windows of a file in, labels to a file out (GDAL, through rasterio).

A `GiantImage` and a `LabelFile` take slices as arrays do, so that a run in tiles holds a tile and no more.
"""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import rasterio
from PIL import Image
from rasterio import shutil as raster_files
from rasterio.errors import NotGeoreferencedWarning
from rasterio.windows import Window

from explorer import images
from explorer.errors import ExplorerError
from explorer.images import Photograph
from explorer.images.formats import is_whole, kind_of
from explorer.images.headers import Header
from explorer.images.raster import CACHE, DRIVERS, Raster
from explorer.images.refusals import Note, readable, refusal

MOST_SIDE = 2**20  # pixels
TOO_LARGE = ("too_large_pixels", "too_large_bytes", "too_many_values")  # codes of `images.read`


class GiantImage(Raster):
    """H x W x 3 uint8, read from a file where it is sliced. Close it, or use it as a context.

    page, channels  from 0, as `images.read` has them
    `notes` say what is done on reading. Raises ExplorerError for other files, and on slicing for damaged ones.
    """

    def __init__(self, path: str | Path, page: int = 0, channels: Sequence[int] | None = None) -> None:
        path = Path(path)
        try:
            if not path.is_file():
                raise OSError("not an ordinary file")
            with open(path, "rb") as file:
                kind = kind_of(file.read(1024))
                whole = is_whole(file, kind)
        except OSError as error:
            raise refusal("cannot_open") from error
        if not whole:
            raise refusal("truncated", format=kind)
        if kind not in DRIVERS:
            raise refusal("unsupported_format", format=kind)
        with readable(kind, "unsupported_layout"):
            super().__init__(path, kind, page, channels, _check)

    def __getitem__(self, box: Any) -> np.ndarray:
        with readable(self.kind):
            return super().__getitem__(box)

    def copy(self, longest: int) -> np.ndarray:
        """A copy whose longer side is `longest`, read part by part. Raises ExplorerError if that is giant itself."""
        height, width = self.shape[:2]
        small = images.resized_shape((height, width), longest)
        if small[0] * small[1] > images.MAX_PIXELS:
            raise refusal("too_large_pixels", width=small[1], height=small[0], limit=images.MAX_PIXELS)
        times = max(1, min(height, width, max(height, width) // (2 * max(small))))
        while -(-height // times) * -(-width // times) > images.MAX_PIXELS:
            times += 1
        rows = times * max(1, 2**22 // (width * times))
        parts = [
            np.asarray(Image.fromarray(self[top : top + rows, 0:width]).reduce(times)) for top in range(0, height, rows)
        ]
        return images.resize(np.concatenate(parts), max(small))


def read(
    image: str | Path, page: int = 0, channels: Sequence[int] | None = None, longest: int | None = None
) -> Photograph:
    """`images.read` of a path; what is too large for that as a copy with the longer side `longest`, if given."""
    try:
        return images.read(image, page=page, channels=channels)
    except ExplorerError as error:
        if not longest or error.code not in TOO_LARGE:
            raise
    with GiantImage(image, page, channels) as giant:
        pixels = giant.copy(longest)
        (height, width), whole = pixels.shape[:2], giant.shape
        reduced = {"height": height, "width": width, "whole_height": whole[0], "whole_width": whole[1]}
        notes = (*giant.notes, Note("reduced", reduced))
        return images.photograph(pixels, notes, Path(image).name, page, giant.header.pages)


def _check(header: Header) -> None:
    if max(header.layout.size) > MOST_SIDE:
        raise refusal("tiff_layout", layout=f"{header.layout.size[0]} x {header.layout.size[1]}")


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

    def finish(self, said: Mapping[str, str] | None = None) -> Path:
        """Write the PNG, with what it says of itself: whole, or not at all."""
        made = Path(self.folder, "labels.png")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            self.file.update_tags(**(said or {}))
            raster_files.copy(self.file, str(made), driver="PNG", WRITE_METADATA_AS_TEXT=True)
        made.replace(self.goal)
        return self.goal

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self._open.close()
