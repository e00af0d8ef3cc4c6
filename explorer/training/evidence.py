"""The table of an experiment that trains networks: what runs there are, what they gave, and what follows from it.

A table is a JSON file: the plan's settings, `runs`, the `summary` of them, and `left_out`, the runs not made so far.
What is finished is kept in the table itself: with the same plan, training goes on from there.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from explorer import labs
from explorer.training import thin
from explorer.weights import replace_file

FOLDER = Path(labs.__file__).parent / "evidence"
CLEAR = 2.0  # standard errors of the mean difference from which on it is more than "undecided"

Run = dict[str, Any]  # question, row, seed, mean_iou, seconds (of a core) and what else an experiment notes
Job = tuple[str, str, int]  # question, row, seed
NAMES = ("question", "row", "seed")


@dataclass(frozen=True)
class Experiment:
    """What a table compares.

    table  the file; plan  its settings
    rows   by question: the first one is what the others are compared with
    train  (question, row, seed, data, end) -> a run's figures, or None if the clock passed `end` before it was done
    facts  what else the table says
    """

    table: Path
    rows: Mapping[str, tuple[str, ...]]
    plan: thin.Plan
    train: Callable[[str, str, int, thin.Data, float], dict[str, float] | None]
    facts: Mapping[str, Any] = field(default_factory=dict)


def written(plan: thin.Plan) -> dict[str, Any]:
    """A plan's settings as they stand in a table."""
    return dict(json.loads(json.dumps(asdict(plan))))


def kept(table: Path, plan: thin.Plan) -> dict[str, Any]:
    """The table, if it was made with this plan; otherwise nothing."""
    found = json.loads(table.read_text("utf-8")) if table.is_file() else {}
    return found if all(found.get(name) == value for name, value in written(plan).items()) else {}


def jobs(rows: Mapping[str, tuple[str, ...]], seeds: tuple[int, ...]) -> list[Job]:
    """All runs in their order: every row with one seed before any with the next."""
    return [(question, row, seed) for seed in seeds for question, names in rows.items() for row in names]


def job_of(run: Run) -> Job:
    return run["question"], run["row"], run["seed"]


def summary(rows: Mapping[str, tuple[str, ...]], runs: list[Run]) -> list[dict[str, Any]]:
    """Per row mean and spread (standard deviation, n - 1) over the seeds, and the difference from the question's first
    row, paired by seed, with its standard error; "undecided" below CLEAR of them or with fewer than two pairs."""
    made = []
    for question, names in rows.items():
        found = {
            name: {r["seed"]: r["mean_iou"] for r in runs if (r["question"], r["row"]) == (question, name)}
            for name in names
        }
        for name, of_seed in found.items():
            if not of_seed:
                continue
            values, first = list(of_seed.values()), names[0]
            row = {"question": question, "row": name, "mean": float(np.mean(values)), "spread": _deviation(values)}
            row |= {"runs": len(values), "against": first, "difference": None, "standard_error": None, "verdict": None}
            pairs = [of_seed[seed] - found[first][seed] for seed in of_seed if seed in found[first]]
            if name != first:
                deviation = _deviation(pairs)
                error = None if deviation is None else deviation / len(pairs) ** 0.5
                difference = float(np.mean(pairs)) if pairs else None
                row |= {"difference": difference, "standard_error": error, "verdict": _verdict(difference, error)}
            made.append(row)
    return made


def _deviation(values: list[float]) -> float | None:
    return float(np.std(values, ddof=1)) if len(values) > 1 else None


def _verdict(difference: float | None, error: float | None) -> str:
    if difference is None or error is None or abs(difference) < CLEAR * error or difference == 0:
        return "undecided"
    return "better" if difference > 0 else "worse"


def write(asked: Experiment, runs: list[Run]) -> None:
    """The table of what is finished; what is not is named in it."""
    done = {job_of(run) for run in runs}
    planned = jobs(asked.rows, asked.plan.seeds)
    left_out = [dict(zip(NAMES, job, strict=True)) for job in planned if job not in done]
    made = written(asked.plan) | dict(asked.facts) | {"clear": CLEAR, "runs": runs, "left_out": left_out}
    made |= {"seconds": round(sum(run["seconds"] for run in runs), 1), "summary": summary(asked.rows, runs)}
    asked.table.parent.mkdir(parents=True, exist_ok=True)
    replace_file(asked.table, (json.dumps(made, indent=1) + "\n").encode())


def go_on(asked: Experiment, data: thin.Data, minutes: float = float("inf")) -> list[Run]:
    """Train what the table lacks under the same plan, for so many minutes at most; all finished runs in order."""
    end = time.monotonic() + 60 * minutes
    order = jobs(asked.rows, asked.plan.seeds)
    runs = {job_of(run): run for run in kept(asked.table, asked.plan).get("runs", [])}
    for job in order:
        if job in runs or time.monotonic() >= end:
            continue
        figures = asked.train(*job, data, end)
        if figures:
            runs[job] = dict(zip(NAMES, job, strict=True)) | figures
            print(runs[job], flush=True)
            write(asked, [runs[each] for each in order if each in runs])
    return [runs[job] for job in order if job in runs]


def command(name: str, about: str | None, plan: thin.Plan, asked: Callable[[thin.Data], Experiment]) -> None:
    """The command of an experiment: `asked` makes it of the data."""
    parser = argparse.ArgumentParser(prog=f"python -m explorer.training.{name}", description=about)
    parser.add_argument("--data", type=Path, required=True, help="folder of the data sets")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="train no longer than this")
    given = parser.parse_args()
    began = time.monotonic()
    torch.set_num_threads(1)  # sums are split up by threads; one gives the same figures anywhere
    data = thin.prepared(plan, given.data)
    go_on(asked(data), data, given.minutes - (time.monotonic() - began) / 60)
