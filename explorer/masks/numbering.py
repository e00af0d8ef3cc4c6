"""What the numbers in files of true labels mean, as it is declared."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from explorer.cards import ClassInfo
from explorer.errors import ExplorerError
from explorer.metrics import IGNORE

DECLARATION = "classes.json"


@dataclass(frozen=True)
class Numbering:
    """What the numbers in label files mean: the class of each, or IGNORE. `name` is told to people."""

    name: str
    values: Mapping[int, int]

    def labels(self, numbers: np.ndarray) -> np.ndarray | None:
        """Numbers (H x W) as classes (uint8); None if one of them has no meaning."""
        there, where = np.unique(numbers, return_inverse=True)
        known = {IGNORE: IGNORE, **self.values}
        if any(int(value) not in known for value in there):
            return None
        return np.array([known[int(value)] for value in there], np.uint8)[where].reshape(numbers.shape)


def in_order(count: int, first: int = 0) -> Numbering:
    """The numbers of a card: 0 for its first class, and so on; or those that begin at `first`."""
    unjudged = {0: IGNORE} if first else {}
    return Numbering(f"{first} to {first + count - 1}", {first + i: i for i in range(count)} | unjudged)


def declared(folders: Iterable[Path], classes: Sequence[ClassInfo]) -> Numbering | None:
    """The numbering that a file `classes.json` declares in the first of the folders that has one: a list of classes
    from number 0 on, or an object {"number": "class"}; null is not judged. Raises ExplorerError if it makes no sense.
    """
    path = next((place for folder in folders if (place := folder / DECLARATION).is_file()), None)
    if path is None:
        return None
    known = {name: i for i, info in enumerate(classes) for name in (info.id, info.name["en"])} | {None: IGNORE}
    try:
        said = json.loads(path.read_text("utf-8"))
        pairs = enumerate(said) if isinstance(said, list) else said.items()
        return Numbering(str(path), {int(number): known[name] for number, name in pairs})
    except KeyError as error:
        why = f"the class {error} is unknown; known: {', '.join(info.id for info in classes)}"
    except (OSError, ValueError, AttributeError, TypeError) as error:
        why = str(error)
    raise ExplorerError(
        "truth_classes",
        f"{path} declares no numbering: {why}",
        name=path.name,
        classes=", ".join(i.id for i in classes),
    )
