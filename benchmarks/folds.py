"""Do a card's figures hold on images that had no say in its recipe?

python benchmarks/folds.py FOLDER ... --data DIR [--kept FILE] [--json FILE] [--cards]

Recipes were chosen by what they reach on fold 0 of their images: figures there may flatter. Each FOLDER holds what
`python -m explorer.training NAME --fold K --data DIR --out FOLDER` wrote: the recipe as it stands, trained on the other
images and measured on fold K, which it has not seen and by which, but for K = 0, nothing was chosen. The bundled
weights are one such training. Folds have no image in common.

The recipes given are compared, by data set, on the folds from 1 on that all of them were trained for: `unseen` pools
those as if they were one set, for a fold may hold one image of a class, which then weighs as much in its mean IoU as a
class of thirty. Mean IoU is higher here when images are pooled, so `points_above_bundled`, against figures of one fold,
is of the mean of these folds, the bundled one left out. With --cards the pooled figures are put on the bundled cards,
where the page finds them: what to expect of images that had no say.

What --kept, an earlier table, says of weights that are not at hand is taken over: their rows, and the pooled figures,
which name the weights that they are of. Those of the bundled fold may then be of another training than the bundled one:
benchmarks/remade.json says how far the two lie apart.

The standard errors are those over the images, of micrographs over groups of similar ones: few, and finer than
experiments, so the errors are too small rather than too large. None covers how two trainings of a recipe differ.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial
from itertools import chain
from pathlib import Path
from statistics import mean
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import earlier
from explorer import metrics, weights
from explorer.cards import CHECKPOINTS, Card, written
from explorer.training import data, report
from explorer.training.evaluate import Tally, standard_errors
from explorer.training.sets import DECIDING_FOLD

KEYS = ("pixel_accuracy", "mean_iou", "nucleus_dice", "object_f1")
Figures = dict[str, dict[str, tuple[float, float]]]  # by geometry and key: value and standard error, per cent
Group = dict[str, Any]  # what the table says of a recipe


def measured(card: Card, samples: list[data.Sample]) -> dict[str, Tally]:
    """What the weights get right of the fold that they left out, by geometry trained in."""
    _, validation = report.sides(card, card.recipe["data_set"], samples)
    return {geometry: report.tally_of(card, validation, geometry) for geometry in card.geometries}


def figures(tallies: dict[str, Tally]) -> Figures:
    """Those that two groups of images or more have a say in."""
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
    lists = ("matrices", "bands", "groups", "kinds", "dices", "objects")
    return Tally(tallies[0].classes, **{key: list(chain(*(getattr(t, key) for t in tallies))) for key in lists})


def counts(tallies: dict[str, Tally]) -> dict[str, int]:
    """Images and their groups, as many in each geometry."""
    tally = next(iter(tallies.values()))
    return {"images": len(tally.matrices), "groups": len(set(tally.groups))}


def row(card: Card, tallies: dict[str, Tally]) -> dict[str, Any]:
    """What a card and the images that it left out say."""
    made = {key: card.recipe[key] for key in ("device", "precision", "minutes") if card.recipe.get(key)}
    trained = card.metrics["training_images"]
    said = {"fold": card.fold, "sha256": card.sha256, **made, "training_images": trained}
    return {
        **said,
        **counts(tallies),
        "figures": figures(tallies),
        "classes": by_class(card, tallies),
    }


def apart(bundled: Figures, others: list[Figures]) -> Figures:
    """By how many points the mean of other folds lies above the bundled figure, and the standard error of that; empty
    without others."""
    found: Figures = {}
    for geometry, by in bundled.items() if others else ():
        found[geometry] = {}
        for key, (value, error) in by.items():
            there = [of[geometry][key] for of in others if key in of[geometry]]
            if len(there) == len(others):
                values, errors = zip(*there, strict=True)
                wide = math.hypot(*errors) / len(there)
                found[geometry][key] = round(mean(values) - value, 2), round(math.hypot(error, wide), 2)
    return found


def noted(card: Card, group: Group) -> Card:
    """A bundled card with the pooled figures, as it holds its own: shares of 1 by geometry and network."""
    together, parts = group["unseen"], ("figures", "standard_errors")
    said = {
        part: {
            geometry: {card.spec.model: {key: round(pair[i] / 100, 4) for key, pair in by.items()}}
            for geometry, by in together["figures"].items()
        }
        for i, part in enumerate(parts)
    }
    unseen = {**{key: together[key] for key in ("folds", "images", "groups")}, **said}
    return replace(card, metrics={"unseen": unseen, **{k: v for k, v in card.metrics.items() if k != "unseen"}})


def shared(kinds: dict[str, str], groups: dict[str, set[int]]) -> dict[str, list[int]]:
    """By data set the folds, but the deciding one, that all of its recipes have. Raises ValueError if there are none.

    kinds   name of the recipe -> of its data set
    groups  name of the recipe -> its folds
    """
    found: dict[str, list[int]] = {}
    for name, group in groups.items():
        kind = kinds[name]
        found[kind] = [fold for fold in found.get(kind, sorted(group)) if fold != DECIDING_FOLD and fold in group]
        if not found[kind]:
            raise ValueError(f"the recipes of {kind} have no fold in common; train each of them for the same ones")
    return found


def read_groups(folders: list[Path], former: dict[str, Group]) -> dict[str, dict[int, Card]]:
    """The cards by name and fold, the bundled one of each name among them. Raises ValueError for a card of the bundled
    one's fold, of a fold that is there twice or without a bundled one of its name."""
    groups = {name: _begun(name, CHECKPOINTS / f"{name}.json") for name in former}
    for card in (card for folder in folders for card in written(folder)):
        group = groups.setdefault(card.name, _begun(str(card.file), CHECKPOINTS / f"{card.name}.json"))
        if any(card.fold == own.fold and own.folder == CHECKPOINTS for own in group.values()):
            raise ValueError(f"{card.file} left out the images of the bundled weights: see benchmarks/remade.py")
        if card.fold in group:
            raise ValueError(f"{card.file} and {group[card.fold].file} left out the same images (fold {card.fold})")
        group[card.fold] = card
    return groups


def _begun(what: str, path: Path) -> dict[int, Card]:
    if not path.is_file():
        raise ValueError(f"{what} has no bundled card of its name")
    own = weights.read_card(path)
    return {own.fold: own}


def table(folders: list[Path], place: Path, former: dict[str, Group] | None = None) -> list[Group]:
    """Per recipe the figures of each fold, the pooled ones of the folds that all recipes of its data set have, and how
    far the mean of these lies above the bundled ones.

    former  what an earlier table says, by name, of weights that need not be at hand

    Raises ValueError for cards that cannot be compared (`read_groups`), for recipes without a fold in common or whose
    bundled one is not among them, and for pooled figures that need weights which are not at hand; DataError,
    WeightsError.
    """
    former = former or {}
    groups = read_groups(folders, former)
    bundled = {name: next(c for c in group.values() if c.folder == CHECKPOINTS) for name, group in groups.items()}
    kinds = {name: own.recipe["data_set"] for name, own in bundled.items()}
    kept = {name: {one["fold"]: one for one in group["folds"]} for name, group in former.items()}
    common = shared(kinds, {name: {*group, *kept.get(name, ())} for name, group in groups.items()})
    for name, own in bundled.items():
        if own.fold not in (DECIDING_FOLD, *common[kinds[name]]):
            raise ValueError(f"{own.file} left out fold {own.fold}, which not all recipes of its data set have")
    samples = cache(lambda kind: data.read_all(kind, place, weights=False))
    found = []
    for name, group in sorted(groups.items()):
        kind, at, pool = kinds[name], bundled[name].fold, common[kinds[name]]
        rows, together = compared(group, pool, kept.get(name, {}), former.get(name), partial(samples, kind))
        others = [rows[fold]["figures"] for fold in pool if fold != at]
        found.append(
            {
                "name": name,
                "bundled_fold": at,
                "folds": [rows[fold] for fold in sorted(rows)],
                "unseen": together,
                "points_above_bundled": apart(rows[at]["figures"], others),
            }
        )
    return found


def compared(
    group: dict[int, Card],
    pool: list[int],
    kept: dict[int, Group],
    former: Group | None,
    samples: Callable[[], list[data.Sample]],
) -> tuple[dict[int, Group], Group]:
    """The rows of a recipe by fold, and the pooled figures of some folds.

    group    cards of the weights at hand, by fold
    pool     folds to pool
    kept     rows of an earlier table, by fold; taken over unless other weights of that fold are at hand
    former   what that table says of the recipe: its pooled figures stay if not all weights to pool are at hand
    samples  () -> images of the data set

    Raises ValueError if these are needed and of other folds; DataError, WeightsError.
    """
    anew = set(pool) <= group.keys()
    if not anew and (former is None or former["unseen"]["folds"] != pool):
        missing = ", ".join(str(fold) for fold in pool if fold not in group)
        name = next(iter(group.values())).name
        raise ValueError(f"to pool the folds {pool} of {name}, weights are missing that left out: {missing}")
    rows, tallies = dict(kept), {}
    for fold, card in sorted(group.items()):
        if anew or fold not in kept or kept[fold]["sha256"] != card.sha256:
            tallies[fold] = measured(card, samples())
            rows[fold] = row(card, tallies[fold])
    if not anew:
        return rows, former["unseen"] if former else {}
    in_one = {geometry: pooled([tallies[fold][geometry] for fold in pool]) for geometry in tallies[pool[0]]}
    return rows, {
        "folds": pool,
        "sha256": [group[fold].sha256 for fold in pool],
        **counts(in_one),
        "figures": figures(in_one),
        "classes": by_class(group[pool[0]], in_one),
    }


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", type=Path, nargs="*", metavar="FOLDER")
    parser.add_argument("--data", type=Path, required=True, help="folder around the data sets")
    parser.add_argument("--kept", type=Path, metavar="FILE", help="an earlier table, for weights that are not at hand")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--cards", action="store_true", help="put the pooled figures on the bundled cards")
    given = parser.parse_args(arguments)
    if not (given.folders or given.kept):
        parser.error("give folders of trainings, or an earlier table with --kept")
    try:
        former = earlier.rows(given.kept, "name", "folds", "unseen")
        rows = table(given.folders, given.data, {group["name"]: group for group in former})
    except (ValueError, data.DataError, weights.WeightsError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    if given.json:
        kept = "--kept benchmarks/folds.json " * bool(given.kept)
        command = f"python benchmarks/folds.py FOLDER ... --data DIR {kept}--json benchmarks/folds.json"
        command += " --cards" * given.cards
        given.json.write_text(json.dumps({"command": command, "rows": rows}, indent=1) + "\n")
    for one in rows:
        if given.cards:
            weights.write_card(noted(weights.find(one["name"]), one))
        for each in one["folds"]:
            print(one["name"], f"fold {each['fold']}", each["images"], each["figures"], sep=" | ")
        together = one["unseen"]
        print(one["name"], f"folds {together['folds']}", together["images"], together["figures"], sep=" | ")
        print(one["name"], "above bundled", one["points_above_bundled"], sep=" | ")
    return 0


if __name__ == "__main__":
    sys.exit(main())
