"""Why this class here, on the page: gradient-weighted activation of a step for a class and a region that is drawn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from pydantic import StrictInt, StrictStr

from explorer import labs
from explorer.figures.palettes import HEAT, lookup_table
from explorer.geometry import Box
from explorer.labs.gradcam import Cam
from explorer.labs.inputs import Input
from explorer.labs.walk import legal, network_of, walk
from explorer.ui.labs.base import Bench, Question, Told, background, control, number, percent, told
from explorer.ui.stretch import Stretch
from explorer.weights import Loaded

AUTO = -1  # the class that most of the region is labelled as
LISTED = 8  # channels
EDGE = ((0, 0, 0), (255, 255, 255))  # of the region, outside and inside


@dataclass(frozen=True)
class Settings:
    step: StrictStr = ""
    label: StrictInt = AUTO
    region: StrictStr = ""  # "top,left,bottom,right" in pixels of the network's input, bottom and right not in it


@lru_cache(maxsize=32)
def _steps(model: str, padding: str) -> tuple[tuple[str, ...], str]:
    """The steps of a network, and the last one of its contracting path: what Vinogradova et al. look at."""
    network = network_of(model, padding)
    walked = walk(network, legal(network).nearest(320)[-1])
    down = [name for name in walked.axes if walked.roles[name].role == "contracting"]
    return tuple(walked.axes), down[-1]


def geometry(bench: Bench, q: Question) -> dict[str, Any]:
    """What there is to choose."""
    s = q.settings
    steps, standard = _steps(q.selection.model, q.selection.padding)
    classes = bench.networks.get(q.selection).card.classes
    labels = [(AUTO, told("lab.cam.class.most")), *((i, {"names": one.name}) for i, one in enumerate(classes))]
    return {
        "controls": [
            control("step", "select", told("lab.cam.set.step"), _step(q), [(name, name) for name in steps]),
            control("label", "select", told("lab.cam.set.class"), _label(q, len(classes)), labels),
            control("region", "text", told("lab.cam.set.region"), s.region),
        ],
        "facts": {"draw": [told("lab.cam.draw")], "how": [told("lab.cam.how", step=standard)]},
    }


def _step(q: Question) -> str:
    steps, standard = _steps(q.selection.model, q.selection.padding)
    return q.settings.step if q.settings.step in steps else standard


def _label(q: Question, classes: int) -> int:
    return int(q.settings.label) if 0 <= q.settings.label < classes else AUTO


def _region(text: str, height: int, width: int) -> Box | None:
    """A region out of a text, at least a pixel and within the input; None where there is none."""
    parts = text.split(",")
    if len(parts) != 4 or not all(part.strip().lstrip("-").isdecimal() for part in parts):
        return None
    top, left, bottom, right = (int(part) for part in parts)
    (top, bottom), (left, right) = (
        (min(max(low, 0), n - 1), min(max(high, low + 1, 1), n))
        for low, high, n in ((top, bottom, height), (left, right, width))
    )
    return Box(top, left, bottom, right)


def values(bench: Bench, q: Question, stretch: Stretch) -> dict[str, Any]:
    """The map over the image, and the channels that weigh most."""
    loaded, given = bench.loaded(q), bench.input(q)
    height, width = given.image.shape[2:]
    label = _label(q, len(loaded.card.classes))
    region, chosen = _region(q.settings.region, height, width), None if label == AUTO else label
    found = labs.cam(loaded.module, given.image, _step(q), chosen, region, bench.progress(stretch))
    return {
        "facts": {"cam": _said(found, loaded)},
        "tables": {"channels": _table(found, q)},
        "pictures": _pictures(bench, q, found, loaded, given),
    }


def _said(found: Cam, loaded: Loaded) -> list[Told]:
    name = {"names": loaded.card.classes[found.label].name}
    box = found.region
    where = {"top": box.top, "left": box.left, "bottom": box.bottom - 1, "right": box.right - 1}
    share = float((found.output.cut(box) == found.label).mean())
    said = [told("lab.cam.region", label=name, pixels=found.pixels, share=percent(share), **where)]
    speaking, silent = int((found.weights > 0).sum()), int((found.weights == 0).sum())
    said.append(told("lab.cam.weights", step=found.step, channels=len(found.weights), speaking=speaking, silent=silent))
    if not found.map.any():
        said.append(told("lab.cam.nothing", step=found.step))
    return said


def _table(found: Cam, q: Question) -> dict[str, Any]:
    total = float(found.map.sum())
    rows = []
    for channel in found.order[:LISTED]:
        share = percent(float(found.shares[channel]) / total if total else float("nan"))
        cells = [told("lab.cam.channel", channel=channel), float(found.weights[channel]), share]
        rows.append({"cells": cells, "open": {"step": found.step, "channel": number(channel)}})
    return {"head": [told(f"lab.cam.head.{column}") for column in ("channel", "weight", "share")], "rows": rows}


def _pictures(bench: Bench, q: Question, found: Cam, loaded: Loaded, given: Input) -> dict[str, str]:
    """What is labelled, and where the map is warm, each over the network's input with the region's edge."""
    height, width = given.image.shape[2:]
    pixels = background(given, loaded, Box(0, 0, height, width)).astype(np.float64)
    colours = np.array([info.colour for info in loaded.card.classes], np.float64)
    labelled, box = pixels.copy(), found.output.box
    part = labelled[box.top : box.bottom, box.left : box.right]
    part[:] = 0.5 * part + 0.5 * colours[found.output.labels]
    heat = found.on_input(height, width)
    strength = (heat / heat.max() if heat.max() > 0 else heat)[..., None]
    warm = lookup_table(HEAT)[np.rint(255 * strength[..., 0]).astype(int)]
    over = (1 - 0.75 * strength) * (0.35 * pixels + 25) + 0.75 * strength * warm
    made = {"cam.labels": labelled, "cam": over}
    return {slot: bench.picture(_edged(shown, found.region)) for slot, shown in made.items()}


def _edged(pixels: np.ndarray, box: Box) -> np.ndarray:
    """A picture with the edge of a region on it, seen on dark and on light."""
    made = np.rint(pixels).clip(0, 255).astype(np.uint8)
    for colour, by in zip(EDGE, (1, 0), strict=True):
        top, left = max(box.top - by, 0), max(box.left - by, 0)
        bottom, right = box.bottom - 1 + by, box.right - 1 + by
        made[top, left : right + 1] = colour
        made[top : bottom + 1, left] = colour
        if bottom < made.shape[0]:
            made[bottom, left : right + 1] = colour
        if right < made.shape[1]:
            made[top : bottom + 1, right] = colour
    return made


RUNS: dict[str, Callable[[Bench, Question, Stretch], dict[str, Any]]] = {"values": values}
