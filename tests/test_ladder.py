"""The table of the ladder follows from its runs, and says what README says: finer skips help, at equal steps too."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks import ladder
from explorer.training.sets import DECIDING_FOLD

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"
TABLE = json.loads((BENCHMARKS / "ladder.json").read_text())


def test_differences_are_in_points_with_their_standard_error() -> None:
    shares = {"0": {"fine8": {"x": 0.5}, "fine16": {"x": 0.4}}, "1": {"fine8": {"x": 0.44}, "fine16": {"x": 0.4}}}
    (row,) = [r for r in ladder.compare(shares, "x") if (r["finer"], r["coarser"]) == ("fine8", "fine16")]
    assert row["points"] == [10, 4]
    assert row["mean"] == 7
    assert row["standard_error"] == pytest.approx(3)  # (10 - 4) / 2


def test_every_stage_of_three_seeds_was_run_on_the_same_images_with_controls_of_as_many_steps() -> None:
    assert len(TABLE["seeds"]) == 3
    for stages in TABLE["seeds"].values():
        assert set(stages) == set(ladder.STAGES)
    assert TABLE["validation_images"] == 93
    assert ladder.base_recipe().fold == ladder.stage("fine8", ladder.base_recipe(), 9, 0).fold == DECIDING_FOLD
    assert TABLE["split"].endswith("are below 0.18 x 2^32")  # of that fold, whatever the recipe leaves out now
    assert TABLE["command"].startswith("python benchmarks/ladder.py --data DIR --seeds 0 1 2")

    def total(stage: str) -> int:
        return TABLE["steps"][stage] + (total(start) if (start := ladder.STAGES[stage][1]) else 0)

    assert total("fine8") == total("control16") == total("control32")
    assert total("fine16") == total("longer32")
    for key, rows in TABLE["differences"].items():
        assert rows == ladder.compare(TABLE["seeds"], key)


def test_finer_skips_help_at_equal_steps_in_every_seed() -> None:
    """Long et al. 2015, table 2: 59.4, 62.4, 62.7 % mean IoU; here without a longer training of the finer networks."""
    by_stage = {s: np.array([run[s]["mean_iou"] for run in TABLE["seeds"].values()]) for s in ladder.STAGES}
    assert (by_stage["fine8"] > by_stage["control16"]).all()
    assert (by_stage["control16"] > by_stage["control32"]).all()
    assert (by_stage["fine16"] > by_stage["longer32"]).all()
