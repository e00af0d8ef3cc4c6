"""True labels out of a file: the one reader that `segment --truth`, the page, labs, `evaluate` and training share.

What a pixel says is taken in this order: a declared numbering (`Numbering`), the classes' own colours, and else the
numbering that the reader is given. Among classes 255 is not judged, unless a numbering says otherwise; among objects it
is a number like any other.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy import ndimage

from explorer import objects
from explorer.cards import ClassInfo
from explorer.errors import ExplorerError
from explorer.files import listed
from explorer.images import Note
from explorer.masks.numbering import DECLARATION, Numbering, declared, in_order
from explorer.masks.picture import Picture, Said, opened
from explorer.masks.remarks import REMARKS, Remark, summed
from explorer.masks.strips import copied
from explorer.metrics import IGNORE

__all__ = [
    "EXPORTED",
    "REMARKS",
    "SUFFIXES",
    "Numbering",
    "Remark",
    "Truth",
    "beside",
    "better",
    "better_by",
    "declared",
    "in_order",
    "read",
    "summed",
    "taken",
]

SUFFIXES = (".png", ".tif", ".tiff", ".bmp", ".gif")
EXPORTED = (".instances", ".mask")  # what the explorer's own files have between an image's stem and their ending
FEW = 8  # numbers of objects; so few may be classes


def beside(folder: Path, stem: str) -> Path:
    """The label file of an image in a folder: of the image's stem, whatever its ending. Raises ExplorerError if there
    is none, or more than one."""
    try:
        files = listed(folder, SUFFIXES)
    except OSError as error:
        raise ExplorerError("truth_missing", f"{folder} cannot be looked into: {error}", name=str(folder)) from error
    for wanted in (stem, *(stem + part for part in EXPORTED)):
        if len(found := [path for path in files if path.stem == wanted]) > 1:
            both = " and ".join(path.name for path in found)
            raise ExplorerError("truth_missing", f"{folder} holds {both}; one of them is too many", name=stem)
        if found:
            return found[0]
    raise ExplorerError(
        "truth_missing", f"{folder} holds no true labels {stem}.png (nor {', '.join(SUFFIXES[1:])})", name=stem
    )


@dataclass(frozen=True, eq=False)
class Truth:
    """True labels as large as their image: of classes (H x W uint8), or numbers of objects (H x W int32, 0 outside), or
    both, where objects follow from labels. `numbers`: by what numbering; `raw` are the file's own, if it has some."""

    name: str
    labels: np.ndarray | None
    objects: np.ndarray | None
    numbers: str
    remarks: tuple[Remark, ...]
    raw: np.ndarray | None = None


def read(
    path: Path,
    size: tuple[int, int],
    classes: Sequence[ClassInfo],
    numbering: Numbering | None = None,
    is_declared: bool = False,
    parts: tuple[int, int] | None = None,
    notes: Iterable[Note] = (),
) -> Truth:
    """The true labels of an image of a size (height, width). Raises ExplorerError that names what does not fit.

    numbering    of files that are no picture in the classes' colours; the card's if not given
    is_declared  it holds for indexed pictures in the classes' colours, too
    parts        the classes "inside an object" and "where two touch", if numbers are those of objects
    notes        what was done to the image on reading: labels are turned with it, and taken from its page
    """
    picture, remarks = _opened(path, size, list(notes))
    return taken(picture, remarks, classes, numbering, is_declared, parts)


def _opened(path: Path, size: tuple[int, int], notes: list[Note]) -> tuple[Picture, Said]:
    """What `opened` gives; of an image that was read as a copy, labels may be as large as the whole one."""
    whole = [n.details for n in notes if n.code == "reduced"]
    try:
        return opened(path, size, notes)
    except ExplorerError as error:
        if not whole or error.code != "truth_size":
            raise
    return copied(path, (whole[0]["whole_height"], whole[0]["whole_width"]), size, notes)


def taken(
    picture: Picture,
    remarks: Said,
    classes: Sequence[ClassInfo],
    numbering: Numbering | None = None,
    is_declared: bool = False,
    parts: tuple[int, int] | None = None,
) -> Truth:
    """The labels that a picture holds; the arguments are those of `read`."""
    said = [Remark(code, details) for code, details in remarks]
    numbering = numbering or in_order(len(classes))
    labels = None if is_declared and picture.numbers is not None else by_colour(picture, classes)
    numbers = numbering.name if labels is None else "the classes' colours"
    found = None
    if labels is None and picture.numbers is None:
        raise _odd_colour(picture, classes, parts is not None)
    if labels is None and parts and not is_declared:
        found, numbers = _objects(picture, said), "the objects"
    elif labels is None:
        labels = _classes(picture, numbering, classes, said)
    if labels is not None and parts:
        found = objects.instances_of(labels, *parts)
    return Truth(picture.name, labels, found, numbers, tuple(said), None if labels is None else picture.numbers)


def by_colour(picture: Picture, classes: Sequence[ClassInfo]) -> np.ndarray | None:
    """The classes (H x W) of a picture in their colours: an RGB one, black being not judged where no class is black; or
    an indexed one whose table begins with them, as the explorer's masks do. None of any other."""
    if picture.colours is None:
        count, table = len(classes), picture.table
        if picture.numbers is None or table is None or len(table) < 2:
            return None
        own = [list(info.colour) for info in classes]
        within = set(np.unique(picture.numbers).tolist()) <= {*range(min(count, len(table))), IGNORE}
        return picture.numbers.astype(np.uint8) if within and table[:count].tolist() == own[: len(table)] else None
    known = {_code(info.colour): i for i, info in enumerate(classes)}
    there, where = np.unique(picture.codes, return_inverse=True)
    if not {int(code) for code in there} & known.keys() or any(int(code) not in {0, *known} for code in there):
        return None
    return np.array([known.get(int(code), IGNORE) for code in there], np.uint8)[where].reshape(picture.codes.shape)


def _code(colour: Sequence[int]) -> int:
    return (colour[0] << 16) + (colour[1] << 8) + colour[2]


def _odd_colour(picture: Picture, classes: Sequence[ClassInfo], of_objects: bool) -> ExplorerError:
    if of_objects:
        return ExplorerError(
            "truth_objects_colour",
            f"{picture.name} is a coloured picture, and numbers of the objects are needed: a grey picture, 0 outside, "
            "each object a number of its own",
            name=picture.name,
        )
    known = {0, *(_code(info.colour) for info in classes)}
    code = next((int(code) for code in np.unique(picture.codes) if int(code) not in known), 0)
    colour = f"#{code:06X}"
    return ExplorerError(
        "truth_colour",
        f"{picture.name} has the colour {colour}, which no class has",
        name=picture.name,
        colour=colour,
    )


def _objects(picture: Picture, said: list[Remark]) -> np.ndarray:
    """Numbers of objects (H x W int32, from 0 without gaps)."""
    numbers, name = picture.numbers, picture.name
    assert numbers is not None
    there, where = np.unique(numbers, return_inverse=True)
    if there[0] < 0:
        raise ExplorerError(
            "truth_negative",
            f"{name} has the value {there[0]}; numbers of objects count from 1, 0 is outside",
            name=name,
            value=int(there[0]),
        )
    if there[0] > 0:
        raise ExplorerError(
            "truth_no_outside",
            f"{name} has no pixel outside of the objects (value 0); its values are {there[0]} to {there[-1]}",
            name=name,
            least=int(there[0]),
            most=int(there[-1]),
        )
    found = where.reshape(numbers.shape).astype(np.int32)
    count = len(there) - 1
    parts = sum(ndimage.label(found == number)[1] for number in range(1, count + 1)) if count <= FEW else 0
    if count == 1 and parts > 1:
        said.append(Remark("one_object", {"name": name, "value": int(there[1]), "parts": int(parts)}))
        return ndimage.label(found)[0].astype(np.int32)
    if parts > 3 * count:
        said.append(Remark("few_objects", {"name": name, "count": count, "parts": int(parts)}))
    return found


def _classes(picture: Picture, numbering: Numbering, classes: Sequence[ClassInfo], said: list[Remark]) -> np.ndarray:
    numbers, name = picture.numbers, picture.name
    assert numbers is not None
    labels = numbering.labels(numbers)
    values = set(np.unique(numbers).tolist())
    if labels is None:
        odd, most = min(values - numbering.values.keys() - {IGNORE}), max(numbering.values, default=0)
        from_one = in_order(len(classes), 1).labels(numbers) is not None
        hint = f"; they fit classes that count from 1: declare them in {DECLARATION}" * from_one
        raise ExplorerError(
            "truth_class",
            f"{name} has the value {odd}, which is no number of a class ({numbering.name}; 255: not judged){hint}",
            name=name,
            value=int(odd),
            most=most,
        )
    if not (labels != IGNORE).any():
        said.append(Remark("nothing_judged", {"name": name}))
    elif len(values) == 2 and 0 in values and (picture.bilevel or max(values) == IGNORE):
        said.append(Remark("binary", {"name": name, "value": max(values), "first": _first(labels, classes)}))
    background = next((i for i, info in enumerate(classes) if info.id == "background"), None)
    if background is not None and (labels != IGNORE).any() and not (labels == background).any():
        said.append(Remark("no_background", {"name": name, "background": classes[background].name["en"]}))
    return labels


def _first(labels: np.ndarray, classes: Sequence[ClassInfo]) -> str:
    """The class that the value 0 was taken for."""
    judged = labels[labels != IGNORE]
    return classes[int(judged.min())].name["en"]


def better(truth: Truth, labels: np.ndarray, others: Iterable[Numbering]) -> Remark | None:
    """A remark where the numbers of a file agree much better with a prediction (H x W) in another numbering."""
    if truth.raw is None or truth.labels is None:
        return None
    values, first, where = np.unique(truth.raw, return_index=True, return_inverse=True)
    counts = np.bincount(where.ravel() * 256 + labels.ravel(), minlength=len(values) * 256).reshape(-1, 256)
    line = replace(truth, labels=truth.labels.ravel()[first], raw=values)
    return better_by(line, counts, others)


def better_by(truth: Truth, counts: np.ndarray, others: Iterable[Numbering]) -> Remark | None:
    """The same of the numbers that a file has (`raw`, n) and what they mean (`labels`): `counts` are pixels by number
    and predicted class (n x 256)."""
    assert truth.raw is not None
    assert truth.labels is not None
    here = _agreement(truth.labels, counts)
    best = max(
        ((_agreement(found, counts), other) for other in others if (found := other.labels(truth.raw)) is not None),
        key=lambda pair: pair[0],
        default=None,
    )
    if best is None or best[0] < here + 0.2:
        return None
    shares = {"here": round(here, 4), "there": round(best[0], 4)}
    return Remark("other_numbers", {"name": truth.name, "other": best[1].name, "numbers": truth.numbers, **shares})


def _agreement(labels: np.ndarray, counts: np.ndarray) -> float:
    judged = (labels != IGNORE).nonzero()[0]
    total = counts[judged].sum()
    return float(counts[judged, labels[judged]].sum() / total) if total else 0.0
