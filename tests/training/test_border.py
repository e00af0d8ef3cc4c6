"""The border weight map and the touching class, against the paper's formula pixel by pixel."""

from __future__ import annotations

import numpy as np
import pytest

from explorer.training import border


def brute_force(instances: np.ndarray, w0: float, sigma: float) -> np.ndarray:
    """Equation 2 of Ronneberger et al. 2015, pixel by pixel, object by object."""
    ids = [i for i in np.unique(instances) if i]
    result = np.zeros(instances.shape)
    for y, x in np.ndindex(*instances.shape):
        nearest = sorted(
            min(np.hypot(y - v, x - u) for v, u in zip(*np.nonzero(instances == i), strict=True)) for i in ids
        )
        if len(nearest) >= 2:
            result[y, x] = w0 * np.exp(-((nearest[0] + nearest[1]) ** 2) / (2 * sigma**2))
    return result


@pytest.mark.parametrize(("w0", "sigma"), [(10.0, 5.0), (3.0, 1.5)])
def test_weight_map_agrees_with_the_papers_formula(w0: float, sigma: float) -> None:
    instances = np.zeros((23, 31), int)
    instances[2:9, 3:10] = 4
    instances[2:9, 12:15] = 9
    instances[12:15, 5:12] = 1000
    instances[22, 30] = 2
    expected = brute_force(instances, w0, sigma)
    assert expected.max() > 0.1 * w0
    assert border.weight_map(instances, w0, sigma) == pytest.approx(expected, abs=1e-4 * w0)


def test_one_object_or_none_has_no_border() -> None:
    instances = np.zeros((9, 9), int)
    assert (border.weight_map(instances) == 0).all()
    instances[2:4, 2:4] = 1
    assert (border.weight_map(instances) == 0).all()
    assert set(np.unique(border.classes_of(instances))) == {border.BACKGROUND, border.OBJECT}


def test_touching_pixels() -> None:
    instances = np.array([[0, 0, 0, 0, 0, 0], [1, 1, 2, 2, 0, 3], [1, 1, 2, 2, 0, 3]])
    assert (border.classes_of(instances) == [[0, 2, 2, 0, 2, 0], [1, 2, 2, 1, 2, 1], [1, 2, 2, 1, 2, 1]]).all()
