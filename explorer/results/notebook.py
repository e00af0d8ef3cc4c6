"""A Jupyter notebook that remakes what the page shows, with the Python API."""

from __future__ import annotations

import json
from typing import Any

FORMAT = (4, 5)  # of notebooks, major and minor

LOOK = """view = notebook.look(image, **settings, step={step!r})
view"""

NUMBERS = """run = api.trace(image, **settings)
for step in run.steps:
    axis, (_, channels, height, width) = step.rows, step.shape
    print(f"{step.name:16} {height:4} x {width:4} x {channels:5}  jump {axis.grid.jump}  field {axis.extents.max()}")"""

MAPS = """from PIL import Image
from explorer.figures.mosaic import mosaic

step = run[STEP]
print(step.stats)
Image.fromarray(mosaic(step.value).pixels)"""


def as_notebook(title: str, image: str, settings: dict[str, Any], step: str, traced: str) -> str:
    """The notebook's JSON. `image` is Python that gives the image or its path; `settings` are those of `api.trace`;
    the view opens at `step`, and the maps of `traced`, a step of the network itself, are shown."""
    code = [
        f"from explorer import api, notebook\n\n{image}\nsettings = {settings!r}",
        LOOK.format(step=step),
        NUMBERS,
        MAPS.replace("STEP", repr(traced)),
    ]
    intro = f"# {title}\n\nRuns where the explorer is installed: `pip install .` in its folder."
    cells = [_cell("markdown", 0, intro), *(_cell("code", i, text) for i, text in enumerate(code, 1))]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    major, minor = FORMAT
    whole = {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": major, "nbformat_minor": minor}
    return json.dumps(whole, ensure_ascii=False, indent=1) + "\n"


def _cell(kind: str, index: int, text: str) -> dict[str, Any]:
    made: dict[str, Any] = {"cell_type": kind, "id": f"cell-{index}", "metadata": {}, "source": text}
    return {**made, "execution_count": None, "outputs": []} if kind == "code" else made
