"""Comparing segmentations, against scipy's distance transform."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import ndimage

from explorer import compare, metrics

shapes = st.tuples(st.integers(2, 20), st.integers(2, 20))


@st.composite
def pairs(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    shape = draw(shapes)
    maps = arrays.arrays(np.uint8, shape, elements=st.integers(0, 2))
    return draw(maps), draw(maps)


@settings(deadline=None)
@given(pairs())
def test_boundaries_lie_apart_as_scipys_distance_transform_says(pair: tuple[np.ndarray, np.ndarray]) -> None:
    edges = [metrics.edges(labels) for labels in pair]
    found = compare.apart(*pair)
    if not all(edge.any() for edge in edges):
        assert found is None
        return
    to = [ndimage.distance_transform_edt(~edge) for edge in edges]
    distances = np.concatenate([to[1][edges[0]], to[0][edges[1]]])
    assert found.mean == pytest.approx(distances.mean(), abs=1e-5)
    assert found.most95 == pytest.approx(np.quantile(distances, 0.95), abs=1e-4)
    assert found.near == pytest.approx((distances <= 2).mean(), abs=1e-9)


@given(pairs())
def test_a_boundary_is_where_a_pixels_neighbour_differs(pair: tuple[np.ndarray, np.ndarray]) -> None:
    labels, _ = pair
    cross = ndimage.generate_binary_structure(2, 1)
    low = ndimage.minimum_filter(labels, footprint=cross, mode="nearest")
    high = ndimage.maximum_filter(labels, footprint=cross, mode="nearest")
    np.testing.assert_array_equal(metrics.edges(labels), low != high)


def test_a_shifted_edge_lies_as_far_apart_as_it_was_shifted() -> None:
    a, b = np.zeros((60, 100), np.uint8), np.zeros((60, 100), np.uint8)
    a[:, 40:], b[:, 47:] = 1, 1
    found = compare.apart(a, b)
    assert found.median in (6, 7)  # boundaries are two pixels wide
    assert found.near == 0
    assert compare.agreement(a, b) == pytest.approx(0.93)


def test_large_maps_are_thinned_out_and_stay_right() -> None:
    rng = np.random.default_rng(0)
    blobs = [ndimage.gaussian_filter(rng.normal(size=(700, 800)), 4) > 0 for _ in range(2)]
    edges = [metrics.edges(m.astype(np.uint8)) for m in blobs]
    assert min(e.sum() for e in edges) > 2 * compare.MOST_POINTS
    to = [ndimage.distance_transform_edt(~e) for e in edges]
    whole = np.concatenate([to[1][edges[0]], to[0][edges[1]]])
    found = compare.apart(*(m.astype(np.uint8) for m in blobs))
    assert found.mean == pytest.approx(whole.mean(), rel=0.05)
