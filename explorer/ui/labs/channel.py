"""The channel lab of the page: what a 1x1 layer does to the channels, and what more channels on smaller maps cost."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from statistics import mean
from typing import Annotated, Any

from pydantic import Field as Bounds
from pydantic import StrictInt, StrictStr

from explorer import labs
from explorer.figures import channel as figures
from explorer.figures import field as marks
from explorer.geometry import Box
from explorer.labs.channels import Change, ChannelLab, Matrix, Mixer, Products
from explorer.models import without_weights
from explorer.ui.labs import evidence
from explorer.ui.labs.base import Bench, Question, Told, background, control, number, place, told
from explorer.ui.labs.drawing import figure_json
from explorer.ui.state import Bounded
from explorer.ui.stretch import Stretch
from explorer.weights import Loaded

HAND, PAPER = "hand", "paper"  # whose cost is shown: the network at hand, or the paper's
SHOWN = 8  # channels in a table


@dataclass(frozen=True)
class Settings:
    """`layer` is a 1x1 convolution, `output` one of its channels, `place` "row,column" of the network's input."""

    layer: StrictStr = ""
    output: Annotated[StrictInt, Bounds(ge=0, le=9999)] = 0
    place: StrictStr = ""
    whose: StrictStr = HAND


_KEPT: Bounded[tuple[Loaded, Any, Products]] = Bounded(8)  # counted; what is kept holds its keys


def _asked(bench: Bench, q: Question) -> tuple[ChannelLab, Mixer, Matrix, int, tuple[int, int]]:
    """The network at hand, the layer, its matrix, the output and the place that are asked for, or the nearest."""
    loaded, image = bench.loaded(q), bench.input(q).image
    size = (image.shape[2], image.shape[3])
    lab = labs.channels(loaded.spec, size)
    known = {mixer.step: mixer for mixer in lab.mixers}
    first = next((one for one in lab.mixers if one.scores), lab.mixers[-1])
    mixer = known.get(q.settings.layer, first)
    at = place(q.settings.place, size, (size[0] // 2, size[1] // 2))
    return lab, mixer, labs.matrix(loaded.module, mixer.step), min(q.settings.output, mixer.outputs - 1), at


def _classes(loaded: Loaded, mixer: Mixer) -> list[Mapping[str, str]]:
    """Names of a layer's outputs, where these are the classes."""
    return [one.name for one in loaded.card.classes] if mixer.scores else []


def _named(names: list[Mapping[str, str]], output: int) -> Any:
    return {"names": names[output]} if names else told("lab.channel.output", channel=output)


# ---- geometry


def geometry(bench: Bench, q: Question) -> dict[str, Any]:
    """All that the weights and the sizes say: no run is needed."""
    lab, mixer, matrix, output, at = _asked(bench, q)
    loaded = bench.loaded(q)
    names = _classes(loaded, mixer)
    shown = figures.drawn(matrix)
    drawn = figures.mixing(matrix, [f"n:{json.dumps(dict(name))}" for name in names], output, shown)
    cost = lab if q.settings.whose != PAPER else labs.channels(*labs.paper(loaded.spec))
    unit = _unit(q, lab, mixer, at)
    whole = background(bench.input(q), loaded, Box(0, 0, *lab.size))
    answer = {
        "controls": _controls(q, lab, mixer, names, output, at),
        "facts": {
            "mixing": _mixing(mixer, matrix, (len(shown[0]), len(shown[1]))),
            "weights": _heaviest(matrix, names, output),
            "spared": _spared(cost, mixer.step),
            "levels": _levels(cost),
            "place": [told("lab.channel.place", row=unit[0], column=unit[1], layer=mixer.step)],
        },
        "figures": {"mixing": figure_json(drawn), "costs": figure_json(figures.costs(cost.levels))},
        "tables": {"mixers": _mixers(cost, mixer), "levels": _level_table(cost)},
        "pictures": {"place": bench.picture(marks.could_see(whole, None, at), photograph=True)},
    }
    return evidence.beside(answer, evidence.channels())


def _unit(q: Question, lab: ChannelLab, mixer: Mixer, at: tuple[int, int]) -> tuple[int, int]:
    """The unit of a layer that stands nearest to a place of the input."""
    return labs.field_of_view(q.selection.model, q.selection.padding, lab.size, at)[mixer.step].unit


def _controls(
    q: Question, lab: ChannelLab, mixer: Mixer, names: list[Mapping[str, str]], output: int, at: tuple[int, int]
) -> list[dict[str, Any]]:
    layers = [(one.step, one.step) for one in lab.mixers]
    made = [control("layer", "radios", told("lab.channel.set.layer"), mixer.step, layers)]
    label = told("lab.channel.set.output")
    if names:
        classes = [(i, {"names": name}) for i, name in enumerate(names)]
        made.append(control("output", "select", told("lab.channel.set.class"), output, classes))
    else:
        made.append(control("output", "range", label, output, min=0, max=mixer.outputs - 1, step=1))
    whose = q.settings.whose if q.settings.whose == PAPER else HAND
    both = [(one, told(f"lab.channel.whose.{one}")) for one in (HAND, PAPER)]
    return [
        *made,
        control("place", "text", told("lab.channel.set.place"), f"{at[0]},{at[1]}"),
        control("whose", "radios", told("lab.channel.set.whose"), whose, both),
    ]


def _mixing(mixer: Mixer, matrix: Matrix, shown: tuple[int, int]) -> list[Told]:
    height, width = mixer.shape
    counts = {"inputs": mixer.inputs, "outputs": mixer.outputs, "height": height, "width": width}
    said = [told("lab.channel.mixing.said", layer=mixer.step, **counts)]
    if mixer.scores:
        said.append(told("lab.channel.mixing.scores"))
    if shown != matrix.weights.shape:
        said.append(told("lab.channel.mixing.shown", rows=shown[0], cols=shown[1], **counts))
    return said


def _heaviest(matrix: Matrix, names: list[Mapping[str, str]], output: int) -> list[Told]:
    weights = ", ".join(f"{c} ({matrix.weights[output, c]:+.3g})" for c in matrix.heaviest(output, SHOWN))
    return [told("lab.channel.heaviest", output=_named(names, output), channels=weights.replace("-", "−"))]


def _spared(lab: ChannelLab, step: str) -> list[Told]:
    """What a 3x3 layer in the place of the 1x1 one would cost."""
    mixer = lab[step]
    parameters, macs = mixer.ratios
    both = {"layer": step, "wide": mixer.wide_parameters, "own": mixer.parameters, "biases": mixer.outputs}
    return [
        told("lab.channel.spared.parameters", **both, times=round(float(parameters), 3)),
        told("lab.channel.spared.macs", wide=mixer.wide_macs, own=mixer.macs, times=macs),
    ]


def _mixers(lab: ChannelLab, shown: Mixer) -> dict[str, Any]:
    columns = ("layer", "channels", "parameters", "wide", "times", "macs", "wide_macs", "times_macs")
    rows = []
    for one in lab.mixers:
        parameters, macs = one.ratios
        cells = [
            one.step,
            f"{one.inputs} → {one.outputs}",
            one.parameters,
            one.wide_parameters,
            round(float(parameters), 3),
            one.macs,
            one.wide_macs,
            number(macs),
        ]
        rows.append({"cells": cells, "pick": {"layer": one.step}, "chosen": one.step == shown.step})
    return {"head": [told(f"lab.channel.head.{column}") for column in columns], "rows": rows}


def _level_table(lab: ChannelLab) -> dict[str, Any]:
    columns = ("step", "map", "activations", "parameters", "macs")
    rows = []
    for one in lab.levels:
        shape = " × ".join(map(str, one.shape))
        rows.append({"cells": [one.step, shape, one.activations, one.parameters, one.macs]})
    return {"head": [told(f"lab.channel.head.{column}") for column in columns], "rows": rows}


def _levels(lab: ChannelLab) -> list[Told]:
    """What becomes of a 3x3 layer's costs from level to level, by the ratios of the trace."""
    height, width = lab.size
    said = [told("lab.channel.levels.of", height=height, width=width)]
    for key, factor in (("doubled", Fraction(2)), ("kept", Fraction(1))):
        pairs = [change for change in lab.changes if change.channels == factor]
        if pairs:
            said.append(told(f"lab.channel.levels.{key}", pairs=len(pairs), **_means(pairs)))
    up = [level for level in lab.levels if level.path == "expansive"]
    if up:
        larger = [b.shape[0] * b.shape[1] / (a.shape[0] * a.shape[1]) for a, b in pairwise(up)]
        ends = {"first": up[0].shape[2], "last": up[-1].shape[2]}
        said.append(told("lab.channel.levels.up", times=float(f"{mean(larger):.3g}"), **ends))
    mixers = [one for one in lab.mixers if one.scores]
    said.append(
        told("lab.channel.levels.classes", classes=mixers[-1].outputs, layers=", ".join(m.step for m in mixers))
    )
    return said


def _means(pairs: list[Change]) -> dict[str, float]:
    """Mean ratios between neighbouring levels."""
    kinds = ("activations", "parameters", "macs")
    return {kind: float(f"{mean(float(getattr(pair, kind)) for pair in pairs):.3g}") for kind in kinds}


# ---- experiments


def values(bench: Bench, q: Question, stretch: Stretch) -> dict[str, Any]:
    """The products that add up to an output at a place: what they depend on is run once."""
    lab, mixer, _, output, at = _asked(bench, q)
    found = _products(bench, q, lab, mixer, at)
    names = _classes(bench.loaded(q), mixer)
    made, rest = found.of(output), found.rest(output)
    bias = float(found.matrix.biases[output])
    own = {
        "score": float(found.scores[output]),
        "rest": f"{rest:.1e}".replace("-", "−"),
        "output": _named(names, output),
    }
    said = told(
        "lab.channel.sum.said",
        count=mixer.inputs,
        products=float(made.sum()),
        bias=bias,
        total=found.total(output),
        **own,
    )
    return {"facts": {"sum": [said]}, "figures": {"sum": figure_json(figures.summands(found, output))}}


def _products(bench: Bench, q: Question, lab: ChannelLab, mixer: Mixer, at: tuple[int, int]) -> Products:
    loaded, image = bench.loaded(q), bench.input(q).image
    unit = _unit(q, lab, mixer, at)
    key = (id(loaded.module), id(image), mixer.step, unit)
    kept = _KEPT.get(key)
    if kept is None:
        local = labs.runner(loaded.module, image, without_weights(loaded.spec))
        kept = (loaded, image, labs.products(local, mixer.step, *unit))
        _KEPT.put(key, kept, 1)
    return kept[2]


RUNS: dict[str, Callable[[Bench, Question, Stretch], dict[str, Any]]] = {"values": values}
