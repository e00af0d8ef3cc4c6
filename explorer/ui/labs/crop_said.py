"""What the crop lab of the page says: sizes, where a crop cuts and why, what meets, all crops in a table."""

from __future__ import annotations

from typing import Any

from explorer.labs import CropLab, CropOf
from explorer.ui.labs.base import Told, number, told


def sizes(lab: CropLab) -> list[Told]:
    height, width = lab.size
    said = []
    for n, (fits, nearest) in dict(zip(lab.size, zip(lab.legal, lab.nearest, strict=True), strict=True)).items():
        if not fits:  # a square is refused once
            text = ", ".join(map(str, nearest))
            said.append(told("lab.crop.size.refused", n=n, nearest=text))
    if not said:
        said.append(told("lab.crop.size.taken", height=height, width=width))
    passed = [step for step in lab.steps if any(step.passed)]
    said += [told("lab.crop.size.passed", step=s.step, rows=s.passed[0], cols=s.passed[1]) for s in passed]
    box = lab.output
    said.append(told("lab.crop.size.output", height=box.bottom - box.top, width=box.right - box.left))
    return said


def cut(crop: CropOf) -> list[Told]:
    rows, cols = crop.rows, crop.cols
    said = [
        told(
            "lab.crop.cut.said",
            crop=crop.name,
            of=crop.of,
            units=rows.units,
            reference=rows.reference,
            name=crop.reference,
            offset=rows.offset,
        )
    ]
    if rows.centre != rows.aligned:
        apart = abs(rows.centre - rows.aligned) * rows.jump
        said.append(told("lab.crop.cut.centre", centre=rows.centre, aligned=rows.aligned, apart=apart))
    said.insert(1, _derived(crop))
    off = rows.misalignment, cols.misalignment
    said.append(told("lab.crop.cut.off", down=off[0], right=off[1]) if any(off) else told("lab.crop.cut.meets"))
    return said


def _derived(crop: CropOf) -> Told:
    """Why the aligned crop is where it is: so many units lie between the first ones of the two maps."""
    rows = crop.rows
    here, there = (number(place) for place in rows.starts)
    apart = f"({there} − {here})" if here >= 0 else f"({there} + {-here})"
    said = f"{apart} / {number(rows.jump)} = {rows.aligned}".replace("-", "−")
    values = {"of": crop.of, "here": here, "name": crop.reference, "there": there, "jump": rows.jump}
    return told("lab.crop.cut.derived", **values, sum=said)


def meeting(crop: CropOf, meeting: Any, row: int, column: int) -> list[Told]:
    own, other = meeting.own, meeting.other
    said = [told("lab.crop.meet.unit", row=row, column=column)]
    for key, seen in (("own", own), ("other", other)):
        if seen.rows and seen.cols:
            tall, wide = seen.shape
            values = {"top": seen.rows[0], "bottom": seen.rows[1], "left": seen.cols[0], "right": seen.cols[1]}
            step = crop.of if key == "own" else crop.reference
            said.append(told(f"lab.crop.meet.{key}", step=step, height=tall, width=wide, **values))
        else:
            said.append(told("lab.crop.meet.nothing", step=crop.of if key == "own" else crop.reference))
    if None not in meeting.shift:
        said.append(told("lab.crop.meet.shift", down=meeting.shift[0], right=meeting.shift[1]))
    return said


def table(lab: CropLab, shown: CropOf) -> dict[str, Any]:
    columns = ("crop", "units", "reference", "offset", "centre", "aligned", "misalignment")
    rows = []
    for crop in lab.crops:
        down, across = crop.rows, crop.cols
        pairs = ((down.offset, across.offset), (down.centre, across.centre), (down.aligned, across.aligned))
        cells: list[Any] = [crop.name]
        cells += [f"{down.units} × {across.units}", f"{down.reference} × {across.reference}"]
        cells += [a if a == b else f"{a}, {b}" for a, b in pairs]
        off = number(down.misalignment), number(across.misalignment)
        cells.append(
            told("lab.crop.off.both", down=off[0])
            if off[0] == off[1]
            else told("lab.crop.off", down=off[0], right=off[1])
        )
        rows.append({"cells": cells, "pick": {"crop": crop.name}, "chosen": crop is shown})
    return {"head": [told(f"lab.crop.head.{column}") for column in columns], "rows": rows}
