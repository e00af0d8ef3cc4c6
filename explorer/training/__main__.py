"""python -m explorer.training RECIPE --data DIR --out DIR

Trains a recipe on a data set's folder, measures it on the validation split and writes NAME.safetensors and its card
to --out. The state of the run lies in --run (default runs/NAME); started again, it goes on from there.
"""

from __future__ import annotations

import argparse
import platform
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from explorer import weights
from explorer.training import data, recipe
from explorer.training.data import DataError, Sample
from explorer.training.loop import Run, has_bfloat16
from explorer.training.nets import Nets
from explorer.training.sets import SETS
from explorer.weights import Card, Preprocessing


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m explorer.training", description=__doc__.split("\n\n")[1])
    parser.add_argument("recipe", help="a bundled recipe's name or a JSON file")
    parser.add_argument("--data", type=Path, required=True, help="folder of the data set")
    parser.add_argument("--out", type=Path, required=True, help="folder for the weights and their card")
    parser.add_argument("--run", type=Path, help="folder of the run's state (default runs/NAME)")
    parser.add_argument("--seed", type=int, help="instead of the recipe's")
    parser.add_argument("--steps", type=int, help="instead of the recipe's")
    parser.add_argument("--minutes", type=float, help="end the schedule after this time even with fewer steps")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--save-every", type=float, default=60, metavar="SECONDS", help="how often the state is saved")
    given = parser.parse_args(arguments)
    try:
        chosen = recipe.read(given.recipe)
        chosen = replace(
            chosen,
            seed=chosen.seed if given.seed is None else given.seed,
            steps=chosen.steps if given.steps is None else given.steps,
        )
        print(f"reading {given.data}", file=sys.stderr, flush=True)
        samples = data.read_all(chosen.data_set, given.data)
        train, validation, rule = data.split(chosen.data_set, samples)
        if not train or not validation:
            raise DataError(f"{given.data} has too few images for a training and a validation split")
        folder = given.run or Path("runs") / chosen.name
        run = Run(chosen, train, folder, torch.device(given.device), given.minutes, given.save_every)
    except (DataError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"{len(train)} training, {len(validation)} validation images", file=sys.stderr, flush=True)
    try:
        run.finish(check=validation[:: max(1, len(validation) // 24)])
    except KeyboardInterrupt:
        print("stopped; the same command goes on from the last saved step", file=sys.stderr)
        return 130
    card = ship(run, validation, given.out / f"{chosen.name}.safetensors", rule, (len(train), len(validation)))
    print(f"wrote {card.file}", file=sys.stderr)
    for geometry, figures in card.metrics["figures"].items():
        print(geometry, figures)
    return 0


def ship(run: Run, validation: list[Sample], path: Path, rule: str, counts: tuple[int, int]) -> Card:
    """Fold, choose the stored precision on a part of the validation images, measure what is stored, write it."""
    recipe, data_set = run.recipe, SETS[run.recipe.data_set]
    net = run.average.folded()
    unbalance(net, run.class_weights)
    full = net.state_dict()
    half = {name: tensor.half().float() for name, tensor in full.items()}
    key = "nucleus_dice" if data_set.instances else "mean_iou"
    part = [_figures(run, state, validation[::4]) for state in (full, half)]
    lost = max(part[0][g][m][key] - part[1][g][m][key] for g in part[0] for m in part[0][g])
    stored = torch.float16 if lost < 0.001 else torch.float32
    figures = _figures(run, half if stored == torch.float16 else full, validation)
    card = Card(
        name=recipe.name,
        title=recipe.title,
        spec=recipe.spec,
        geometries=tuple(recipe.geometries),
        classes=data_set.classes,
        preprocessing=Preprocessing(recipe.mean, recipe.std),
        data=data_set.data,
        licence=data_set.licence,
        recipe={**recipe.json(), "steps_made": run.step, "minutes": round(run.seconds / 60, 1), **_machine(run)},
        seed=recipe.seed,
        metrics={
            "split": rule,
            "training_images": counts[0],
            "validation_images": counts[1],
            "figures": {g: {m: _rounded(f) for m, f in by.items()} for g, by in figures.items()},
        },
        note=recipe.note,
    )
    return weights.save(path, net, card, stored)


def unbalance(net: nn.Module, class_weights: torch.Tensor) -> None:
    """Take class weights w_c of the loss back out of the prediction, in place.

    Weighted cross-entropy learns probabilities in proportion to w_c p_c; less log w_c in the score's bias gives p_c,
    the prediction with the most right pixels. FCN's bias lies in score_fr, which all three outputs contain.
    """
    layer = net.get_submodule("score_fr" if hasattr(net, "score_fr") else "score")
    with torch.no_grad():
        layer.bias -= class_weights.cpu().log()  # type: ignore[operator]


def _figures(run: Run, state: dict[str, torch.Tensor], samples: list[Sample]) -> dict[str, dict[str, dict[str, float]]]:
    nets = Nets(run.recipe.spec, tuple(run.recipe.geometries), tuple(run.recipe.coarser), normed=False)
    nets.first.load_state_dict(state)
    nets.to(run.device)
    return run.measure(samples, nets)


def _rounded(figures: dict[str, float]) -> dict[str, float]:
    return {name: round(value, 4) for name, value in figures.items()}


def _machine(run: Run) -> dict[str, Any]:
    precision = "bfloat16" if has_bfloat16(run.device) else "float32"
    return {"torch": torch.__version__, "python": platform.python_version(), "precision": precision}


if __name__ == "__main__":
    sys.exit(main())
