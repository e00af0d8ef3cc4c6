"""Plotly's figures as the page draws them, and the plotly.js that it draws them with."""

from __future__ import annotations

import base64
import gzip
import json
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
    made: dict[str, Any] = json.loads(figure.to_json(validate=False, engine="json"), object_hook=_unpacked)
    made["layout"].pop("template", None)
    return {"data": made["data"], "layout": made["layout"]}


def _unpacked(part: dict[str, Any]) -> Any:
    """An array as a list: plotly packs arrays, and plotly.js of other versions may not know how."""
    if "bdata" not in part:
        return part
    numbers = np.frombuffer(base64.b64decode(part["bdata"]), part["dtype"])
    shape = [int(n) for n in str(part.get("shape", numbers.size)).split(",")]
    return numbers.reshape(shape).tolist()
