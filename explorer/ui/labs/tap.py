"""The tap lab of the page: which maps a skip could take, and what each of FCN's score layers brings to its scores."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Annotated, Any

import numpy as np
from pydantic import Field as Bounds
from pydantic import StrictFloat, StrictInt, StrictStr

from explorer import labs
from explorer.figures import tap as figures
from explorer.labs import SkipTaps, Split, Streams, Tap
from explorer.labs.inputs import Input
from explorer.labs.walk import legal, network_of, walk
from explorer.ui.labs import evidence
from explorer.ui.labs.base import (
    Bench,
    Question,
    Told,
    Value,
    background,
    control,
    judged,
    number,
    place,
    told,
)
from explorer.ui.labs.drawing import figure_json
from explorer.ui.state import Bounded
from explorer.ui.stretch import Stretch
from explorer.weights import Loaded

LARGEST = 2.0  # factor of a stream
STEP = 0.25
SHOWN = 5  # classes whose terms are drawn, those of the largest scores
AUTO = -1  # the class of the largest score at the pixel
WAYS = {"as it is": "own", "average": "average", "sub-sample": "every"}  # of taking a map, as the texts call them

Options = list[tuple[Value, Any]]


@dataclass(frozen=True)
class Settings:
    """`skip` is the step that joins one, `tap` is "step|way", `scale` a factor by score layer, `label` the index of a
    class, `pixel` "row,column" of the output."""

    skip: StrictStr = ""
    tap: StrictStr = ""
    scale: dict[StrictStr, Annotated[StrictFloat, Bounds(ge=0, le=LARGEST)]] = field(default_factory=dict)
    label: Annotated[StrictInt, Bounds(ge=AUTO, le=9999)] = AUTO
    pixel: StrictStr = ""


@dataclass(frozen=True, eq=False)
class _Kept:
    """A network on an image with its terms, so that scaling a stream costs a replay and no run."""

    loaded: Loaded
    given: Input
    streams: Streams
    split: Split


_KEPT: Bounded[_Kept] = Bounded(2)  # counted, not in bytes; what is kept holds its keys, so that no id is used again


@lru_cache(maxsize=32)
def _known(model: str, padding: str) -> tuple[tuple[SkipTaps, ...], tuple[str, ...]]:
    """A network's skips, and its score layers from the coarsest on."""
    network = network_of(model, padding)
    return labs.taps(model, padding), walk(network, legal(network).nearest(320)[-1]).score_layers


def _chosen(q: Question) -> tuple[SkipTaps, Tap] | None:
    """The skip and the tap that are looked at: as asked where this network has them; None where it has no skip."""
    skips, _ = _known(q.selection.model, q.selection.padding)
    if not skips:
        return None
    skip = next((one for one in skips if one.join == q.settings.skip), skips[0])
    taken = next(tap for tap in skip.taps if tap.taken)
    return skip, next((tap for tap in skip.taps if _key(tap) == q.settings.tap), taken)


def _key(tap: Tap) -> str:
    return f"{tap.step}|{tap.way}"


# ---- geometry


def geometry(bench: Bench, q: Question) -> dict[str, Any]:
    """Whether the tap can meet the map from below, and all other taps of the skip."""
    chosen = _chosen(q)
    # slots without content are named too: those of the network before are then cleared
    if chosen is None:
        facts: list[Told] = [told("lab.tap.none", model=q.selection.model)]
        table, figure = None, None
    else:
        facts, table = [*_said(*chosen), _contrast(), *evidence.taps_said()], _table(*chosen)
        figure = figure_json(figures.standing(chosen[1]))
    own = {"facts": {"tap": facts}, "tables": {"taps": table}, "figures": {"standing": figure}}
    return evidence.beside({"controls": _controls(bench, q, chosen), **own}, evidence.taps())


def _controls(bench: Bench, q: Question, chosen: tuple[SkipTaps, Tap] | None) -> list[dict[str, Any]]:
    s = q.settings
    skips, layers = _known(q.selection.model, q.selection.padding)
    made = []
    if chosen:
        joins: Options = [(one.join, one.taken) for one in skips]
        ways: Options = [(_key(one), told(f"lab.tap.way.{WAYS[one.way]}", step=one.step)) for one in chosen[0].taps]
        made.append(control("skip", "radios", told("lab.tap.set.skip"), chosen[0].join, joins))
        made.append(control("tap", "select", told("lab.tap.set.tap"), _key(chosen[1]), ways))
    if len(layers) > 1:
        for layer in layers:
            label, value = told("lab.tap.set.scale", layer=layer), s.scale.get(layer, 1)
            made.append(control(f"scale.{layer}", "range", label, value, min=0, max=LARGEST, step=STEP))
        classes = bench.networks.get(q.selection).card.classes
        names: Options = [(i, {"names": one.name}) for i, one in enumerate(classes)]
        shown = s.label if s.label < len(classes) else AUTO
        options: Options = [(AUTO, told("lab.tap.class.largest")), *names]
        made.append(control("label", "select", told("lab.tap.set.class"), shown, options))
        height, width = bench.input(q).image.shape[2:]
        row, column = place(s.pixel, (height, width), (height // 2, width // 2))
        made.append(control("pixel", "text", told("lab.tap.set.pixel"), f"{row},{column}"))
    return made


def _said(skip: SkipTaps, tap: Tap) -> list[Told]:
    """Why a tap fits or never can, and what geometry does not decide."""
    taken = next(one for one in skip.taps if one.taken)
    grid = tap.grid
    said = [told(f"lab.tap.way.said.{WAYS[tap.way]}", step=tap.step, jump=grid.jump, start=grid.start)]
    if tap.offset is None:
        said.append(told("lab.tap.never", step=tap.step, apart=tap.apart))
    else:
        cut = "none" if tap.offset == 0 else "tap" if tap.offset > 0 else "below"
        said.append(told(f"lab.tap.fits.{cut}", factor=tap.upsampling, units=abs(tap.offset)))
    if grid.jump < taken.grid.jump:
        said.append(told("lab.tap.finer", step=tap.step, factor=tap.upsampling))
    others = [one.step for one in skip.taps if one.way == "as it is" and one.grid == grid and one.step != tap.step]
    if others:
        said.append(told("lab.tap.others", others=", ".join(others)))
    return said


@lru_cache(maxsize=1)
def _contrast() -> Told:
    """What the skips of U-Net and of FCN-8s take."""
    before, after = (", ".join(skip.taken for skip in labs.taps(model)) for model in ("unet", "fcn8s"))
    return told("lab.tap.contrast", before=before, after=after)


def _table(skip: SkipTaps, shown: Tap) -> dict[str, Any]:
    rows = []
    for tap in skip.taps:
        off = told("lab.tap.apart", apart=tap.apart)
        fits = off if tap.offset is None else told("lab.tap.offset", units=abs(tap.offset))
        cells = [
            tap.step,
            told(f"lab.tap.way.short.{WAYS[tap.way]}"),
            told("lab.tap.px", pixels=tap.grid.jump),
            number(tap.grid.start),
            tap.upsampling,
            fits,
            told("lab.tap.taken") if tap.taken else "",
        ]
        rows.append({"cells": cells, "pick": {"skip": skip.join, "tap": _key(tap)}, "chosen": tap is shown})
    columns = ("step", "way", "jump", "start", "up", "fits", "own")
    return {"head": [told(f"lab.tap.head.{column}") for column in columns], "rows": rows}


# ---- values


def values(bench: Bench, q: Question, stretch: Stretch) -> dict[str, Any]:
    """The scores in terms, and the prediction with streams scaled. A network without a sum says that it has none."""
    _, layers = _known(q.selection.model, q.selection.padding)
    if len(layers) < 2:
        return {"facts": {"streams": [told("lab.tap.streams.none", layer=layers[0])]}}
    kept = _kept(bench, q, stretch)
    split, classes = kept.split, kept.loaded.card.classes
    height, width = split.output.labels.shape
    row, column = place(q.settings.pixel, (height, width), (height // 2, width // 2))
    terms, scores = split.at(row, column), split.output.scores[0, :, row, column].cpu().numpy()
    best = [int(c) for c in np.argsort(-scores, kind="stable")[:SHOWN]]
    label = q.settings.label if 0 <= q.settings.label < len(classes) else best[0]
    planes = {name: stream[0, label].cpu().numpy() for name, stream in split.streams.items()}
    own = {name: float(term[label]) for name, term in terms.items()}
    total, rest = sum(own.values()), f"{split.rest:.1e}"
    said = [
        told("lab.tap.pixel", row=row, column=column, label={"names": classes[label].name}),
        *(told("lab.tap.term", layer=name, value=value) for name, value in own.items()),
        told("lab.tap.sum", total=total, score=float(scores[label]), rest=rest),
    ]
    made = _scaled(bench, q, kept)
    names = [f"n:{json.dumps(dict(classes[c].name))}" for c in best]
    drawn = figures.terms(best, names, terms, scores)
    return {
        "facts": {"terms": said, **made["facts"]},
        "figures": {"terms": figure_json(drawn), "maps": figure_json(figures.maps(planes))},
        "pictures": made["pictures"],
    }


def _kept(bench: Bench, q: Question, stretch: Stretch) -> _Kept:
    loaded, given = bench.loaded(q), bench.input(q)
    key = (id(loaded.module), id(given.image))
    kept = _KEPT.get(key)
    if kept is None:
        streams = Streams(loaded.module, given.image, bench.progress(stretch))
        kept = _Kept(loaded, given, streams, streams.split())
        _KEPT.put(key, kept, 1)
    return kept


def _scaled(bench: Bench, q: Question, kept: _Kept) -> dict[str, Any]:
    factors = {layer: by for layer, by in q.settings.scale.items() if layer in kept.streams.layers}
    scaled = kept.streams.scaled(factors, kept.given.truth)
    behind = background(kept.given, kept.loaded, scaled.untouched.box)
    return {
        "facts": {"scaled": judged(scaled.figures)},
        "pictures": {
            "scaled": bench.overlay(scaled.made.labels, q, behind),
            "scaled.untouched": bench.overlay(scaled.untouched.labels, q, behind),
        },
    }


RUNS: dict[str, Callable[[Bench, Question, Stretch], dict[str, Any]]] = {"values": values}
