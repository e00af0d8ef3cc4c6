"""Labels of images beyond memory against the truth: part by part, so that memory stays that of a part."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from explorer import masks, metrics
from explorer.cards import ClassInfo
from explorer.masks import Numbering, Remark, Truth
from explorer.masks.parts import Part, Parts
from explorer.results.result import Result
from explorer.results.truth import Judged, judge

NEAR = 6  # pixels around a part that its boundary band depends on (`metrics.boundary_band`)


def judge_parts(
    result: Result,
    path: str | Path,
    errors: Any,
    numbering: Numbering | None = None,
    others: Iterable[Numbering] = (),
) -> tuple[Judged, tuple[ClassInfo, ...]]:
    """What `truth.judge_result` does, of labels in a file; where it errs is written into `errors` (H x W) by slices.

    Single objects, which may reach over parts, are not compared: a pixel is inside of one or not. Raises ExplorerError.
    """
    card = result.card
    with Parts(Path(path), result.labels.shape, result.notes) as parts:
        there = parts.there()
        real = masks.taken(
            parts.picture(there[None]), parts.said, card.classes, numbering, numbering is not None, card.objects
        )
        sums = _Sums(there, real, card.objects if real.labels is None else None, len(card.classes))
        for part in parts.parts(NEAR):
            top, bottom, left, right = part.inner
            errors[top:bottom, left:right] = sums.add(part, result.labels)
    classes = card.classes
    if real.labels is None:
        assert card.objects
        classes = card.classes[card.background or 0], card.classes[card.objects[0]]
    remarks = (*real.remarks, *([masks.Remark("not_single")] if card.objects else []), *sums.better(real, others))
    return Judged(sums.matrix, sums.boundary, errors, None, real.numbers, remarks), classes


class _Sums:
    """Counts over the parts. `real` says what each of the values `there` means."""

    def __init__(self, there: np.ndarray, real: Truth, inside: tuple[int, int] | None, classes: int) -> None:
        meant = real.labels if inside is None else (real.objects > 0 if real.objects is not None else None)
        assert meant is not None
        self.there, self.meant, self.inside = there, meant[0].astype(np.uint8), inside
        self.classes = classes if inside is None else 2
        self.matrix, self.boundary = (np.zeros((self.classes, self.classes), np.int64) for _ in range(2))
        self.pairs = np.zeros((len(there), 256), np.int64) if inside is None else None  # value, predicted class

    def add(self, part: Part, labels: Any) -> np.ndarray:
        """Count a part; where it errs (h x w uint8)."""
        index = np.searchsorted(self.there, part.values)
        real, near = self.meant[index], None
        top, bottom, left, right = part.outer
        made = labels[top:bottom, left:right]
        if self.inside is not None:
            made = np.isin(made, self.inside).astype(np.uint8)
        near = metrics.boundary_band(real)
        real, made, near, index = map(part.within, (real, made, near, index))
        judged = judge(real, made, self.classes, near)
        self.matrix += judged.matrix
        self.boundary += judged.boundary
        if self.pairs is not None:
            flat = np.bincount(index.ravel() * 256 + made.ravel(), minlength=self.pairs.size)
            self.pairs += flat.reshape(self.pairs.shape)
        return judged.errors

    def better(self, real: Truth, others: Iterable[Numbering]) -> list[Remark]:
        if self.pairs is None or real.raw is None or real.labels is None:
            return []
        line = Truth(real.name, real.labels[0], None, real.numbers, (), real.raw[0])
        numberings = (*others, masks.in_order(self.classes), masks.in_order(self.classes, 1))
        found = masks.better_by(line, self.pairs, numberings)
        return [found] if found else []
