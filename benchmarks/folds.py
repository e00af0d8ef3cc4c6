"""Do a card's figures hold on images that had no say in its recipe?

python benchmarks/folds.py [FOLDER ...] --data DIR [--kept FILE] [--json FILE] [--cards]

Recipes were chosen by what they reach on fold 0 of their images: figures there may flatter. Each FOLDER holds what
`python -m explorer.training NAME --fold K --data DIR --out FOLDER` wrote: the recipe as it stands, trained on the other
images and measured on fold K, which it has not seen and by which, but for K = 0, nothing was chosen. The bundled
weights are one such training. Folds have no image in common.

The recipes given are compared, by data set, on the folds from 1 on that all of them were trained for: `unseen` pools
those as if they were one set, for a fold may hold one image of a class, which then weighs as much in its mean IoU as a
class of thirty. Mean IoU is higher here when images are pooled, so `points_above_bundled`, against figures of one fold,
is of the mean of the folds from 1 on that the recipe was trained for, the bundled one left out: how far images without
a say lie above those on the card, whether these had one (fold 0) or not. `points_above_deciding` compares the mean of
all folds from 1 on with fold 0. With --cards the pooled figures are put on the bundled cards, where the page finds
them: what to expect of images that had no say.

What --kept, an earlier table, says of weights that are not at hand is taken over: their rows, and the pooled figures,
which name the weights that they are of. Those of the bundled fold may then be of another training of the recipe than
the bundled one: its row is then there as `again`.

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
from pathlib import Path
from statistics import mean

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import earlier
from benchmarks.left_out import Figures, Row, measured, row, together
from explorer import cards, weights
from explorer.cards import CHECKPOINTS, Card, written
from explorer.errors import ExplorerError
from explorer.training import data
from explorer.training.sets import DECIDING_FOLD


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


def noted(card: Card, group: Row) -> Card:
    """A bundled card with the pooled figures, as it holds its own: shares of 1 by geometry and network."""
    of, parts = group["unseen"], ("figures", "standard_errors")
    said = {
        part: {
            geometry: {card.spec.model: {key: round(pair[i] / 100, 4) for key, pair in by.items()}}
            for geometry, by in of["figures"].items()
        }
        for i, part in enumerate(parts)
    }
    unseen = {**{key: of[key] for key in ("folds", "images", "groups")}, **said}
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


def read_cards(folders: list[Path], former: dict[str, Row]) -> dict[str, dict[int, Card]]:
    """The cards by name and fold, the bundled one of each name among them; those without weights at hand are left out
    where the earlier table has their row. Raises ValueError for a folder without cards and for a card of the bundled
    one's fold, of a fold that is there twice or without a bundled one of its name; ExplorerError for a broken card."""
    found = {name: _bundled(name, CHECKPOINTS / f"{name}.json") for name in former}
    for card in (card for folder in folders for card in written(folder)):
        cards = found.setdefault(card.name, _bundled(str(card.file), CHECKPOINTS / f"{card.name}.json"))
        if any(card.fold == own.fold and own.folder == CHECKPOINTS for own in cards.values()):
            raise ValueError(f"{card.file} left out the images of the bundled weights: see benchmarks/remade.py")
        if card.fold in cards:
            raise ValueError(f"{card.file} and {cards[card.fold].file} left out the same images (fold {card.fold})")
        if card.file.is_file() or not any(card.sha256 == one["sha256"] for one in _folds(former.get(card.name))):
            cards[card.fold] = card
    return found


def _bundled(what: str, path: Path) -> dict[int, Card]:
    """The card at a path, by its fold. Raises ValueError that says what has none; ExplorerError."""
    if not path.is_file():
        raise ValueError(f"{what} has no bundled card of its name")
    own = cards.read_card(path)
    return {own.fold: own}


def _folds(former: Row | None) -> list[Row]:
    return former["folds"] if former else []


def table(folders: list[Path], place: Path, former: dict[str, Row] | None = None) -> list[Row]:
    """Per recipe the figures of each fold, the pooled ones of the folds that all recipes of its data set have, and how
    far the mean of its folds without a say lies above the bundled figures and above those of the deciding fold.

    former  what an earlier table says, by name, of weights that need not be at hand

    Raises ValueError for cards that cannot be compared (`read_cards`), for recipes without a fold in common or whose
    bundled one is not among them, and for pooled figures that need weights which are not at hand; DataError,
    ExplorerError.
    """
    former = former or {}
    cards = read_cards(folders, former)
    bundled = {name: next(c for c in by.values() if c.folder == CHECKPOINTS) for name, by in cards.items()}
    kinds = {name: own.recipe["data_set"] for name, own in bundled.items()}
    common = shared(kinds, {name: {*by, *(r["fold"] for r in _folds(former.get(name)))} for name, by in cards.items()})
    for name, own in bundled.items():
        if own.fold not in (DECIDING_FOLD, *common[kinds[name]]):
            raise ValueError(f"{own.file} left out fold {own.fold}, which not all recipes of its data set have")
    samples = cache(lambda kind: data.read_all(kind, place, weights=False))
    found = []
    for name, by in sorted(cards.items()):
        at, pool = bundled[name].fold, common[kinds[name]]
        rows, unseen, again = compared(by, pool, at, former.get(name), partial(samples, kinds[name]))
        without_say = {fold: one["figures"] for fold, one in sorted(rows.items()) if fold != DECIDING_FOLD}
        above = {
            f"points_above_{what}": apart(
                rows[fold]["figures"], [of for other, of in without_say.items() if other != fold]
            )
            for what, fold in (("bundled", at), ("deciding", DECIDING_FOLD))
            if fold in rows
        }
        in_order = [rows[fold] for fold in sorted(rows)]
        found.append({"name": name, "bundled_fold": at, "folds": in_order, **again, "unseen": unseen, **above})
    return found


def compared(
    cards: dict[int, Card], pool: list[int], at: int, former: Row | None, samples: Callable[[], list[data.Sample]]
) -> tuple[dict[int, Row], Row, dict[str, Row]]:
    """The rows of a recipe by fold, the pooled figures and, if these are of other weights of the bundled fold than are
    bundled now, "again": their row.

    cards    of the weights at hand, by fold
    pool     folds to pool
    at       the bundled one's
    former   what an earlier table says of the recipe: a row stays unless other weights of its fold are at hand, the
             pooled figures unless all weights to pool are
    samples  () -> images of the data set

    Raises ValueError if weights to pool are not at hand and the earlier table did not pool those that it has rows of;
    DataError, ExplorerError.
    """
    rows = {one["fold"]: one for one in _folds(former)}
    before = [one for one in (rows.get(at), (former or {}).get("again")) if one]
    anew = set(pool) <= cards.keys()
    tallies = {}
    for fold, card in sorted(cards.items()):
        if anew or fold not in rows or rows[fold]["sha256"] != card.sha256:
            tallies[fold] = measured(card, samples())
            rows[fold] = row(card, tallies[fold])
    if anew:
        return rows, together([cards[fold] for fold in pool], [tallies[fold] for fold in pool]), {}
    unseen: Row = former["unseen"] if former else {}
    of = dict(zip(unseen.get("folds", ()), unseen.get("sha256", ()), strict=False))
    again = next((one for one in before if one["sha256"] == of.get(at)), rows[at])
    if [*of] != pool or any(of[fold] != (again if fold == at else rows[fold])["sha256"] for fold in pool):
        missing = ", ".join(str(fold) for fold in pool if fold not in cards)
        raise ValueError(f"to pool the folds {pool} of {cards[at].name}, weights are missing that left out: {missing}")
    return rows, unseen, {"again": again} if at in pool and again is not rows[at] else {}


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
    except (ValueError, data.DataError, ExplorerError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    if given.json:
        folders, kept = "FOLDER ... " * bool(given.folders), "--kept benchmarks/folds.json " * bool(given.kept)
        command = f"python benchmarks/folds.py {folders}--data DIR {kept}--json benchmarks/folds.json"
        command += " --cards" * given.cards
        given.json.write_text(json.dumps({"command": command, "rows": rows}, indent=1) + "\n")
    for one in rows:
        if given.cards:
            weights.write_card(noted(cards.find(one["name"]), one))
        for each in one["folds"]:
            print(one["name"], f"fold {each['fold']}", each["images"], each["figures"], sep=" | ")
        unseen = one["unseen"]
        print(one["name"], f"folds {unseen['folds']}", unseen["images"], unseen["figures"], sep=" | ")
        for what in ("bundled", "deciding"):
            if above := one.get(f"points_above_{what}"):
                print(one["name"], f"above {what}", above, sep=" | ")
    return 0


if __name__ == "__main__":
    sys.exit(main())
