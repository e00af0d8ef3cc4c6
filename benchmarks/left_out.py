"""What weights get right of the images that they left out: of one fold, class by class, and of several pooled."""

from __future__ import annotations

import math
from itertools import chain
from typing import Any

from explorer import metrics
from explorer.cards import Card
from explorer.training import data, report
from explorer.training.evaluate import Tally, standard_errors

KEYS = ("pixel_accuracy", "mean_iou", "nucleus_dice", "object_f1")
Figures = dict[str, dict[str, tuple[float, float]]]  # by geometry and key: value and standard error, per cent
Row = dict[str, Any]  # what a table says of one training, or of several


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


def row(card: Card, tallies: dict[str, Tally]) -> Row:
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


def together(cards: list[Card], tallies: list[dict[str, Tally]]) -> Row:
    """What several trainings of one recipe say of all the images that they left out, as if these were of one fold."""
    in_one = {geometry: pooled([tally[geometry] for tally in tallies]) for geometry in cards[0].geometries}
    return {
        "folds": [card.fold for card in cards],
        "sha256": [card.sha256 for card in cards],
        **counts(in_one),
        "figures": figures(in_one),
        "classes": by_class(cards[0], in_one),
    }
