"""A picture of labels as its file stores it: a whole number or a colour for every pixel, upright.

A TIFF is read by GDAL, which gives its numbers as they are, of any depth and sign. Pillow, which reads the rest, makes
brightness of numbers of 2 and 4 bits; that is undone here.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from PIL import Image
from rasterio.enums import ColorInterp

from explorer.errors import ExplorerError
from explorer.images import MAX_PIXELS, Note
from explorer.images.colours import orientation_of as exif_orientation
from explorer.images.directories import Tiff
from explorer.images.formats import READERS, kind_of

SOFTWARE = "FCN U-Net Explorer"  # what its own PNGs say of themselves
FORMATS = ("PNG", "TIFF", "BMP", "GIF")  # none that loses anything
Said = list[tuple[str, dict[str, Any]]]  # codes of `remarks.REMARKS`, and what fills them


@dataclass(frozen=True, eq=False)
class Picture:
    """Either `numbers` (H x W int64) or `colours` (H x W x 3 uint8); `table` are the colours of an indexed one's
    numbers (n x 3). `bilevel`: a bit a pixel."""

    name: str
    numbers: np.ndarray | None
    colours: np.ndarray | None = None
    table: np.ndarray | None = None
    bilevel: bool = False

    @cached_property
    def codes(self) -> np.ndarray:
        """Red, green and blue of each pixel as one number."""
        assert self.colours is not None
        return code_of(self.colours)

    @staticmethod
    def of_colours(name: str, colours: np.ndarray, said: Said) -> Picture:
        """Of red, green and blue (h x w x 3 uint8); where none is a colour they hold numbers."""
        if (np.ptp(colours, axis=-1) == 0).all():
            said.append(("grey", {"name": name}))
            return Picture(name, colours[..., 0].astype(np.int64))
        return Picture(name, None, colours)


def code_of(colours: np.ndarray) -> np.ndarray:
    """Red, green and blue (... x 3 uint8) as one number."""
    codes: np.ndarray = (colours.astype(np.uint32) << np.array([16, 8, 0], np.uint32)).sum(-1, dtype=np.int64)
    return codes


def opened(path: str | Path, size: tuple[int, int], notes: Iterable[Note] = ()) -> tuple[Picture, Said]:
    """The picture of labels of an image of a size (height, width) to which `notes` were done, and what there is to say
    of it. Raises ExplorerError."""
    path = Path(path)
    done = {note.code: note.details for note in notes}
    turned = int(done.get("rotated", {}).get("orientation", 1))
    said: Said = []

    def page(pages: int, shape: tuple[int, int]) -> int:
        """The page to read, from 0, before it is read."""
        if shape[0] * shape[1] > MAX_PIXELS or set(shape) != set(size):
            raise other_size(path.name, shape, size)
        return page_of(path.name, pages, done.get("page", {}), said)

    try:
        if not path.is_file():
            raise ExplorerError("truth_missing", f"there is no file {path} of true labels", name=path.name)
        own_words(path, said)
        with open(path, "rb") as file:
            read = _tiff if kind_of(file.read(1024)) == "TIFF" else _pillow
        stored, own = read(path, page)
    except (ExplorerError, MemoryError) as error:
        raise (error if getattr(error, "code", "").startswith("truth_") else unreadable(path)) from error
    except Exception as error:  # on damaged data nearly anything is raised
        raise unreadable(path) from error
    values = _turned(upright(stored.values, own), path.name, size, turned, own != 1, said)
    if values.ndim == 2:
        return Picture(path.name, numbers_of(values, path.name), table=stored.table, bilevel=stored.bilevel), said
    return Picture.of_colours(path.name, values, said), said


@dataclass(frozen=True, eq=False)
class _Stored:
    values: np.ndarray  # H x W of any type, or H x W x 3 uint8
    table: np.ndarray | None = None
    bilevel: bool = False


PageOf = Callable[[int, tuple[int, int]], int]


def _tiff(path: Path, page_of: PageOf) -> tuple[_Stored, int]:
    """What a TIFF stores, and its orientation."""
    with warnings.catch_warnings(), rasterio.Env(GDAL_PAM_ENABLED=False, GDAL_DISABLE_READDIR_ON_OPEN="EMPTY_DIR"):
        warnings.simplefilter("ignore")
        with rasterio.open(path, driver="GTiff", sharing=False) as file:
            page = page_of(len(file.subdatasets) or 1, file.shape)
        name = f"GTIFF_DIR:{page + 1}:{path.resolve()}"
        with rasterio.open(name, driver="GTiff", sharing=False) as file:
            page_of(1, file.shape)  # pages may have sizes of their own
            bands, table, bilevel = bands_of(file, path.name)
            values = file.read(bands)
    stored = _Stored(values[0] if len(bands) == 1 else np.moveaxis(values, 0, -1), table, bilevel)
    return stored, orientation_of(path)


def bands_of(file: Any, name: str) -> tuple[list[int], np.ndarray | None, bool]:
    """Of a file that GDAL reads: the bands that hold numbers or colours, the colours of an indexed one's numbers, and
    whether a pixel is a bit. Raises ExplorerError."""
    if max(rows * columns for rows, columns in file.block_shapes) > MAX_PIXELS:
        raise _no_map(name, "its tiles are too large")
    kinds = file.colorinterp
    bands = [i for i, kind in enumerate(kinds, 1) if kind != ColorInterp.alpha]
    if len(bands) not in (1, 3) or (len(bands) == 3 and set(file.dtypes) != {"uint8"}):
        raise _no_map(name, f"it has {len(bands)} channels of {file.dtypes[0]}")
    table = None
    if kinds[0] == ColorInterp.palette:
        entries = file.colormap(1)
        table = np.array([entries.get(i, (0, 0, 0, 0))[:3] for i in range(max(entries) + 1)])
    return bands, table, file.tags(1, ns="IMAGE_STRUCTURE").get("NBITS") == "1"


def own_words(path: Path, said: Said) -> None:
    """Of a file that says that the explorer wrote it, remark what figures are worth, or refuse what are no labels."""
    try:
        with open(path, "rb") as file:
            about = READERS["PNG"](file, "").info
    except Exception:  # it is no PNG
        return
    kind, how = about.get("Title"), re.sub(r"; sha256 \w+", "", about.get("Description", ""))
    if about.get("Software") != SOFTWARE:
        return
    if kind not in ("mask", "instances"):
        why = f"{path.name} is a picture that the explorer made to look at ({kind}), and no labels: take the mask"
        raise ExplorerError("truth_own", why, name=path.name, kind=str(kind))
    said.append(("own", {"name": path.name, "how": how}))


def orientation_of(path: Path) -> int:
    """The EXIF orientation that a file's header says; no pixel is unpacked for it."""
    try:
        with open(path, "rb") as file:
            kind = kind_of(file.read(1024))
            file.seek(0)
            if kind == "TIFF":
                tiff = Tiff(file, path.stat().st_size)
                return tiff.directory(tiff.first).value(274, 1)
            return exif_orientation(READERS[kind](file, "").info.get("exif"))
    except Exception:  # it says none
        return 1


def _pillow(path: Path, page_of: PageOf) -> tuple[_Stored, int]:
    """What a PNG, BMP or GIF stores, and its orientation."""
    with Image.open(path, formats=FORMATS) as image:
        if page := page_of(int(getattr(image, "n_frames", 1)), (image.height, image.width)):
            image.seek(page)
        how: Any = image.tile[0][3] if image.tile else ""
        raw = how if isinstance(how, str) else str(how[0])  # behind it stands how many bytes a row has
        orientation = int(image.getexif().get(274, 1))
        image.load()
        if image.mode in ("RGB", "RGBA") and "16" not in raw:
            return _Stored(np.asarray(image.convert("RGB"))), orientation
        if image.mode not in ("P", "L", "LA", "1", "I") and not image.mode.startswith("I;16"):
            raise _no_map(path.name, f"its pixels are {image.mode}")
        values = np.asarray(image.getchannel("L") if image.mode == "LA" else image)
        if image.mode == "L" and raw in ("L;2", "L;4"):
            values = values // (85 if raw == "L;2" else 17)  # as Pillow spreads them over 0 to 255
        table = np.array(image.getpalette("RGB")).reshape(-1, 3) if image.mode == "P" else None
        return _Stored(values, table, image.mode == "1"), orientation


def page_of(name: str, pages: int, of_image: dict[str, Any], said: Said) -> int:
    """The page that the image is of, where both files have as many."""
    if pages == 1:
        return 0
    if of_image.get("pages") != pages:
        raise ExplorerError(
            "truth_pages",
            f"{name} has {pages} pages: give the one that belongs to the image as a file of its own",
            name=name,
            pages=pages,
        )
    said.append(("page", {"name": name, "page": of_image["page"], "pages": pages}))
    return int(of_image["page"]) - 1


def upright(values: np.ndarray, orientation: int) -> np.ndarray:
    """Rows and columns (H x W ...) as an EXIF orientation (1 to 8) wants them."""
    turned = values.swapaxes(0, 1) if orientation in (5, 6, 7, 8) else values
    return turned[:: -1 if orientation in (3, 4, 7, 8) else 1, :: -1 if orientation in (2, 3, 6, 7) else 1]


def _turned(values: np.ndarray, name: str, size: tuple[int, int], turned: int, has_own: bool, said: Said) -> np.ndarray:
    """Labels as their image lies."""
    turn = turn_of((values.shape[0], values.shape[1]), name, size, turned, has_own, said)
    return upright(values, turn) if turn else values


def turn_of(shape: tuple[int, int], name: str, size: tuple[int, int], turned: int, has_own: bool, said: Said) -> int:
    """The orientation by which labels are turned to lie as their image, which was `turned`: 0 if they do, and that of
    the image if only the size of the unturned one fits. Raises ExplorerError if neither does."""
    details = {"name": name, "orientation": turned}
    if tuple(shape) == tuple(size):
        if turned > 1 and not has_own and (turned < 5 or size[0] == size[1]):  # then either size would fit
            said.append(("maybe_turned", details))
        return 0
    if turned < 5 or tuple(shape[::-1]) != tuple(size):
        raise other_size(name, shape, size)
    said.append(("turned", details))
    return turned


def numbers_of(values: np.ndarray, name: str) -> np.ndarray:
    """As int64. Raises ExplorerError for fractions."""
    if values.dtype.kind == "f" and not (np.isfinite(values) & (values == np.rint(values))).all():
        raise _no_map(name, "it holds fractions")
    return values.astype(np.int64)


def _no_map(name: str, why: str) -> ExplorerError:
    return ExplorerError("truth_mode", f"{name} is no label map: {why}", name=name)


def other_size(name: str, shape: tuple[int, int], size: tuple[int, int]) -> ExplorerError:
    return ExplorerError(
        "truth_size",
        f"{name} has {shape[0]} x {shape[1]} pixels, the image {size[0]} x {size[1]}",
        name=name,
        width=shape[1],
        height=shape[0],
        image_width=size[1],
        image_height=size[0],
    )


def unreadable(path: Path, formats: tuple[str, ...] = FORMATS) -> ExplorerError:
    """Of what cannot be read as labels, or not in parts: a format that changes numbers, or damage."""
    try:
        with open(path, "rb") as file:
            kind = kind_of(file.read(1024))
    except (ExplorerError, OSError):
        kind = ""
    if kind in FORMATS and kind not in formats:
        why = f"{path.name} is a {kind} file, which cannot be read in parts: save labels of this size as PNG or TIFF"
        return ExplorerError("truth_format", why, name=path.name, format=kind)
    if kind and kind not in FORMATS:
        why = f"{path.name} is a {kind} file, which does not keep numbers: save the labels as PNG"
        return ExplorerError("truth_format", why, name=path.name, format=kind)
    return ExplorerError(
        "truth_file", f"{path.name} cannot be read as a label map (PNG, TIFF, BMP or GIF)", name=path.name
    )
