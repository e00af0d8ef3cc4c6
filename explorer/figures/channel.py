"""Figures of the channel lab: a 1x1 layer's matrix, the products behind one value, and what each level costs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from explorer.figures.palettes import DIVERGING, OKABE_ITO, ROLES
from explorer.figures.plot import MARGIN, MOST, Trace, figure, lines, sampled, style
from explorer.labs.channels import Level, Matrix, Products

SHOWN = 12  # products that are drawn one by one
FEW = 32  # rows that have names beside them


def drawn(matrix: Matrix) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns of a matrix that are drawn: all where they are few enough."""
    outputs, inputs = matrix.weights.shape
    if outputs * inputs <= MOST * MOST:
        return np.arange(outputs), np.arange(inputs)
    return sampled(outputs), sampled(inputs, max(MOST, MOST * MOST // min(outputs, MOST)))


def mixing(matrix: Matrix, names: Sequence[str], output: int, at: tuple[np.ndarray, np.ndarray]) -> go.Figure:
    """The weights, a row an output and a column an input, zero in the middle of the scale; the chosen row is marked.

    names  of the outputs, where they have some
    """
    rows, cols = at
    values = np.round(matrix.weights[rows[:, None], cols[None]], 4)
    most = float(np.abs(matrix.weights).max()) or 1.0
    cells: Trace = {
        "type": "heatmap",
        "z": values,
        "x": cols.tolist(),
        "y": rows.tolist(),
        "colorscale": DIVERGING,
        "zmin": -most,
        "zmax": most,
        "colorbar": {"thickness": 12},
        "hovertemplate": "%{y}, %{x}: %{z}<extra></extra>",
    }
    y: Trace = {"autorange": "reversed", "zeroline": False}
    if names and len(names) <= FEW:
        y |= {"tickvals": rows.tolist(), "ticktext": [names[row] for row in rows], "tickfont": {"size": 9}}
    line = {"color": OKABE_ITO["vermilion"], "width": 2}
    ends = {"x0": cols[0] - 0.5, "x1": cols[-1] + 0.5, "y0": output - 0.5, "y1": output + 0.5}
    box = {"type": "rect", **{name: float(end) for name, end in ends.items()}, "line": line}
    x = {"zeroline": False}
    return figure([cells], "t:lab.axis.channel.in", "t:lab.axis.channel.out", x=x, y=y, shapes=[box])


def summands(found: Products, output: int) -> go.Figure:
    """The largest products of an output, all others together, the bias, and what they add up to, beside the value that
    the network has there."""
    made = found.of(output)
    order = np.argsort(-np.abs(made), kind="stable")
    largest, rest = order[:SHOWN], order[SHOWN:]
    names = [str(channel) for channel in largest]
    values = [float(made[channel]) for channel in largest]
    if len(rest):
        names.append("t:lab.channel.rest" + f'|{{"count": {len(rest)}}}')
        values.append(float(made[rest].sum()))
    names.append("t:lab.channel.bias")
    values.append(float(found.matrix.biases[output]))
    colours = [ROLES["kept"] if value >= 0 else ROLES["dropped"] for value in values]
    shapes = ["" if value >= 0 else "/" for value in values]
    marker = {"color": colours, "pattern": {"shape": shapes, "solidity": 0.3}}
    bars = {"type": "bar", "x": names, "y": values, "marker": marker, "name": "t:lab.channel.summand"}
    total = {"type": "scatter", "mode": "markers", "x": ["t:lab.channel.sum"], "y": [found.total(output)]}
    dot = {"symbol": "diamond", "size": 12, "color": OKABE_ITO["blue"]}
    own = {**total, "y": [float(found.scores[output])], "name": "t:lab.channel.own"}
    ring = {"symbol": "circle-open", "size": 18, "color": OKABE_ITO["vermilion"], "line": {"width": 2}}
    traces = [bars, {**total, "name": "t:lab.channel.total", "marker": dot}, {**own, "marker": ring}]
    x = {"type": "category", "tickangle": -40}
    return lines(traces, "t:lab.axis.channel.in", "t:lab.axis.product", x=x, margin={**MARGIN, "b": 70})


def costs(levels: Sequence[Level]) -> go.Figure:
    """Channels, activations, parameters and multiply-accumulates of one 3x3 layer a level, each by that of the first
    level, on a scale of doublings."""
    steps, first = [level.step for level in levels], levels[0]
    kinds = {
        "t:lab.channel.cost.channels": [level.shape[2] / first.shape[2] for level in levels],
        "t:lab.channel.cost.activations": [level.activations / first.activations for level in levels],
        "t:lab.channel.cost.parameters": [level.parameters / first.parameters for level in levels],
        "t:lab.channel.cost.macs": [level.macs / first.macs for level in levels],
    }
    traces = []
    for i, (name, values) in enumerate(kinds.items()):
        made = {"x": steps, "y": [float(f"{value:.4g}") for value in values], "name": name}
        traces.append({"type": "scatter", "mode": "lines+markers", **made, **style(i)})
    low = min(min(values) for values in kinds.values())
    high = max(max(values) for values in kinds.values())
    powers = range(int(np.floor(np.log2(low))), int(np.ceil(np.log2(high))) + 1)
    ticks = {"tickvals": [2.0**n for n in powers], "ticktext": [_times(n) for n in powers]}
    return lines(traces, "", "t:lab.axis.times", y={"type": "log", **ticks}, margin={**MARGIN, "b": 70})


def _times(power: int) -> str:
    return str(2**power) if power >= 0 else f"1/{2**-power}"
