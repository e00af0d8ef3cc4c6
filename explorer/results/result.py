"""A segmented image with all that is known of it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from explorer import objects
from explorer.cards import Card
from explorer.images import Note
from explorer.inference import Labelling
from explorer.inference.label import Remark
from explorer.results.tables import Area, areas
from explorer.weights import Loaded


@dataclass(frozen=True, eq=False)
class Result:
    """A segmented image. `labels` (H x W uint8, as large as the image) are an array, or a file for a giant image."""

    name: str
    loaded: Loaded
    pixels: Any  # H x W x 3 uint8: an array, or a file
    notes: tuple[Note, ...]  # what was done on reading
    labelling: Labelling
    labels: Any
    counts: np.ndarray  # pixels per class
    seconds: dict[str, float]  # reading, network

    @property
    def card(self) -> Card:
        return self.loaded.card

    @property
    def remarks(self) -> tuple[Remark, ...]:
        """What a person should know of the run, and of the size that it was run at."""
        size, side = self.labelling.plan.size, self.card.trained_side
        if side is None or not self.card.is_too_large(size):
            return self.labelling.remarks
        details = {"side": side, "times": round(max(size) / side, 1)}
        return (*self.labelling.remarks, Remark("larger_than_trained", details))

    @cached_property
    def areas(self) -> list[Area]:
        """Pixels and share of every class."""
        return areas(self.counts, self.card.classes)

    @cached_property
    def instances(self) -> np.ndarray | None:
        """Numbers of the single objects (H x W int32, 0 outside); None where the network does not tell them apart.

        None also of a giant image, whose objects may reach over what memory holds.
        """
        if not self.card.objects or not isinstance(self.labels, np.ndarray):
            return None
        return objects.instances_of(self.labels, *self.card.objects)
