"""What a change does to a prediction: figures over the pixels that the prediction with and the one without have."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from torch import Tensor

from explorer import compare, metrics
from explorer.errors import ExplorerError
from explorer.geometry import Axis, Box


@dataclass(frozen=True, eq=False)
class Output:
    """A prediction. `scores` is 1 x classes x h x w, `labels` h x w uint8, the class of the largest one. Its first
    pixel is pixel (top, left) of the network's input."""

    scores: Tensor
    labels: np.ndarray
    top: int
    left: int

    @property
    def box(self) -> Box:
        """Where it lies on the network's input."""
        height, width = self.labels.shape
        return Box(self.top, self.left, self.top + height, self.left + width)

    def cut(self, box: Box) -> np.ndarray:
        """The labels of a part, given in pixels of the network's input."""
        return self.labels[box.top - self.top : box.bottom - self.top, box.left - self.left : box.right - self.left]


@dataclass(frozen=True)
class Figures:
    """A prediction judged over `pixels` pixels, those that it and the untouched one have in common.

    against         "truth", or "untouched" where there are no true labels
    mean_iou, pixel_accuracy   against those; shares of 1, NaN where nothing can be judged
    before          the untouched prediction's mean IoU against the same
    agreement       share of pixels that are labelled as in the untouched prediction
    """

    against: str
    pixels: int
    mean_iou: float
    pixel_accuracy: float
    before: float
    agreement: float


def output_of(scores: Tensor, axes: tuple[Axis, Axis]) -> Output:
    """The prediction of scores whose units stand on these axes; they have to be pixels."""
    top, left = (int(axis.grid.start) for axis in axes)
    return Output(scores, scores[0].argmax(0).cpu().numpy().astype(np.uint8), top, left)


def common(a: Box, b: Box) -> Box:
    """The pixels of both boxes."""
    return Box(max(a.top, b.top), max(a.left, b.left), min(a.bottom, b.bottom), min(a.right, b.right))


def check_truth(truth: np.ndarray | None, size: tuple[int, int]) -> None:
    """Raises ExplorerError ("lab_truth") unless true labels have the size of the network's input."""
    if truth is not None and truth.shape != size:
        said = f"{truth.shape[0]} x {truth.shape[1]} pixels and not {size[0]} x {size[1]}"
        raise ExplorerError("lab_truth", f"The true labels have {said}, as the network's input has.")


def judge(made: Output, untouched: Output, classes: int, truth: np.ndarray | None = None) -> Figures:
    """Judge a prediction; `truth` lies on the network's input (h x w, 255 where it is not judged)."""
    box = common(made.box, untouched.box)
    ours, theirs = made.cut(box), untouched.cut(box)
    if truth is None:
        real, against = theirs, "untouched"
    else:
        real, against = truth[box.top : box.bottom, box.left : box.right], "truth"
    matrix = metrics.confusion(real, ours, classes)
    before = metrics.mean_iou(metrics.confusion(real, theirs, classes))
    agreement = compare.agreement(ours, theirs) if ours.size else float("nan")
    accuracy = metrics.pixel_accuracy(matrix)
    return Figures(against, int(ours.size), metrics.mean_iou(matrix), accuracy, before, agreement)
