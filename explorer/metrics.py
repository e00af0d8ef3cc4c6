"""Figures of a segmentation, all from one confusion matrix (Long et al. 2015, section 5).

A confusion matrix is C x C counts of pixels: row = true class, column = predicted class. Add matrices of several
images to judge them as one. A class without pixels has no figure of its own (NaN) and is left out of means.
"""

from __future__ import annotations

import numpy as np

from explorer.strips import strips

IGNORE = 255  # a true label that is not judged


def confusion(truth: np.ndarray, predicted: np.ndarray, classes: int, ignore: int | None = IGNORE) -> np.ndarray:
    """Counts (int64) of (true, predicted) pairs of two label maps of one shape.

    Pixels whose true label is `ignore` do not count. Raises ValueError for shapes that differ and labels outside
    0..classes-1.
    """
    truth, predicted = np.asarray(truth), np.asarray(predicted)
    if truth.shape != predicted.shape:
        raise ValueError(f"the label maps have different shapes, {truth.shape} and {predicted.shape}")
    matrix = np.zeros(classes**2, np.int64)
    for part in strips(truth):
        counted = np.ones(truth[part].shape, bool) if ignore is None else truth[part] != ignore
        rows, columns = (labels[part][counted].astype(np.int64) for labels in (truth, predicted))
        for name, labels in (("true", rows), ("predicted", columns)):
            if labels.size and (labels.min() < 0 or labels.max() >= classes):
                raise ValueError(f"a {name} label lies outside 0..{classes - 1}")
        matrix += np.bincount(rows * classes + columns, minlength=classes**2)
    return matrix.reshape(classes, classes)


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """part / whole, NaN where the whole is empty."""
    return np.divide(part, whole, out=np.full(np.shape(part), np.nan), where=np.asarray(whole) != 0)


def _mean(values: np.ndarray) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else float("nan")


def pixel_accuracy(matrix: np.ndarray) -> float:
    """Share of all pixels that are right: sum n_ii / sum t_i."""
    return float(_ratio(np.trace(matrix), matrix.sum()))


def class_accuracy(matrix: np.ndarray) -> np.ndarray:
    """Per class, the share of its true pixels that are right: n_ii / t_i."""
    return _ratio(np.diag(matrix), matrix.sum(1))


def mean_accuracy(matrix: np.ndarray) -> float:
    return _mean(class_accuracy(matrix))


def iou(matrix: np.ndarray) -> np.ndarray:
    """Per class, intersection over union: n_ii / (t_i + p_i - n_ii)."""
    right = np.diag(matrix)
    return _ratio(right, matrix.sum(1) + matrix.sum(0) - right)


def mean_iou(matrix: np.ndarray) -> float:
    """Mean over the classes that occur, in truth or prediction."""
    return _mean(iou(matrix))


def frequency_weighted_iou(matrix: np.ndarray) -> float:
    """IoU weighted by each class's true pixels: sum t_i IoU_i / sum t_i."""
    share = _ratio(matrix.sum(1), matrix.sum())
    return float("nan") if np.isnan(share).any() else float(np.nansum(share * iou(matrix)))


def dice(matrix: np.ndarray) -> np.ndarray:
    """Per class, 2 n_ii / (t_i + p_i), the F1 score of its pixels."""
    return _ratio(2 * np.diag(matrix), matrix.sum(1) + matrix.sum(0))


def edges(labels: np.ndarray) -> np.ndarray:
    """The pixels (bool, H x W) that have another label to the left, right, above or below."""
    edge = np.zeros(labels.shape, bool)
    for axis in (0, 1):
        a, b = np.moveaxis(edge, axis, 0), np.moveaxis(labels, axis, 0)
        meets = b[1:] != b[:-1]
        a[1:] |= meets
        a[:-1] |= meets
    return edge


def boundary_band(truth: np.ndarray, radius: int = 5) -> np.ndarray:
    """The pixels (bool, H x W) at most `radius` from a place where two labels meet (Euclidean, in pixels).

    A label that is not judged counts as a label, because such pixels line the objects in many data sets; measure on
    the judged pixels of the band (the "trimap" of Kohli et al. 2009, section 4).
    """
    from scipy import ndimage  # here: the page starts sooner without it

    edge, height = edges(truth), len(truth)
    band = edge.copy()
    for down in range(min(radius, height - 1) + 1):
        across = int(np.sqrt(radius**2 - down**2))
        wide = ndimage.maximum_filter1d(edge, 2 * across + 1, axis=1, mode="constant")
        band[down:] |= wide[: height - down]
        band[: height - down] |= wide[down:]
    return band


def summary(matrix: np.ndarray) -> dict[str, float]:
    """The four figures of the FCN paper, as shares (not per cent)."""
    return {
        "pixel_accuracy": pixel_accuracy(matrix),
        "mean_accuracy": mean_accuracy(matrix),
        "mean_iou": mean_iou(matrix),
        "frequency_weighted_iou": frequency_weighted_iou(matrix),
    }
