"""Figures of the tap lab: where units stand that are to meet, and the terms that a class score is the sum of.

Texts begin with "t:": keys that the page puts into words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from explorer.figures.border import sampled
from explorer.figures.crop import LEGEND, LINES, MARGIN
from explorer.figures.palettes import DIVERGING, ROLES
from explorer.labs import Tap

SHOWN = 6  # units of the coarser map along the axis


def standing(tap: Tap) -> go.Figure:
    """Along one axis of the input: where units of the tap stand, and where those of the enlarged map from below do."""
    figure = go.Figure()
    low = max(tap.grid.start, tap.below.start)
    high = low + SHOWN * max(tap.grid.jump, tap.below.jump)
    rows = (
        (tap.step, tap.grid, ROLES["skip"], "circle", 1),
        ("t:lab.tap.below", tap.below, ROLES["expansive"], "square", 0),
    )
    for name, grid, colour, symbol, height in rows:
        first = -((grid.start - low) // grid.jump)
        at = [grid.start + grid.jump * k for k in range(int(first), int(first) + SHOWN + 1)]
        x = [float(place) for place in at if low <= place <= high]
        marker = {"color": colour, "symbol": symbol, "size": 12}
        figure.add_scatter(x=x, y=[height] * len(x), mode="markers", marker=marker, name=name, hoverinfo="x")
        for place in x:
            figure.add_shape(
                type="line", x0=place, x1=place, y0=0, y1=1, line={"color": colour, "width": 1, "dash": "dot"}
            )
    figure.update_layout(margin=MARGIN, legend=LEGEND, showlegend=True)
    figure.update_yaxes(visible=False, range=[-0.6, 1.6])
    figure.update_xaxes(title={"text": "t:lab.axis.place"}, zeroline=False)
    return figure


def terms(
    classes: Sequence[int], names: Sequence[str], streams: Mapping[str, np.ndarray], scores: np.ndarray
) -> go.Figure:
    """At one pixel: for some classes, by index, the term of each score layer, and the score that they add up to."""
    figure = go.Figure()
    for i, (layer, term) in enumerate(streams.items()):
        colour, _, _ = LINES[i % len(LINES)]
        pattern = {"shape": ("", "/", "x")[i % 3], "solidity": 0.3}
        values = [float(term[c]) for c in classes]
        figure.add_bar(x=list(names), y=values, name=layer, marker={"color": colour, "pattern": pattern})
    values = [float(scores[c]) for c in classes]
    marker = {"symbol": "diamond", "size": 11, "color": ROLES["kept"], "line": {"width": 1, "color": "#000000"}}
    figure.add_scatter(x=list(names), y=values, mode="markers", name="t:lab.tap.score", marker=marker)
    figure.update_layout(margin=MARGIN, legend=LEGEND, showlegend=True, barmode="relative")
    figure.update_yaxes(title={"text": "t:lab.axis.score"})
    return figure


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


def evidence(rows: Sequence[Mapping[str, object]]) -> go.Figure:
    """Mean IoU of trained variants, each with the spread over its seeds."""
    figure = go.Figure()
    for i, question in enumerate(dict.fromkeys(str(row["question"]) for row in rows)):
        colour, _, symbol = LINES[i % len(LINES)]
        own = [row for row in rows if row["question"] == question]
        figure.add_scatter(
            x=[f"{row['tap']}" for row in own],
            y=[100 * float(str(row["mean"])) for row in own],
            error_y={"type": "data", "array": [100 * float(str(row["spread"])) for row in own]},
            mode="markers",
            marker={"color": colour, "symbol": symbol, "size": 10},
            name=question,
        )
    figure.update_layout(margin={**MARGIN, "b": 70}, legend=LEGEND, showlegend=True)
    figure.update_yaxes(title={"text": "t:lab.axis.iou"})
    return figure
