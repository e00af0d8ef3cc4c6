"""True labels that labs judge by: those of the examples that have some, and what people give for their own images."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from explorer import masks
from explorer.cards import ClassInfo
from explorer.ui.image_store import ImageStore
from explorer.ui.state import Bounded

TRUTH_BYTES = 128 * 2**20


@dataclass(frozen=True, eq=False)
class _Truth:
    image: str
    classes: tuple[str, ...]  # ids, in the order of their numbers
    labels: np.ndarray  # H x W uint8, as large as the image


class Truths:
    """True labels of one server process. Those that a person gave are known by a token that only their page has."""

    def __init__(self, pictures: ImageStore) -> None:
        self.pictures = pictures
        self._held: Bounded[_Truth] = Bounded(TRUTH_BYTES)

    def add(self, path: Path, image: str, classes: Sequence[ClassInfo]) -> str:
        """Read a file of true labels of an image; its token. Raises ExplorerError that names what does not fit."""
        labels = self._read(path, image, classes)
        token = secrets.token_urlsafe(16)
        self._held.put(token, _Truth(image, tuple(one.id for one in classes), labels), labels.nbytes)
        return token

    def get(self, image: str, classes: Sequence[ClassInfo], token: str = "") -> np.ndarray | None:
        """An image's true labels in these classes (H x W): those given under the token, or an example's own; None
        where there are none, or of other classes."""
        known, ids = self._held.get(token), tuple(one.id for one in classes)
        if known is not None and (known.image, known.classes) == (image, ids):
            return known.labels
        for example in self.pictures.listed:
            if example["file"] == image and tuple(example.get("classes", ())) == ids:
                return self._read(self.pictures.folder.parent / "truth" / example["truth"], image, classes)
        return None

    def _read(self, path: Path, image: str, classes: Sequence[ClassInfo]) -> np.ndarray:
        photograph = self.pictures.get(image)
        labels = masks.read(path, photograph.size, classes, notes=photograph.notes).labels
        assert labels is not None
        return labels
