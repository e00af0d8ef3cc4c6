"""Do a card's figures hold on images that had no say in its recipe?

python benchmarks/folds.py FOLDER ... --data DIR [--json FILE] [--cards]

Bundled weights leave out fold 0 of their images, and recipes were chosen by what they reach there: such figures may
flatter. Each FOLDER holds what `python -m explorer.training NAME --fold K --data DIR --out FOLDER` wrote, K from 1 on:
the recipe as it stands, trained anew on the other images (fold 0 among them) and measured on fold K, which it has not
seen and by which nothing was chosen. Folds have no image in common; the standard errors are those over the images, of
a difference between two folds both of theirs. A fold may hold one image of a class, which then weighs as much in its
mean IoU as a class of thirty: the table counts them, and pools all folds, as if they were one set. With --cards the
pooled figures are put on the bundled cards, where the page finds them.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from explorer import metrics, weights
from explorer.cards import CHECKPOINTS, Card, written
from explorer.training import data, report
from explorer.training.evaluate import Tally, standard_errors

KEYS = ("pixel_accuracy", "mean_iou", "nucleus_dice", "object_f1")
Figures = dict[str, dict[str, tuple[float, float]]]  # by geometry and key: value and standard error, per cent


def measured(card: Card, samples: list[data.Sample]) -> dict[str, Tally]:
    """What the weights get right of the fold that they left out, by geometry trained in."""
    _, validation, _ = data.split(card.recipe["data_set"], samples, card.recipe.get("fold", 0))
    return {geometry: report.tally_of(card, validation, geometry) for geometry in card.geometries}


def figures(tallies: dict[str, Tally]) -> Figures:
    """Those that two images or more have a say in."""
    found: Figures = {}
    for geometry, tally in tallies.items():
        values, errors = tally.figures(), standard_errors(tally)
        found[geometry] = {
            key: (round(100 * values[key], 2), round(100 * errors[key], 2))
            for key in KEYS
            if not math.isnan(errors.get(key, math.nan))
        }
    return found


def by_class(card: Card, tallies: dict[str, Tally]) -> dict[str, dict[str, float | int | None]]:
    """Per class how many images show it, and its IoU in each geometry, per cent; None where it is neither there nor
    predicted."""
    names = [info.name["en"] for info in card.classes]
    shown = sum((matrix.sum(1) > 0).astype(int) for matrix in next(iter(tallies.values())).matrices)
    found: dict[str, dict[str, float | int | None]] = {
        name: {"images": int(number)} for name, number in zip(names, shown, strict=True)
    }
    for geometry, tally in tallies.items():
        for name, value in zip(names, metrics.iou(tally.matrix), strict=True):
            found[name][geometry] = None if math.isnan(value) else round(100 * float(value), 1)
    return found


def pooled(tallies: list[Tally]) -> Tally:
    """As if the images of all were those of one."""
    lists = ("matrices", "bands", "kinds", "dices", "objects")
    return Tally(tallies[0].classes, **{key: list(chain(*(getattr(t, key) for t in tallies))) for key in lists})


def count(tallies: dict[str, Tally]) -> int:
    """Images, as many in each geometry."""
    return len(next(iter(tallies.values())).matrices)


def row(card: Card, tallies: dict[str, Tally]) -> dict[str, Any]:
    """A card of fold 0 (bundled) or of another one."""
    made = {key: card.recipe[key] for key in ("device", "precision", "minutes") if card.recipe.get(key)}
    trained = card.metrics["training_images"]
    said = {"fold": card.recipe.get("fold", 0), "sha256": card.sha256, **made, "training_images": trained}
    return {
        **said,
        "validation_images": count(tallies),
        "figures": figures(tallies),
        "classes": by_class(card, tallies),
    }


def apart(bundled: Figures, others: list[Figures]) -> Figures:
    """By how many points the mean of the other folds lies above the bundled figure, and the standard error of that."""
    found: Figures = {}
    for geometry, by in bundled.items():
        found[geometry] = {}
        for key, (value, error) in by.items():
            pairs = [other[geometry][key] for other in others if key in other[geometry]]
            if pairs:
                mean = sum(there for there, _ in pairs) / len(pairs)
                spread = math.hypot(error, *(wide / len(pairs) for _, wide in pairs))
                found[geometry][key] = round(mean - value, 2), round(spread, 2)
    return found


def noted(card: Card, group: dict[str, Any]) -> Card:
    """A bundled card with the figures of all folds, as it holds its own: shares of 1 by geometry and network."""
    together, parts = group["all_folds"], ("figures", "standard_errors")
    said = {
        part: {
            geometry: {card.spec.model: {key: round(pair[i] / 100, 4) for key, pair in by.items()}}
            for geometry, by in together["figures"].items()
        }
        for i, part in enumerate(parts)
    }
    pooled_figures = {"folds": len(group["folds"]), "images": together["images"], **said}
    return replace(card, metrics={**card.metrics, "all_folds": pooled_figures})


def table(folders: list[Path], place: Path) -> list[dict[str, Any]]:
    """Per recipe the bundled figures, those of the other folds, how far these lie above, and all pooled. Raises
    ValueError for a card of fold 0, of a fold that is there twice or without a bundled one of its name; DataError,
    WeightsError."""
    groups: dict[str, dict[int, Card]] = {}
    for card in (card for folder in folders for card in written(folder)):
        fold = card.recipe.get("fold", 0)
        if not (path := CHECKPOINTS / f"{card.name}.json").is_file():
            raise ValueError(f"{card.file} has no bundled card of its name")
        if fold == 0:
            raise ValueError(f"{card.file} left out the images of the bundled weights: see benchmarks/remade.py")
        group = groups.setdefault(card.name, {0: weights.read_card(path)})
        if fold in group:
            raise ValueError(f"{card.file} and {group[fold].file} left out the same images (fold {fold})")
        group[fold] = card
    samples: dict[str, list[data.Sample]] = {}
    found = []
    for name, group in sorted(groups.items()):
        kind = group[0].recipe["data_set"]
        if kind not in samples:
            samples[kind] = data.read_all(kind, place, weights=False)
        tallies = {fold: measured(card, samples[kind]) for fold, card in sorted(group.items())}
        rows = [row(group[fold], by) for fold, by in tallies.items()]
        above = apart(rows[0]["figures"], [one["figures"] for one in rows[1:]])
        all_in_one = {geometry: pooled([by[geometry] for by in tallies.values()]) for geometry in group[0].geometries}
        together = {
            "images": count(all_in_one),
            "figures": figures(all_in_one),
            "classes": by_class(group[0], all_in_one),
        }
        found.append({"name": name, "folds": rows, "points_of_other_folds_above_bundled": above, "all_folds": together})
    return found


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", type=Path, nargs="+", metavar="FOLDER")
    parser.add_argument("--data", type=Path, required=True, help="folder around the data sets")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--cards", action="store_true", help="put the figures of all folds on the bundled cards")
    given = parser.parse_args(arguments)
    try:
        rows = table(given.folders, given.data)
    except (ValueError, data.DataError, weights.WeightsError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    if given.json:
        command = "python benchmarks/folds.py FOLDER ... --data DIR --json benchmarks/folds.json"
        command += " --cards" * given.cards
        given.json.write_text(json.dumps({"command": command, "rows": rows}, indent=1) + "\n")
    for one in rows:
        if given.cards:
            weights.write_card(noted(weights.find(one["name"]), one))
        for each in one["folds"]:
            print(one["name"], f"fold {each['fold']}", each["validation_images"], each["figures"], sep=" | ")
        print(one["name"], "others above bundled", one["points_of_other_folds_above_bundled"], sep=" | ")
        print(one["name"], "all folds", one["all_folds"]["images"], one["all_folds"]["figures"], sep=" | ")
    return 0


if __name__ == "__main__":
    sys.exit(main())
