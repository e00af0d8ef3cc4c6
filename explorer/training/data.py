"""Read a data set whole, check every file before training, and split it by a fixed rule.

The rules need no list of files: whoever has another part of the published set gets the same side for the same image
(photographs), or the same grouping (micrographs). Each gives `sets.FOLDS` validation parts (folds) that have no image
in common; a recipe, or the one that it is like, may name the one that it leaves out, else that is fold 0.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from torchvision import datasets

from explorer import masks
from explorer.errors import DataError, ExplorerError
from explorer.files import listed
from explorer.images import Photograph
from explorer.images import read as read_image
from explorer.masks import Numbering
from explorer.training import border
from explorer.training.sets import SETS, SHARE, DataSet, declared

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".gif")


LEAST = 0.05  # share of micrographs that have to be left out, or else groups are parted
ONE_SESSION = "these figures say nothing about images of other sessions"


@dataclass(frozen=True, eq=False)
class Sample:
    """One image with its labels. `weight` is the border weight map, which only instance data has."""

    name: str  # stem of the file
    kind: str
    image: np.ndarray  # H x W x 3, uint8
    target: np.ndarray  # H x W, uint8: class, or IGNORE
    weight: np.ndarray | None  # H x W, float16
    instances: np.ndarray | None = None  # H x W
    part: int = 0  # which of the data set's folders
    film: str = ""  # of which it is a frame
    truth: masks.Truth | None = None  # where the labels are from


def locate(name: str, folder: Path) -> Path:
    """The folder of a data set: `folder` itself, or the one of the set's name in it."""
    return folder / name if (folder / name).is_dir() else folder


def layout(name: str) -> list[str]:
    """The folders that a data set consists of."""
    return [SETS[name].root] if SETS[name].torchvision else [part for pair in SETS[name].folders for part in pair]


def read_all(
    name: str,
    folder: Path,
    weights: bool = True,
    download: bool = False,
    numbers: str | None = None,
    left_out: Callable[[str], None] | None = None,
) -> list[Sample]:
    """All samples of a data set, by name. Raises DataError for the first file that is missing, broken or unknown.

    weights   False leaves out the border weight maps, which only training needs.
    download  lets torchvision fetch a set that it knows and the folder lacks.
    numbers   of the label files, by name, instead of what a `classes.json` says, or else of the set's own (`declared`)
    left_out  hears why of images that cannot be used, where the others are to be read without them
    """

    def refuse(why: str) -> None:
        if left_out is None:
            raise DataError(why)
        left_out(why)

    data_set, folder = SETS[name], locate(name, folder)
    found = []
    pairs = _published(data_set, folder, download) if data_set.torchvision else _beside(data_set, folder, refuse)
    for part, image, label in pairs:
        numbering = declared(numbers, (label.parent, folder), data_set.classes)
        try:
            found.append(_read(name, part, image, label, weights, numbering))
        except DataError as error:
            refuse(str(error))
        except Exception as error:  # whatever a reader makes of a file, it is named
            refuse(f"{label} cannot be read: {' '.join(str(error).split()) or type(error).__name__}")
    return found


def _beside(data_set: DataSet, folder: Path, refuse: Callable[[str], None]) -> Iterator[tuple[int, Path, Path]]:
    """(part, image, label) of a folder's files, by name; a file without its partner is refused before any is read."""
    found: list[tuple[int, Path, Path]] = []
    for part, pair in enumerate(data_set.folders):
        images, labels = _files(folder / pair[0]), _files(folder / pair[1], masks.EXPORTED)
        for stem in sorted(images.keys() ^ labels.keys()):
            there = images.get(stem) or labels[stem]
            lacking = "label" if stem in images else "image"
            refuse(f"{there} has no {lacking} file of the same name beside it")
        found += [(part, images[stem], labels[stem]) for stem in sorted(images.keys() & labels.keys())]
    return iter(found)


def _published(data_set: DataSet, folder: Path, download: bool) -> Iterator[tuple[int, Path, Path]]:
    """(part, image, label) of a set that torchvision knows how to fetch and lay out."""
    for part, name in enumerate(data_set.parts):
        try:
            if data_set.torchvision == "VOCSegmentation":
                voc = datasets.VOCSegmentation(str(folder), "2012", name, download)
                images, labels = voc.images, voc.masks
            else:
                pets = datasets.OxfordIIITPet(str(folder), name, "segmentation", download=download)
                images, labels = pets._images, pets._segs  # its public face gives pixels only, and no file to name
        except (RuntimeError, OSError) as error:
            hint = "" if download else " (--download fetches it)"
            raise DataError(f"{folder} holds no {data_set.torchvision}{hint}: {error}") from error
        yield from ((part, Path(image), Path(label)) for image, label in zip(images, labels, strict=True))


def _files(folder: Path, additions: tuple[str, ...] = ()) -> dict[str, Path]:
    """The files of a folder by their stems, without what the explorer adds to those of its own."""
    if not folder.is_dir():
        raise DataError(f"the folder {folder} does not exist")
    found: dict[str, Path] = {}
    for path in listed(folder, SUFFIXES):
        stem = path.stem
        for addition in additions:
            stem = stem.removesuffix(addition)
        if stem in found:
            raise DataError(f"{folder} holds both {found[stem].name} and {path.name}; one of them is too many")
        found[stem] = path
    if not found:
        raise DataError(f"the folder {folder} holds no images ({', '.join(SUFFIXES)})")
    return found


def _photograph(path: Path) -> Photograph:
    """As the app shows the image: turned as it says, 16 bits spread between percentiles."""
    try:
        return read_image(path)
    except ExplorerError as error:
        raise DataError(f"{path} cannot be read: {error}") from error


def _read(name: str, part: int, image_path: Path, label_path: Path, weights: bool, said: Numbering | None) -> Sample:
    data_set, photograph = SETS[name], _photograph(image_path)
    numbering = said or (Numbering(name, data_set.values) if data_set.values else None)
    objects = (border.OBJECT, border.TOUCHING) if data_set.instances else None
    of = photograph.size, data_set.classes, numbering, said is not None, objects, photograph.notes
    try:
        truth = masks.read(label_path, *of)
    except ExplorerError as error:
        raise DataError(f"{label_path.parent}: {error}") from error
    image, target, weight = photograph.pixels, truth.labels, None
    if truth.objects is not None:
        target = border.classes_of(truth.objects) if target is None else target
        weight = border.weight_map(truth.objects).astype(np.float16) if weights else None
    assert target is not None
    kind = kind_of(image) if data_set.instances else "photo"
    film = image_path.stem.partition("_")[0] if data_set.frames else ""
    truth = replace(truth, raw=None) if weights else truth
    return Sample(image_path.stem, kind, image, target, weight, truth.objects, part, film, truth)


def kind_of(image: np.ndarray) -> str:
    """Fluorescence (dark, grey), bright-field (light, grey) or stained (coloured) micrograph."""
    pixels = image.reshape(-1, 3).astype(np.int16)
    if (pixels.max(1) - pixels.min(1)).mean() >= 3:
        return "stained"
    return "fluorescence" if np.median(pixels) < 100 else "bright-field"


def split(name: str, samples: list[Sample], fold: int = 0) -> tuple[list[Sample], list[Sample], str]:
    """(training, validation, the rule in words). Raises DataError for another fold of a set that is split as
    published."""
    if last := SETS[name].published_validation:
        if fold:
            raise DataError(f"{name} is split as published; it has no fold {fold}")
        parts = [[s for s in samples if bool(s.part) == validates] for validates in (False, True)]
        return parts[0], parts[1], f"validation: {last}, as published"
    if not SETS[name].instances:
        return _split_names(samples, fold)
    train, validation, rule = _split_groups(samples, fold)
    if not train or len(validation) < LEAST * len(samples):  # groups of which nearly all images are one
        return _split_group(samples, fold)
    return train, validation, rule


def side(samples: list[Sample]) -> int | None:
    """Median longer side of photographs in pixels; None of micrographs, whose scale is the instrument's."""
    if any(sample.instances is not None for sample in samples):
        return None
    return int(np.median([max(sample.target.shape) for sample in samples]))


def _digest(text: str) -> int:
    return int(hashlib.sha256(text.encode()).hexdigest()[:8], 16)


def _split_names(samples: list[Sample], fold: int) -> tuple[list[Sample], list[Sample], str]:
    low, high = (round(SHARE * k, 2) for k in (fold, fold + 1))
    validation = [s for s in samples if low * 2**32 <= _digest(s.name) < high * 2**32]
    least = f"at least {low} and " if fold else ""
    rule = f"validation: the first 8 hex digits of sha256(file stem) are {least}below {high} x 2^32"
    return [s for s in samples if s not in validation], validation, rule


def signature(sample: Sample) -> str:
    """Size, background and contrast of a micrograph in coarse steps: alike for pictures of one field.

    Not for all of an experiment: fields that differ in brightness may fall on either side of a step.
    """
    pixels = sample.image.reshape(-1, 3)
    middle, high = (np.percentile(pixels, q, axis=0).mean() for q in (50, 99))
    height, width = sample.target.shape
    return f"{sample.kind} {width}x{height} {int(middle) // 4} {int(high) // 32}"


def group_of(sample: Sample) -> str:
    """What images belong together: micrographs of one `signature`, which a split never parts, and the frames of one
    film; a photograph stands alone."""
    return signature(sample) if sample.instances is not None else sample.film or f"{sample.part}/{sample.name}"


def _split_group(samples: list[Sample], fold: int) -> tuple[list[Sample], list[Sample], str]:
    """Micrographs of one session, which look alike: parted by their names, and the rule says what that is worth."""
    count = max(1, round(SHARE * len(samples)))
    chosen = sorted(samples, key=lambda sample: _digest(sample.name))[count * fold : count * (fold + 1)]
    validation = [sample for sample in samples if sample in chosen]
    rule = (
        f"(nearly) all images look alike, as of one session, so they are parted by name: in the order of sha256(file "
        f"stem), the {count} images after the first {count * fold} validate; {ONE_SESSION}"
    )
    return [sample for sample in samples if sample not in chosen], validation, rule


def _split_groups(samples: list[Sample], fold: int) -> tuple[list[Sample], list[Sample], str]:
    groups: dict[str, list[Sample]] = {}
    for sample in samples:
        groups.setdefault(signature(sample), []).append(sample)
    chosen: set[str] = set()
    for kind in sorted({s.kind for s in samples}):
        room = SHARE * sum(s.kind == kind for s in samples)
        keys = sorted((key for key in groups if key.split()[0] == kind), key=_digest)
        for _ in range(fold):
            taken = _fitting(keys, groups, room)
            keys = [key for key in keys if key not in taken]
        chosen.update(_fitting(keys, groups, room))
    validation = [s for s in samples if signature(s) in chosen]
    rule = (
        f"groups of equal kind, size, median // 4 and 99th percentile // 32; per kind, in the order of sha256(group), "
        f"a group goes to validation while at most {SHARE:.0%} of the kind's images are there, or else the smallest "
        f"one; fields of one experiment that differ in brightness may stand on both sides"
    )
    if fold:
        rule += f"; so again and again with the groups that are left: fold {fold}, counted from 0"
    return [s for s in samples if signature(s) not in chosen], validation, rule


def _fitting(keys: list[str], groups: dict[str, list[Sample]], room: float) -> list[str]:
    """The groups that fit into `room` images, taken in order; where none does, the smallest of several."""
    found = []
    for key in keys:
        if len(groups[key]) <= room:
            found.append(key)
            room -= len(groups[key])
    if not found and len(keys) > 1:
        found.append(min(keys, key=lambda key: len(groups[key])))
    return found
