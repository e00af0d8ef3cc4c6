"""What networks that were trained for a lab say: the table that is shipped, in words, as a table and as a plot."""

from __future__ import annotations

import json
from functools import lru_cache
from importlib.resources import files as resources
from typing import Any

from explorer.figures import tap as figures
from explorer.models import MODELS
from explorer.ui.labs.base import Told, percent, told
from explorer.ui.labs.drawing import figure_json

COLUMNS = ("tap", "question", "mean", "spread", "runs", "verdict", "trained")


@lru_cache(maxsize=1)
def taps() -> dict[str, dict[str, Any]]:
    """Which map a skip takes."""
    found = json.loads((resources("explorer.labs") / "evidence" / "taps.json").read_text("utf-8"))
    rows, drawn = [], []
    for one in found["summary"]:
        question, name = one["question"], _tap(one["tap"])
        shares = [percent(float("nan") if one[kind] is None else one[kind]) for kind in ("mean", "spread")]
        verdict = told(f"lab.evidence.{one['verdict']}") if one["verdict"] else None
        trained = told(f"lab.evidence.{found['data'][question]}", steps=found["steps"][question])
        rows.append({"cells": [name, MODELS[question].title, *shares, one["runs"], verdict, trained]})
        if one["mean"] is not None:
            text = f"t:{name[0]}|{json.dumps(name[1])}" if isinstance(name, list) else name
            drawn.append({**one, "tap": text, "question": MODELS[question].title, "spread": one["spread"] or 0})
    table = {"head": [told(f"lab.evidence.head.{column}") for column in COLUMNS], "rows": rows}
    return {
        "facts": {"evidence": [told("lab.tap.evidence", crop=found["crop"])]},
        "tables": {"evidence": table},
        "figures": {"evidence": figure_json(figures.evidence(drawn))},
    }


def _tap(name: str) -> Told | str:
    """A tap of the table in words: "conv4_3 average", "before pooling" or the name of a step."""
    step, _, way = name.partition(" ")
    if way == "average":
        return told("lab.tap.way.average", step=step)
    return told(f"lab.evidence.{step}") if way else name
