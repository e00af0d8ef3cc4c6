"""True labels of images beyond memory, in parts: as large as GDAL reads them, none larger than a bound."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import numpy as np
import rasterio
from rasterio.windows import Window

from explorer.errors import ExplorerError
from explorer.images import Note
from explorer.images.formats import is_whole, kind_of
from explorer.images.raster import CACHE, TURNS
from explorer.images.sizes import places_of
from explorer.masks.picture import (
    Picture,
    Said,
    bands_of,
    code_of,
    numbers_of,
    orientation_of,
    own_words,
    page_of,
    turn_of,
    unreadable,
    upright,
)

DRIVERS = {"TIFF": "GTiff", "PNG": "PNG", "BMP": "BMP"}
AT_ONCE = 2**22  # pixels of a part

Box = tuple[int, int, int, int]  # top, bottom, left, right


@dataclass(frozen=True)
class Part:
    """Values (h x w, whole numbers or codes of colours) of the box `outer` of the upright image. Those of `inner`,
    which lies in it, are no other part's."""

    outer: Box
    inner: Box
    values: np.ndarray

    def within(self, values: np.ndarray) -> np.ndarray:
        """Of values of `outer` those of `inner`."""
        (top, bottom, left, right), (up, _, back, _) = self.inner, self.outer
        return values[top - up : bottom - up, left - back : right - back]


class Parts:
    """The true labels in a file as `opened` has them, for an image of a size (height, width); a context.

    `said` is what there is to say of them. Raises ExplorerError, in `parts` where the file is damaged.
    """

    def __init__(self, path: Path, size: tuple[int, int], notes: Iterable[Note] = ()) -> None:
        self.path, self.size = path, (size[0], size[1])
        self.said: Said = []
        self._open = ExitStack()
        try:
            self._begin({note.code: note.details for note in notes})
        except BaseException as error:
            self._open.close()
            raise self._refused(error) from error

    def _begin(self, done: dict[str, dict[str, int]]) -> None:
        if not self.path.is_file():
            raise ExplorerError("truth_missing", f"there is no file {self.path} of true labels", name=self.path.name)
        with open(self.path, "rb") as file:
            kind = kind_of(file.read(1024))
            whole = is_whole(file, kind)
        own_words(self.path, self.said)
        if kind not in DRIVERS or not whole:
            raise unreadable(self.path, tuple(DRIVERS))
        self._open.enter_context(
            rasterio.Env(GDAL_CACHEMAX=CACHE, GDAL_PAM_ENABLED=False, GDAL_DISABLE_READDIR_ON_OPEN="EMPTY_DIR")
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.file = self._open.enter_context(rasterio.open(self.path, driver=DRIVERS[kind], sharing=False))
            pages = len(self.file.subdatasets) or 1
            if page := page_of(self.path.name, pages, done.get("page", {}), self.said):
                name = f"GTIFF_DIR:{page + 1}:{self.path.resolve()}"
                self.file = self._open.enter_context(rasterio.open(name, driver="GTiff", sharing=False))
        self.bands, self.table, self.bilevel = bands_of(self.file, self.path.name)
        own, of_image = orientation_of(self.path), int(done.get("rotated", {}).get("orientation", 1))
        shape = self.file.shape[::-1] if own > 4 else self.file.shape
        self.turns = [own]
        if turn := turn_of(shape, self.path.name, self.size, of_image, own != 1, self.said):
            self.turns.append(turn)

    def _refused(self, error: BaseException) -> BaseException:
        if getattr(error, "code", "").startswith("truth_") or not isinstance(error, Exception):
            return error
        return unreadable(self.path)

    def parts(self, halo: int = 0) -> Iterator[Part]:
        """All of it, each part with `halo` pixels more on every side, as far as there are any."""
        height, width = self.file.shape
        high, wide = self.file.block_shapes[0]
        side = round(AT_ONCE**0.5)
        rows, columns = (-(-side // high) * high, -(-side // wide) * wide) if wide < width else (0, width)
        rows = rows or max(1, AT_ONCE // width)
        for top in range(0, height, rows):
            for left in range(0, width, columns):
                inner = top, min(top + rows, height), left, min(left + columns, width)
                outer = (
                    max(0, top - halo),
                    min(inner[1] + halo, height),
                    max(0, left - halo),
                    min(inner[3] + halo, width),
                )
                yield self._part(outer, inner)

    def _part(self, outer: Box, inner: Box) -> Part:
        top, bottom, left, right = outer
        try:
            found = self.file.read(self.bands, window=Window(left, top, right - left, bottom - top))
        except Exception as error:  # damaged data
            raise unreadable(self.path) from error
        values = numbers_of(found[0], self.path.name) if len(found) == 1 else code_of(np.moveaxis(found, 0, -1))
        shape = self.file.shape
        for turn in self.turns:
            values, outer, inner = upright(values, turn), _box(outer, shape, turn), _box(inner, shape, turn)
            shape = shape[::-1] if TURNS[turn][0] else shape
        return Part(outer, inner, values)

    def there(self) -> np.ndarray:
        """The values that there are, in order. Of a picture of very many colours not all: no classes have as many."""
        found = np.zeros(0, np.int64)
        for part in self.parts():
            found = np.union1d(found, np.unique(part.values))
            if len(self.bands) > 1 and len(found) > AT_ONCE:
                break
        return found

    def picture(self, values: np.ndarray) -> Picture:
        """A picture (h x w) of some of the values; of those that there are, it says all that they mean."""
        if len(self.bands) == 1:
            return Picture(self.path.name, values, table=self.table, bilevel=self.bilevel)
        colours = (values[..., None] >> np.array([16, 8, 0])).astype(np.uint8)
        return Picture.of_colours(self.path.name, colours, self.said)

    def copy(self, size: tuple[int, int]) -> np.ndarray:
        """The values at another size (height, width), each that of the pixel which its middle lies in."""
        made = np.zeros(size, np.int64)
        rows, columns = places_of(self.size, size)
        for part in self.parts():
            top, bottom, left, right = part.outer
            down = np.flatnonzero((rows >= top) & (rows < bottom))
            across = np.flatnonzero((columns >= left) & (columns < right))
            made[np.ix_(down, across)] = part.values[np.ix_(rows[down] - top, columns[across] - left)]
        return made

    def __enter__(self) -> Parts:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self._open.close()


def _box(box: Box, shape: tuple[int, int], orientation: int) -> Box:
    """Where a box of a picture (height, width) lies once that is upright."""
    swap, up, back = TURNS[orientation]
    top, bottom, left, right = (box[2], box[3], box[0], box[1]) if swap else box
    height, width = shape[::-1] if swap else shape
    top, bottom = (height - bottom, height - top) if up else (top, bottom)
    left, right = (width - right, width - left) if back else (left, right)
    return top, bottom, left, right


def copied(path: Path, whole: tuple[int, int], size: tuple[int, int], notes: Iterable[Note]) -> tuple[Picture, Said]:
    """The labels of a whole image (height, width) as those of its copy of another size, and what there is to say."""
    with Parts(path, whole, notes) as parts:
        values = parts.copy(size)
        parts.said.append(("reduced", {"name": path.name}))
        return parts.picture(values), parts.said
