"""Figures of the tap lab: where units stand that are to meet, and the terms that a class score is the sum of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from explorer.figures.palettes import DIVERGING, ROLES
from explorer.figures.plot import LINES, MARGIN, lines, sampled
from explorer.labs import Tap

SHOWN = 6  # units of the coarser map along the axis


def standing(tap: Tap) -> go.Figure:
    """Along one axis of the input: where units of the tap stand, and where those of the enlarged map from below do."""
    low = max(tap.grid.start, tap.below.start)
    high = low + SHOWN * max(tap.grid.jump, tap.below.jump)
    rows = (
        (tap.step, tap.grid, ROLES["skip"], "circle", 1),
        ("t:lab.tap.below", tap.below, ROLES["expansive"], "square", 0),
    )
    traces: list[dict[str, Any]] = []
    shapes: list[dict[str, Any]] = []
    for name, grid, colour, symbol, height in rows:
        first = -((grid.start - low) // grid.jump)
        at = [grid.start + grid.jump * k for k in range(int(first), int(first) + SHOWN + 1)]
        x = [float(place) for place in at if low <= place <= high]
        marker = {"color": colour, "symbol": symbol, "size": 12}
        dots: dict[str, Any] = {"type": "scatter", "x": x, "y": [height] * len(x), "mode": "markers", "marker": marker}
        traces.append({**dots, "name": name, "hoverinfo": "x"})
        line = {"color": colour, "width": 1, "dash": "dot"}
        shapes += [{"type": "line", "x0": place, "x1": place, "y0": 0, "y1": 1, "line": line} for place in x]
    y = {"visible": False, "range": [-0.6, 1.6]}
    return lines(traces, "t:lab.axis.place", "", x={"zeroline": False}, y=y, shapes=shapes)


def terms(
    classes: Sequence[int], names: Sequence[str], streams: Mapping[str, np.ndarray], scores: np.ndarray
) -> go.Figure:
    """At one pixel: for some classes, by index, the term of each score layer, and the score that they add up to."""
    traces = []
    for i, (layer, term) in enumerate(streams.items()):
        marker: dict[str, Any] = {
            "color": LINES[i % len(LINES)][0],
            "pattern": {"shape": ("", "/", "x")[i % 3], "solidity": 0.3},
        }
        values = [float(term[c]) for c in classes]
        traces.append({"type": "bar", "x": list(names), "y": values, "name": layer, "marker": marker})
    marker = {"symbol": "diamond", "size": 11, "color": ROLES["kept"], "line": {"width": 1, "color": "#000000"}}
    dots = {"type": "scatter", "x": list(names), "y": [float(scores[c]) for c in classes], "mode": "markers"}
    traces.append({**dots, "name": "t:lab.tap.score", "marker": marker})
    return lines(traces, "", "t:lab.axis.score", barmode="relative")


def maps(streams: Mapping[str, np.ndarray]) -> go.Figure:
    """The terms of one class as maps, h x w each, side by side in one scale with zero in the middle."""
    most = max(float(np.abs(stream).max()) for stream in streams.values()) or 1.0
    figure = make_subplots(cols=len(streams), subplot_titles=list(streams), horizontal_spacing=0.03)
    for i, stream in enumerate(streams.values(), 1):
        rows, cols = (sampled(n, 100) for n in stream.shape)
        values = np.round(stream[rows[:, None], cols[None]].astype(float), 3)
        figure.add_heatmap(
            z=values, y=rows.tolist(), x=cols.tolist(), coloraxis="coloraxis", col=i, row=1, hoverinfo="x+y+z"
        )
        anchor = "y" if i == 1 else f"y{i}"
        figure.update_xaxes(scaleanchor=anchor, constrain="domain", row=1, col=i)
        figure.update_yaxes(autorange="reversed", showticklabels=i == 1, row=1, col=i)
    scale = {"colorscale": DIVERGING, "cmin": -most, "cmax": most, "colorbar": {"thickness": 12}}
    figure.update_annotations(font_size=13)
    figure.update_layout(margin={**MARGIN, "t": 30}, coloraxis=scale)
    return figure
