"""A segmentation against the truth: figures, confusion matrix, and where it errs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from explorer import masks, metrics, objects
from explorer.cards import ClassInfo
from explorer.checked import json_ready
from explorer.masks import Numbering, Remark
from explorer.results.result import Result

RIGHT, WRONG, UNJUDGED = 0, 1, 2  # of an error map
COLOURS = ((0, 158, 115), (213, 94, 0), (90, 90, 90))  # theirs: Okabe-Ito's green and vermilion, grey


@dataclass(frozen=True, eq=False)
class Judged:
    """`matrix` rows are true, columns predicted classes; `errors` is H x W of RIGHT, WRONG and UNJUDGED."""

    matrix: np.ndarray
    boundary: np.ndarray  # only pixels within 5 of a true boundary
    errors: Any  # an array, or a file
    matches: objects.Matches | None = None
    numbers: str = ""  # the numbering that the file was taken in
    remarks: tuple[Remark, ...] = ()  # to be said before the figures

    def figures(self, classes: Sequence[ClassInfo]) -> dict[str, Any]:
        """Shares, None where there is nothing to judge by."""
        found: dict[str, Any] = {**metrics.summary(self.matrix), "boundary_iou": metrics.mean_iou(self.boundary)}
        found["iou"] = {c.name["en"]: float(v) for c, v in zip(classes, metrics.iou(self.matrix), strict=True)}
        if self.matches:
            found["object_f1"] = self.matches.f1
        return {key: json_ready(value) for key, value in found.items()}


def judge(truth: np.ndarray, labels: np.ndarray, classes: int, near: np.ndarray | None = None) -> Judged:
    """Compare labels with true ones of the same size; metrics.IGNORE (255) is not judged. `near`: the pixels of
    `metrics.boundary_band`, where they are known."""
    near = metrics.boundary_band(truth) if near is None else near
    errors = np.where(truth == metrics.IGNORE, UNJUDGED, np.where(truth == labels, RIGHT, WRONG)).astype(np.uint8)
    banded = np.where(near, truth, metrics.IGNORE)
    return Judged(metrics.confusion(truth, labels, classes), metrics.confusion(banded, labels, classes), errors)


def judge_result(
    result: Result,
    path: str | Path,
    numbering: Numbering | None = None,
    others: Iterable[Numbering] = (),
) -> tuple[Judged, tuple[ClassInfo, ...]]:
    """Compare a result with the true labels, or the true objects where it tells them apart, in a file; and the classes
    that were told apart. Raises ExplorerError.

    numbering  that is declared for the file (`masks.declared`); else its colours count, or the card's numbers
    others     that it might be meant in: a remark says so where one of them agrees much better
    """
    size, card = result.labels.shape, result.card
    parts = card.objects if result.instances is not None else None
    real = masks.read(Path(path), size, card.classes, numbering, numbering is not None, parts, result.notes)
    found, classes = result.instances, card.classes
    matches = None if real.objects is None or found is None else objects.match(real.objects, found)
    if real.labels is None:  # pixels as object or not
        assert real.objects is not None
        assert found is not None
        assert card.objects
        judged = judge((real.objects > 0).astype(np.uint8), (found > 0).astype(np.uint8), 2)
        classes = card.classes[card.background or 0], card.classes[card.objects[0]]
    else:
        judged = judge(real.labels, result.labels, len(classes))
    numberings = (*others, masks.in_order(len(card.classes)), masks.in_order(len(card.classes), 1))
    unlike = masks.better(real, result.labels, numberings)
    remarks = (*real.remarks, *([unlike] if unlike else []))
    return replace(judged, matches=matches, numbers=real.numbers, remarks=remarks), classes
