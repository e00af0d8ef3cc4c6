"""Plotly's figures as the page draws them, and the plotly.js that it draws them with."""

from __future__ import annotations

import base64
import gzip
from functools import lru_cache
from importlib.resources import files as resources
from typing import Any

import numpy as np
import plotly.graph_objects as go

from explorer.ui.state import Files


@lru_cache(maxsize=4)
def library(files: Files) -> str:
    """plotly.js out of plotly's own package (4.8 MB), compressed, as a file of the page."""
    script = (resources("plotly") / "package_data" / "plotly.min.js").read_bytes()
    return files.add(gzip.compress(script, mtime=0), ".gz")


def figure_json(figure: go.Figure) -> dict[str, Any]:
    """A figure as plain lists: what plotly.js draws. Its theme is the page's."""
    made = figure.to_plotly_json()
    made["layout"].pop("template", None)
    return {"data": _plain(made["data"]), "layout": _plain(made["layout"])}


def _plain(part: Any) -> Any:
    """Arrays as lists: plotly packs them, and plotly.js of other versions may not know how."""
    if isinstance(part, np.ndarray | np.generic):
        return part.tolist()
    if isinstance(part, dict) and "bdata" in part:
        numbers = np.frombuffer(base64.b64decode(part["bdata"]), part["dtype"])
        return numbers.reshape([int(n) for n in str(part.get("shape", numbers.size)).split(",")]).tolist()
    if isinstance(part, dict):
        return {name: _plain(value) for name, value in part.items()}
    if isinstance(part, list | tuple) and part and not isinstance(part[0], int | float):
        return [_plain(value) for value in part]
    return part
