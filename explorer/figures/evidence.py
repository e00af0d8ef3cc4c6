"""Figure of the experiments that train networks: what each row gave."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from explorer.figures.plot import MARGIN, lines, style


def means(rows: Sequence[Mapping[str, Any]], floor: float | None = None, floor_name: str = "") -> go.Figure:
    """Mean IoU of rows in per cent, each with the spread over its seeds; a marker and a colour for each question.

    rows   "row" and "question" (as they are called), "mean" and "spread" (shares of 1; no spread of a single seed)
    floor  what a network has to beat (a share of 1), and how that is called
    """
    traces: list[dict[str, Any]] = []
    names = list(dict.fromkeys(str(row["row"]) for row in rows))
    for i, question in enumerate(dict.fromkeys(str(row["question"]) for row in rows)):
        own = [row for row in rows if row["question"] == question]
        bars = {"type": "data", "array": [100 * (row["spread"] or 0) for row in own]}
        dots = {"type": "scatter", "x": [str(row["row"]) for row in own], "y": [100 * row["mean"] for row in own]}
        marker = {**style(i)["marker"], "size": 10}
        traces.append({**dots, "mode": "markers", "error_y": bars, "marker": marker, "name": question})
    if floor is not None:
        level = {"type": "scatter", "x": names, "y": [100 * floor] * len(names), "mode": "lines"}
        traces.append({**level, "line": style(len(traces))["line"], "name": floor_name})
    x = {"categoryorder": "array", "categoryarray": names}
    return lines(traces, "", "t:lab.axis.iou", x=x, margin={**MARGIN, "b": 70})
