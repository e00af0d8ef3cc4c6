"""The tables of trained networks: their arithmetic, going on after a stop from the table alone, and fair runs."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from explorer.training import channels, evidence, scale, taps, thin
from tests.training.tables import noise

ROWS = {"one": ("own", "other"), "two": ("own",)}


def run_of(row: str, seed: int, mean_iou: float, question: str = "one") -> dict[str, Any]:
    return {"question": question, "row": row, "seed": seed, "mean_iou": mean_iou, "seconds": 1.0}


def test_summary_is_paired_by_seed() -> None:
    own, other = np.array([0.20, 0.25, 0.30]), np.array([0.24, 0.28, 0.35])
    runs = [run_of("own", s, v) for s, v in enumerate(own)] + [run_of("other", s, v) for s, v in enumerate(other)]
    first, second = evidence.summary(ROWS, runs)
    assert first["mean"] == pytest.approx(own.mean())
    assert first["spread"] == pytest.approx(own.std(ddof=1))
    assert first["verdict"] is None
    difference = other - own
    assert second["difference"] == pytest.approx(difference.mean())
    assert second["standard_error"] == pytest.approx(difference.std(ddof=1) / np.sqrt(3))
    assert second["verdict"] == "better"  # 0.04 with a standard error below 0.006


@pytest.mark.parametrize("other", [[0.24, 0.22, 0.31], [0.20], []])
def test_undecided_below_two_standard_errors_or_two_pairs(other: list[float]) -> None:
    runs = [run_of("own", s, v) for s, v in enumerate([0.20, 0.25, 0.30])]
    runs += [run_of("other", s, v) for s, v in enumerate(other)]
    assert all(row["verdict"] == "undecided" for row in evidence.summary(ROWS, runs)[1:])


def test_goes_on_from_its_table_alone(tmp_path: Path) -> None:
    trained: list[evidence.Job] = []

    def train(question: str, row: str, seed: int, data: thin.Data, end: float) -> dict[str, float] | None:
        trained.append((question, row, seed))
        return {"mean_iou": len(trained) / 10, "seconds": 1.0} if len(trained) != 4 else None  # the fourth is stopped

    plan = thin.Plan(data={"one": "nuclei", "two": "nuclei"}, seeds=(0, 1))
    asked = evidence.Experiment(tmp_path / "made" / "t.json", ROWS, plan, train, {"known": 5})
    assert evidence.go_on(asked, {}, minutes=0) == []
    assert not asked.table.exists()
    planned = evidence.jobs(ROWS, plan.seeds)
    assert planned[:3] == [("one", "own", 0), ("one", "other", 0), ("two", "own", 0)]  # seed by seed
    runs = evidence.go_on(asked, {})
    assert [evidence.job_of(run) for run in runs] == [planned[0], planned[1], planned[2], planned[4], planned[5]]
    table = json.loads(asked.table.read_text())
    assert table["left_out"] == [{"question": "one", "row": "own", "seed": 1}]
    assert (table["known"], table["summary"]) == (5, evidence.summary(ROWS, runs))

    trained[:] = trained[:4]  # the next one is the fifth
    again = evidence.go_on(asked, {})
    assert trained[4:] == [planned[3]]
    assert [evidence.job_of(run) for run in again] == planned
    assert [run for run in again if run in runs] == runs
    assert json.loads(asked.table.read_text())["left_out"] == []
    assert evidence.go_on(asked, {}, minutes=0) == again

    other = replace(asked, plan=replace(plan, crop=32))  # what was made with another plan does not count
    assert evidence.go_on(other, {}, minutes=0) == []


@pytest.mark.parametrize("module", [taps, scale, channels])
def test_a_run_is_the_same_again(module: Any, tmp_path: Path) -> None:
    steps = dict.fromkeys(module.ROWS, 1)
    small = {"crop": 32, "batch": 2, "seeds": (0,)}
    plan = module.Plan(steps=steps, **small)
    data = noise(32, ("nuclei", "msrc_v2"))
    asked = module.experiment(data, plan, tmp_path / "first.json")
    runs = evidence.go_on(asked, data)
    assert [evidence.job_of(run) for run in runs] == evidence.jobs(module.ROWS, (0,))
    question, row, seed = evidence.job_of(runs[-1])
    again = asked.train(question, row, seed, data, float("inf"))
    assert again
    assert again["mean_iou"] == runs[-1]["mean_iou"]
    assert asked.train(question, row, seed, data, 0.0) is None  # the clock has passed that


def test_batches_depend_on_seed_and_step_alone() -> None:
    """Not on what was drawn before, so that all rows see the same."""
    pixels, plan = noise(40, ("nuclei",))["nuclei"][0], thin.Plan(crop=32)
    torch.manual_seed(3)
    first = thin.batch_of(pixels, plan, 1, 7)
    torch.manual_seed(4)
    np.random.seed(4)
    again, later = thin.batch_of(pixels, plan, 1, 7), thin.batch_of(pixels, plan, 1, 8)
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not torch.equal(first[0], later[0])
    assert first[0].shape == (2, 3, 32, 32)
    assert first[1].shape == (2, 32, 32)


def test_the_floor_is_the_best_single_class() -> None:
    target = torch.zeros(8, 8, dtype=torch.long)
    target[:2] = 1  # a quarter; class 2 does not occur
    pixels = [(torch.zeros(3, 8, 8), target)]
    found = thin.guessed(thin.Plan(data={"q": "nuclei"}, crop=8), {"nuclei": (pixels, pixels)})
    assert found == {"same_label": {"q": pytest.approx((48 / 64 + 0) / 2)}}
