"""What the labs' figures share: one call that makes a figure out of traces and axes, scales, and lines told apart.

Texts of figures begin with "t:": keys that the page puts into words. "n:" and a name in several languages.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from explorer.figures.palettes import OKABE_ITO

MARGIN = {"l": 52, "r": 10, "t": 10, "b": 44}
LEGEND = {"orientation": "h", "y": 1, "yanchor": "bottom", "x": 0}
LINES = (  # told apart by dash and marker as well as by colour
    (OKABE_ITO["blue"], "solid", "circle"),
    (OKABE_ITO["vermilion"], "dash", "square"),
    (OKABE_ITO["green"], "dot", "diamond"),
    (OKABE_ITO["purple"], "dashdot", "cross"),
    (OKABE_ITO["orange"], "longdash", "x"),
)
MOST = 96  # cells of a heat map along a side; more are sampled
MOST_POINTS = 300  # of a line
Trace = dict[str, Any]


def figure(
    traces: Sequence[Trace],
    across: str = "",
    down: str = "",
    x: Mapping[str, Any] | None = None,
    y: Mapping[str, Any] | None = None,
    **layout: Any,
) -> go.Figure:
    """A figure of traces as plotly declares them.

    across, down  titles of the axes; `x`, `y` what else they are set to; `layout` what else the figure is

    Made in one call, without plotly's own theme: twenty updates, each checked by plotly, take ten times as long.
    """
    made = {"margin": MARGIN, "template": {}, **layout}
    made["xaxis"] = {"title": {"text": across}, **(x or {})} if across else dict(x or {})
    made["yaxis"] = {"title": {"text": down}, **(y or {})} if down else dict(y or {})
    return go.Figure(data=list(traces), layout=made)


def lines(traces: Sequence[Trace], across: str, down: str, **more: Any) -> go.Figure:
    """Lines or points over two axes, with a legend above them."""
    return figure(traces, across, down, legend=LEGEND, showlegend=True, **more)


def style(i: int, width: float = 2) -> Trace:
    """Colour, dash and marker of the i-th line of a figure."""
    colour, dash, symbol = LINES[i % len(LINES)]
    return {"line": {"color": colour, "dash": dash, "width": width}, "marker": {"color": colour, "symbol": symbol}}


def sampled(n: int, most: int = MOST) -> np.ndarray:
    """At most so many indices of n, the first and the last among them."""
    picked: np.ndarray = np.unique(np.linspace(0, n - 1, min(n, most)).round().astype(int))
    return picked


def heat(
    values: np.ndarray,
    rows: np.ndarray,
    cols: np.ndarray,
    scale: str,
    down: str,
    across: str,
    unit: str = "",
    over: Sequence[Trace] = (),
    title: str = "",
    colorbar: Mapping[str, Any] | None = None,
    **trace: Any,
) -> go.Figure:
    """A map of numbers (h x w) seen from above, a cell for each of these rows and columns, and what lies over it."""
    cells = {
        "type": "heatmap",
        "z": values,  # plotly looks at every number of a list, and at none of an array
        "y": rows.tolist(),
        "x": cols.tolist(),
        "colorscale": scale,
        "colorbar": {"thickness": 12, "ticksuffix": unit, **(colorbar or {})},
        "hovertemplate": f"%{{y}}, %{{x}}: %{{z}}{unit}<extra></extra>",
        **trace,
    }
    head: dict[str, Any] = {"title": {"text": title}, "margin": {**MARGIN, "t": 30}} if title else {}
    square = {"scaleanchor": "y", "constrain": "domain"}
    return figure([cells, *over], across, down, x=square, y={"autorange": "reversed"}, **head)
