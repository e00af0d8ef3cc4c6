"""Check a checkpoint's card on labelled images: `python -m explorer evaluate`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from explorer import masks, metrics, weights
from explorer.cards import Card, ClassInfo
from explorer.checked import json_ready
from explorer.errors import DataError
from explorer.masks import Remark
from explorer.objects import Matches
from explorer.training import data
from explorer.training.data import Sample
from explorer.training.evaluate import Tally, measure, standard_errors
from explorer.training.sets import SETS, numberings

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
    numbers: str | None = None,
    size: int | None = None,
) -> dict[str, Any]:
    """Figures of a card's weights on a folder's images, per geometry; JSON-ready.

    model       another network of the card's family, such as FCN-32s on an 8s
    geometries  paddings to run in; by default those trained in
    split       "all" images, or the side that the data set's rule gave "validation" or "training" when the card's
                weights were trained
    numbers     what the label files' numbers mean (`sets.declared`)
    size        of the longer side that images are run at; by default as the page and `segment` do it (`Card.side_for`)
    Images that cannot be used are left out, and named. Raises DataError and ExplorerError if none can.
    """
    name = data_set or find_set(card, folder)
    if _ids(SETS[name].classes) != _ids(card.classes):
        raise DataError(f"{card.name} has other classes than {name}; choose weights or data of the same ones")
    left_out: list[str] = []
    samples = _chosen(card, name, split, data.read_all(name, folder, False, False, numbers, left_out.append))
    if not samples:
        raise DataError("; ".join(left_out[:3]) or f"{folder} has no images in the split {split!r}")
    unlike, found = Unlike(card.classes), dict[str, Any]()
    for padding in geometries or card.geometries:
        tally = tally_of(card, samples, padding, model, device, size, None if found else unlike)
        found[padding] = _measured(card, tally)
    truths = [sample.truth for sample in samples if sample.truth]
    remarks = [*(remark for one in truths for remark in one.remarks), *unlike.remarks]
    return {
        "checkpoint": card.name,
        "sha256": card.sha256,
        "network": model or card.spec.model,
        "data": str(folder),
        "data_set": name,
        "split": split,
        "images": len(samples),
        "groups": len(set(tally.groups)),
        "numbers": ", ".join(sorted({one.numbers for one in truths})),
        "remarks": [*masks.summed(remarks), *_one_session(tally)],
        "left_out": left_out,
        "geometries": found,
    }


def sides(card: Card, name: str, samples: list[Sample]) -> tuple[list[Sample], list[Sample]]:
    """(training, validation) images of a data set when a card's weights were trained. Of a set that validated nothing
    then, such as one that was only trained on, the sides that it has by itself."""
    fold = card.fold if name == card.recipe.get("data_set") else 0
    return data.split(name, samples, fold)[:2]


def _chosen(card: Card, name: str, split: str, samples: list[Sample]) -> list[Sample]:
    if split == "all" or not samples:
        return samples
    training, validation = sides(card, name, samples)
    return validation if split == "validation" else training


class Unlike:
    """Hears of each prediction, and keeps a remark where true labels agree much better with it in another numbering."""

    def __init__(self, classes: tuple[ClassInfo, ...]) -> None:
        self.others = [*numberings(classes), masks.in_order(len(classes)), masks.in_order(len(classes), 1)]
        self.remarks: list[Remark] = []

    def __call__(self, sample: Sample, labels: np.ndarray) -> None:
        if sample.truth and (remark := masks.better(sample.truth, labels, self.others)):
            self.remarks.append(remark)


def _one_session(tally: Tally) -> list[str]:
    if len(set(tally.groups)) > 1 or not tally.objects or len(tally.groups) == 1:
        return []
    return [f"all images look alike, as of one session: {data.ONE_SESSION}"]


def tally_of(
    card: Card,
    samples: list[Sample],
    padding: str,
    model: str | None = None,
    device: str = "cpu",
    size: int | None = None,
    heard: Callable[[Sample, np.ndarray], None] | None = None,
) -> Tally:
    """What a card's weights get right of the samples, in one geometry; `heard` is told of each prediction. Raises
    ExplorerError."""
    loaded, where, steps = weights.load(card, model, padding), torch.device(device), card.preprocessing
    net = loaded.module.to(where)

    def side(shape: tuple[int, int]) -> int | None:
        return card.side_for(shape) if size is None else size

    return measure(net, loaded.spec, samples, steps.mean, steps.std, where, side, heard)[loaded.spec.model]


def _measured(card: Card, tally: Tally) -> dict[str, Any]:
    names, ious = [info.name["en"] for info in card.classes], json_ready(metrics.iou(tally.matrix).tolist())
    return {
        "figures": json_ready(tally.figures()),
        "standard_errors": json_ready(standard_errors(tally)),
        "iou": dict(zip(names, ious, strict=True)),
        "confusion": {"rows": "true", "columns": "predicted", "classes": names, "pixels": tally.matrix.tolist()},
        **({"objects": vars(sum(tally.objects, Matches(0, 0, 0)))} if tally.objects else {}),
    }
