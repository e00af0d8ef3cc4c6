"""Figures of the crop lab: where a crop cuts its map, what that is on the input, and what misalignment costs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

from explorer.figures.palettes import OKABE_ITO, ROLES
from explorer.figures.plot import MARGIN, Trace, figure, lines, style
from explorer.labs import CropLab, CropOf
from explorer.labs.crops import Field
from explorer.labs.predicting import Point

Rectangle = tuple[float, float, float, float]  # top, left, bottom, right


def regions(crop: CropOf) -> go.Figure:
    """The map that a crop cuts, in its own units: what is dropped, what is kept, and what the aligned crop keeps."""
    rows, cols = crop.rows, crop.cols
    pad = rows.mode == "pad"
    first = (0, 0) if pad else (rows.offset, cols.offset)
    kept = (rows.units, cols.units) if pad else (rows.reference, cols.reference)
    whole = _around((0, 0), (rows.units, cols.units))
    aligned = _around((rows.aligned, cols.aligned), (rows.reference, cols.reference))
    inner = _around(first, kept)
    boxes = [
        _frame(_box(whole, "t:lab.crop.dropped", ROLES["dropped"], hatch="/", width=0), inner),
        {**_box(whole, "t:lab.crop.dropped", ROLES["dropped"]), "showlegend": False},
        _box(inner, "t:lab.crop.kept", ROLES["kept"], fill=True),
        _box(aligned, "t:lab.crop.aligned", OKABE_ITO["blue"], dash="dash"),
    ]
    origin = {"origin": first}  # units are counted from the first one that is kept
    return _plane(boxes, "t:lab.axis.column", "t:lab.axis.row", whole, meta=origin)


def on_input(lab: CropLab, crop: CropOf, own: Field, other: Field) -> go.Figure:
    """The network's input, in pixels: what the kept units see of it, and the two fields that meet at a unit."""
    whole, out = _around((0, 0), lab.size), lab.output
    traces = [_box(whole, "t:lab.crop.input", "#8B97A5")]
    if crop.rows.seen and crop.cols.seen:
        seen = _ends(crop.rows.seen, crop.cols.seen)
        traces.append(_box(seen, "t:lab.crop.seen", ROLES["kept"], hatch="\\"))
    output = _ends((out.top, out.bottom - 1), (out.left, out.right - 1))
    traces.append(_box(output, "t:lab.crop.output", ROLES["dropped"], dash="dot"))
    for field, name, colour, dash, symbol in (
        (other, "t:lab.crop.field.other", ROLES["expansive"], "dash", "x"),
        (own, "t:lab.crop.field.own", ROLES["skip"], "solid", "circle"),
    ):
        if field.rows and field.cols:
            traces.append(_box(_ends(field.rows, field.cols), name, colour, dash=dash, width=2.5))
            middle = {"x": [sum(field.cols) / 2], "y": [sum(field.rows) / 2], "mode": "markers"}
            marker = {"color": colour, "symbol": symbol, "size": 9}
            traces.append({"type": "scatter", **middle, "marker": marker, "showlegend": False, "hoverinfo": "x+y"})
    return _plane(traces, "t:lab.axis.pixel.column", "t:lab.axis.pixel.row", whole)


def sizes(lab: CropLab, names: Sequence[str]) -> go.Figure:
    """Height of each step's map against depth, and width where that differs, on a logarithmic scale; steps that pass
    over rows are marked."""
    steps = [step for step in lab.steps if step.step in names]
    passed = [s for s in steps if any(s.passed)]
    sides = [("t:lab.crop.height", 0, "blue", "solid"), ("t:lab.crop.width", 1, "orange", "dot")]
    traces = [
        *(
            {
                "x": [s.step for s in steps],
                "y": [s.shape[side] for s in steps],
                "mode": "lines+markers",
                "line": {"color": OKABE_ITO[colour], "dash": dash, "shape": "hv", "width": 1.6},
                "marker": {"size": 4},
                "text": [f"{s.step}: {s.shape[0]} x {s.shape[1]}" for s in steps],
                "name": name,
            }
            for name, side, colour, dash in sides[: 1 if lab.size[0] == lab.size[1] else 2]
        ),
        {
            "x": [s.step for s in passed],
            "y": [s.shape[0] for s in passed],
            "mode": "markers",
            "marker": {"color": ROLES["dropped"], "symbol": "x", "size": 10},
            "text": [f"{s.step}: {s.passed[0]}, {s.passed[1]}" for s in passed],
            "name": "t:lab.crop.passed",
        },
    ]
    made = [{"type": "scatter", "hoverinfo": "text", **trace} for trace in traces]
    x, y = {"tickangle": -60, "tickfont": {"size": 9}}, {"type": "log", "dtick": "D2"}
    return lines(made, "", "t:lab.axis.height", x=x, y=y, margin={**MARGIN, "b": 78})


def sweep(points: Sequence[Point]) -> go.Figure:
    """Mean IoU against misalignment, a line for each crop."""
    traces = []
    for i, name in enumerate(dict.fromkeys(point.crop for point in points)):
        own = [point for point in points if point.crop == name]
        at = {"x": [float(p.misalignment) for p in own], "y": [100 * p.figures.mean_iou for p in own]}
        traces.append({"type": "scatter", **at, "mode": "lines+markers", "name": name, **style(i)})
    return lines(traces, "t:lab.axis.misalignment", "t:lab.axis.iou", y={"rangemode": "tozero"})


def _around(first: tuple[int, int], size: tuple[int, int]) -> Rectangle:
    """A rectangle around units of a map."""
    top, left = first[0] - 0.5, first[1] - 0.5
    return top, left, top + size[0], left + size[1]


def _ends(rows: tuple[int, int], cols: tuple[int, int]) -> Rectangle:
    """A rectangle around first and last pixels."""
    return rows[0] - 0.5, cols[0] - 0.5, rows[1] + 0.5, cols[1] + 0.5


def _box(
    box: Rectangle,
    name: str,
    colour: str,
    dash: str = "solid",
    width: float = 1.8,
    fill: bool = False,
    hatch: str = "",
) -> Trace:
    """A rectangle as a trace, so that the legend tells what it is."""
    top, left, bottom, right = box
    inner: Trace = {"fill": "toself", "fillcolor": f"{colour}38"} if fill else {}
    if hatch:
        pattern = {"shape": hatch, "fgcolor": colour, "bgcolor": "rgba(0,0,0,0)", "size": 9, "solidity": 0.15}
        inner = {"fill": "toself", "fillpattern": pattern}
    corners = {"x": [left, right, right, left, left], "y": [top, top, bottom, bottom, top]}
    line = {"color": colour, "dash": dash, "width": width}
    return {"type": "scatter", **corners, "mode": "lines", "name": name, "line": line, "hoverinfo": "name", **inner}


def _frame(box: Trace, hole: Rectangle) -> Trace:
    """A filled rectangle without a part of it, around which it goes the other way, from a corner and back."""
    top, left, bottom, right = hole
    around = {"x": [left, left, right, right, left], "y": [top, bottom, bottom, top, top]}
    return {**box, **{side: [*box[side], *around[side], box[side][0]] for side in ("x", "y")}}


def _plane(traces: Sequence[Trace], across: str, down: str, box: Rectangle, **more: Any) -> go.Figure:
    """A map seen from above: rows go down, and a unit is as high as wide."""
    slack = 0.04 * (box[2] - box[0])
    x = {"scaleanchor": "y", "constrain": "domain", "zeroline": False}
    y = {"range": [box[2] + slack, box[0] - slack], "zeroline": False}
    return figure(traces, across, down, x=x, y=y, showlegend=True, **more)
