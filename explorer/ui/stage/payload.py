"""Turn a run into what the page needs: one JSON file and one 8-bit picture per step, fetched when looked at.

Names and units: sizes are [height, width]; `lo` and `hi` are inclusive input pixels per unit, an empty field is
lo 0, hi -1; `jump` and `start` are input pixels; `reach` is the field of the first units, not clipped to the image.
Steps share their axes and pictures where these are the same; behind an operation that is not known they have no axes.
"""

from __future__ import annotations

import io
import json
import math
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from torch import Tensor

from explorer.fields import Reach
from explorer.figures.mosaic import mosaic
from explorer.figures.probabilities import STEPS, sheet
from explorer.geometry import Axis, hull
from explorer.inference import Prepared, Segmentation
from explorer.refinement import labelling
from explorer.stats import Stats
from explorer.trace import Step, Trace
from explorer.ui.state import Files, Unwritten


def png(pixels: np.ndarray) -> bytes:
    """A PNG of H x W or H x W x 3 uint8 pixels, quick to write."""
    memory = io.BytesIO()
    Image.fromarray(pixels).save(memory, "PNG", compress_level=1)
    return memory.getvalue()


class Recorder:
    """Collects a run's pictures while it goes on: pass `visit` to `trace_and_label`, then call `finish`."""

    def __init__(self, files: Files | Unwritten) -> None:
        self.files = files
        self.names: list[str] = []
        self._maps: dict[str, dict[str, Any]] = {}
        self._axes: list[Axis] = []
        self._differences: dict[str, Stats] = {}

    def _add(self, content: bytes, suffix: str) -> str:
        name = self.files.add(content, suffix)
        self.names.append(name)
        return name

    def write(self, files: Files) -> None:
        """Write what another process has collected, and go on here. Raises OSError where the disk is full."""
        if isinstance(self.files, Unwritten):
            contents, self.names, self.files = self.files.contents, [], files
            for name, content in contents.items():
                self._add(content, Path(name).suffix)

    def visit(self, step: Step, value: Tensor, difference: Stats | None = None) -> None:
        """Write a step's mosaic; `difference` are the statistics of a value that is one between two runs."""
        drawn = mosaic(value)
        if difference:
            self._differences[step.name] = difference
        self._maps[step.name] = {
            "file": self._add(png(drawn.pixels), ".png"),
            "tile": drawn.tile,
            "columns": drawn.columns,
            "reduction": drawn.reduction,
            "min": [_short(v) for v in drawn.minimum],
            "max": [_short(v) for v in drawn.maximum],
            "signed": difference is not None,
        }

    def _labels(self, labels: np.ndarray) -> dict[str, Any]:
        """Labels as a mosaic of one map that is not reduced: a code is the index of a class."""
        file, tile = self._add(png(labels), ".png"), labels.shape
        return {"file": file, "tile": tile, "columns": 1, "reduction": 1, "min": [0], "max": [255], "labels": True}

    def _axis(self, axis: Axis) -> int:
        """Index of an axis in the table; steps often share one."""
        for index, known in enumerate(self._axes):
            if known is axis or known == axis:
                return index
        self._axes.append(axis)
        return len(self._axes) - 1

    def finish(
        self,
        done: Segmentation,
        prepared: Prepared,
        original: np.ndarray,
        fields: dict[str, Reach],
        about: dict[str, Any],
    ) -> str:
        """Write the run's JSON (with `about` merged in) and return its file name.

        `original` shows the original image, made smaller if it is very large; the original frame keeps its size.
        """
        frames = done.frames
        trace = done.trace
        chances = sheet(done.probabilities)
        stages = [(stage, self._add(png(labels), ".png")) for stage, labels in done.stages]
        content = {
            **about,
            "device": done.device,
            "seconds": done.seconds,
            "parameters": trace.parameters,
            "macs": trace.macs,
            "frames": {f.name: [f.height, f.width] for f in (frames.original, frames.resized, frames.network)},
            "offset": [frames.top, frames.left],
            "pictures": {
                "original": self._add(png(original), ".png"),
                "resized": self._add(png(prepared.resized), ".png"),
                "network": self._add(png(prepared.network), ".png"),
                "labels": stages[-1][1],
                "confidence": self._add(png(np.nan_to_num(done.confidence * 255).round().astype(np.uint8)), ".png"),
            },
            "probabilities": {
                "file": self._add(png(chances.pixels), ".png"),
                "tile": chances.tile,
                "columns": chances.columns,
                "reduction": chances.reduction,
                "steps": STEPS,
            },
            "shares": (np.bincount(done.labels.ravel(), minlength=len(about["classes"])) / done.labels.size).tolist(),
            "stages": [{"step": s.step, "zeroed": s.zeroed, "labels": file} for s, file in stages],
            **self.graph(trace, fields, done.whole),
        }
        return self._add(json.dumps(content, separators=(",", ":"), allow_nan=False).encode(), ".json")

    def graph(self, trace: Trace, fields: dict[str, Reach], labels: np.ndarray) -> dict[str, Any]:
        """The steps of a run whose maps were all visited, and argmax, which makes `labels` of its output; its crops,
        and the axes that they share."""
        last = labelling(trace)
        self._maps[last.name] = self._labels(labels)
        reach = {**fields, last.name: fields.get(trace.output.name, ())}
        steps = [self._step(step, reach.get(step.name, ())) for step in (*trace.steps, last)]
        cuts = [step for step in trace.steps if step.operation == "crop" and step.axes]
        return {
            "steps": steps,
            "crops": [_crop(step, trace[step.inputs[0]]) for step in cuts],
            "axes": [_axis_json(axis) for axis in self._axes],
        }

    def _step(self, step: Step, reach: Reach) -> dict[str, Any]:
        stats = self._differences.get(step.name, step.stats)
        return {
            "name": step.name,
            "op": step.operation,
            "inputs": step.inputs,
            "reads": step.reads,
            "role": step.role,
            "level": step.level,
            "scores": step.scores,
            "shape": step.shape[1:],
            "settings": step.settings,
            "size": step.size and [formula._asdict() for formula in step.size],
            "numbers": step.numbers,
            "misaligned": [float(pixels) for pixels in step.misalignment],
            "parameters": step.parameters,
            "macs": step.macs,
            "ms": step.milliseconds,
            "stats": stats and {k: v if math.isfinite(v) else None for k, v in vars(stats).items()},
            "rows": step.axes and self._axis(step.rows),
            "cols": step.axes and self._axis(step.cols),
            "field": sorted({hi - lo + 1 for lo, hi in reach}),
            "reach": reach,
            "maps": self._maps[step.name],
        }


def _crop(step: Step, source: Step) -> dict[str, Any]:
    """Which map a crop cuts, to which map's size, and where that lies on the network's input.

    It keeps units offset .. offset + kept - 1. `stands` is the area whose places the kept units stand for, each unit
    a cell of jump x jump around its centre, `standsWhole` that of all units before the cut; `sees` is the hull of the
    kept units' receptive fields, or None. All three are edges [top, left, bottom, right] in input pixels.
    """
    offset, kept = step.settings["offset"], step.shape[2:]
    field = hull(step.rows, step.cols)
    return {
        "step": step.name,
        "source": step.inputs[0],
        "reference": step.inputs[1],
        "offset": offset,
        "kept": kept,
        "stands": _cells(source, (offset, offset), kept),
        "standsWhole": _cells(source, (0, 0), source.shape[2:]),
        "sees": field and [field.top, field.left, field.bottom, field.right],
        "dropsNothing": kept == source.shape[2:],
    }


def _cells(step: Step, first: tuple[int, int], size: tuple[int, ...]) -> list[float]:
    """Edges of the area that `size` units from `first` on stand for; the pixel p covers p .. p + 1."""
    half = Fraction(1, 2)
    grids = step.rows.grid, step.cols.grid
    before = [g.start + g.jump * (f - half) + half for g, f in zip(grids, first, strict=True)]
    after = [b + g.jump * n for b, g, n in zip(before, grids, size, strict=True)]
    return [float(edge) for edge in (*before, *after)]


def _axis_json(axis: Axis) -> dict[str, Any]:
    empty = axis.empty
    return {
        "jump": float(axis.grid.jump),
        "start": float(axis.grid.start),
        "lo": np.where(empty, 0, axis.lo).tolist(),
        "hi": np.where(empty, -1, axis.hi).tolist(),
    }


def _short(value: float) -> float:
    """Six significant digits: enough to print, short to send."""
    return float(f"{value:.6g}")
