"""The picture of probabilities gives them back, to its precision."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from explorer.figures.probabilities import STEPS, Sheet, sheet


def read(made: Sheet, classes: int) -> np.ndarray:
    """Classes x height x width, as a reader of the format decodes them."""
    codes = made.pixels[..., 0].astype(int) * 256 + made.pixels[..., 1]
    height, width = made.tile
    return np.stack(
        [
            codes[k // made.columns * height :, k % made.columns * width :][:height, :width] / STEPS
            for k in range(classes)
        ]
    )


@given(st.integers(1, 25), st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**31))
def test_probabilities_come_back(classes: int, height: int, width: int, seed: int) -> None:
    logits = np.random.default_rng(seed).normal(0, 4, (classes, height, width))
    shares = np.exp(logits) / np.exp(logits).sum(0)
    made = sheet(shares.astype(np.float32))
    assert made.reduction == 1
    assert made.pixels[..., 2].max(initial=0) == 0
    np.testing.assert_allclose(read(made, classes), shares, atol=0.5 / STEPS + 1e-6)


@pytest.mark.parametrize("most", [100, 1000, 5000])
def test_a_large_picture_is_reduced_to_means(most: int) -> None:
    shares = np.random.default_rng(0).dirichlet([1, 1, 1], (37, 50)).transpose(2, 0, 1).astype(np.float32)
    made = sheet(shares, most)
    k = made.reduction
    assert k > 1
    found = read(made, 3)
    assert found.size <= 1.5 * most
    for row in range(found.shape[1]):
        for column in range(found.shape[2]):
            part = shares[:, row * k : (row + 1) * k, column * k : (column + 1) * k]
            np.testing.assert_allclose(found[:, row, column], part.mean((1, 2)), atol=0.5 / STEPS + 1e-6)


def test_numbers_that_are_none_become_zero() -> None:
    made = sheet(np.full((2, 3, 3), np.nan, np.float32))
    assert read(made, 2).max() == 0
