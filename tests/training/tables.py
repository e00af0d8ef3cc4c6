"""What holds for every table of an experiment, and small data for one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import torch

from explorer.training import evidence, thin


def follows_from_its_runs(table: Path, rows: Mapping[str, tuple[str, ...]], plan: type[thin.Plan]) -> None:
    """The summary is that of the runs, every planned run is there or named as left out, and the plan is the code's."""
    shipped = json.loads(table.read_text("utf-8"))
    assert shipped["summary"] == evidence.summary(rows, shipped["runs"])
    assert shipped["clear"] == evidence.CLEAR
    named = [(r["question"], r["row"], r["seed"]) for r in shipped["runs"] + shipped["left_out"]]
    assert sorted(named) == sorted(evidence.jobs(rows, plan().seeds))
    assert evidence.kept(table, plan()) == shipped


def noise(size: int, names: tuple[str, ...]) -> thin.Data:
    """Three images of noise for each data set, a little wider than high."""
    rng = torch.Generator().manual_seed(0)
    shape = size, size + 8
    pixels = [(torch.randn(3, *shape, generator=rng), torch.randint(0, 3, shape, generator=rng)) for _ in range(3)]
    return dict.fromkeys(names, (pixels, pixels))
