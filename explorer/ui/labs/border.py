"""The border lab of the page: where pixels are lost, what padding does, and whether the border moves to the middle."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any

import numpy as np
from pydantic import Field as Bounds
from pydantic import StrictInt, StrictStr

from explorer import api, labs
from explorer.figures import border as figures
from explorer.geometry import LegalSizes
from explorer.labs import BorderLab
from explorer.labs.inputs import plain_input
from explorer.labs.margins import Outside
from explorer.labs.variants import IN_PHASE, geometry_of, zeros_around
from explorer.labs.walk import legal
from explorer.models import MODELS, ModelSpec
from explorer.ui.labs.base import SIDE, Bench, Question, Told, control, percent, place, told
from explorer.ui.labs.drawing import figure_json
from explorer.ui.state import Selection
from explorer.ui.stretch import Stretch

SMALLEST = 32
LARGEST = 800
STANDARD = {"unet": 572, "fcn": 320}  # Ronneberger et al. 2015, Fig. 1; small enough for FCN's border to be seen


@dataclass(frozen=True)
class Settings:
    kind: StrictStr = ""
    size: Annotated[StrictInt, Bounds(ge=0, le=2000)] = 0  # pixels; 0: as in the paper
    step: StrictStr = ""
    pixel: StrictStr = ""


def _kind(q: Question) -> str:
    """How the border is treated: as asked, or as the network that is chosen does."""
    known = labs.borders(q.selection.model)
    return q.settings.kind if q.settings.kind in known else q.selection.padding


def _size(q: Question, kind: str) -> int:
    """Pixels of a side: as asked, or the paper's, or the next below that the network takes."""
    standard = STANDARD[MODELS[q.selection.model].family]
    return int(q.settings.size or _legal(q, kind).nearest(standard)[0])


def _legal(q: Question, kind: str) -> LegalSizes:
    return legal(geometry_of(q.selection.model, kind))


@lru_cache(maxsize=16)
def _weights(model: str, kind: str, size: int) -> dict[str, np.ndarray]:
    return labs.stream_weights(model, kind, size)


def geometry(bench: Bench, q: Question) -> dict[str, Any]:
    """What follows from the size alone."""
    kind = _kind(q)
    lab = labs.border(q.selection.model, kind, _size(q, kind))
    share = _shown(lab, q.settings.step)
    row, column = place(q.settings.pixel, lab.size, (0, 0))
    made: dict[str, Any] = {
        "lost": figure_json(figures.lost(lab)),
        "outside": figure_json(figures.outside(share)),
        "reach": figure_json(figures.reach(lab.skips, lab.output, row)),
        "places": figure_json(figures.places((*lab.skips, lab.output), row, column)),
    }
    facts = {
        "lost": [*_lost(lab), *_zeros(q.selection.model, kind)],
        "outside": _outside(share),
        "reach": _reach(lab, row, column),
    }
    return {"controls": _controls(q, lab, kind, share, f"{row},{column}"), "figures": made, "facts": facts}


def _middle(values: np.ndarray) -> float:
    return float(values[values.shape[0] // 2, values.shape[1] // 2])


def _shown(lab: BorderLab, step: str) -> Outside:
    """The step that is chosen, or the one whose units see the most of padding on the whole, the last of those."""
    known = {one.step: one for one in lab.outside[1:]}  # units of the input see one pixel each
    return known.get(step) or max(reversed(known.values()), key=lambda one: float(one.rows.mean()))


def _controls(q: Question, lab: BorderLab, kind: str, share: Outside, pixel: str) -> list[dict[str, Any]]:
    kinds = [(one, told(f"lab.border.kind.{one}")) for one in labs.borders(q.selection.model)]
    size = lab.image[0]
    smallest = 1 if kind == labs.MIRRORED else _legal(q, kind).minimum
    bounds: dict[str, Any] = {"min": max(SMALLEST, smallest), "max": LARGEST, "step": 1}
    return [
        control("kind", "radios", told("lab.border.set.kind"), kind, kinds),
        control("size", "range", told("lab.border.set.size"), size, **bounds),
        control("step", "select", told("lab.border.set.step"), share.step, [(o.step, o.step) for o in lab.outside[1:]]),
        control("pixel", "text", told("lab.border.set.pixel"), pixel),
    ]


def _lost(lab: BorderLab) -> list[Told]:
    top, bottom, left, right = lab.margin
    side = {"top": top, "bottom": bottom, "left": left, "right": right}
    said = [told("lab.border.lost.none")] if not any(lab.margin) else [told("lab.border.lost.said", **side)]
    if lab.image != lab.size:
        said.append(told("lab.border.mirrored", pixels=lab.first, size=lab.size[0]))
    return said


def _zeros(model: str, kind: str) -> list[Told]:
    """How many zeros go around the image, where they do so at once."""
    step, zeros = zeros_around(model, kind)
    said = [told("lab.border.zeros", zeros=zeros, step=step)] if zeros > 1 else []
    if kind == IN_PHASE:
        said.append(told("lab.border.phase", fewer=zeros_around(model, labs.borders(model)[0])[1] - zeros))
    return said


def _outside(share: Outside) -> list[Told]:
    units = share.rows.size * share.cols.size
    most = 1 - (1 - float(share.rows.max())) * (1 - float(share.cols.max()))
    return [
        told("lab.border.outside.said", step=share.step, free=share.free, units=units, most=percent(most)),
        told("lab.border.outside.blind", blind=share.blind),
    ]


def _reach(lab: BorderLab, row: int, column: int) -> list[Told]:
    said = [told("lab.border.reach.pixel", row=row, column=column)]
    for one in (*lab.skips, lab.output):
        key = "lab.border.reach.said"
        said.append(told(key, step=one.step, units=one.count(row, column), unreached=percent(one.unreached)))
    far = lab.output.farthest(row, column)
    if far is not None:
        middle = (lab.size[0] - 1) / 2, (lab.size[1] - 1) / 2
        away = max(abs(at - pixel) for at, pixel in zip(middle, (row, column), strict=True))
        said.append(told("lab.border.reach.far", far=far, middle=away))
        comes = lab.output.reaches(row, column, middle)
        said.append(told("lab.border.reach.comes" if comes else "lab.border.reach.stays"))
    return said


# ---- experiments


def values(bench: Bench, q: Question, stretch: Stretch) -> dict[str, Any]:
    """How much of each score layer reaches a pixel, where there are several: what lies behind them is run."""
    if MODELS[q.selection.model].family != "fcn":
        return {}
    kind = _kind(q)
    streams = _weights(q.selection.model, kind, labs.border(q.selection.model, kind, _size(q, kind)).size[0])
    said = [
        told("lab.border.weights.said", layer=name, least=percent(float(w.min())), middle=percent(_middle(w)))
        for name, w in streams.items()
    ]
    return {"figures": {"weights": figure_json(figures.weights(streams))}, "facts": {"weights": said}}


def depends(bench: Bench, q: Question, stretch: Stretch) -> dict[str, Any]:
    """How much the output depends on each pixel of the image."""
    kind = _kind(q)
    loaded, mirror = _loaded(bench, q, kind), kind == labs.MIRRORED
    pixels = bench.pictures.get(q.selection.image).pixels
    image = plain_input(loaded, pixels, _side(pixels, loaded, mirror), not mirror)
    module = labs.with_border(loaded.module, q.selection.model, kind)
    found = labs.dependence(module, image, mirror, progress=bench.progress(stretch))
    means, errors = found.by_distance, _errors(found)
    edge, middle = float(means[0]), _inner(found.root)
    shown = {"edge": edge, "edge_error": errors[0], "middle": middle, "middle_error": _inner(found.error)}
    said = [
        told("lab.border.depends.said", **{name: f"{n:.3g}" for name, n in shown.items()}, vectors=found.vectors),
        told("lab.border.depends.ratio", share=percent(edge / middle if middle else float("nan"))),
    ]
    return {
        "figures": {
            "dependence": figure_json(figures.dependence(found)),
            "distance": figure_json(figures.by_distance(means, errors)),
        },
        "facts": {"dependence": said},
    }


def _side(pixels: np.ndarray, loaded: api.Loaded, mirror: bool) -> int:
    """The longer side to run at: more than usual where the shorter one would be less than the network takes."""
    short, long = sorted(pixels.shape[:2])
    least = 1 if mirror else legal(loaded.module).minimum
    return max(SIDE, math.ceil((least + 1) * long / short))


def _inner(values: np.ndarray) -> float:
    """Mean over the pixels that lie at least half as far from the edge as the one farthest from it."""
    height, width = values.shape
    half = (min(height, width) + 1) // 2 // 2
    return float(values[half : height - half, half : width - half].mean())


def _errors(found: labs.Dependence) -> np.ndarray:
    """Standard errors of the means by distance, as if each pixel's were of the same sign: an upper bound."""
    bound = labs.Dependence(found.error, found.error, found.vectors)
    return bound.by_distance


def _loaded(bench: Bench, q: Question, kind: str) -> api.Loaded:
    """The weights that are chosen, in the padding that a way of treating the border is made of."""
    spec = labs.spec_of(ModelSpec(q.selection.model), kind)
    s = q.selection
    return bench.networks.get(Selection(s.model, s.checkpoint, spec.padding, s.image, s.size, s.device))


RUNS: dict[str, Callable[[Bench, Question, Stretch], dict[str, Any]]] = {"values": values, "dependence": depends}
