"""Is a large photograph labelled better as a copy of the size trained on?

python benchmarks/size.py --data DIR [--weights NAME ...] [--times 1 1.5 ...] [--json FILE]

The photographs that the weights left out (or, with --split all, every image of a labelled folder) are enlarged so many
times, their labels with them, and segmented twice: at that size, and as a copy whose longer side is the card's
`trained_side`, the scores enlarged again. Enlarging adds no detail; a camera's pixels do, so the gain on photographs
that are large by themselves may be larger: run it on such a folder with --times 1. The differences come with their
standard errors over the images. Weights that left out other folds are measured on other photographs.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from tqdm import tqdm

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from explorer import api, cards, images, weights
from explorer.errors import DataError, ExplorerError
from explorer.training import data, report
from explorer.training.data import Sample
from explorer.training.evaluate import Tally, standard_errors

KEYS = ("pixel_accuracy", "mean_iou")


def enlarged(sample: Sample, times: float) -> Sample:
    """A photograph so many times as large, each label where it was."""
    height, width = (round(times * side) for side in sample.target.shape)
    larger = Image.fromarray(sample.image).resize((width, height), Image.Resampling.BICUBIC)
    return replace(sample, image=np.asarray(larger), target=images.at_places(sample.target, (height, width)))


def row(loaded: weights.Loaded, samples: list[Sample], times: float) -> dict[str, Any]:
    """Figures at their own size and of the copy, per cent, and the copy's points above with their standard error."""
    side = loaded.card.trained_side
    own, copy = Tally(loaded.spec.classes), Tally(loaded.spec.classes)
    for sample in tqdm(samples, desc=f"{loaded.card.name} x {times}", disable=None):
        larger = enlarged(sample, times)
        own.add(larger, api.segment(larger.image, loaded=loaded).labels)
        copy.add(larger, api.segment(larger.image, loaded=loaded, size=side).labels)
    found = {name: tally.figures() for name, tally in (("own", own), ("copy", copy))}
    errors = standard_errors(copy, own)
    return {
        "weights": loaded.card.name,
        "sha256": loaded.card.sha256,
        "padding": loaded.spec.padding,
        "images": len(samples),
        "times": times,
        "longer_side": int(np.median([round(times * max(s.target.shape)) for s in samples])),
        **{name: {key: round(100 * of[key], 2) for key in KEYS} for name, of in found.items()},
        "points_above": {key: round(100 * (found["copy"][key] - found["own"][key]), 2) for key in KEYS},
        "standard_error_of_points": {key: round(100 * errors[key], 2) for key in KEYS},
    }


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of labelled photographs, or the one around it")
    parser.add_argument("--weights", nargs="+", default=["fcn8s-everyday", "unet-everyday"], metavar="NAME")
    parser.add_argument("--times", nargs="+", type=float, default=[1.0, 1.1, 1.25, 1.5, 2.0, 3.0], metavar="T")
    parser.add_argument("--split", choices=report.SPLITS, default="validation")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args(arguments)
    rows = []
    try:
        for name in given.weights:
            loaded = weights.load(cards.find(name))
            if loaded.card.trained_side is None:
                raise DataError(f"{name} was trained on images whose scale is the instrument's")
            kind = report.find_set(loaded.card, given.data)
            samples = data.read_all(kind, given.data, weights=False)
            if given.split != "all":
                training, validation = report.sides(loaded.card, kind, samples)
                samples = validation if given.split == "validation" else training
            rows += [row(loaded, samples, times) for times in given.times]
    except (DataError, ExplorerError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    for one in rows:
        print(one["weights"], one["times"], one["longer_side"], one["own"], one["copy"], one["points_above"], sep=" | ")
    if given.json:
        options = [
            f"--{key} {' '.join(map(str, value)) if isinstance(value, list) else value}"
            for key in ("weights", "times", "split")
            if (value := getattr(given, key)) != parser.get_default(key)
        ]
        command = " ".join(("python benchmarks/size.py --data DIR", *options, "--json benchmarks/size.json"))
        given.json.write_text(json.dumps({"command": command, "rows": rows}, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
