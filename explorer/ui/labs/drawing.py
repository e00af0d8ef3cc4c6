"""Plotly's figures as the page draws them, and the plotly.js that it draws them with."""

from __future__ import annotations

import gzip
import json
from functools import lru_cache
from importlib.resources import files as resources
from typing import Any

import plotly.graph_objects as go

from explorer.ui.state import Files


@lru_cache(maxsize=4)
def library(files: Files) -> str:
    """plotly.js out of plotly's own package (4.8 MB), compressed, as a file of the page."""
    script = (resources("plotly") / "package_data" / "plotly.min.js").read_bytes()
    return files.add(gzip.compress(script, mtime=0), ".gz")


def figure_json(figure: go.Figure) -> dict[str, Any]:
    """A figure as plain lists: what plotly.js draws. Its theme is the page's."""
    figure.update_layout(template="none")
    made = json.loads(figure.to_json(engine="json"))
    made["layout"].pop("template", None)
    return {"data": made["data"], "layout": made["layout"]}
