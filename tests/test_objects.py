"""Objects against a plain comparison of pixel sets, and figures along boundaries against distances."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage

from explorer import metrics, objects

SHAPES = hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=14)
MASKS = hnp.arrays(bool, SHAPES)


@given(MASKS)
def test_objects_are_4_connected_and_numbered_in_reading_order(mask: np.ndarray) -> None:
    found = objects.instances_of(mask.astype(np.uint8), smallest=1)
    assert ((found > 0) == mask).all()
    assert found.max(initial=0) == ndimage.label(mask)[1]
    assert all(ndimage.label(found == i)[1] == 1 for i in range(1, found.max(initial=0) + 1))
    firsts = [int(np.flatnonzero(found == i)[0]) for i in range(1, found.max(initial=0) + 1)]
    assert firsts == sorted(firsts)


@given(
    hnp.arrays(np.int32, (9, 11), elements=st.integers(0, 4)), hnp.arrays(np.int32, (9, 11), elements=st.integers(0, 4))
)
def test_matches_are_those_of_pixel_sets(truth: np.ndarray, guess: np.ndarray) -> None:
    real, made = ([set(np.flatnonzero(m == i)) for i in np.unique(m) if i] for m in (truth, guess))
    right = sum(len(a & b) > 0.5 * len(a | b) for a in real for b in made)
    found = objects.match(truth, guess)
    assert (found.right, found.invented, found.missed) == (right, len(made) - right, len(real) - right)


def test_f1_by_hand() -> None:
    assert objects.Matches(3, 1, 2).f1 == pytest.approx(6 / 9)
    assert (objects.Matches(3, 1, 2) + objects.Matches(1, 0, 0)).f1 == pytest.approx(8 / 11)
    assert math.isnan(objects.Matches(0, 0, 0).f1)
    full = np.ones((4, 4), int)  # without any background
    assert objects.match(full, full) == objects.Matches(1, 0, 0)


@pytest.mark.parametrize(("shape", "threshold"), [((3, 4), 0.5), ((4, 4), 0.4)])
def test_impossible_comparisons_are_refused(shape: tuple[int, int], threshold: float) -> None:
    with pytest.raises(ValueError, match=r"shapes|threshold"):
        objects.match(np.ones((4, 4), int), np.ones(shape, int), threshold)


def test_a_touching_border_separates_and_is_given_back() -> None:
    labels = np.zeros((12, 21), np.uint8)
    labels[2:10, 2:19] = 1
    labels[2:10, 10:12] = 2  # two columns between two nuclei
    labels[0, 0] = 1  # a speck
    found = objects.instances_of(labels)
    assert found.max() == 2
    assert (found[2:10, 2:11] == 1).all()
    assert (found[2:10, 11:19] == 2).all()
    assert (found > 0).sum() == 8 * 17
    assert objects.instances_of(labels, smallest=1).max() == 3


@given(MASKS, hnp.arrays(bool, (14, 14)), st.integers(0, 5))
def test_growing_stays_near_and_inside(mask: np.ndarray, into: np.ndarray, pixels: int) -> None:
    into = into[: mask.shape[0], : mask.shape[1]]
    start = ndimage.label(mask)[0]
    grown = objects.grow(start, into, pixels)
    assert (grown[mask] == start[mask]).all()
    assert not (grown > 0)[~mask & ~into].any()
    if mask.any():
        distance = ndimage.distance_transform_cdt(~mask, "taxicab")
        assert (distance[grown > 0] <= pixels).all()
    # without obstacles everything near is reached
    free = objects.grow(start, np.ones_like(mask), pixels) > 0
    assert (free == (ndimage.binary_dilation(mask, iterations=pixels) if pixels else mask)).all()


@given(hnp.arrays(np.uint8, SHAPES, elements=st.sampled_from([0, 1, 2, 255])), st.integers(0, 6))
def test_boundary_band_is_where_the_distance_is_small(truth: np.ndarray, radius: int) -> None:
    padded = np.pad(truth, 1, mode="edge")
    around = (padded[:-2, 1:-1], padded[2:, 1:-1], padded[1:-1, :-2], padded[1:-1, 2:])
    edge = np.any([part != truth for part in around], axis=0)
    expected = ndimage.distance_transform_edt(~edge) <= radius if edge.any() else np.zeros(truth.shape, bool)
    assert (metrics.boundary_band(truth, radius) == expected).all()
