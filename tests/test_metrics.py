"""Figures against values worked out by hand and against a plain re-computation from sets of pixels."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from explorer import metrics

TRUTH = np.array([[0, 0, 0, 1], [0, 1, 1, 255]])
GUESS = np.array([[0, 0, 1, 1], [2, 1, 0, 2]])
# by hand: 0 -> 0 twice, 0 -> 1 once, 0 -> 2 once; 1 -> 1 twice, 1 -> 0 once; one pixel ignored
MATRIX = np.array([[2, 1, 1], [1, 2, 0], [0, 0, 0]])


def test_confusion_by_hand() -> None:
    assert (metrics.confusion(TRUTH, GUESS, 3) == MATRIX).all()
    assert metrics.confusion(TRUTH, GUESS, 3).dtype == np.int64


def test_figures_by_hand() -> None:
    assert metrics.pixel_accuracy(MATRIX) == pytest.approx(4 / 7)
    assert metrics.class_accuracy(MATRIX)[:2] == pytest.approx([2 / 4, 2 / 3])
    assert math.isnan(metrics.class_accuracy(MATRIX)[2])
    assert metrics.mean_accuracy(MATRIX) == pytest.approx((2 / 4 + 2 / 3) / 2)
    assert metrics.iou(MATRIX) == pytest.approx([2 / 5, 2 / 4, 0])  # class 2 is predicted, never true
    assert metrics.mean_iou(MATRIX) == pytest.approx((2 / 5 + 2 / 4 + 0) / 3)
    assert metrics.frequency_weighted_iou(MATRIX) == pytest.approx((4 * 2 / 5 + 3 * 2 / 4) / 7)
    assert metrics.dice(MATRIX) == pytest.approx([4 / 7, 4 / 6, 0])


def test_absent_class_is_left_out_of_means() -> None:
    matrix = np.zeros((4, 4), int)
    matrix[:2, :2] = MATRIX[:2, :2]
    assert metrics.mean_iou(matrix) == pytest.approx((2 / 4 + 2 / 4) / 2)
    assert np.isnan(metrics.iou(matrix)[2:]).all()
    assert np.isnan(metrics.dice(matrix)[2:]).all()


def test_no_pixels_give_no_figure() -> None:
    empty = metrics.confusion(np.full((2, 2), 255), np.zeros((2, 2)), 3)
    assert all(math.isnan(value) for value in metrics.summary(empty).values())


@pytest.mark.parametrize(
    ("truth", "guess"), [([[0, 3]], [[0, 0]]), ([[0, 0]], [[0, 3]]), ([[0, -1]], [[0, 0]]), ([[0, 0]], [[0]])]
)
def test_impossible_labels_are_refused(truth: list[list[int]], guess: list[list[int]]) -> None:
    with pytest.raises(ValueError, match=r"label"):
        metrics.confusion(np.array(truth), np.array(guess), 3)


def plainly(truth: list[int], guess: list[int], classes: int) -> dict[str, float]:
    """The same figures from sets of pixel numbers, without a confusion matrix."""
    judged = [i for i, label in enumerate(truth) if label != 255]
    accuracies, ious, weighted = [], [], 0.0
    for c in range(classes):
        mine, its = {i for i in judged if truth[i] == c}, {i for i in judged if guess[i] == c}
        if mine:
            accuracies.append(len(mine & its) / len(mine))
        if mine | its:
            ious.append(len(mine & its) / len(mine | its))
            weighted += len(mine) / len(judged) * ious[-1]
    return {
        "pixel_accuracy": sum(truth[i] == guess[i] for i in judged) / len(judged),
        "mean_accuracy": sum(accuracies) / len(accuracies),
        "mean_iou": sum(ious) / len(ious),
        "frequency_weighted_iou": weighted,
    }


LABELS = st.integers(1, 5).flatmap(
    lambda c: st.tuples(
        st.just(c),
        st.lists(st.tuples(st.sampled_from([*range(c), 255]), st.integers(0, c - 1)), min_size=1, max_size=60),
    )
)


@given(LABELS)
@settings(max_examples=200, deadline=None)
def test_figures_agree_with_a_plain_recomputation(drawn: tuple[int, list[tuple[int, int]]]) -> None:
    classes, pixels = drawn
    truth, guess = [t for t, _ in pixels], [g for _, g in pixels]
    matrix = metrics.confusion(np.array(truth), np.array(guess), classes)
    if all(t == 255 for t in truth):
        assert matrix.sum() == 0
        return
    found = metrics.summary(matrix)
    assert found == pytest.approx(plainly(truth, guess, classes))
    ious, dices = metrics.iou(matrix), metrics.dice(matrix)
    assert dices == pytest.approx(2 * ious / (1 + ious), nan_ok=True)
    assert all(0 <= value <= 1 for value in found.values())


@given(LABELS, st.randoms(use_true_random=False))
@settings(max_examples=50, deadline=None)
def test_matrices_add_up_and_order_does_not_matter(drawn: tuple[int, list[tuple[int, int]]], random) -> None:
    classes, pixels = drawn
    whole = np.array(pixels)
    shuffled = np.array(random.sample(pixels, len(pixels)))
    cut = random.randrange(len(pixels) + 1)
    parts = [metrics.confusion(p[:, 0], p[:, 1], classes) for p in (shuffled[:cut], shuffled[cut:])]
    assert (parts[0] + parts[1] == metrics.confusion(whole[:, 0], whole[:, 1], classes)).all()


@given(LABELS)
@settings(max_examples=50, deadline=None)
def test_a_perfect_prediction_is_perfect(drawn: tuple[int, list[tuple[int, int]]]) -> None:
    classes, pixels = drawn
    truth = np.array([t for t, _ in pixels])
    matrix = metrics.confusion(truth, np.where(truth == 255, 0, truth), classes)
    if matrix.sum():
        assert metrics.summary(matrix) == pytest.approx(dict.fromkeys(metrics.summary(matrix), 1.0))
