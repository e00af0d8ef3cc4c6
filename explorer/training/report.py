"""Check a checkpoint's card on labelled images: `python -m explorer evaluate`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from explorer import metrics, weights
from explorer.cards import Card, ClassInfo
from explorer.checked import json_ready
from explorer.objects import Matches
from explorer.training import data
from explorer.training.data import DataError, Sample
from explorer.training.evaluate import Tally, measure, standard_errors
from explorer.training.sets import SETS

SPLITS = ("all", "validation", "training")


def _ids(classes: tuple[ClassInfo, ...]) -> list[str]:
    return [info.id for info in classes]


def find_set(card: Card, folder: Path) -> str:
    """Which data set's layout a folder has, among those with the card's classes. Raises DataError."""
    fitting = [name for name, known in SETS.items() if _ids(known.classes) == _ids(card.classes)]
    for name in fitting:
        place = data.locate(name, folder)
        if all((place / part).is_dir() for part in data.layout(name)):
            return name
    wanted = " or ".join(" and ".join(f"{p}/" for p in data.layout(n)) for n in fitting)
    raise DataError(
        f"{folder} is not laid out like a data set with the classes of {card.name}"
        + (f": it needs {wanted}" if wanted else "")
    )


def evaluate(
    card: Card,
    folder: Path,
    model: str | None = None,
    geometries: tuple[str, ...] = (),
    split: str = "all",
    device: str = "cpu",
    data_set: str | None = None,
) -> dict[str, Any]:
    """Figures of a card's weights on a folder's images, per geometry; JSON-ready.

    model       another network of the card's family, such as FCN-32s on an 8s
    geometries  paddings to run in; by default those trained in
    split       "all" images, or the side that the data set's rule gave "validation" or "training" when the card's
                weights were trained
    Raises DataError and ExplorerError, which name the file and what is wrong.
    """
    name = data_set or find_set(card, folder)
    if _ids(SETS[name].classes) != _ids(card.classes):
        raise DataError(f"{card.name} has other classes than {name}; choose weights or data of the same ones")
    samples = data.read_all(name, folder, weights=False)
    if split != "all":
        training, validation = sides(card, name, samples)
        samples = validation if split == "validation" else training
    if not samples:
        raise DataError(f"{folder} has no images in the split {split!r}")
    found = {}
    for padding in geometries or card.geometries:
        tally = tally_of(card, samples, padding, model, device)
        found[padding] = {
            "figures": json_ready(tally.figures()),
            "standard_errors": json_ready(standard_errors(tally)),
            **_details(card, tally),
        }
    return {
        "checkpoint": card.name,
        "sha256": card.sha256,
        "network": model or card.spec.model,
        "data": str(folder),
        "data_set": name,
        "split": split,
        "images": len(samples),
        "groups": len(set(tally.groups)),
        "geometries": found,
    }


def sides(card: Card, name: str, samples: list[Sample]) -> tuple[list[Sample], list[Sample]]:
    """(training, validation) images of a data set when a card's weights were trained. Of a set that validated nothing
    then, such as one that was only trained on, the sides that it has by itself."""
    fold = card.fold if name == card.recipe.get("data_set") else 0
    return data.split(name, samples, fold)[:2]


def tally_of(card: Card, samples: list[Sample], padding: str, model: str | None = None, device: str = "cpu") -> Tally:
    """What a card's weights get right of the samples, in one geometry. Raises ExplorerError."""
    loaded, where, steps = weights.load(card, model, padding), torch.device(device), card.preprocessing
    net = loaded.module.to(where)
    return measure(net, loaded.spec, samples, steps.mean, steps.std, where)[loaded.spec.model]


def _details(card: Card, tally: Tally) -> dict[str, Any]:
    names, ious = [info.name["en"] for info in card.classes], json_ready(metrics.iou(tally.matrix).tolist())
    return {
        "iou": dict(zip(names, ious, strict=True)),
        "confusion": {"rows": "true", "columns": "predicted", "classes": names, "pixels": tally.matrix.tolist()},
        **({"objects": vars(sum(tally.objects, Matches(0, 0, 0)))} if tally.objects else {}),
    }
