"""The directories of a TIFF: which pictures it holds, and the tags of one, read only as far as they are asked for.

TIFF 6.0, section 2; BigTIFF alike. A hostile file may declare anything, so numbers of tags, pages and values are
bounded here before a byte of them is read, and GDAL is then told by its offset which directory to open.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np

MOST_TAGS = 500  # of a directory
MOST_PAGES = 5000  # of a file; what lies behind is not looked for
MOST_VALUES = 2**18  # of a tag
TYPES = {1: "u1", 2: "u1", 3: "u2", 4: "u4", 5: "u8", 6: "i1", 7: "u1", 8: "i2", 9: "i4", 10: "u8", 11: "f4", 12: "f8"}
TYPES |= {13: "u4", 16: "u8", 17: "i8", 18: "u8"}  # numpy's names; fractions (5, 10) are not used here
KIND_OF_PAGE, WIDTH, LENGTH, DESCRIPTION, SUBDIRECTORIES = 254, 256, 257, 270, 330
REDUCED, MASK = 1, 4  # bits of KIND_OF_PAGE


@dataclass(frozen=True)
class Directory:
    """One picture's tags. `places` says of each where its values lie: (type, count, offset)."""

    tiff: Tiff
    offset: int
    places: dict[int, tuple[int, int, int]]

    def values(self, tag: int, most: int = MOST_VALUES) -> np.ndarray:
        """The values of a tag, at most `most`; none if it is not there. Raises EOFError where the file ends."""
        kind, count, where = self.places.get(tag, (1, 0, 0))
        dtype = np.dtype(self.tiff.order + TYPES[kind])
        return np.frombuffer(self.tiff.take(where, min(count, most) * dtype.itemsize), dtype)

    def value(self, tag: int, default: int) -> int:
        found = self.values(tag, 1)
        return int(found[0]) if found.size else default

    def text(self, tag: int) -> str:
        return self.values(tag, 2**16).tobytes().decode("latin-1")

    @property
    def area(self) -> int:
        return self.value(WIDTH, 0) * self.value(LENGTH, 0)

    @property
    def is_copy(self) -> bool:
        return bool(self.value(KIND_OF_PAGE, 0) & REDUCED)

    def largest(self) -> Directory:
        """This picture, or a larger one of its sub-directories where this is but a preview (DNG, NEF, scanners)."""
        below = [self.tiff.directory(int(where)) for where in self.values(SUBDIRECTORIES, 16)]
        return max([self, *below], key=lambda found: (not found.is_copy, found.area))


class Tiff:
    """A TIFF opened for reading bytes. Raises EOFError where it ends too early, ValueError where it makes no sense."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self.file, self.size = file, size
        head = self.take(0, 8)
        self.order = "<" if head[:2] == b"II" else ">"
        self.big = 43 in head[2:4]
        self.first = self._number(8, "Q") if self.big else self._number(4, "I")

    def take(self, where: int, count: int) -> bytes:
        """Bytes of the file, all of them."""
        if where + count > self.size:
            raise EOFError(f"{count} bytes at {where} of {self.size}")
        self.file.seek(where)
        found = self.file.read(count)
        if len(found) < count:
            raise EOFError(f"{count} bytes at {where}")
        return found

    def _number(self, where: int, code: str) -> int:
        return int(struct.unpack(self.order + code, self.take(where, struct.calcsize(code)))[0])

    def _entries(self, offset: int) -> tuple[list[tuple[int, int, int]], list[int], int]:
        """(tag, type, count) of a directory, where the value of each or its offset lies, and the next directory."""
        size, each = (8, "HHQ8x") if self.big else (2, "HHI4x")
        count, length = self._number(offset, "Q" if self.big else "H"), struct.calcsize("<" + each)
        if not 0 < count <= MOST_TAGS:
            raise ValueError(f"{count} tags")
        body = self.take(offset + size, count * length)
        start = offset + size + (12 if self.big else 8)
        try:
            after = self._number(offset + size + len(body), "Q" if self.big else "I")
        except EOFError:  # a file may end with its last directory
            after = 0
        return list(struct.iter_unpack(self.order + each, body)), [start + length * i for i in range(count)], after

    def directory(self, offset: int) -> Directory:
        entries, where, _ = self._entries(offset)
        places, claimed = {}, 0
        for (tag, kind, count), place in zip(entries, where, strict=True):
            if kind not in TYPES:
                continue
            length = count * np.dtype(TYPES[kind]).itemsize
            claimed += length
            if length > (8 if self.big else 4):
                place = self._number(place, "Q" if self.big else "I")
            if tag in places and tag < 340:  # which of the two another reader takes is not known
                raise ValueError(f"tag {tag} stands there twice")
            places[tag] = (kind, count, place)
        if claimed > 4 * self.size + 2**20:  # libtiff would read them all
            raise ValueError("its tags claim far more than the file holds")
        return Directory(self, offset, places)

    def pages(self) -> list[int]:
        """Offsets of the directories that hold pictures of their own: no smaller copies or masks of others.

        What cannot be read ends the list: damage behind the page that is used does not matter.
        """
        all_of_them: dict[int, bool] = {}
        offset = self.first
        while offset and offset not in all_of_them and len(all_of_them) < MOST_PAGES:
            try:
                entries, where, after = self._entries(offset)
                extra = next((i for i, entry in enumerate(entries[:4]) if entry[0] == KIND_OF_PAGE), None)
                kind = 0 if extra is None else self._number(where[extra], "I" if entries[extra][1] == 4 else "H")
            except (EOFError, ValueError):
                break
            all_of_them[offset] = bool(kind & (REDUCED | MASK))
            offset = after
        return [where for where, other in all_of_them.items() if not other] or list(all_of_them) or [self.first]
