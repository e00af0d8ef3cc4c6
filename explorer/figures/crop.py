"""Figures of the crop lab: where a crop cuts its map, what that is on the input, and what misalignment costs.

Texts begin with "t:": keys that the page puts into words.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

from explorer.figures.palettes import OKABE_ITO, ROLES
from explorer.labs import CropLab, CropOf
from explorer.labs.crops import Field
from explorer.labs.predicting import Point

MARGIN = {"l": 52, "r": 10, "t": 10, "b": 44}
LEGEND = {"orientation": "h", "y": 1, "yanchor": "bottom", "x": 0}
LINES = (  # of crops, told apart by dash and marker as well as by colour
    (OKABE_ITO["blue"], "solid", "circle"),
    (OKABE_ITO["vermilion"], "dash", "square"),
    (OKABE_ITO["green"], "dot", "diamond"),
    (OKABE_ITO["purple"], "dashdot", "cross"),
    (OKABE_ITO["orange"], "longdash", "x"),
)

Rectangle = tuple[float, float, float, float]  # top, left, bottom, right


def regions(crop: CropOf) -> go.Figure:
    """The map that a crop cuts, in its own units: what is dropped, what is kept, and what the aligned crop keeps."""
    rows, cols = crop.rows, crop.cols
    figure = go.Figure()
    pad = rows.mode == "pad"
    first = (0, 0) if pad else (rows.offset, cols.offset)
    tall, wide = (rows.units, cols.units) if pad else (rows.reference, cols.reference)
    whole = (-0.5, -0.5, rows.units - 0.5, cols.units - 0.5)
    kept = (first[0] - 0.5, first[1] - 0.5, first[0] + tall - 0.5, first[1] + wide - 0.5)
    aligned = (rows.aligned, cols.aligned)
    meant = (
        aligned[0] - 0.5,
        aligned[1] - 0.5,
        aligned[0] + rows.reference - 0.5,
        aligned[1] + cols.reference - 0.5,
    )
    _box(figure, whole, "t:lab.crop.dropped", ROLES["dropped"], hatch="/")
    _box(figure, kept, "t:lab.crop.kept", ROLES["kept"], fill=True)
    _box(figure, meant, "t:lab.crop.aligned", OKABE_ITO["blue"], dash="dash")
    _plane(figure, "t:lab.axis.column", "t:lab.axis.row", whole)
    figure.update_layout(meta={"origin": first})  # units are counted from the first one that is kept
    return figure


def on_input(lab: CropLab, crop: CropOf, own: Field, other: Field) -> go.Figure:
    """The network's input, in pixels: what the kept units see of it, and the two fields that meet at a unit."""
    height, width = lab.size
    figure = go.Figure()
    _box(figure, (-0.5, -0.5, height - 0.5, width - 0.5), "t:lab.crop.input", "#8B97A5")
    if crop.rows.seen and crop.cols.seen:
        (top, bottom), (left, right) = crop.rows.seen, crop.cols.seen
        seen = (top - 0.5, left - 0.5, bottom + 0.5, right + 0.5)
        _box(figure, seen, "t:lab.crop.seen", ROLES["kept"], hatch="\\")
    out = lab.output
    _box(
        figure,
        (out.top - 0.5, out.left - 0.5, out.bottom - 0.5, out.right - 0.5),
        "t:lab.crop.output",
        ROLES["dropped"],
        dash="dot",
    )
    for field, name, colour, dash, symbol in (
        (other, "t:lab.crop.field.other", ROLES["expansive"], "dash", "x"),
        (own, "t:lab.crop.field.own", ROLES["skip"], "solid", "circle"),
    ):
        if field.rows and field.cols:
            (top, bottom), (left, right) = field.rows, field.cols
            _box(figure, (top - 0.5, left - 0.5, bottom + 0.5, right + 0.5), name, colour, dash=dash, width=2.5)
            x, y = [(left + right) / 2], [(top + bottom) / 2]
            marker = {"color": colour, "symbol": symbol, "size": 9}
            figure.add_scatter(x=x, y=y, mode="markers", marker=marker, showlegend=False, hoverinfo="x+y")
    _plane(figure, "t:lab.axis.pixel.column", "t:lab.axis.pixel.row", (-0.5, -0.5, height - 0.5, width - 0.5))
    return figure


def sizes(lab: CropLab, names: Sequence[str]) -> go.Figure:
    """Height of each step's map against depth, on a logarithmic scale; steps that pass over rows are marked."""
    steps = [step for step in lab.steps if step.step in names]
    figure = go.Figure()
    text = [f"{s.step}: {s.shape[0]} x {s.shape[1]}" for s in steps]
    figure.add_scatter(
        x=[s.step for s in steps],
        y=[s.shape[0] for s in steps],
        mode="lines+markers",
        line={"color": OKABE_ITO["blue"], "shape": "hv", "width": 1.6},
        marker={"size": 4},
        text=text,
        hoverinfo="text",
        name="t:lab.crop.height",
    )
    passed = [s for s in steps if any(s.passed)]
    figure.add_scatter(
        x=[s.step for s in passed],
        y=[s.shape[0] for s in passed],
        mode="markers",
        marker={"color": ROLES["dropped"], "symbol": "x", "size": 10},
        name="t:lab.crop.passed",
        text=[f"{s.step}: {s.passed[0]}, {s.passed[1]}" for s in passed],
        hoverinfo="text",
    )
    figure.update_layout(margin={**MARGIN, "b": 78}, legend=LEGEND, showlegend=True)
    figure.update_yaxes(type="log", title={"text": "t:lab.axis.height"}, dtick="D2")
    figure.update_xaxes(tickangle=-60, tickfont={"size": 9})
    return figure


def sweep(points: Sequence[Point]) -> go.Figure:
    """Mean IoU against misalignment, a line for each crop."""
    figure = go.Figure()
    for i, name in enumerate(dict.fromkeys(point.crop for point in points)):
        colour, dash, symbol = LINES[i % len(LINES)]
        own = [point for point in points if point.crop == name]
        figure.add_scatter(
            x=[float(p.misalignment) for p in own],
            y=[100 * p.figures.mean_iou for p in own],
            mode="lines+markers",
            name=name,
            line={"color": colour, "dash": dash},
            marker={"symbol": symbol, "size": 7},
        )
    figure.update_layout(margin=MARGIN, legend=LEGEND, showlegend=True)
    figure.update_xaxes(title={"text": "t:lab.axis.misalignment"})
    figure.update_yaxes(title={"text": "t:lab.axis.iou"}, rangemode="tozero")
    return figure


def _box(
    figure: go.Figure,
    box: Rectangle,
    name: str,
    colour: str,
    dash: str = "solid",
    width: float = 1.8,
    fill: bool = False,
    hatch: str = "",
) -> None:
    """A rectangle (top, left, bottom, right) as a trace, so that the legend tells what it is."""
    top, left, bottom, right = box
    inner: dict[str, Any] = {"fill": "toself", "fillcolor": f"{colour}38"} if fill else {}
    if hatch:
        pattern = {"shape": hatch, "fgcolor": colour, "bgcolor": "rgba(0,0,0,0)", "size": 9, "solidity": 0.15}
        inner = {"fill": "toself", "fillpattern": pattern}
    figure.add_scatter(
        x=[left, right, right, left, left],
        y=[top, top, bottom, bottom, top],
        mode="lines",
        name=name,
        line={"color": colour, "dash": dash, "width": width},
        hoverinfo="name",
        **inner,
    )


def _plane(figure: go.Figure, across: str, down: str, box: Rectangle) -> None:
    """Axes of a map seen from above: rows go down, and a unit is as high as wide."""
    figure.update_layout(margin=MARGIN, showlegend=True)
    slack = 0.04 * (box[2] - box[0])
    figure.update_yaxes(title={"text": down}, range=[box[2] + slack, box[0] - slack], zeroline=False)
    figure.update_xaxes(title={"text": across}, scaleanchor="y", constrain="domain", zeroline=False)
