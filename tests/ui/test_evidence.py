"""What the page says of trained networks is what the shipped tables hold, in words that both languages have."""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np
import pytest

from explorer.training import evidence as tables
from explorer.ui.labs import evidence
from tests.ui.texts import EN, KO

SHOWN = {"taps": evidence.TAPS, "scale": evidence.SCALE, "channels": evidence.CHANNELS}


def sentences(part: Any) -> list[tuple[str, dict[str, Any]]]:
    """Every [key, params] and "t:key|params" in an answer."""
    if isinstance(part, str) and part.startswith("t:"):
        key, _, params = part[2:].partition("|")
        return [(key, json.loads(params or "{}"))]
    if isinstance(part, list) and len(part) == 2 and isinstance(part[0], str) and isinstance(part[1], dict):
        return [(part[0], part[1])]
    if isinstance(part, dict | list):
        return [found for one in (part.values() if isinstance(part, dict) else part) for found in sentences(one)]
    return []


@pytest.mark.parametrize("name", SHOWN)
def test_every_row_is_told_with_its_figures(name: str) -> None:
    held = json.loads((tables.FOLDER / f"{name}.json").read_text("utf-8"))
    answer, columns = getattr(evidence, name)(), SHOWN[name]
    table = answer["tables"]["evidence"]
    assert len(table["head"]) == len(columns)
    for one, row in zip(held["summary"], table["rows"], strict=True):
        cells = dict(zip(columns, row["cells"], strict=True))
        assert cells["mean"] == {"percent": one["mean"]}
        assert cells["runs"] == one["runs"]
        assert cells["verdict"] == ([f"lab.evidence.{one['verdict']}", {}] if one["verdict"] else None)
        if one["standard_error"] is not None:
            points = {kind: round(100 * one[kind], 1) for kind in ("difference", "standard_error")}
            assert list(cells["difference"][1].values()) == list(points.values())
        known = held.get("rows", {}).get(one["row"], {})
        for kind in {"parameters", "macs"} & set(columns):
            assert cells[kind] == {"count": known[kind]}
        steps = held["steps"].get(one["question"]) or known["steps"]
        assert cells["trained"] == [f"lab.evidence.{held['data'][one['question']]}", {"steps": steps}]


@pytest.mark.parametrize("name", SHOWN)
def test_the_plot_holds_means_and_spreads(name: str) -> None:
    held = json.loads((tables.FOLDER / f"{name}.json").read_text("utf-8"))
    traces = getattr(evidence, name)()["figures"]["evidence"]["data"]
    dots = [trace for trace in traces if trace["mode"] == "markers"]
    drawn = [(y, s) for trace in dots for y, s in zip(trace["y"], trace["error_y"]["array"], strict=True)]
    assert drawn == [(100 * one["mean"], 100 * (one["spread"] or 0)) for one in held["summary"]]
    assert len(dots) == len(held["data"])
    floors = [trace["y"] for trace in traces if trace["mode"] == "lines"]
    assert [set(y) for y in floors] == [{100 * share} for share in sorted(set(held.get("same_label", {}).values()))]


@pytest.mark.parametrize("name", SHOWN)
def test_every_sentence_is_there_with_all_that_fills_it(name: str) -> None:
    said = sentences(getattr(evidence, name)())
    assert len(said) > 5
    for key, params in said:
        for texts in (EN, KO):
            assert set(re.findall(r"{(\w+)", texts[key])) == set(params), key


def test_the_taps_in_a_sentence_are_counted_from_the_runs() -> None:
    """Pairs of a seed, their mean difference and its standard error (n - 1), clear from two of those on."""
    held = json.loads((tables.FOLDER / "taps.json").read_text("utf-8"))
    of: dict[str, dict[str, dict[int, float]]] = {}
    for run in held["runs"]:
        of.setdefault(run["question"], {}).setdefault(run["row"], {})[run["seed"]] = run["mean_iou"]
    counts = dict.fromkeys(("better", "worse", "undecided"), 0)
    for rows in of.values():
        first, *others = rows.values()
        for other in others:
            apart = np.array([other[seed] - first[seed] for seed in (0, 1, 2)])
            error = apart.std(ddof=1) / 3**0.5
            counts["undecided" if abs(apart.mean()) < 2 * error else "better" if apart.mean() > 0 else "worse"] += 1
    assert evidence.taps_said() == [["lab.tap.trained", {"count": 7, **counts}]]


def test_no_difference_is_a_minus_in_front_of_a_zero() -> None:
    assert "-0.0" not in json.dumps([getattr(evidence, name)()["tables"] for name in SHOWN])


def test_a_table_that_is_not_there_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert evidence._table("of nothing") is None
    monkeypatch.setattr(evidence, "_table", lambda name: None)
    for name in SHOWN:
        assert getattr(evidence, name).__wrapped__() == {"facts": {}, "tables": {}, "figures": {}}
    assert evidence.taps_said.__wrapped__() == []
