"""The crop lab of the page: where crops cut, what meets there, what another crop or no skip at all would predict."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Annotated, Any

from pydantic import Field as Bounds
from pydantic import StrictInt, StrictStr

from explorer import labs
from explorer.errors import ExplorerError
from explorer.figures import crop as figures
from explorer.labs import CropLab, CropOf, Cutting
from explorer.labs.judging import Figures, Output
from explorer.labs.surgery import KINDS
from explorer.labs.walk import legal, network_of
from explorer.models import MODELS
from explorer.ui.labs import crop_said as said
from explorer.ui.labs.base import Bench, Question, background, control, judged, percent, place, told
from explorer.ui.labs.drawing import figure_json
from explorer.ui.stretch import Stretch

Side = Annotated[StrictInt, Bounds(ge=0, le=2000)]  # pixels; 0: as the paper has it
Units = Annotated[StrictInt, Bounds(ge=-2000, le=2000)]

SMALLEST, LARGEST = 32, 800  # pixels of a side that an experiment runs at
PAPER = {"unet": 572, "fcn": 500}  # Ronneberger et al. 2015, Fig. 1; PASCAL's photographs of Long et al. 2015
REACH = 8  # units that surgery shifts a skip by, at most


@dataclass(frozen=True)
class Settings:
    """`modes`, `shifts` by name of the crop; `cuts`, `moves` by name of the step that joins a skip."""

    height: Side = 0
    width: Side = 0
    mode: StrictStr = "aligned"
    seed: Annotated[StrictInt, Bounds(ge=0, le=9999)] = 0
    crop: StrictStr = ""
    unit: StrictStr = ""
    modes: dict[StrictStr, StrictStr] = field(default_factory=dict)
    shifts: dict[StrictStr, Units] = field(default_factory=dict)
    cuts: dict[StrictStr, StrictStr] = field(default_factory=dict)
    moves: dict[StrictStr, Units] = field(default_factory=dict)
    other: StrictStr = ""


def size_of(q: Question) -> tuple[int, int]:
    """Height and width of the network's input: as asked, or the paper's."""
    paper = _paper(q.selection.model, q.selection.padding)
    return q.settings.height or paper, q.settings.width or paper


def _paper(model: str, padding: str) -> int:
    """The size in the paper, or the next one that the network takes."""
    return int(legal(network_of(model, padding)).nearest(PAPER[MODELS[model].family])[0])


@lru_cache(maxsize=32)
def _crops(model: str, padding: str) -> tuple[tuple[str, str | None], ...]:
    """A network's crops by name, each with the step that joins what it keeps."""
    return tuple((one.name, one.join) for one in labs.crop(model, padding, _paper(model, padding)).crops)


def _where(q: Question) -> dict[str, Any]:
    """The settings of a crop. What belongs to crops of another network is left out."""
    s = q.settings
    names = {name for name, _ in _crops(q.selection.model, q.selection.padding)}
    modes = {name: mode for name, mode in s.modes.items() if name in names and mode}
    shifts = {name: shift for name, shift in s.shifts.items() if name in names}
    return {"mode": s.mode, "modes": modes, "shifts": shifts, "seed": s.seed}


def geometry(bench: Bench, q: Question) -> dict[str, Any]:
    """All that follows from the size and the crops' places."""
    lab = labs.crop(q.selection.model, q.selection.padding, size_of(q), **_where(q))
    finest = [crop for crop in lab.crops if crop.join][-1:] or list(lab.crops)
    shown = next((crop for crop in lab.crops if crop.name == q.settings.crop), finest[0])
    units = len(shown.rows.own), len(shown.cols.own)
    row, column = place(q.settings.unit, units, (units[0] // 2, units[1] // 2))
    meeting = shown.meeting(row, column)
    return {
        "controls": _controls(bench, q, lab, shown, f"{row},{column}"),
        "facts": {
            "sizes": said.sizes(lab),
            "crop": said.cut(shown),
            "meeting": said.meeting(shown, meeting, row, column),
        },
        "tables": {"crops": said.table(lab, shown)},
        "figures": {
            "sizes": figure_json(figures.sizes(lab, _steps(lab))),
            "regions": figure_json(figures.regions(shown)),
            "input": figure_json(figures.on_input(lab, shown, meeting.own, meeting.other)),
        },
    }


def _controls(bench: Bench, q: Question, lab: CropLab, shown: CropOf, unit: str) -> list[dict[str, Any]]:
    s, (height, width) = q.settings, lab.size
    bounds: dict[str, Any] = {"min": SMALLEST, "max": LARGEST, "step": 1}
    modes_of = [(mode, told(f"lab.crop.mode.{mode}")) for mode in labs.MODES]
    made = [
        control("height", "range", told("lab.crop.set.height"), height, **bounds),
        control("width", "range", told("lab.crop.set.width"), width, **bounds),
        control("mode", "radios", told("lab.crop.set.mode"), s.mode, modes_of),
    ]
    modes = {cut.rows.mode for cut in lab.crops}
    if "random" in modes:
        made.append(control("seed", "number", told("lab.crop.set.seed"), s.seed, min=0, max=9999, step=1))
    made += _controls_of(s, shown, unit) + (_surgery(s, shown.join, shown.of) if shown.join else [])
    if "swap" in s.cuts.values():
        images = [(example["file"], {"names": example["title"]}) for example in bench.pictures.examples()]
        made.append(control("other", "select", told("lab.crop.set.other"), _other(bench, q), images))
    return made


def _controls_of(s: Settings, crop: CropOf, unit: str) -> list[dict[str, Any]]:
    """The place of one crop, and the unit of it that is looked at."""
    options = [("", told("lab.crop.mode.all")), *((m, told(f"lab.crop.mode.{m}")) for m in labs.MODES)]
    if crop.join is None:
        options.pop()  # nothing can be padded there
    shift = s.shifts.get(crop.name, 0)
    before = [axis.offset - shift for axis in (crop.rows, crop.cols)]
    bounds: dict[str, Any] = {
        "min": max(-offset for offset in before),
        "max": min(axis.room - offset for axis, offset in zip((crop.rows, crop.cols), before, strict=True)),
        "step": 1,
    }
    own, moved = told("lab.crop.set.own", crop=crop.name), told("lab.crop.set.shift", crop=crop.name)
    return [
        control(f"modes.{crop.name}", "select", own, s.modes.get(crop.name, ""), options),
        control(f"shifts.{crop.name}", "range", moved, shift, **bounds),
        control("unit", "text", told("lab.crop.set.unit"), unit),
    ]


def _surgery(s: Settings, join: str, skip: str) -> list[dict[str, Any]]:
    """What is done to one skip."""
    kind = s.cuts.get(join, "")
    options = [("", told("lab.crop.cut.none")), *((kind, told(f"lab.crop.cut.{kind}")) for kind in KINDS)]
    made = [control(f"cuts.{join}", "select", told("lab.crop.set.cut", skip=skip), kind, options)]
    if kind == "shift":
        bounds: dict[str, Any] = {"min": -REACH, "max": REACH, "step": 1}
        made.append(
            control(f"moves.{join}", "range", told("lab.crop.set.move", skip=skip), s.moves.get(join, 1), **bounds)
        )
    return made


def _other(bench: Bench, q: Question) -> str:
    """The image that skips are taken from: the one chosen, or the first example that is not looked at."""
    files = [str(example["file"]) for example in bench.pictures.listed]
    if q.settings.other in files:
        return str(q.settings.other)
    return next((file for file in files if file != q.selection.image), files[0])


def _steps(lab: CropLab) -> list[str]:
    """Steps at which the size changes, and the output."""
    kept, before = [], None
    for step in lab.steps:
        if step.shape != before or any(step.passed):
            kept.append(step.step)
        before = step.shape
    return kept


# ---- experiments


def values(bench: Bench, q: Question, stretch: Stretch) -> dict[str, Any]:
    """The prediction with crops placed so, beside the untouched one; and the one after surgery, if there is any."""
    loaded, given = bench.loaded(q), bench.input(q, _affordable(size_of(q)))
    cuts = _cuttings(q)
    swaps = any(cut.kind == "swap" for cut in cuts.values())
    parts = [bench.progress(part) for part in stretch.parts([1.0, 1.0] if swaps else [1.0])]
    replay = labs.untouched(loaded.module, given.image, parts[0])  # once, for crops and for surgery
    made = labs.predict(loaded.module, given.image, labs.placing(**_where(q)), given.truth, replay=replay)
    found = _judged(bench, q, "values", made.made, made.untouched, made.figures)
    if cuts:
        other = bench.input(q, size_of(q), _other(bench, q)).image if swaps else None
        after = labs.operate(loaded.module, given.image, cuts, other, given.truth, parts[-1], replay)
        extra = _judged(bench, q, "surgery", after.made, after.untouched, after.figures)
        found = {slot: {**found[slot], **extra[slot]} for slot in found}
    return found


def _affordable(size: tuple[int, int]) -> tuple[int, int]:
    """Raises ExplorerError ("lab_large") for a size that takes too long."""
    if max(size) > LARGEST:
        said = f"Experiments run at up to {LARGEST} pixels a side, not {max(size)}."
        raise ExplorerError("lab_large", said, n=max(size), most=LARGEST)
    return size


def _cuttings(q: Question) -> dict[str, Cutting]:
    """Surgery as it is asked for, of the skips that this network has."""
    skips = {join for _, join in _crops(q.selection.model, q.selection.padding)}
    asked = {join: kind for join, kind in q.settings.cuts.items() if kind and join in skips}
    moves = {join: q.settings.moves.get(join, 1) for join in asked}
    return {join: Cutting(kind, moves[join], moves[join]) for join, kind in asked.items()}


def _judged(
    bench: Bench, q: Question, name: str, made: Output, untouched: Output, figures: Figures
) -> dict[str, dict[str, Any]]:
    loaded, given = bench.loaded(q), bench.input(q, size_of(q))
    pictures = {}
    for slot, output in ((name, made), (f"{name}.untouched", untouched)):
        pictures[slot] = bench.overlay(output.labels, q, background(given, loaded, output.box))
    return {"pictures": pictures, "facts": {name: judged(figures)}}


def sweep(bench: Bench, q: Question, stretch: Stretch) -> dict[str, Any]:
    """Mean IoU against misalignment, crop by crop."""
    module, given = bench.loaded(q).module, bench.input(q, _affordable(size_of(q)))
    points = labs.sweep(module, given.image, (), given.truth, bench.progress(stretch))
    worst = min(points, key=lambda point: point.figures.mean_iou)
    off = {"crop": worst.crop, "pixels": worst.misalignment, "iou": percent(worst.figures.mean_iou)}
    return {
        "figures": {"sweep": figure_json(figures.sweep(points))},
        "facts": {
            "sweep": [
                told(f"lab.crop.sweep.{worst.figures.against}", runs=len(points)),
                told("lab.crop.sweep.worst", **off),
            ]
        },
    }


RUNS: dict[str, Callable[[Bench, Question, Stretch], dict[str, Any]]] = {"values": values, "sweep": sweep}
