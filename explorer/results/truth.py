"""A segmentation against the truth: figures, confusion matrix, and where it errs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from explorer import metrics, objects
from explorer.cards import ClassInfo
from explorer.checked import json_ready
from explorer.errors import ExplorerError
from explorer.images import MAX_PIXELS
from explorer.results.result import Result

RIGHT, WRONG, UNJUDGED = 0, 1, 2  # of an error map
COLOURS = ((0, 158, 115), (213, 94, 0), (90, 90, 90))  # theirs: Okabe-Ito's green and vermilion, grey


@dataclass(frozen=True, eq=False)
class Judged:
    """`matrix` rows are true, columns predicted classes; `errors` is H x W of RIGHT, WRONG and UNJUDGED."""

    matrix: np.ndarray
    boundary: np.ndarray  # only pixels within 5 of a true boundary
    errors: np.ndarray
    matches: objects.Matches | None = None

    def figures(self, classes: Sequence[ClassInfo]) -> dict[str, Any]:
        """Shares, None where there is nothing to judge by."""
        found: dict[str, Any] = {**metrics.summary(self.matrix), "boundary_iou": metrics.mean_iou(self.boundary)}
        found["iou"] = {c.name["en"]: float(v) for c, v in zip(classes, metrics.iou(self.matrix), strict=True)}
        if self.matches:
            found["object_f1"] = self.matches.f1
        return {key: json_ready(value) for key, value in found.items()}


def judge(truth: np.ndarray, labels: np.ndarray, classes: int) -> Judged:
    """Compare labels with true ones of the same size; metrics.IGNORE (255) is not judged."""
    near = metrics.boundary_band(truth)
    errors = np.where(truth == metrics.IGNORE, UNJUDGED, np.where(truth == labels, RIGHT, WRONG)).astype(np.uint8)
    banded = np.where(near, truth, metrics.IGNORE)
    return Judged(metrics.confusion(truth, labels, classes), metrics.confusion(banded, labels, classes), errors)


def judge_result(result: Result, path: str | Path) -> tuple[Judged, tuple[ClassInfo, ...]]:
    """Compare a result with the true labels, or the true objects where it tells them apart, in a file; and the classes
    that were told apart. Raises ExplorerError."""
    size, card = result.labels.shape, result.card
    if card.objects and result.instances is not None:
        real, found = _numbers(_open(path, size), Path(path).name).astype(np.int32), result.instances
        judged = judge((real > 0).astype(np.uint8), (found > 0).astype(np.uint8), 2)  # pixels as object or not
        told_apart = card.classes[card.background or 0], card.classes[card.objects[0]]
        return replace(judged, matches=objects.match(real, found)), told_apart
    return judge(read_labels(path, size, card.classes), result.labels, len(card.classes)), card.classes


def read_labels(path: str | Path, size: tuple[int, int], classes: Sequence[ClassInfo]) -> np.ndarray:
    """True labels (H x W uint8) out of a picture: indexed or grey, pixel = class; or RGB in the classes' colours.

    255, and black where no class is black, is not judged. Raises ExplorerError naming what does not fit.
    """
    image = _open(path, size)
    if image.mode in ("RGB", "RGBA"):
        return _by_colour(np.asarray(image.convert("RGB")), classes, Path(path).name)
    values = _numbers(image, Path(path).name).astype(np.int64)
    odd = np.setdiff1d(np.unique(values), [*range(len(classes)), metrics.IGNORE])
    if odd.size:
        raise ExplorerError(
            "truth_class",
            f"{Path(path).name} has the value {odd[0]}, and the classes are 0 to {len(classes) - 1} (255: not judged)",
            name=Path(path).name,
            value=int(odd[0]),
            most=len(classes) - 1,
        )
    return values.astype(np.uint8)


def _numbers(image: Image.Image, name: str) -> np.ndarray:
    """A number per pixel, of a picture that has one."""
    if image.mode not in ("P", "L", "1", "I", "I;16"):
        raise ExplorerError("truth_mode", f"{name} is no label map: its pixels are {image.mode}", name=name)
    return np.asarray(image)


def _open(path: str | Path, size: tuple[int, int]) -> Image.Image:
    name = Path(path).name
    try:
        with Image.open(path, formats=("PNG", "TIFF", "BMP", "GIF")) as image:
            if image.width * image.height > MAX_PIXELS:
                raise ValueError("too large")
            if (image.height, image.width) != tuple(size):
                raise ExplorerError(
                    "truth_size",
                    f"{name} has {image.height} x {image.width} pixels, the image {size[0]} x {size[1]}",
                    name=name,
                    width=image.width,
                    height=image.height,
                    image_width=size[1],
                    image_height=size[0],
                )
            image.load()
            return image
    except ExplorerError:
        raise
    except Exception as error:  # Pillow raises nearly anything on damaged data
        raise ExplorerError(
            "truth_file", f"{name} cannot be read as a label map (PNG, TIFF, BMP or GIF)", name=name
        ) from error


def _by_colour(pixels: np.ndarray, classes: Sequence[ClassInfo], name: str) -> np.ndarray:
    codes = (pixels.astype(np.uint32) << np.array([16, 8, 0], np.uint32)).sum(-1)
    known = {(r << 16) + (g << 8) + b: i for i, (r, g, b) in enumerate(c.colour for c in classes)}
    known.setdefault(0, metrics.IGNORE)
    there, where = np.unique(codes, return_inverse=True)
    if odd := [int(code) for code in there if int(code) not in known]:
        colour = f"#{odd[0]:06X}"
        raise ExplorerError(
            "truth_colour", f"{name} has the colour {colour}, which no class has", name=name, colour=colour
        )
    return np.array([known[int(code)] for code in there], np.uint8)[where].reshape(codes.shape)
