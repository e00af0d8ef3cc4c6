"""Do finer skips help? python benchmarks/ladder.py --data DIR [--seeds 0 1 2] [--json benchmarks/ladder.json]

FCN-32s, then FCN-16s from it, then FCN-8s from that, as Long et al. 2015 (section 4.2, table 2) train them. A finer
network has then been trained for longer, so two controls go on for as many steps without a new skip: 32s three stages
long, 16s two. Stages side by side see the same images, deformed alike, in the same order. All are measured on the same
images, per seed: fold 0, whatever the recipe leaves out, so that rows of different days can be compared.

    coarse32 (N steps) -> fine16 (N/2) -> fine8 (N/2)      the ladder
                                       -> control16 (N/2)  as many steps as fine8
                       -> longer32 (N/2) -> control32 (N/2)

Every run resumes where it was stopped; a finished one is not repeated. Seeds may run side by side, one to a core
(OMP_NUM_THREADS=1, --seeds 0; --seeds 1; ...); a last call with all of them puts the table together.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from explorer.training import data, recipe
from explorer.training.loop import Run, keep_freed_memory, usual_precision
from explorer.training.recipe import Geometry, Recipe
from explorer.training.sets import DECIDING_FOLD
from explorer.weights import replace_file

STAGES = {  # name: network, the stage it starts from, how many went before (those with as many share their draws)
    "coarse32": ("fcn32s", "", 0),
    "fine16": ("fcn16s", "coarse32", 1),
    "fine8": ("fcn8s", "fine16", 2),
    "control16": ("fcn16s", "fine16", 2),
    "longer32": ("fcn32s", "coarse32", 1),
    "control32": ("fcn32s", "longer32", 2),
}
WIDTH, FC_CHANNELS, BATCH, CROP = 0.125, 128, 8, (192, 192)
PAIRS = (  # finer, coarser; but for the first two, trained for as many steps
    ("fine16", "coarse32"),
    ("fine8", "fine16"),
    ("fine16", "longer32"),
    ("fine8", "control16"),
    ("control16", "control32"),
    ("fine8", "control32"),
)


def base_recipe() -> Recipe:
    """That of the bundled FCN-32s, but for the fold: the same images whichever that leaves out."""
    return replace(recipe.read("fcn32s-everyday-first"), fold=DECIDING_FOLD)


def stage(name: str, base: Recipe, steps: int, seed: int) -> Recipe:
    """The recipe of one stage: the base's data and augmentation, a thinner network, one geometry."""
    model, start, before = STAGES[name]
    return replace(
        base,
        name=name,
        model=model,
        start=start,
        seed=seed * len(STAGES) + before,
        steps=steps if not start else steps // 2,
        learning_rate=base.learning_rate if not start else base.learning_rate / 2,
        width=WIDTH,
        fc_channels=FC_CHANNELS,
        geometries={"same": Geometry(1.0, BATCH, CROP)},
        norm_frozen_from=0.8 if not start else 0.5,
    )


def compare(results: dict[str, dict[str, dict[str, float]]], key: str) -> list[dict[str, Any]]:
    """Per pair of stages: the difference in a figure, in points, per seed; its mean and standard error."""
    rows = []
    for finer, coarser in PAIRS:
        points = [100 * (r[finer][key] - r[coarser][key]) for r in results.values() if finer in r and coarser in r]
        spread = float(np.std(points, ddof=1) / np.sqrt(len(points))) if len(points) > 1 else None
        rows.append(
            {
                "finer": finer,
                "coarser": coarser,
                "points": [round(p, 2) for p in points],
                "mean": round(float(np.mean(points)), 2) if points else None,
                "standard_error": None if spread is None else round(spread, 2),
            }
        )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of msrc_v2 and camvid")
    parser.add_argument("--run", type=Path, default=Path("runs/ladder"), help="where the states of the runs lie")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--steps", type=int, default=2000, help="of the first stage; each later one takes half")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    keep_freed_memory()
    base, device = base_recipe(), torch.device(given.device)
    train, validation, rule = data.split(base.data_set, data.read_all(base.data_set, given.data), base.fold)
    extra = {name: data.split(name, data.read_all(name, given.data))[0] for name in base.extra}
    results: dict[str, dict[str, dict[str, float]]] = {}
    for seed in given.seeds:
        for name in STAGES:
            folder = given.run / f"seed{seed}" / name
            chosen, done = stage(name, base, given.steps, seed), folder / "figures.json"
            made_of = {"recipe": repr(chosen), "images": [len(train), len(validation)]}
            kept = json.loads(done.read_text()) if done.is_file() else {}
            if kept.get("made_of") != made_of:
                run = Run(chosen, train, folder, device, 120, extra)
                run.finish()
                kept = {"made_of": made_of, "figures": run.measure(validation)["same"][chosen.model]}
                replace_file(done, json.dumps(kept).encode())
            results.setdefault(str(seed), {})[name] = kept["figures"]
            print(seed, name, results[str(seed)][name], flush=True)
    report = {
        "command": f"python benchmarks/ladder.py --data DIR --seeds {' '.join(map(str, given.seeds))} "
        f"--steps {given.steps}",
        "network": {"width": WIDTH, "fc_channels": FC_CHANNELS, "padding": "same", "batch": BATCH, "crop": CROP},
        "precision": usual_precision(device),
        "device": given.device,
        "torch": torch.__version__,
        "training_images": len(train) + sum(map(len, extra.values())),
        "validation_images": len(validation),
        "split": rule,
        "steps": {n: given.steps if not s else given.steps // 2 for n, (_, s, _) in STAGES.items()},
        "seeds": results,
        "differences": {key: compare(results, key) for key in ("mean_iou", "boundary_iou", "pixel_accuracy")},
    }
    if given.json:
        given.json.write_text(json.dumps(report, indent=1) + "\n")
    print(json.dumps(report["differences"], indent=1))


if __name__ == "__main__":
    main()
