"""python -m explorer.training RECIPE --data DIR --out DIR

Trains a recipe on a data set's folder, measures it on the validation split and writes NAME.safetensors and its card
to --out. The state of the run lies in --run (default runs/NAME); started again, it goes on from there.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import torch

from explorer.training import data, recipe
from explorer.training.data import DataError
from explorer.training.loop import Run, keep_freed_memory
from explorer.training.ship import Split, ship


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m explorer.training", description=__doc__.split("\n\n")[1])
    parser.add_argument("recipe", help="a bundled recipe's name or a JSON file")
    parser.add_argument("--data", type=Path, required=True, help="folder of the data set, or the folder around it")
    parser.add_argument("--out", type=Path, required=True, help="folder for the weights and their card")
    parser.add_argument("--run", type=Path, help="folder of the run's state (default runs/NAME)")
    parser.add_argument("--seed", type=int, help="instead of the recipe's")
    parser.add_argument("--steps", type=int, help="instead of the recipe's")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--download", action="store_true", help="let torchvision fetch VOC 2012 or Oxford-IIIT Pet")
    parser.add_argument("--save-every", type=float, default=60, metavar="SECONDS", help="how often the state is saved")
    given = parser.parse_args(arguments)
    keep_freed_memory()
    try:
        chosen = recipe.read(given.recipe)
        chosen = replace(
            chosen,
            seed=chosen.seed if given.seed is None else given.seed,
            steps=chosen.steps if given.steps is None else given.steps,
        )
        print(f"reading {given.data}", file=sys.stderr, flush=True)
        samples = data.read_all(chosen.data_set, given.data, download=given.download)
        train, validation, rule = data.split(chosen.data_set, samples)
        if not train or not validation:
            raise DataError(f"{given.data} has too few images for a training and a validation split")
        extra = {name: data.split(name, data.read_all(name, given.data))[0] for name in chosen.extra}
        folder = given.run or Path("runs") / chosen.name
        run = Run(chosen, train, folder, torch.device(given.device), given.save_every, extra)
    except (DataError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"{len(train)} training, {len(validation)} validation images", file=sys.stderr, flush=True)
    try:
        run.finish(check=validation[:: max(1, len(validation) // 24)])
    except KeyboardInterrupt:
        print("stopped; the same command goes on from the last saved step", file=sys.stderr)
        return 130
    facts = Split(rule, len(train) + sum(map(len, extra.values())), len(validation))
    for card in ship(run, validation, given.out, facts):
        print(f"wrote {card.file}", file=sys.stderr)
        for geometry, figures in card.metrics["figures"].items():
            print(geometry, figures)
    return 0


if __name__ == "__main__":
    sys.exit(main())
