"""The scale lab of the page: what a network with poolings sees and costs, beside the same one at full resolution."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import groupby
from typing import Annotated, Any

from pydantic import Field as Bounds
from pydantic import StrictBool, StrictFloat, StrictInt

from explorer.errors import ExplorerError
from explorer.figures import scale as figures
from explorer.labs import scaling, scaling_run, unpooled
from explorer.labs.scaling import CHOICES, PAPERS, VGG_UNITS, Design, Layer
from explorer.labs.scaling_run import Run
from explorer.labs.unpooled import Alternative
from explorer.models import MODELS
from explorer.ui.labs import evidence
from explorer.ui.labs.base import Bench, Question, Told, control, told
from explorer.ui.labs.drawing import figure_json
from explorer.ui.stretch import Stretch

SMALLEST, LARGEST = 16, 1024  # pixels of a side
RANGES = ("poolings", "convolutions", "dilation", "width")
MIB = 2**20


@dataclass(frozen=True)
class Settings:
    """Those of a `Design`; kernel, growth and size become the nearest that there is."""

    poolings: Annotated[StrictInt, Bounds(ge=0, le=6)] = Design.poolings
    convolutions: Annotated[StrictInt, Bounds(ge=1, le=4)] = Design.convolutions
    kernel: Annotated[StrictInt, Bounds(ge=1, le=7)] = Design.kernel
    dilation: Annotated[StrictInt, Bounds(ge=1, le=8)] = Design.dilation
    width: Annotated[StrictInt, Bounds(ge=4, le=128)] = Design.width
    growth: Annotated[StrictFloat, Bounds(ge=1, le=2)] = Design.growth
    bottleneck: StrictBool = Design.bottleneck
    size: Annotated[StrictInt, Bounds(ge=SMALLEST, le=LARGEST)] = Design.size


def _design(q: Question) -> Design:
    given = asdict(q.settings)
    known = {name: _nearest(name, given[name]) for name in ("kernel", "growth")}
    return Design(**{**given, **known, "size": max(q.settings.size, 2**q.settings.poolings)})


def _nearest(name: str, value: float) -> int | float:
    return min(CHOICES[name], key=lambda known: abs(known - value))


def geometry(bench: Bench, q: Question) -> dict[str, Any]:
    """All that follows from the settings: nothing is run."""
    design = _design(q)
    own, full = scaling.layers(design), scaling.full_resolution(design)
    networks = {
        "t:lab.scale.curve.own": own,
        "t:lab.scale.curve.full": full,
        **{f"{MODELS[model].title}, {size} px": scaling.reference(model) for model, (_, size) in PAPERS.items()},
    }
    found = unpooled.without_poolings(design)
    answer = {
        "controls": _controls(design),
        "facts": {
            **_facts(own, full),
            "far": _far_said(design, own, full, found),
            "sizes": _sizes_said(),
            "forecast": _forecast(design),
        },
        "tables": {"far": _far(own, full, found), "sizes": _sizes(design), "measure": None},
        "figures": {quantity: figure_json(figures.curves(networks, quantity)) for quantity in figures.DOWN},
    }
    return evidence.beside(answer, evidence.scale())


def _controls(design: Design) -> list[dict[str, Any]]:
    made = {name: getattr(design, name) for name in (*RANGES, "kernel", "growth", "bottleneck", "size")}

    def slider(name: str, low: int, high: int, step: int = 1) -> dict[str, Any]:
        return control(name, "range", told(f"lab.scale.set.{name}"), made[name], min=low, max=high, step=step)

    def choice(name: str) -> dict[str, Any]:
        options: list[tuple[Any, Any]] = [(value, value) for value in CHOICES[name]]
        return control(name, "select", told(f"lab.scale.set.{name}"), made[name], options)

    first, second, third, fourth = (slider(name, CHOICES[name][0], CHOICES[name][-1]) for name in RANGES)  # type: ignore[arg-type]
    size = slider("size", max(SMALLEST, 2**design.poolings), LARGEST)
    check = control("bottleneck", "check", told("lab.scale.set.bottleneck"), design.bottleneck)
    return [first, second, choice("kernel"), third, fourth, choice("growth"), check, size]


# ---- what it sees and costs


def _macs(made: Sequence[Layer]) -> int:
    return sum(layer.macs for layer in made)


def _parameters(made: Sequence[Layer]) -> int:
    return sum(layer.parameters for layer in made)


def _bytes(made: Sequence[Layer]) -> int:
    return sum(layer.activation_bytes for layer in made)


def _short(value: float) -> float:
    """With three significant digits."""
    return float(f"{value:.3g}")


def _facts(own: Sequence[Layer], full: Sequence[Layer]) -> dict[str, list[Told]]:
    macs, memory = (_macs(own), _macs(full)), (_bytes(own), _bytes(full))
    last = own[-1]
    grown = {"own": _short(macs[0] / 1e9), "full": _short(macs[1] / 1e9), "ratio": _short(macs[1] / macs[0])}
    held = {"own": _short(memory[0] / MIB), "full": _short(memory[1] / MIB), "ratio": _short(memory[1] / memory[0])}
    map_ = {"height": last.height, "channels": last.channels_out}
    return {
        "field": [
            told("lab.scale.field.said", convolutions=len(full), field=last.field, full=full[-1].field),
            told("lab.scale.field.half"),
        ],
        "macs": [told("lab.scale.macs.said", **grown)],
        "parameters": [told("lab.scale.parameters.said", parameters=_parameters(own))],
        "memory": [told("lab.scale.memory.said", **held), told("lab.scale.memory.last", **map_)],
    }


# ---- as far without poolings


def _far_said(design: Design, own: Sequence[Layer], full: Sequence[Layer], found: Sequence[Alternative]) -> list[Told]:
    if not design.poolings:
        return [told("lab.scale.far.same")]
    said = [told("lab.scale.far.said", field=own[-1].field, full=full[-1].field)]
    return said if len(found) > 1 else [*said, told("lab.scale.far.never")]


def _far(own: Sequence[Layer], full: Sequence[Layer], found: Sequence[Alternative]) -> dict[str, Any] | None:
    if not found:
        return None
    wide = [layer for layer in full if layer.kernel > 1] or list(full)
    kernel, dilations = wide[0].kernel, [layer.dilation for layer in wide]
    rows = [
        _way(told("lab.scale.far.own"), own, kernel, dilations),
        _way(told("lab.scale.far.full"), full, kernel, dilations),
        *(_way(told(f"lab.scale.far.{one.way}"), one.layers, one.kernel, one.dilations) for one in found),
    ]
    return {"head": [told(f"lab.scale.head.{name}") for name in HEAD], "rows": rows}


HEAD = ("way", "convolutions", "kernel", "dilations", "field", "parameters", "macs")


def _way(name: Told, made: Sequence[Layer], kernel: int, dilations: Sequence[int]) -> dict[str, Any]:
    count = sum(layer.kind == "conv" for layer in made)
    cells = [name, count, f"{kernel} × {kernel}", _listed(dilations), made[-1].field]
    return {"cells": [*cells, _parameters(made), _short(_macs(made) / 1e9)], "chosen": made[-1].kind != "conv"}


def _listed(dilations: Sequence[int]) -> str:
    """1, 2, 4, 4, 4 as "1, 2, 4 (3×)"; a number that all share alone."""
    runs = [(value, len(list(run))) for value, run in groupby(dilations)]
    if len(runs) == 1:
        return str(runs[0][0])
    return ", ".join(str(value) if count == 1 else f"{value} ({count}×)" for value, count in runs)


# ---- parameters and the size of the input


def _sizes_said() -> list[Told]:
    made = scaling.reference("fcn8s")
    fc6 = next(layer for layer in made if layer.name == "fc6")
    whole = _parameters(made)
    said = {"kernel": fc6.kernel, "parameters": fc6.parameters, "whole": whole}
    return [
        told("lab.scale.sizes.said"),
        told("lab.scale.sizes.units", units=VGG_UNITS),
        told("lab.scale.sizes.fc6", **said),
    ]


def _sizes(design: Design) -> dict[str, Any]:
    least, most = 2**design.poolings, int(CHOICES["size"][-1])
    rows = []
    for size in sorted({max(least, design.size // 2), design.size, min(most, 2 * design.size)}):
        made = scaling.layers(replace(design, size=size))
        last = made[-1]
        shape = f"{last.height} × {last.height} × {last.channels_out}"
        cells = [f"{size} × {size}", shape, _parameters(made), scaling.fully_connected(made)]
        rows.append({"cells": cells, "chosen": size == design.size})
    head = [told(f"lab.scale.sizes.head.{name}") for name in ("size", "map", "network", "connected")]
    return {"head": head, "rows": rows}


# ---- run


def _forecast(design: Design) -> list[Told]:
    """What a pass will take, or why it cannot be run."""
    said = []
    for name in ("own", "full") if design.poolings else ("own",):
        try:
            mib = _short(scaling_run.forecast(design, name == "own").bytes / MIB)
            said.append(told(f"lab.scale.forecast.{name}", mib=mib))
        except ExplorerError as error:
            said.append(told("lab.scale.forecast.refused", network=told(f"lab.scale.far.{name}"), why=_why(error)))
    return said


def values(bench: Bench, q: Question, stretch: Stretch) -> dict[str, Any]:
    """Nothing is run by itself: a pass may take seconds."""
    return {}


def measure(bench: Bench, q: Question, stretch: Stretch) -> dict[str, Any]:
    """Seconds and memory of the design and of the same layers at full resolution, on this machine."""
    design = _design(q)
    found = scaling_run.measure(design, bench.progress(stretch))
    rows = [_ran("own", found.own)]
    said = [told("lab.scale.measure.how", passes=scaling_run.PASSES, threads=found.threads)]
    if found.full:
        rows.append(_ran("full", found.full))
        cost = _short(found.full.forecast.macs / found.own.forecast.macs)
        times = _short(found.full.seconds / found.own.seconds)
        memory = _short(found.full.activations / found.own.activations)
        rows.append({"cells": [told("lab.scale.measure.ratio"), cost, times, memory]})
        said.insert(0, told("lab.scale.measure.said", macs=cost, seconds=times))
    if found.refused:
        said.insert(0, told("lab.scale.measure.refused", why=_why(found.refused)))
    if not design.poolings:
        said.insert(0, told("lab.scale.measure.same"))
    head = [told(f"lab.scale.measure.head.{name}") for name in ("network", "macs", "seconds", "memory")]
    return {"facts": {"measure": said}, "tables": {"measure": {"head": head, "rows": rows}}}


def _why(error: ExplorerError) -> Told:
    return [f"error.{error.code}", error.details]


def _ran(name: str, run: Run) -> dict[str, Any]:
    cells = [told(f"lab.scale.far.{name}"), *map(_short, (run.forecast.macs / 1e9, run.seconds, run.activations / MIB))]
    return {"cells": cells}


RUNS: dict[str, Callable[[Bench, Question, Stretch], dict[str, Any]]] = {"values": values, "measure": measure}
