"""Figures of the field lab: how large fields are along a network, where they lie on the input, what a skip adds."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go

from explorer.figures.palettes import HEAT, OKABE_ITO, PAGE, ROLES, lookup_table
from explorer.figures.plot import MARGIN, MOST, Trace, heat, lines
from explorer.geometry import Box
from explorer.labs.field import LEAST, Effective, FieldLab

COULD = ROLES["field"]
USES = "#{:02X}{:02X}{:02X}".format(*lookup_table(HEAT)[150])  # the heat map's colour in its upper half
EDGE = {"color": PAGE["padding"], "width": 1}  # yellow is not seen on white without one
DIMMED = 0.35  # how much of the picture stays below the heat
WEAK = 96  # of 256 colours of the heat scale: the one that no gradient would have, on a dark picture


def curve(lab: FieldLab, found: Mapping[str, Effective]) -> go.Figure:
    """Sides of the theoretical fields along the network, whole and within the input, and of those effective fields that
    were measured, on a logarithmic scale."""
    steps = [seen.step for seen in lab.way]
    whole = [round(seen.size, 1) for seen in lab.way]
    inside = [round(seen.clipped, 1) or None for seen in lab.way]
    thick, soft = {"color": COULD, "width": 3}, {"color": PAGE["zero"], "width": 1.5, "dash": "dot"}
    marker = {"symbol": "square", "size": 7, "line": EDGE}
    traces = [
        {"x": steps, "y": whole, "name": "t:lab.field.whole", "line": thick, "marker": {**marker, "color": COULD}},
        {
            "x": steps,
            "y": inside,
            "name": "t:lab.field.inside",
            "line": soft,
            "marker": {"size": 5, "color": PAGE["zero"]},
        },
    ]
    measured = [step for step in steps if step in found and found[step].pixels]
    if measured:
        traces.append(
            {
                "x": measured,
                "y": [round(found[step].size, 1) for step in measured],
                "name": "t:lab.field.effective",
                "line": {"color": USES, "width": 2, "dash": "dash"},
                "marker": {"symbol": "circle", "size": 8, "color": USES},
            }
        )
    made = [{"type": "scatter", "mode": "lines+markers", "hoverinfo": "x+y", **trace} for trace in traces]
    x = {"tickangle": -60, "tickfont": {"size": 9}, "categoryorder": "array", "categoryarray": steps}
    return lines(made, "", "t:lab.axis.side", x=x, y={"type": "log", "dtick": "D2"}, margin={**MARGIN, "b": 78})


def could_see(pixels: np.ndarray, inside: Box | None, place: tuple[int, int]) -> np.ndarray:
    """The input (H x W x 3 uint8) with a theoretical field's outline, as far as it lies there, and the place."""
    made = pixels.copy()
    if inside:
        _outline(made, inside)
    _cross(made, place)
    return made


def uses(pixels: np.ndarray, found: Effective, place: tuple[int, int]) -> np.ndarray:
    """The input, darkened, below the magnitudes of an effective field: their roots in the upper part of the heat scale,
    so that what is weak stays to be seen; what counts covers the picture by half at least."""
    made = (pixels * DIMMED).astype(np.uint8)
    root, top, left = np.sqrt(found.field.heat), found.field.top, found.field.left
    there = (slice(top, top + root.shape[0]), slice(left, left + root.shape[1]))
    colours = lookup_table(HEAT)[np.rint(WEAK + (255 - WEAK) * root).astype(int)]
    share = np.minimum(1, root / (2 * np.sqrt(LEAST)))[..., None]
    made[there] = np.rint(share * colours + (1 - share) * made[there]).astype(np.uint8)
    if found.seen.inside:
        _outline(made, found.seen.inside)
    return made


def at_skip(found: Sequence[tuple[str, Effective]]) -> list[go.Figure]:
    """Effective fields (title and field) as maps of one part of the input in one scale: roots of magnitudes, by the
    largest of all."""
    fields = [one.field for _, one in found]
    top, left = (min(getattr(f, side) for f in fields) for side in ("top", "left"))
    bottom, right = max(f.top + f.heat.shape[0] for f in fields), max(f.left + f.heat.shape[1] for f in fields)
    most = max(f.peak for f in fields) or 1.0
    block = max(1, -(-max(bottom - top, right - left) // MOST))
    made = []
    for (title, _), f in zip(found, fields, strict=True):
        values = np.zeros((bottom - top, right - left))
        values[f.top - top :, f.left - left :][: f.heat.shape[0], : f.heat.shape[1]] = f.heat
        cells = np.round(np.sqrt(_largest(values, block) * f.peak / most), 3)
        rows, cols = (first + block * np.arange(n) for first, n in zip((top, left), cells.shape, strict=True))
        more: Trace = {"zmin": 0, "zmax": 1, "showscale": False, "title": title}
        made.append(heat(cells, rows, cols, HEAT, "t:lab.axis.pixel.row", "t:lab.axis.pixel.column", **more))
    return made


def titled(key: str, size: float) -> str:
    """A title of the page's texts with a size in it."""
    return f"t:{key}|{json.dumps({'size': round(size, 1)})}"


def _largest(values: np.ndarray, block: int) -> np.ndarray:
    """The largest value of each block of so many cells a side: a small bright spot is not lost."""
    height, width = (-(-n // block) * block for n in values.shape)
    padded = np.zeros((height, width))
    padded[: values.shape[0], : values.shape[1]] = values
    largest: np.ndarray = padded.reshape(height // block, block, width // block, block).max((1, 3))
    return largest


def _outline(pixels: np.ndarray, box: Box, colour: str = COULD) -> None:
    """Draw the edge of a box into a picture, inside it: a coloured line with a dark one within."""
    for inset, shade in ((0, colour), (1, colour), (2, EDGE["color"])):
        top, left, bottom, right = box.top + inset, box.left + inset, box.bottom - 1 - inset, box.right - 1 - inset
        if top > bottom or left > right:
            return
        line = _rgb(str(shade))
        pixels[[top, bottom], left : right + 1] = line
        pixels[top : bottom + 1, [left, right]] = line


def _cross(pixels: np.ndarray, place: tuple[int, int], arm: int = 9) -> None:
    """Mark a place, and leave its own pixel as it is."""
    row, column = place
    for wide, shade in ((2, str(PAGE["light"])), (1, OKABE_ITO["vermilion"])):
        for down, across in ((arm, wide), (wide, arm)):
            middle = pixels[row, column].copy()
            rows, cols = (slice(max(0, at - far), at + far + 1) for at, far in ((row, down), (column, across)))
            pixels[rows, cols] = _rgb(shade)
            pixels[row, column] = middle


def _rgb(colour: str) -> list[int]:
    return [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
