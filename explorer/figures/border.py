"""Figures of the border lab: where pixels are lost, how much of a field is padding, which pixels reach what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go

from explorer.figures.palettes import HEAT, OKABE_ITO, ROLES, SEQUENTIAL
from explorer.figures.plot import MARGIN, MOST_POINTS, heat, lines, sampled, style
from explorer.labs import BorderLab, Dependence
from explorer.labs.margins import Outside, Reached

PIXELS = "t:lab.axis.pixel.row", "t:lab.axis.pixel.column"


def lost(lab: BorderLab) -> go.Figure:
    """Pixels of the input lost at the top, step by step and so far, and so far at the bottom where that differs, as it
    does where a pooling passes over a row; below zero where padding adds some."""
    steps = [one.step for one in lab.lost]
    each = [float(one.pixels[0]) for one in lab.lost]
    total = np.cumsum(each).tolist()
    bottom = np.cumsum([float(one.pixels[1]) for one in lab.lost]).tolist()
    colour = {"color": [ROLES["dropped"] if n > 0 else ROLES["kept"] for n in each]}
    step = {"type": "scatter", "x": steps, "mode": "lines", "hoverinfo": "x+y"}
    line = {"color": OKABE_ITO["blue"], "shape": "hv", "width": 2}
    traces = [
        {"type": "bar", "x": steps, "y": each, "marker": colour, "name": "t:lab.border.lost.each", "hoverinfo": "x+y"},
        {**step, "y": total, "line": line, "name": "t:lab.border.lost.total"},
    ]
    if bottom != total:
        line = {**line, "color": OKABE_ITO["orange"], "dash": "dash"}
        traces.append({**step, "y": bottom, "line": line, "name": "t:lab.border.lost.bottom"})
    small = {"tickangle": -60, "tickfont": {"size": 9}}
    return lines(traces, "", "t:lab.axis.pixels", x=small, margin={**MARGIN, "b": 78})


def outside(share: Outside) -> go.Figure:
    """Per unit of a step, the share of its field that lies in padding, in per cent."""
    rows, cols = (sampled(len(axis)) for axis in (share.rows, share.cols))
    values = np.round(100 * (1 - np.outer(1 - share.rows[rows], 1 - share.cols[cols])), 1)
    return heat(values, rows, cols, SEQUENTIAL[0], "t:lab.axis.row", "t:lab.axis.column", "%", zmin=0, zmax=100)


def reach(skips: Sequence[Reached], output: Reached, row: int) -> go.Figure:
    """How many units of each map a row of the input reaches, as a share of the most that a row reaches."""
    traces = []
    for i, one in enumerate((*skips, output)):
        at = sampled(len(one.rows), MOST_POINTS)
        share = np.round(100 * one.rows[at] / max(1, one.rows.max()), 2)
        traces.append({"type": "scatter", "x": at, "y": share, "mode": "lines", "name": one.step, **style(i)})
    line = {"color": ROLES["skip"], "dash": "dot", "width": 1.5}
    here = {"type": "line", "x0": row, "x1": row, "y0": 0, "y1": 1, "yref": "y domain", "line": line}
    return lines(traces, "t:lab.axis.pixel.row", "t:lab.axis.reach", y={"rangemode": "tozero"}, shapes=[here])


def places(maps: Sequence[Reached], row: int, column: int) -> go.Figure:
    """Of each input pixel, H x W: how many of the maps have a unit that it reaches; and the pixel that is chosen."""
    rows, cols = (sampled(len(counts)) for counts in (maps[0].rows, maps[0].cols))
    reached = sum(np.outer(one.rows[rows] > 0, one.cols[cols] > 0).astype(int) for one in maps)
    edge = {"color": "#FFFFFF", "width": 1}
    chosen = {
        "type": "scatter",
        "x": [column],
        "y": [row],
        "mode": "markers",
        "marker": {"symbol": "x", "size": 11, "color": OKABE_ITO["vermilion"], "line": edge},
        "showlegend": False,
        "hoverinfo": "skip",
    }
    bar = {"dtick": 1}
    return heat(
        np.asarray(reached),
        rows,
        cols,
        SEQUENTIAL[0],
        *PIXELS,
        over=[chosen],
        title="t:lab.border.reach.places",
        colorbar=bar,
        zmin=0,
        zmax=len(maps),
    )


def weights(streams: Mapping[str, np.ndarray]) -> go.Figure:
    """Along the middle row of the output, how much of each score layer's map reaches a pixel."""
    traces = []
    for i, (name, weight) in enumerate(streams.items()):
        at = sampled(weight.shape[1], MOST_POINTS)
        middle = np.round(weight[weight.shape[0] // 2][at], 4)
        traces.append({"type": "scatter", "x": at, "y": middle, "mode": "lines", "name": name, **style(i)})
    return lines(traces, "t:lab.axis.pixel.column", "t:lab.axis.weight", y={"rangemode": "tozero"})


def dependence(found: Dependence) -> go.Figure:
    """How much the output depends on each pixel: root of the summed squared gradient, as powers of ten; pointed at,
    as it is, with its standard error."""
    rows, cols = (sampled(n) for n in found.root.shape)
    values, errors = (part[rows[:, None], cols[None]] for part in (found.root, found.error))
    least = values[values > 0].min() if (values > 0).any() else 1.0
    powers = np.round(np.log10(np.maximum(values, least)), 3)
    pairs = zip(values.ravel(), errors.ravel(), strict=True)
    exact = np.array([f"{value:.3g} ± {error:.2g}" for value, error in pairs]).reshape(values.shape)
    told = {"text": exact, "hovertemplate": "%{y}, %{x}: %{text}<extra></extra>"}
    return heat(powers, rows, cols, HEAT, *PIXELS, title="t:lab.border.depends.log", **told)


def by_distance(means: np.ndarray, errors: np.ndarray) -> go.Figure:
    """Its mean at each distance from the edge, with an upper bound of two standard errors around it."""
    x = np.arange(len(means))
    low, high = means - 2 * errors, means + 2 * errors
    band = {
        "type": "scatter",
        "x": [*x.tolist(), *x[::-1].tolist()],
        "y": [*high.tolist(), *low[::-1].tolist()],
        "fill": "toself",
        "fillcolor": f"{OKABE_ITO['blue']}33",
        "line": {"width": 0},
        "hoverinfo": "skip",
        "name": "t:lab.border.depends.error",
    }
    line = {"color": OKABE_ITO["blue"], "width": 2}
    mean = {"type": "scatter", "x": x.tolist(), "y": means.tolist(), "mode": "lines", "line": line}
    mean["name"] = "t:lab.border.depends.mean"
    return lines([band, mean], "t:lab.axis.distance", "t:lab.axis.depends", y={"rangemode": "tozero"})
