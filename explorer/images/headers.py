"""What a file says of the picture that is wanted of it, before a pixel is unpacked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, BinaryIO

import numpy as np
from PIL import Image

from explorer.images.colours import orientation_of
from explorer.images.directories import Tiff
from explorer.images.formats import frames_of
from explorer.images.layouts import CMYK, COLOURS, GREY, PALETTE, RGB, Layout, check_pieces, layout_of
from explorer.images.refusals import Note, refusal

MOST_COEFFICIENTS = 500 * 10**6  # bytes; GDAL keeps no more of a progressive JPEG, which comes in several passes
NDPI, LSM = 65420, 34412  # tags of slide scanners and microscopes


@dataclass
class Header:
    """A picture of a file, and which of its samples are used."""

    layout: Layout
    page: int = 0
    pages: int = 1
    offset: int | None = None  # of its directory in a TIFF
    profile: bytes | None = None
    table: np.ndarray | None = None  # colours of a palette, n x 3, or n x 4 where some are transparent
    key: np.ndarray | None = None  # values of a pixel that is transparent, one for each sample
    notes: list[Note] = field(default_factory=list)
    taken: tuple[int, ...] = ()  # samples that become grey, or red, green and blue
    alpha: int | None = None  # the sample that says how opaque a pixel is
    picked: tuple[int, ...] = ()  # of the colours that are made of samples, where these cannot be chosen themselves

    def take(self, channels: Sequence[int] | None) -> None:
        """Choose samples, from 0: one as grey, three as colours; None: those that are colours, else the first.

        Three samples that are not said to be anything are shown as colours. The samples of a TIFF may be anything; of
        any other format the red, green and blue of the picture are chosen from.
        """
        layout = self.layout
        self.alpha = layout.alpha
        unnamed = layout.colours == GREY and layout.samples - (layout.alpha is not None) == COLOURS[RGB]
        self.taken = tuple(range(COLOURS[RGB if unnamed else layout.colours]))
        chosen, total = self.taken, layout.samples
        if channels is not None and self.offset is not None and layout.colours in (GREY, RGB):
            self.taken, self.alpha, chosen = tuple(channels), None, tuple(channels)
        elif channels is not None:
            self.picked, chosen, total = tuple(channels), tuple(channels), COLOURS[RGB]
        if channels is not None:
            check_channels(channels, total)
        if channels is not None or unnamed or total > len(chosen) + (self.alpha is not None):
            self.notes.append(Note("channels", {"taken": ", ".join(str(n + 1) for n in chosen), "channels": total}))


def check_channels(channels: Sequence[int], total: int) -> None:
    """Raises ExplorerError unless one or three of an image's channels are chosen."""
    if len(channels) not in (1, 3) or not all(0 <= n < total for n in channels):
        raise refusal("no_channel", wanted=", ".join(str(n + 1) for n in channels), channels=total)


def tiff_header(file: BinaryIO, size: int, page: int) -> Header:
    """Of a TIFF of `size` bytes. Raises ExplorerError, EOFError where it ends too early, ValueError for nonsense."""
    tiff = Tiff(file, size)
    offsets = tiff.pages()
    directory = tiff.directory(offsets[page if 0 <= page < len(offsets) else 0]).largest()
    _check_program(tiff)
    layout = layout_of(directory)
    if len(offsets) > 1:
        layout = replace(layout, frames=1)  # each has a directory, whatever the first says of how many there are
    pages = max(len(offsets), layout.frames)
    if not 0 <= page < pages:
        raise refusal("no_page", page=page + 1, pages=pages)
    made = Header(layout, page, pages, directory.offset, directory.values(34675, 2**24).tobytes() or None)
    if layout.colours == PALETTE:
        table = directory.values(320).astype(np.int64)
        if table.size != 3 << layout.bits:
            raise ValueError(f"{table.size} values of a palette")
        table = table // (256 if table.max() > 255 else 1)  # some wrote 8 bits
        made.table = table.reshape(3, -1).T.astype(np.uint8)
    if pages > 1:
        made.notes.append(Note("page", {"page": page + 1, "pages": pages}))
    if directory.is_copy:
        made.notes.append(Note("preview"))
    check_pieces(layout, directory)
    return made


def _check_program(tiff: Tiff) -> None:
    """Raises ExplorerError, by its name, for what some program writes that is a TIFF by its look alone."""
    tags = tiff.directory(tiff.first).places
    if NDPI in tags:  # offsets of 64 bits in a TIFF of 32, and pictures of more pixels than a JPEG can have
        raise refusal("science_format", format="Hamamatsu NDPI")
    if LSM in tags and tiff.size > 2**32:  # offsets that start again from 0
        raise refusal("science_format", format="Zeiss LSM (4 GiB)")


def check_in_pieces(image: Any, kind: str) -> None:
    """Raises ExplorerError for what GDAL does not read, or not without most of it in memory."""
    name = "WebP (animated)" if kind == "WebP" and frames_of(image) > 1 else ""
    if kind == "JPEG" and image.info.get("progressive"):
        parts = [high * wide for _, high, wide, _ in image.layer]  # 16-bit coefficients of all of it
        if 2 * image.width * image.height * sum(parts) > MOST_COEFFICIENTS * max(parts):
            name = "JPEG (progressive)"
    if name:
        raise refusal("not_in_pieces", format=name)


def other_header(image: Any, file: Any = None) -> Header:
    """Of any other format: `image` is the file opened by Pillow, `file` by GDAL, which does not read a BMP."""
    bits, count, alpha, table = 8, len(image.getbands()), image.mode in ("LA", "RGBA"), None
    if file is not None:
        bits = int(file.tags(1, ns="IMAGE_STRUCTURE").get("NBITS", 8 * np.dtype(file.dtypes[0]).itemsize))
        kinds, count = [kind.name for kind in file.colorinterp], file.count
        alpha = "alpha" in kinds
        if kinds[0] == "palette":
            table = np.array([*file.colormap(1).values()], np.uint8)
    elif image.mode == "P":
        one = Image.new("P", (1, 1))
        one.putpalette(image.palette)
        table = np.array(one.getpalette("RGBA"), np.uint8).reshape(-1, 4)
    colours = PALETTE if table is not None else CMYK if image.mode == "CMYK" else RGB if count >= 3 else GREY
    turned = orientation_of(image.info.get("exif"))
    layout = Layout(image.size[::-1], colours, count, f"u{bits}", count - 1 if alpha else None, orientation=turned)
    made = Header(layout, profile=image.info.get("icc_profile"))
    if table is not None:
        rest = np.tile(np.array([[0, 0, 0, 255]], np.uint8), (256 - len(table), 1))
        made.table = np.concatenate([table, rest])[:, : 3 if (table[:, 3] == 255).all() else 4]
    elif (key := image.info.get("transparency")) is not None:
        made.key = np.atleast_1d(key) * (2 ** min(bits, 8) - 1) // 255  # Pillow spreads fewer bits over 8
    if (frames := frames_of(image)) > 1:
        made.notes.append(Note("first_frame", {"frames": frames}))
    return made
