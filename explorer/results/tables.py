"""Tables of a segmentation as CSV: the area of each class, and the single objects."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass, fields

import numpy as np

from explorer import strips
from explorer.cards import ClassInfo
from explorer.checked import spoken


@dataclass(frozen=True)
class Area:
    """Pixels of one class, and their share of all."""

    index: int
    name_en: str
    name_ko: str
    pixels: int
    share: float


@dataclass(frozen=True)
class Thing:
    """One object: its number in the instance map, its area in pixels, its centre and its box (half-open)."""

    number: int
    pixels: int
    centre_row: float
    centre_column: float
    top: int
    left: int
    bottom: int
    right: int


def areas(counts: Sequence[int] | np.ndarray, classes: Sequence[ClassInfo]) -> list[Area]:
    """Of all classes, from their pixel counts."""
    total = int(sum(counts)) or 1
    return [
        Area(i, info.name["en"], spoken(info.name, "ko"), int(n), int(n) / total)
        for i, (n, info) in enumerate(zip(counts, classes, strict=True))
    ]


def things(instances: np.ndarray) -> list[Thing]:
    """The objects of an instance map (H x W integers, 0 outside)."""
    from scipy import ndimage  # here: the page starts sooner without it

    counts, boxes = strips.counts(instances), ndimage.find_objects(instances)
    numbers = [number for number, box in enumerate(boxes, 1) if box]
    centres = ndimage.center_of_mass(instances > 0, instances, numbers)
    found = []
    for number, (row, column) in zip(numbers, centres, strict=True):
        rows, columns = boxes[number - 1]
        centre = round(float(row), 2), round(float(column), 2)
        box = rows.start, columns.start, rows.stop, columns.stop
        found.append(Thing(number, int(counts[number]), *centre, *box))
    return found


def as_csv(rows: Iterable[Area | Thing], kind: type[Area] | type[Thing]) -> str:
    """A header and a line per row; shares with six decimals. Begins with a byte order mark, so that Excel reads it."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(field.name for field in fields(kind))
    for row in rows:
        writer.writerow(f"{v:.6f}" if f.name == "share" else v for f, v in zip(fields(kind), astuple(row), strict=True))
    return "\ufeff" + out.getvalue()
