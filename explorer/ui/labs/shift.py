"""The shift lab of the page: what of a network's maps and labels moves with the image, and what stays as it was."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Annotated, Any

import numpy as np
import torch
from pydantic import Field as Bounds
from pydantic import StrictInt, StrictStr

from explorer import labs
from explorer.figures import shift as figures
from explorer.figures.palettes import ROLES
from explorer.geometry import Box
from explorer.labs import Layer, Pooled, Shifted, Shifts
from explorer.labs.judging import common
from explorer.labs.pooling import POOLINGS
from explorer.labs.shared import AXES, by_axis, telling
from explorer.labs.shifts import MOST
from explorer.labs.walk import legal, network_of
from explorer.models import MODELS, ModelSpec, without_weights
from explorer.trace import trace
from explorer.ui.i18n import in_all
from explorer.ui.labs import shift_said as said
from explorer.ui.labs.base import Bench, Question, background, control, percent, place, told
from explorer.ui.labs.drawing import figure_json
from explorer.ui.state import Bounded
from explorer.ui.stretch import Stretch

LARGEST = 576  # pixels of a window, and fewer where a run of it takes more than
SMALLEST, APART = 64, 32  # pixels of windows of a network that takes any
MACS = 36e9  # multiply-accumulates: 1.5 s on two cores
STANDARD = {"unet": 316, "fcn": 512}  # the output of each has units whose fields lie in both windows at any shift
AUTO = -1  # the channel of the largest value
KEPT = 800 * 2**20  # bytes of maps

_KEPT: Bounded[Shifts] = Bounded(KEPT)  # what is kept holds its keys, so that no id is used again


@dataclass(frozen=True)
class Settings:
    """`step` is the one that is swept, `other` the image that changes are measured against; `pooling`, `channel` and
    `unit` ("row,column") say whose value is followed."""

    shift: Annotated[StrictInt, Bounds(ge=0, le=MOST)] = 8
    axis: StrictStr = "both"
    window: Annotated[StrictInt, Bounds(ge=0, le=2000)] = 0
    other: StrictStr = ""
    step: StrictStr = ""
    pooling: StrictStr = ""
    channel: Annotated[StrictInt, Bounds(ge=AUTO, le=9999)] = AUTO
    unit: StrictStr = ""


# ---- what is asked for, or the nearest that works


@lru_cache(maxsize=32)
def _layers(model: str, padding: str, window: int) -> dict[str, Layer]:
    return labs.layers(network_of(model, padding), (window, window))


def _spec(bench: Bench, q: Question) -> ModelSpec:
    """Of the network that is chosen; its weights are not needed for geometry."""
    card = next(card for card in bench.networks.cards if card.name == q.selection.checkpoint)
    return replace(card.spec, model=q.selection.model, padding=q.selection.padding)


@lru_cache(maxsize=32)
def _largest(spec: ModelSpec) -> int:
    """The largest window that a run takes little enough time at; the smallest that there is where none does."""
    network = without_weights(spec)
    sizes = legal(network)
    at = sizes.nearest(LARGEST)[0]
    while at > sizes.minimum:
        macs = trace(network, torch.empty(1, spec.in_channels, at, at, device="meta"), keep=False).macs
        if macs <= MACS:
            break
        at = max(sizes.minimum, sizes.nearest(min(at - 1, round(at * (MACS / macs) ** 0.5)))[0])
    return at


def _offered(spec: ModelSpec) -> tuple[int, int, int]:
    """The least window, the largest, and how far apart they are."""
    sizes = legal(without_weights(spec))
    least, apart = (sizes.minimum, sizes.period) if sizes.period > 1 else (SMALLEST, APART)
    return least, least + (max(least, _largest(spec)) - least) // apart * apart, apart


def _window(bench: Bench, q: Question) -> int:
    """Pixels of a side: as asked, or the next below that is offered."""
    least, most, apart = _offered(_spec(bench, q))
    asked = q.settings.window or STANDARD[MODELS[q.selection.model].family]
    return least + (min(max(asked, least), most) - least) // apart * apart


def _axis(q: Question) -> str:
    return q.settings.axis if q.settings.axis in AXES else "both"


def _step(q: Question, layers: dict[str, Layer]) -> str:
    """The step that is swept: as asked, or the last pooling."""
    return q.settings.step if q.settings.step in telling(layers) else _poolings(layers)[-1]


def _poolings(layers: dict[str, Layer]) -> list[str]:
    return [name for name, layer in layers.items() if layer.operation in POOLINGS]


def _pooling(q: Question, layers: dict[str, Layer]) -> str:
    known = _poolings(layers)
    return q.settings.pooling if q.settings.pooling in known else known[0]


def _unit(q: Question, layer: Layer) -> tuple[int, int]:
    """The unit that is followed: as asked, the nearest that the map has, or the middle one."""
    height, width = len(layer.rows.lo), len(layer.cols.lo)
    return place(q.settings.unit, (height, width), (height // 2, width // 2))


def _other(bench: Bench, q: Question) -> str:
    """The image that is unrelated: the one chosen, or the first example that is not looked at, of the same kind."""
    files = [str(example["file"]) for example in bench.pictures.listed]
    if q.settings.other in files:
        return str(q.settings.other)
    alike = [file for file in files if bench.pictures.domain(file) == bench.pictures.domain(q.selection.image)]
    return next((file for file in alike or files if file != q.selection.image), files[0])


# ---- geometry


def geometry(bench: Bench, q: Question) -> dict[str, Any]:
    """With what period each map repeats, and how many of its units can be compared at this shift."""
    window = _window(bench, q)
    layers = _layers(q.selection.model, q.selection.padding, window)
    shown = [layers[name] for name in telling(layers)]
    step, by = _step(q, layers), by_axis(q.settings.shift, _axis(q))
    rows = []
    for one in shown:
        cells = [
            one.step,
            told("lab.tap.px", pixels=one.jump),
            told("lab.tap.px", pixels=one.period),
            told("lab.tap.px", pixels=max(one.field)),
            one.moved(by).area,
            told("lab.shift.yes" if q.settings.shift % one.period == 0 else "lab.shift.no"),
        ]
        rows.append({"cells": cells, "pick": {"step": one.step}, "chosen": one.step == step})
    head = [told(f"lab.shift.head.{column}") for column in ("step", "jump", "period", "field", "units", "repeats")]
    return {
        "controls": _controls(bench, q, window, layers),
        "facts": {"period": said.period(shown, q.settings.shift, window)},
        "tables": {"layers": {"head": head, "rows": rows}},
        "figures": {"period": figure_json(figures.periods(shown))},
    }


def _controls(bench: Bench, q: Question, window: int, layers: dict[str, Layer]) -> list[dict[str, Any]]:
    s, (least, most, apart) = q.settings, _offered(_spec(bench, q))
    pooling = _pooling(q, layers)
    row, column = _unit(q, layers[pooling])
    images = [(example["file"], {"names": in_all(example["title"])}) for example in bench.pictures.listed]
    axes = [(axis, told(f"lab.shift.axis.{axis}")) for axis in AXES]
    steps = [(name, name) for name in telling(layers)]
    return [
        control("shift", "range", told("lab.shift.set.shift"), s.shift, min=0, max=MOST, step=1),
        control("axis", "radios", told("lab.shift.set.axis"), _axis(q), axes),
        control("window", "range", told("lab.shift.set.window"), window, min=least, max=most, step=apart),
        control("other", "select", told("lab.shift.set.other"), _other(bench, q), images),
        control("step", "select", told("lab.shift.set.step"), _step(q, layers), steps),
        control("pooling", "select", told("lab.shift.set.pooling"), pooling, [(n, n) for n in _poolings(layers)]),
        control("channel", "number", told("lab.shift.set.channel"), s.channel, min=AUTO, max=9999, step=1),
        control("unit", "text", told("lab.shift.set.unit"), f"{row},{column}"),
    ]


# ---- values


def values(bench: Bench, q: Question, stretch: Stretch) -> dict[str, Any]:
    """How each map answers the shift, the labels that flip, and one unit before and after a pooling."""
    runs, last, rest = stretch.parts([2.0, 1.0, 0.5])
    shifts = _shifts(bench, q, runs)
    found = shifts.at(q.settings.shift, _axis(q), bench.progress(last))
    shift, layers = q.settings.shift, shifts.layers
    unit = _followed(bench, q, shifts, rest)
    labels = _labels(bench, q, found)
    return {
        "facts": {
            "equivariance": said.moved(found.steps, shift, layers),
            "invariance": said.changed(found.steps, shift, layers),
            "field": said.by_field(found.steps, shift, layers),
            "labels": labels["facts"],
            "pooled": said.followed(unit, shifts),
        },
        "figures": {
            "equivariance": figure_json(figures.equivariance(found.steps, shift)),
            "invariance": figure_json(figures.invariance(found.steps, shift)),
            "field": figure_json(figures.by_field(found.steps, layers, shift)),
            "pooled": figure_json(figures.pooled(unit)),
        },
        "pictures": labels["pictures"],
    }


def _shifts(bench: Bench, q: Question, stretch: Stretch) -> Shifts:
    """The network on the window and on that of the unrelated image, which are run once."""
    window, loaded = _window(bench, q), bench.loaded(q)
    canvas = window + MOST, window + MOST
    given, other = bench.input(q, canvas), bench.input(q, canvas, _other(bench, q))
    key = (id(loaded.module), id(given.image), id(other.image), window)
    kept = _KEPT.get(key)
    if kept is None:
        shown = telling(_layers(q.selection.model, q.selection.padding, window))
        kept = Shifts(loaded.module, given.image, other.image, window, shown, bench.progress(stretch))
        _KEPT.put(key, kept, kept.bytes)
    return kept


def _labels(bench: Bench, q: Question, found: Shifted) -> dict[str, Any]:
    """The labels of both windows where both have some, and the pixels that differ."""
    facts = [told("lab.shift.labels.said", share=percent(found.flipped), pixels=found.pixels)]
    key = "lab.shift.labels.inside" if found.inside else "lab.shift.labels.outside"
    facts.append(told(key, share=percent(found.flipped_inside), pixels=found.inside))
    if not found.pixels:
        return {"facts": facts, "pictures": {}}
    box = common(found.before.box, found.after.box)
    window = _window(bench, q)
    given = bench.input(q, (window + MOST, window + MOST))
    on_canvas = Box(box.top + MOST, box.left + MOST, box.bottom + MOST, box.right + MOST)
    behind = background(given, bench.loaded(q), on_canvas)
    before, after = found.before.cut(box), found.after.cut(box)
    colour = [int(ROLES["dropped"][i : i + 2], 16) for i in (1, 3, 5)]
    grey = np.repeat(behind.mean(2, keepdims=True) / 2, 3, 2)
    differ = np.where((before != after)[..., None], colour, grey).astype(np.uint8)
    pictures = {
        "labels": bench.overlay(before, q, behind),
        "labels.shifted": bench.overlay(after, q, behind),
        "labels.differ": bench.picture(differ),
    }
    return {"facts": facts, "pictures": pictures}


def _followed(bench: Bench, q: Question, shifts: Shifts, stretch: Stretch) -> Pooled:
    """The unit that is followed: as asked where the map has it."""
    pooling = _pooling(q, shifts.layers)
    channels, unit = shifts.shape(pooling)[0], _unit(q, shifts.layers[pooling])
    channel = None if q.settings.channel == AUTO else min(q.settings.channel, channels - 1)
    return labs.pooled(shifts, pooling, channel, unit, _axis(q), progress=bench.progress(stretch))


def sweep(bench: Bench, q: Question, stretch: Stretch) -> dict[str, Any]:
    """Error and change of one step's map at every shift."""
    runs, rest = stretch.parts([1.0, 6.0])
    shifts, by = _shifts(bench, q, runs), range(MOST + 1)
    step = _step(q, shifts.layers)
    points = shifts.sweep(step, _axis(q), by, bench.progress(rest))
    facts = said.swept(points, by, shifts.layers[step])
    return {"facts": {"sweep": facts}, "figures": {"sweep": figure_json(figures.sweep(points, by))}}


RUNS: dict[str, Callable[[Bench, Question, Stretch], dict[str, Any]]] = {"values": values, "sweep": sweep}
