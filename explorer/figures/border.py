"""Figures of the border lab: where pixels are lost, how much of a field is padding, which pixels reach what.

Texts begin with "t:": keys that the page puts into words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go

from explorer.figures.crop import LEGEND, LINES, MARGIN
from explorer.figures.palettes import HEAT, OKABE_ITO, ROLES, SEQUENTIAL
from explorer.labs import BorderLab, Dependence
from explorer.labs.margins import Outside, Reached

MOST = 96  # cells of a heat map along a side; more are sampled
MOST_POINTS = 300


def lost(lab: BorderLab) -> go.Figure:
    """Pixels of the input lost at the top, step by step and so far, and so far at the bottom where that differs, as it
    does where a pooling passes over a row; below zero where padding adds some."""
    figure = go.Figure()
    steps = [one.step for one in lab.lost]
    each = [float(one.pixels[0]) for one in lab.lost]
    colour = {"color": [ROLES["dropped"] if n > 0 else ROLES["kept"] for n in each]}
    figure.add_bar(x=steps, y=each, marker=colour, name="t:lab.border.lost.each", hoverinfo="x+y")
    line = {"color": OKABE_ITO["blue"], "shape": "hv", "width": 2}
    total = np.cumsum(each).tolist()
    figure.add_scatter(x=steps, y=total, mode="lines", line=line, name="t:lab.border.lost.total", hoverinfo="x+y")
    bottom = np.cumsum([float(one.pixels[1]) for one in lab.lost]).tolist()
    if bottom != total:
        line = {"color": OKABE_ITO["orange"], "shape": "hv", "width": 2, "dash": "dash"}
        figure.add_scatter(x=steps, y=bottom, mode="lines", line=line, name="t:lab.border.lost.bottom", hoverinfo="x+y")
    figure.update_layout(margin={**MARGIN, "b": 78}, legend=LEGEND, showlegend=True)
    figure.update_yaxes(title={"text": "t:lab.axis.pixels"})
    figure.update_xaxes(tickangle=-60, tickfont={"size": 9})
    return figure


def outside(share: Outside) -> go.Figure:
    """Per unit of a step, the share of its field that lies in padding, in per cent."""
    rows, cols = (sampled(len(axis)) for axis in (share.rows, share.cols))
    values = np.round(100 * (1 - np.outer(1 - share.rows[rows], 1 - share.cols[cols])), 1)
    figure = _heat(values, rows, cols, SEQUENTIAL[0], "t:lab.axis.row", "t:lab.axis.column", "%")
    return figure.update_traces(zmin=0, zmax=100)


def reach(skips: Sequence[Reached], output: Reached, row: int) -> go.Figure:
    """How many units of each map a row of the input reaches, as a share of the most that a row reaches."""
    figure = go.Figure()
    for i, one in enumerate((*skips, output)):
        colour, dash, _ = LINES[i % len(LINES)]
        at = sampled(len(one.rows), MOST_POINTS)
        share = one.rows[at] / max(1, one.rows.max())
        figure.add_scatter(
            x=at, y=np.round(100 * share, 2), mode="lines", name=one.step, line={"color": colour, "dash": dash}
        )
    figure.add_vline(x=row, line={"color": ROLES["skip"], "dash": "dot", "width": 1.5})
    figure.update_layout(margin=MARGIN, legend=LEGEND, showlegend=True)
    figure.update_xaxes(title={"text": "t:lab.axis.pixel.row"})
    figure.update_yaxes(title={"text": "t:lab.axis.reach"}, rangemode="tozero")
    return figure


def places(maps: Sequence[Reached], row: int, column: int) -> go.Figure:
    """Of each input pixel, H x W: how many of the maps have a unit that it reaches; and the pixel that is chosen."""
    rows, cols = (sampled(len(counts)) for counts in (maps[0].rows, maps[0].cols))
    reached = sum(np.outer(one.rows[rows] > 0, one.cols[cols] > 0).astype(int) for one in maps)
    figure = _heat(
        np.asarray(reached), rows, cols, SEQUENTIAL[0], "t:lab.axis.pixel.row", "t:lab.axis.pixel.column", ""
    )
    figure.update_traces(zmin=0, zmax=len(maps), colorbar={"dtick": 1})
    figure.add_scatter(
        x=[column],
        y=[row],
        mode="markers",
        marker={"symbol": "x", "size": 11, "color": OKABE_ITO["vermilion"], "line": {"color": "#FFFFFF", "width": 1}},
        showlegend=False,
        hoverinfo="skip",
    )
    figure.update_layout(title={"text": "t:lab.border.reach.places"}, margin={**MARGIN, "t": 30})
    return figure


def weights(streams: Mapping[str, np.ndarray]) -> go.Figure:
    """Along the middle row of the output, how much of each score layer's map reaches a pixel."""
    figure = go.Figure()
    for i, (name, weight) in enumerate(streams.items()):
        colour, dash, _ = LINES[i % len(LINES)]
        at = sampled(weight.shape[1], MOST_POINTS)
        middle = weight[weight.shape[0] // 2]
        figure.add_scatter(
            x=at, y=np.round(middle[at], 4), mode="lines", name=name, line={"color": colour, "dash": dash}
        )
    figure.update_layout(margin=MARGIN, legend=LEGEND, showlegend=True)
    figure.update_xaxes(title={"text": "t:lab.axis.pixel.column"})
    figure.update_yaxes(title={"text": "t:lab.axis.weight"}, rangemode="tozero")
    return figure


def dependence(found: Dependence) -> go.Figure:
    """How much the output depends on each pixel: root of the summed squared gradient, as powers of ten."""
    rows, cols = (sampled(n) for n in found.root.shape)
    values = found.root[rows[:, None], cols[None]]
    least = values[values > 0].min() if (values > 0).any() else 1.0
    powers = np.round(np.log10(np.maximum(values, least)), 3)
    figure = _heat(powers, rows, cols, HEAT, "t:lab.axis.pixel.row", "t:lab.axis.pixel.column", "")
    figure.update_layout(title={"text": "t:lab.border.depends.log"}, margin={**MARGIN, "t": 30})
    return figure


def by_distance(means: np.ndarray, errors: np.ndarray) -> go.Figure:
    """Its mean at each distance from the edge, with an upper bound of two standard errors around it."""
    figure = go.Figure()
    x = np.arange(len(means))
    low, high = means - 2 * errors, means + 2 * errors
    band = [*x.tolist(), *x[::-1].tolist()]
    figure.add_scatter(
        x=band,
        y=[*high.tolist(), *low[::-1].tolist()],
        fill="toself",
        fillcolor=f"{OKABE_ITO['blue']}33",
        line={"width": 0},
        hoverinfo="skip",
        name="t:lab.border.depends.error",
    )
    line = {"color": OKABE_ITO["blue"], "width": 2}
    figure.add_scatter(x=x.tolist(), y=means.tolist(), mode="lines", line=line, name="t:lab.border.depends.mean")
    figure.update_layout(margin=MARGIN, legend=LEGEND, showlegend=True)
    figure.update_xaxes(title={"text": "t:lab.axis.distance"})
    figure.update_yaxes(title={"text": "t:lab.axis.depends"}, rangemode="tozero")
    return figure


def sampled(n: int, most: int = MOST) -> np.ndarray:
    """At most so many indices of n, the first and the last among them."""
    picked: np.ndarray = np.unique(np.linspace(0, n - 1, min(n, most)).round().astype(int))
    return picked


def _heat(
    values: np.ndarray, rows: np.ndarray, cols: np.ndarray, scale: str, down: str, across: str, unit: str
) -> go.Figure:
    figure = go.Figure()
    figure.add_heatmap(
        z=values,  # plotly looks at every number of a list, and at none of an array
        y=rows.tolist(),
        x=cols.tolist(),
        colorscale=scale,
        colorbar={"thickness": 12, "ticksuffix": unit},
        hovertemplate=f"%{{y}}, %{{x}}: %{{z}}{unit}<extra></extra>",
    )
    figure.update_layout(margin=MARGIN)
    figure.update_yaxes(title={"text": down}, autorange="reversed")
    figure.update_xaxes(title={"text": across}, scaleanchor="y", constrain="domain")
    return figure
