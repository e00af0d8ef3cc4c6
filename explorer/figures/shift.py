"""Figures of the shift lab: what moves with the image, what stays, and what a pooling keeps of one unit."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from math import isnan
from typing import Any

import plotly.graph_objects as go

from explorer.figures.palettes import OKABE_ITO, ROLES
from explorer.figures.plot import MARGIN, lines, style
from explorer.labs import Layer, Moved, Pooled

SMALL = {"tickangle": -60, "tickfont": {"size": 9}, "type": "category"}
KINDS = (  # whether a step's period divides the shift
    (True, "t:lab.shift.repeats", {"color": ROLES["kept"], "symbol": "circle", "size": 9}),
    (False, "t:lab.shift.between", {"color": ROLES["dropped"], "symbol": "square", "size": 8}),
)
FIELDS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000]  # ticks
Trace = dict[str, Any]


def periods(layers: Sequence[Layer]) -> go.Figure:
    """Step by step, the jump of its map and the period with which it repeats, in input pixels, each line a doubling."""
    names = [one.step for one in layers]
    traces: list[Trace] = []
    curves = (
        ("t:lab.shift.jump", [float(one.jump) for one in layers]),
        ("t:lab.shift.period", [float(one.period) for one in layers]),
    )
    for i, (key, values) in enumerate(curves):
        look = style(i)
        line = {**look["line"], "shape": "hvh"}
        trace: Trace = {"type": "scatter", "x": names, "y": values, "mode": "lines", "line": line, "hoverinfo": "x+y"}
        traces.append({**trace, "name": key})
    ticks = sorted({float(one.jump) for one in layers} | {float(one.period) for one in layers})
    scale = {"type": "log", "tickvals": ticks, "ticktext": [f"{tick:g}" for tick in ticks]}
    return lines(traces, "", "t:lab.axis.pixels", x=SMALL, y=scale, margin={**MARGIN, "b": 82})


def equivariance(moved: Sequence[Moved], shift: int) -> go.Figure:
    """The equivariance error of each step, in per cent; a gap where no unit can be compared."""
    return _by_step(moved, shift, [one.equivariance for one in moved], "t:lab.shift.scale.error")


def invariance(moved: Sequence[Moved], shift: int) -> go.Figure:
    """How much each step's map changes where it stands, in per cent of what another image changes."""
    return _by_step(moved, shift, [one.invariance for one in moved], "t:lab.shift.scale.change")


def by_field(moved: Sequence[Moved], layers: Mapping[str, Layer], shift: int) -> go.Figure:
    """The same change against the size of the receptive field, in input pixels."""
    traces = []
    for repeats, name, marker in KINDS:
        own = [one for one in moved if one.repeats(shift) == repeats and not isnan(one.invariance)]
        trace: Trace = {
            "type": "scatter",
            "mode": "markers",
            "cliponaxis": False,
            "x": [max(layers[one.step].field) for one in own],
            "y": [_percent(one.invariance) for one in own],
            "text": [one.step for one in own],
            "hovertemplate": "%{text}: %{x} px, %{y}%<extra></extra>",
            "marker": marker,
        }
        traces.append({**trace, "name": name})
    ticks = {"type": "log", "tickvals": FIELDS, "ticktext": [f"{tick}" for tick in FIELDS]}
    return lines(traces, "t:lab.shift.scale.field", "t:lab.shift.scale.change", x=ticks, y={"rangemode": "tozero"})


def sweep(points: Sequence[Moved], shifts: Sequence[int]) -> go.Figure:
    """Of one step, error and change against the shift; a line stands at each multiple of its period."""
    period = points[0].period
    traces = []
    curves = (
        ("t:lab.shift.curve.equivariance", [p.equivariance for p in points]),
        ("t:lab.shift.curve.invariance", [p.invariance for p in points]),
    )
    for i, (key, values) in enumerate(curves):
        trace: Trace = {"type": "scatter", "x": list(shifts), "y": [_percent(v) for v in values], **style(i)}
        traces.append({**trace, "mode": "lines+markers", "name": key})
    line = {"color": ROLES["kept"], "dash": "dot", "width": 1.5}
    marks = [
        {"type": "line", "x0": at, "x1": at, "y0": 0, "y1": 1, "yref": "y domain", "line": line}
        for at in shifts
        if period > 1 and at % period == 0
    ]
    low = {"rangemode": "tozero"}
    return lines(traces, "t:lab.shift.scale.shift", "t:lab.shift.scale.share", x={"dtick": 4}, y=low, shapes=marks)


def pooled(found: Pooled) -> go.Figure:
    """One unit's value after a pooling against the shift, and the values in its window."""
    traces: list[Trace] = []
    width = 2 if found.before.shape[1] == 4 else found.before.shape[1]
    for i in range(found.before.shape[1]):
        where = "t:lab.shift.read" + "|" + json.dumps({"row": i // width, "column": i % width})
        trace: Trace = {"type": "scatter", "x": list(found.shifts), "y": found.before[:, i], **style(i, 1.5)}
        traces.append({**trace, "mode": "lines+markers", "name": where, "opacity": 0.75})
    line: Trace = {"color": OKABE_ITO["orange"], "width": 4, "dash": "solid"}
    after: Trace = {"type": "scatter", "x": list(found.shifts), "y": found.after, "mode": "lines", "line": line}
    return lines(
        [{**after, "name": "t:lab.shift.made"}, *traces],
        "t:lab.shift.scale.shift",
        "t:lab.shift.scale.value",
        x={"dtick": 1},
    )


def _by_step(moved: Sequence[Moved], shift: int, values: Sequence[float], down: str) -> go.Figure:
    traces: list[Trace] = []
    for repeats, name, marker in KINDS:
        own = [
            value if one.repeats(shift) == repeats else float("nan") for one, value in zip(moved, values, strict=True)
        ]
        trace: Trace = {"type": "scatter", "x": [one.step for one in moved], "y": [_percent(v) for v in own]}
        hover = "%{x}: %{y}%<extra></extra>"
        traces.append(
            {**trace, "mode": "markers", "marker": marker, "name": name, "hovertemplate": hover, "cliponaxis": False}
        )
    order = {**SMALL, "categoryorder": "array", "categoryarray": [one.step for one in moved]}
    low = {"rangemode": "tozero"}
    return lines(traces, "", down, x=order, y=low, margin={**MARGIN, "b": 82})


def _percent(share: float) -> float | None:
    """A number as JSON holds it; None leaves a gap."""
    return None if isnan(share) else round(100 * share, 4)
