"""What networks that were trained for a lab say: the table that is shipped, in words, as a table and as a plot."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import lru_cache
from importlib.resources import files as resources
from typing import Any

from explorer.figures import evidence as figures
from explorer.models import MODELS
from explorer.ui.labs.base import Told, percent, told
from explorer.ui.labs.drawing import figure_json

RESULT = ("mean", "spread", "runs", "difference", "verdict", "trained")  # columns of every table
TAPS = ("tap", "question", *RESULT)
SCALE = ("pooling", "equal", "field", "parameters", "macs", *RESULT)
CHANNELS = ("design", "channels", "parameters", "macs", *RESULT)

Name = Told | str
Parts = dict[str, dict[str, Any]]


@lru_cache(maxsize=1)
def taps() -> Parts:
    """Which map a skip takes."""
    found = _table("taps")
    if found is None:
        return _nothing()
    facts = [told("lab.tap.evidence", crop=found["crop"])]
    return _parts(found, TAPS, facts, _tap, lambda question: MODELS[question].title)


@lru_cache(maxsize=1)
def taps_said() -> list[Told]:
    """What became of the other taps, in a sentence; nothing where there is no table."""
    found = _table("taps")
    if found is None:
        return []
    verdicts = [one["verdict"] for one in found["summary"] if one["verdict"]]
    counts = {verdict: verdicts.count(verdict) for verdict in ("better", "worse", "undecided")}
    return [told("lab.tap.trained", count=len(verdicts), **counts)]


@lru_cache(maxsize=1)
def scale() -> Parts:
    """How often a network pools, or what it does instead."""
    found = _table("scale")
    if found is None:
        return _nothing()
    spread = found["rows"]["dilated"]["dilations"]
    facts = [
        told("lab.evidence.scale", crop=found["crop"], batch=found["batch"], seconds=found["run_seconds"]),
        told("lab.evidence.dilations", dilations=", ".join(map(str, spread))),
    ]

    unpooled = {"0": told("lab.evidence.unpooled"), "dilated": told("lab.evidence.dilated")}

    def question(of: str) -> Told:
        if of == "time":
            return told("lab.evidence.equal.time", seconds=found["run_seconds"])
        return told("lab.evidence.equal.steps", steps=found["steps"][of])

    return _parts(
        found, SCALE, facts, lambda row: unpooled.get(row) or told("lab.evidence.pooled", count=int(row)), question
    )


@lru_cache(maxsize=1)
def channels() -> Parts:
    """How channels grow from level to level."""
    found = _table("channels")
    if found is None:
        return _nothing()
    facts = [told("lab.evidence.channels", crop=found["crop"], batch=found["batch"])]

    def question(of: str) -> Told:
        return told("lab.evidence.equal.steps", steps=found["steps"][of])

    return _parts(found, CHANNELS, facts, lambda row: told(f"lab.evidence.{row}"), question)


def beside(own: dict[str, Any], parts: Parts) -> dict[str, Any]:
    """What a lab answers, and what trained networks say beside it."""
    return own | {kind: {**own[kind], **slots} for kind, slots in parts.items()}


def _table(name: str) -> dict[str, Any] | None:
    """A shipped table; None where there is none."""
    file = resources("explorer.labs") / "evidence" / f"{name}.json"
    return dict(json.loads(file.read_text("utf-8"))) if file.is_file() else None


def _nothing() -> Parts:
    return {"facts": {}, "tables": {}, "figures": {}}


def _parts(
    found: dict[str, Any],
    columns: tuple[str, ...],
    facts: list[Told],
    name: Callable[[str], Name],
    question: Callable[[str], Name],
) -> Parts:
    """A table's slots; `name` says what a row is called, `question` what a question is."""
    rows, drawn = [], []
    for one in found["summary"]:
        called = name(one["row"]), question(one["question"])
        cells = dict(zip(columns, called, strict=False)) | _cells(found, one)
        rows.append({"cells": [cells[column] for column in columns]})
        drawn.append({**one, "row": _written(called[0]), "question": _written(called[1])})
    floor = max(found["same_label"].values()) if "same_label" in found else None
    if floor is not None:
        facts = [*facts, told("lab.evidence.floor", iou=percent(floor))]
    facts = [*facts, told("lab.evidence.clear", errors=found["clear"])]
    if found["left_out"]:
        facts.append(told("lab.evidence.left_out", count=len(found["left_out"])))
    table = {"head": [told(f"lab.evidence.head.{column}") for column in columns], "rows": rows}
    figure = figures.means(drawn, floor, "t:lab.evidence.floor.short")
    return {"facts": {"evidence": facts}, "tables": {"evidence": table}, "figures": {"evidence": figure_json(figure)}}


def _cells(found: dict[str, Any], one: dict[str, Any]) -> dict[str, Any]:
    """By column what there is of a row."""
    known, question = found.get("rows", {}).get(one["row"], {}), one["question"]
    steps = found["steps"].get(question) or known["steps"]
    cells: dict[str, Any] = {
        kind: percent(float("nan") if one[kind] is None else one[kind]) for kind in ("mean", "spread")
    }
    points = [None if one[kind] is None else _points(one[kind]) for kind in ("difference", "standard_error")]
    cells["difference"] = told("lab.evidence.points", points=points[0], error=points[1]) if None not in points else None
    cells["runs"] = one["runs"]
    cells["verdict"] = told(f"lab.evidence.{one['verdict']}") if one["verdict"] else None
    cells["trained"] = told(f"lab.evidence.{found['data'][question]}", steps=steps)
    cells |= {kind: {"count": known[kind]} for kind in ("parameters", "macs") if kind in known}
    return cells | {
        "field": known.get("field"),
        "channels": ", ".join(map(str, known.get("channels", ()))),
    }


def _points(share: float) -> float:
    """A share as percentage points with one decimal; no minus before a zero."""
    return round(100 * share, 1) + 0.0


def _written(name: Name) -> str:
    """A name as figures hold it."""
    return f"t:{name[0]}|{json.dumps(name[1])}" if isinstance(name, list) else name


def _tap(name: str) -> Name:
    """A tap of the table in words: "conv4_3 average", "before pooling" or the name of a step."""
    step, _, way = name.partition(" ")
    if way == "average":
        return told("lab.tap.way.average", step=step)
    return told(f"lab.evidence.{step}") if way else name
