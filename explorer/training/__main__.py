"""python -m explorer.training RECIPE --data DIR --out DIR

Trains a recipe on a data set's folder, measures it on the validation split and writes NAME.safetensors and its card
to --out. The state of the run lies in --run (default runs/NAME); started again, it goes on from there.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch

from explorer import masks
from explorer.errors import DataError, ExplorerError, in_words
from explorer.inference import pick_device
from explorer.training import data, recipe
from explorer.training.loop import PRECISIONS, Run, keep_freed_memory
from explorer.training.sets import numbers_option
from explorer.training.ship import Split, ship


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m explorer.training", description=__doc__.split("\n\n")[1])
    parser.add_argument("recipe", help="a bundled recipe's name or a JSON file")
    parser.add_argument("--data", type=Path, required=True, help="folder of the data set, or the folder around it")
    parser.add_argument("--out", type=Path, required=True, help="folder for the weights and their card")
    parser.add_argument("--run", type=Path, help="folder of the run's state (default runs/NAME)")
    parser.add_argument("--seed", type=int, help="instead of the recipe's")
    parser.add_argument("--fold", type=int, help="which part of the images validates, instead of the recipe's")
    parser.add_argument("--steps", type=int, help="instead of the recipe's")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or mps")
    parser.add_argument(
        "--threads", type=_count(1), help="of the processor; the same number gives the same weights, bit for bit"
    )
    parser.add_argument(
        "--workers", type=_count(0), help="processes that make the batches (default 0: a thread; on a GPU up to 8)"
    )
    parser.add_argument(
        "--precision", choices=PRECISIONS, help="of the convolutions (default bfloat16 where the device multiplies it)"
    )
    parser.add_argument("--download", action="store_true", help="let torchvision fetch VOC 2012 or Oxford-IIIT Pet")
    numbers_option(parser)
    parser.add_argument("--save-every", type=float, default=60, metavar="SECONDS", help="how often the state is saved")
    given = parser.parse_args(arguments)
    keep_freed_memory()
    try:
        return _train(given)
    except (DataError, ExplorerError, OSError, ValueError, ArithmeticError) as error:
        print(f"error: {in_words(error)}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped; the same command goes on from the last saved step", file=sys.stderr)
        return 130


def _train(given: argparse.Namespace) -> int:
    chosen = recipe.read(given.recipe)
    changed = {key: value for key in ("seed", "fold", "steps") if (value := getattr(given, key)) is not None}
    chosen = recipe.checked(replace(chosen, **changed))
    device = torch.device(pick_device(given.device))
    workers = _workers(device) if given.workers is None else given.workers
    if given.threads is not None:
        torch.set_num_threads(given.threads)
    given.out.mkdir(parents=True, exist_ok=True)  # a folder that cannot be written to is better known now
    print(f"reading {given.data}", file=sys.stderr, flush=True)
    samples = data.read_all(chosen.data_set, given.data, download=given.download, numbers=given.numbers)
    for remark in masks.summed(one for sample in samples if sample.truth for one in sample.truth.remarks):
        print(f"note: {remark}", file=sys.stderr)
    train, validation, rule = data.split(chosen.data_set, samples, chosen.fold)
    if not train or not validation:
        lacking = "validation" if train else "training"
        raise DataError(f"{given.data}: no image for {lacking} is left of {len(samples)} in fold {chosen.fold}")
    if data.ONE_SESSION in rule:
        print(f"note: {rule}", file=sys.stderr)
    extra = {
        name: data.split(name, data.read_all(name, given.data, download=given.download))[0] for name in chosen.extra
    }
    folder = given.run or Path("runs") / chosen.name
    run = Run(chosen, train, folder, device, given.save_every, extra, (given.out,), workers, given.precision)
    print(f"{len(train)} training, {len(validation)} validation images", file=sys.stderr, flush=True)
    run.finish(check=validation[:: max(1, len(validation) // 24)])
    counts = {chosen.data_set: len(train), **{name: len(part) for name, part in extra.items()}}
    for card in ship(run, validation, given.out, Split(rule, counts, len(validation), data.side(train))):
        print(f"wrote {card.file}", file=sys.stderr)
        for geometry, figures in card.metrics["validation"]["figures"].items():
            print(geometry, figures)
    return 0


def _count(least: int) -> Callable[[str], int]:
    """What reads a whole number from `least` on."""

    def read(text: str) -> int:
        if not text.isdecimal() or int(text) < least:
            raise argparse.ArgumentTypeError(f"a whole number from {least} on is needed, not {text!r}")
        return int(text)

    return read


def _workers(device: torch.device) -> int:
    """Processes that make batches: a GPU trains faster than one thread changes images."""
    return 0 if device.type == "cpu" else min(8, max(0, (os.cpu_count() or 1) - 2))


if __name__ == "__main__":
    sys.exit(main())
