"""Read a data set whole, check every file before training, and split it by a fixed rule.

The rules need no list of files: whoever has another part of the published set gets the same side for the same image
(photographs), or the same grouping (micrographs).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from explorer.training import border
from explorer.training.sets import SETS, DataSet


class DataError(ValueError):
    """A file that cannot be trained on; the message names it."""


@dataclass(frozen=True, eq=False)
class Sample:
    """One image with its labels. `weight` is the border weight map of instance data, zero elsewhere."""

    name: str  # stem of the file
    kind: str
    image: np.ndarray  # H x W x 3, uint8
    target: np.ndarray  # H x W, uint8: class, or IGNORE
    weight: np.ndarray  # H x W, float16
    instances: np.ndarray | None = None  # H x W


def read_all(name: str, folder: Path) -> list[Sample]:
    """All samples of a data set, by name. Raises DataError for the first file that is missing, broken or unknown."""
    data_set = SETS[name]
    images, labels = (_files(folder / part) for part in (data_set.images, data_set.labels))
    for stem in sorted(images.keys() ^ labels.keys()):
        there = images.get(stem) or labels[stem]
        lacking = "label" if stem in images else "image"
        raise DataError(f"{there} has no {lacking} file of the same name beside it")
    return [_read(data_set, images[stem], labels[stem]) for stem in sorted(images)]


def _files(folder: Path) -> dict[str, Path]:
    if not folder.is_dir():
        raise DataError(f"the folder {folder} does not exist")
    found = {p.stem: p for p in sorted(folder.iterdir()) if p.suffix.lower() in (".png", ".jpg", ".jpeg", ".bmp")}
    if not found:
        raise DataError(f"the folder {folder} holds no images")
    return found


def _open(path: Path, mode: str | None) -> np.ndarray:
    try:
        with Image.open(path) as image:
            image.load()
            return np.asarray(image.convert(mode) if mode else image)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise DataError(f"{path} cannot be read: {error}") from error


def _read(data_set: DataSet, image_path: Path, label_path: Path) -> Sample:
    image, labels = _open(image_path, "RGB"), _open(label_path, None)
    if labels.ndim != 2:
        raise DataError(f"{label_path} is not a map of one number per pixel")
    if labels.shape != image.shape[:2]:
        sizes = [f"{shape[1]} x {shape[0]}" for shape in (labels.shape, image.shape)]
        raise DataError(f"{label_path} has {sizes[0]} pixels, its image {sizes[1]}")
    instances = None
    weight = np.zeros(labels.shape, np.float16)
    if data_set.instances:
        instances = labels.astype(np.int32)
        target, weight = border.classes_of(instances), border.weight_map(instances).astype(np.float16)
    else:
        values = np.unique(labels)
        if unknown := sorted(set(values.tolist()) - data_set.values.keys()):
            raise DataError(f"{label_path} has the value {unknown[0]}, which is no class of this data set")
        table = np.zeros(int(values.max()) + 1, np.uint8)
        for value, index in data_set.values.items():
            if value < len(table):
                table[value] = index
        target = table[labels]
    return Sample(image_path.stem, kind_of(image) if data_set.instances else "photo", image, target, weight, instances)


def kind_of(image: np.ndarray) -> str:
    """Fluorescence (dark, grey), bright-field (light, grey) or stained (coloured) micrograph."""
    pixels = image.reshape(-1, 3).astype(np.int16)
    if (pixels.max(1) - pixels.min(1)).mean() >= 3:
        return "stained"
    return "fluorescence" if np.median(pixels) < 100 else "bright-field"


def split(name: str, samples: list[Sample]) -> tuple[list[Sample], list[Sample], str]:
    """(training, validation, the rule in words)."""
    return _split_groups(samples) if SETS[name].instances else _split_names(samples)


def _digest(text: str) -> int:
    return int(hashlib.sha256(text.encode()).hexdigest()[:8], 16)


def _split_names(samples: list[Sample], share: float = 0.18) -> tuple[list[Sample], list[Sample], str]:
    validation = [s for s in samples if _digest(s.name) < share * 2**32]
    rule = f"validation: the first 8 hex digits of sha256(file stem) are below {share} x 2^32"
    return [s for s in samples if s not in validation], validation, rule


def signature(sample: Sample) -> str:
    """Size, background and contrast of a micrograph in coarse steps: alike for near-duplicates of one experiment."""
    pixels = sample.image.reshape(-1, 3)
    middle, high = (np.percentile(pixels, q, axis=0).mean() for q in (50, 99))
    height, width = sample.target.shape
    return f"{sample.kind} {width}x{height} {int(middle) // 4} {int(high) // 32}"


def _split_groups(samples: list[Sample], share: float = 0.18) -> tuple[list[Sample], list[Sample], str]:
    groups: dict[str, list[Sample]] = {}
    for sample in samples:
        groups.setdefault(signature(sample), []).append(sample)
    chosen: set[str] = set()
    for kind in sorted({s.kind for s in samples}):
        room = share * sum(s.kind == kind for s in samples)
        keys = sorted((key for key in groups if key.split()[0] == kind), key=_digest)
        for key in keys:
            if len(groups[key]) <= room or (key == keys[-1] and not any(k in chosen for k in keys)):
                chosen.add(key)
                room -= len(groups[key])
    validation = [s for s in samples if signature(s) in chosen]
    rule = (
        f"groups of equal kind, size, median // 4 and 99th percentile // 32; per kind, in the order of sha256(group), "
        f"a group goes to validation while at most {share:.0%} of the kind's images are there"
    )
    return [s for s in samples if signature(s) not in chosen], validation, rule
