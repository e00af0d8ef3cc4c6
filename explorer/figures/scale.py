"""Figures of the scale lab: how far units see and what it costs, convolution by convolution, of several networks."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import plotly.graph_objects as go

from explorer.figures.plot import MARGIN, lines, style
from explorer.labs.scaling import Layer

DOWN = {  # titles, by quantity
    "field": "t:lab.scale.axis.field",
    "macs": "t:lab.scale.axis.macs",
    "parameters": "t:lab.scale.axis.parameters",
    "memory": "t:lab.scale.axis.memory",
}
ACROSS = "t:lab.scale.axis.depth"


def depths(made: tuple[Layer, ...]) -> np.ndarray:
    """Convolutions up to each layer, with itself: a pooling stands where the convolution before it does."""
    return np.cumsum([layer.kind != "pool" for layer in made])


def values(made: tuple[Layer, ...], quantity: str) -> np.ndarray:
    """Of each layer: the widest field so far, in pixels; multiply-accumulates (10⁹) or parameters so far; or the MiB of
    its map."""
    if quantity == "field":
        return np.maximum.accumulate([layer.field for layer in made])
    if quantity == "macs":
        return np.cumsum([layer.macs for layer in made]) / 1e9
    if quantity == "parameters":
        return np.cumsum([layer.parameters for layer in made])
    return np.array([layer.activation_bytes for layer in made]) / 2**20


def curves(networks: Mapping[str, tuple[Layer, ...]], quantity: str) -> go.Figure:
    """A quantity of DOWN against depth, on a logarithmic scale; poolings have larger marks."""
    traces = []
    for i, (name, made) in enumerate(networks.items()):
        how = style(i, 2.5 if i == 0 else 1.5)
        pools = [layer.kind == "pool" for layer in made]
        how["marker"] |= {"size": np.where(pools, 8, 4), "line": {"width": 0}}
        traces.append(
            {
                "type": "scatter",
                "mode": "lines+markers",
                "name": name,
                "x": depths(made),
                "y": values(made, quantity),
                "text": np.array([layer.name for layer in made]),
                "hovertemplate": "%{text}: %{y:.4~r}<extra></extra>",
                **how,
            }
        )
    log = {"type": "log", "dtick": 1, "exponentformat": "SI" if quantity == "parameters" else "none"}
    return lines(traces, ACROSS, DOWN[quantity], y=log, margin={**MARGIN, "t": 40})
