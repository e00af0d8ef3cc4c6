"""Does it matter which map a skip takes? Trains thin networks with each tap once and writes the table of the tap lab.

`python -m explorer.training.taps --data DIR` trains seed 0 of all rows, then seed 1, then seed 2. Each finished run is
kept at once, and the table written anew; called again it goes on with what is missing.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from explorer import metrics
from explorer.labs import tapping
from explorer.training.data import Sample, read_all, split
from explorer.training.sets import SETS
from explorer.training.taps_nets import ROWS, variant
from explorer.weights import replace_file

TABLE = Path(tapping.__file__).parent / "evidence" / "taps.json"
MEAN, STD = torch.tensor((0.485, 0.456, 0.406)), torch.tensor((0.229, 0.224, 0.225))  # ImageNet's, as the recipes use
CLEAR = 2.0  # standard errors of the mean difference from which on it is more than "undecided"


@dataclass(frozen=True)
class Plan:
    """The same for every run of a question, by which `data` (the data set) and `steps` are named: U-Net learns to find
    nuclei, as it was made for micrographs, and all its rows have learnt little after 400 steps. `crop` is in pixels of
    the images shrunk by `shrink`."""

    data: dict[str, str] = field(default_factory=lambda: {"fcn16s": "msrc_v2", "fcn8s": "msrc_v2", "unet": "nuclei"})
    steps: dict[str, int] = field(default_factory=lambda: {"fcn16s": 400, "fcn8s": 400, "unet": 1000})
    width: float = 1 / 16
    fc_channels: int = 32
    crop: int = 96
    shrink: int = 2
    batch: int = 8
    learning_rate: float = 0.004
    warmup: int = 20
    seeds: tuple[int, ...] = (0, 1, 2)


Pixels = list[tuple[Tensor, Tensor]]  # image 3 x H x W, normalised; target H x W
Data = dict[str, tuple[Pixels, Pixels]]  # by data set: what is learnt from, and what is checked on


def shrunk(samples: list[Sample], plan: Plan) -> Pixels:
    """Images by area, labels by every n-th pixel; those smaller than a crop are left out."""
    made = []
    for sample in samples:
        height, width = (n // plan.shrink for n in sample.target.shape)
        if min(height, width) < plan.crop:
            continue
        small = np.array(Image.fromarray(sample.image).resize((width, height), Image.Resampling.BOX))
        image = ((torch.from_numpy(small).float() / 255 - MEAN) / STD).permute(2, 0, 1).contiguous()
        target = sample.target[:: plan.shrink, :: plan.shrink][:height, :width]
        made.append((image, torch.from_numpy(target.astype(np.int64))))
    return made


def batch_of(pixels: Pixels, plan: Plan, seed: int, step: int) -> tuple[Tensor, Tensor]:
    """N x 3 x crop x crop, N x crop x crop: drawn from (seed, step) alone, so alike for all rows."""
    rng = np.random.default_rng((seed, step))
    images, targets = [], []
    for i in rng.integers(len(pixels), size=plan.batch):
        image, target = pixels[i]
        top, left = (int(rng.integers(n - plan.crop + 1)) for n in target.shape)
        rows, columns = slice(top, top + plan.crop), slice(left, left + plan.crop)
        image, target = image[:, rows, columns], target[rows, columns]
        if rng.random() < 0.5:
            image, target = image.flip(2), target.flip(1)
        images.append(image)
        targets.append(target)
    return torch.stack(images), torch.stack(targets)


def middle(pixels: Pixels, plan: Plan) -> tuple[Tensor, Tensor]:
    """The central crop of each image."""
    cut = []
    for image, target in pixels:
        top, left = ((n - plan.crop) // 2 for n in target.shape)
        rows, columns = slice(top, top + plan.crop), slice(left, left + plan.crop)
        cut.append((image[:, rows, columns], target[rows, columns]))
    return torch.stack([image for image, _ in cut]), torch.stack([target for _, target in cut])


def train(question: str, tap: str, seed: int, plan: Plan, data: Data, end: float) -> dict[str, Any] | None:
    """The figures of one run; None if the clock (time.monotonic) passed `end` before it was done."""
    began, classes = time.monotonic(), len(SETS[plan.data[question]].classes)
    (learn, check), steps = data[plan.data[question]], plan.steps[question]
    net = variant(question, tap, seed, plan.width, plan.fc_channels, classes).train()
    optimiser = torch.optim.AdamW(net.parameters(), lr=plan.learning_rate, weight_decay=1e-4)
    for step in range(steps):
        if time.monotonic() > end:
            return None
        rate = min(1.0, (step + 1) / plan.warmup) * 0.5 * (1 + np.cos(np.pi * step / steps))
        optimiser.param_groups[0]["lr"] = plan.learning_rate * rate
        images, targets = batch_of(learn, plan, seed, step)
        loss = F.cross_entropy(net(images), targets, ignore_index=metrics.IGNORE)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    net.eval()
    images, targets = middle(check, plan)
    with torch.inference_mode():
        labels = torch.cat([net(part).argmax(1) for part in images.split(16)])
    matrix = metrics.confusion(targets.numpy(), labels.numpy(), classes)
    seconds = round(time.monotonic() - began, 2)
    return {"question": question, "tap": tap, "seed": seed, "mean_iou": metrics.mean_iou(matrix), "seconds": seconds}


def summary(runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Per row mean and spread (standard deviation, n - 1) over the seeds, and the difference from the paper's tap,
    paired by seed, with its standard error; "undecided" below CLEAR of them or with fewer than two pairs."""
    rows = []
    for question, taps in ROWS.items():
        found = {
            t: {r["seed"]: r["mean_iou"] for r in runs if (r["question"], r["tap"]) == (question, t)} for t in taps
        }
        for tap, of_seed in found.items():
            if not of_seed:
                continue
            values, own = list(of_seed.values()), taps[0]
            row = {"question": question, "tap": tap, "mean": float(np.mean(values)), "spread": _deviation(values)}
            row |= {"runs": len(values), "against": own, "difference": None, "standard_error": None, "verdict": None}
            pairs = [of_seed[seed] - found[own][seed] for seed in of_seed if seed in found[own]]
            if tap != own:
                deviation = _deviation(pairs)
                error = None if deviation is None else deviation / len(pairs) ** 0.5
                difference = float(np.mean(pairs)) if pairs else None
                row |= {"difference": difference, "standard_error": error, "verdict": _verdict(difference, error)}
            rows.append(row)
    return rows


def _deviation(values: list[float]) -> float | None:
    return float(np.std(values, ddof=1)) if len(values) > 1 else None


def _verdict(difference: float | None, error: float | None) -> str:
    if difference is None or error is None or abs(difference) < CLEAR * error or difference == 0:
        return "undecided"
    return "better" if difference > 0 else "worse"


def jobs(plan: Plan) -> list[tuple[str, str, int]]:
    """All runs in their order: every row with one seed before any with the next."""
    return [(question, tap, seed) for seed in plan.seeds for question, taps in ROWS.items() for tap in taps]


def write(table: Path, plan: Plan, runs: list[dict[str, Any]]) -> None:
    """The table of what is finished; what is not is named in it."""
    done = {(r["question"], r["tap"], r["seed"]) for r in runs}
    left_out = [dict(zip(("question", "tap", "seed"), job, strict=True)) for job in jobs(plan) if job not in done]
    made = asdict(plan) | {"seconds": round(sum(r["seconds"] for r in runs), 1), "runs": runs}
    made |= {"summary": summary(runs), "left_out": left_out}
    table.parent.mkdir(parents=True, exist_ok=True)
    replace_file(table, (json.dumps(made, indent=1) + "\n").encode())


def go_on(plan: Plan, folder: Path, table: Path, data: Data, minutes: float = float("inf")) -> list[dict[str, Any]]:
    """Train what `folder` lacks under the same plan, for so many minutes at most; all finished runs in order."""
    end = time.monotonic() + 60 * minutes
    folder.mkdir(parents=True, exist_ok=True)
    settings, runs = json.loads(json.dumps(asdict(plan))), []
    for question, tap, seed in jobs(plan):
        file = folder / f"{question}-{tap.replace(' ', '-')}-{seed}.json"
        kept = json.loads(file.read_text()) if file.is_file() else {}
        run = kept["run"] if kept.get("plan") == settings else None
        if run is None and time.monotonic() < end:
            run = train(question, tap, seed, plan, data, end)
            if run:
                replace_file(file, json.dumps({"plan": settings, "run": run}).encode())
                print(run, flush=True)
        if run:
            runs.append(run)
            write(table, plan, runs)
    return runs


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m explorer.training.taps", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the data sets")
    parser.add_argument("--run", type=Path, default=Path("runs/taps"), help="folder of finished runs")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="train no longer than this")
    asked = parser.parse_args()
    began = time.monotonic()
    torch.set_num_threads(1)  # sums are split up by threads; one gives the same figures anywhere
    plan = Plan()
    data: Data = {}
    for name in sorted(set(plan.data.values())):
        learn, check, _ = split(name, read_all(name, asked.data))
        data[name] = shrunk(learn, plan), shrunk(check, plan)
    left = asked.minutes - (time.monotonic() - began) / 60
    go_on(plan, asked.run, TABLE, data, left)


if __name__ == "__main__":
    main()
