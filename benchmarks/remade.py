"""How far does a checkpoint made again lie from the bundled one?

python benchmarks/remade.py [FOLDER ...] [--data DIR] [--kept FILE] [--json FILE]

Each FOLDER holds cards (and weights) that `python -m explorer.training NAME --data DIR --out FOLDER` wrote, with the
recipe, the fold and the seed of the bundled card of that name. On one machine, with as many threads, the weights are
the same, bit for bit. Elsewhere the sums are rounded otherwise (another processor, another precision, a GPU), the two
trainings part, and the table says by how many points the figures do. Wherever FOLDER holds the weights beside the card,
it also counts the tensors that differ in any bit.

With --data (the folder around the data sets) the networks label the validation images, and the table says how
uncertain these images leave a bundled figure and, with those weights, the difference: the standard errors over the
images, of micrographs over groups of similar ones.

With --kept the rows of an earlier table stay, of cards made again that are gone, as long as the bundled ones are the
same.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import earlier
from benchmarks.left_out import KEYS
from explorer import cards, weights
from explorer.cards import CHECKPOINTS, Card, written
from explorer.errors import ExplorerError
from explorer.training import data, report
from explorer.training.augment import Augmentation
from explorer.training.evaluate import Tally, standard_errors
from explorer.training.recipe import Recipe

MADE_WITH = ("device", "precision", "threads", "torch", "begun_from", "minutes")
SETTINGS = {f.name for f in fields(Recipe)} - {"title", "note", "seed", "fold", "name", "start"}  # recipes were renamed


def row(card: Card, bundled: Card) -> dict[str, Any]:
    """One card made again beside the bundled one. Raises ValueError if they are not of one recipe, fold and
    seed, or it has no figures."""
    here, there = _settings(bundled), _settings(card)
    if differing := sorted(key for key in here.keys() & there.keys() if there[key] != here[key]):
        raise ValueError(f"{card.file} was made with other settings than the bundled one: {', '.join(differing)}")
    if card.seed != bundled.seed:
        raise ValueError(f"{card.file} was made with seed {card.seed}, the bundled one with {bundled.seed}")
    if card.fold != bundled.fold:
        where = f"{card.file} was trained on other images (fold {card.fold} left out)"
        raise ValueError(f"{where}: see benchmarks/folds.py")
    model = bundled.spec.model
    if "validation" not in card.metrics:
        raise ValueError(f"{card.file} has a card without figures of validation images")
    ours, theirs = ({g: by[model] for g, by in c.metrics["validation"]["figures"].items()} for c in (bundled, card))
    figures = {g: {key: of[key] for key in KEYS if of.get(key) is not None} for g, of in theirs.items()}
    return {
        "name": bundled.name,
        "bundled": {"sha256": bundled.sha256, **_made(bundled)},
        "again": {"sha256": card.sha256, **_made(card)},
        **(_differing(card, bundled) if card.file.is_file() else {}),
        "figures": figures,
        "points_above_bundled": {
            g: {key: round(100 * (value - ours[g][key]), 2) for key, value in of.items()} for g, of in figures.items()
        },
    }


def _settings(card: Card) -> dict[str, Any]:
    """The recipe, as far as the card names it; an older one does not name the changes of images that it did without."""
    found = {key: value for key, value in card.recipe.items() if key in SETTINGS}
    return {**found, "augmentation": {**asdict(Augmentation()), **card.recipe["augmentation"]}}


def _made(card: Card) -> dict[str, Any]:
    return {key: card.recipe[key] for key in MADE_WITH if card.recipe.get(key) not in (None, {})}


def _differing(card: Card, bundled: Card) -> dict[str, int]:
    """How many tensors the files hold, and how many of them differ in any bit (so 0 and -0 differ)."""
    ours, theirs = (weights.load(one).module.state_dict() for one in (bundled, card))
    names = weights.stored_shapes(bundled.spec)
    same = sum(torch.equal(ours[name].view(torch.int32), theirs[name].view(torch.int32)) for name in names)
    return {"tensors": len(names), "tensors_that_differ": len(names) - same}


class Judge:
    """Labels the validation images of the data sets in a folder, with bundled networks once each."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.samples: dict[tuple[str, int], list[data.Sample]] = {}
        self.bundled: dict[tuple[str, str], Tally] = {}

    def errors(self, card: Card, bundled: Card) -> dict[str, Any]:
        """Standard errors in points, by geometry: of the bundled figure and, where the folder of the card made again
        holds its weights, of the difference."""
        name = bundled.recipe["data_set"]
        part = name, bundled.fold
        if part not in self.samples:
            self.samples[part] = report.sides(bundled, name, data.read_all(name, self.folder, weights=False))[1]
        alone, apart = {}, {}
        for geometry in bundled.geometries:
            if (key := (bundled.name, geometry)) not in self.bundled:
                self.bundled[key] = report.tally_of(bundled, self.samples[part], geometry)
            ours = self.bundled[key]
            alone[geometry] = _points(standard_errors(ours))
            if card.file.is_file():
                theirs = report.tally_of(card, self.samples[part], geometry)
                apart[geometry] = _points(standard_errors(theirs, ours))
        return {"standard_error_of_bundled": alone, **({"standard_error_of_points": apart} if apart else {})}


def _points(figures: dict[str, float]) -> dict[str, float]:
    return {key: round(100 * figures[key], 2) for key in KEYS if not math.isnan(figures.get(key, math.nan))}


def table(
    folders: list[Path], judge: Judge | None = None, former: list[dict[str, Any]] | None = None
) -> list[dict[str, Any]]:
    """A row per card of the folders, by name. Rows of an earlier table stay if the bundled weights are the same, unless
    a folder has the card. Raises ValueError if a folder has no cards, or one of them no bundled one; ExplorerError."""
    found = []
    for folder in folders:
        for card in written(folder):
            if not (path := CHECKPOINTS / f"{card.name}.json").is_file():
                raise ValueError(f"{card.file} has no bundled card of its name")
            bundled = cards.read_card(path)
            found.append(row(card, bundled))
            if judge:
                found[-1] |= judge.errors(card, bundled)
    still, anew = {card.sha256 for card in written(CHECKPOINTS)}, {one["again"]["sha256"]: one for one in found}
    for one in former or []:
        if one["bundled"]["sha256"] in still:
            if (new := anew.get(one["again"]["sha256"])) is None:
                found.append(one)
            else:  # without weights or data it says less
                new |= {key: value for key, value in one.items() if key not in new}
        elif one["bundled"]["sha256"] not in still:
            print(f"left out: {one['name']} made again, of weights that are not bundled any more", file=sys.stderr)
    return sorted(found, key=lambda r: r["name"])


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", type=Path, nargs="*", metavar="FOLDER")
    parser.add_argument("--data", type=Path, help="folder around the data sets: judge the differences on their images")
    parser.add_argument("--kept", type=Path, metavar="FILE", help="an earlier table, for cards that are gone")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args(arguments)
    if not (given.folders or given.kept):
        parser.error("give folders of trainings, or an earlier table with --kept")
    try:
        former = earlier.rows(given.kept, "name", "bundled", "again")
        rows = table(given.folders, Judge(given.data) if given.data else None, former)
    except (ValueError, data.DataError, ExplorerError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    if given.json:
        options = "--data DIR " * bool(given.data) + "--kept benchmarks/remade.json " * bool(given.kept)
        folders = "FOLDER ... " * bool(given.folders)
        command = f"python benchmarks/remade.py {folders}{options}--json benchmarks/remade.json"
        given.json.write_text(json.dumps({"command": command, "rows": rows}, indent=1) + "\n")
    for one in rows:
        made, points = one["again"], one["points_above_bundled"]
        errors = one.get("standard_error_of_points", "")
        differ = f"{one['tensors_that_differ']} of {one['tensors']} tensors differ" if "tensors" in one else ""
        print(one["name"], made.get("device"), made.get("precision"), points, errors, differ, sep=" | ")
    return 0


if __name__ == "__main__":
    sys.exit(main())
