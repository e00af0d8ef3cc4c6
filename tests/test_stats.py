"""Statistics of a map against numpy in double precision."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from explorer.stats import stats_of


@settings(max_examples=80, deadline=None)
@given(
    st.integers(1, 600_000),
    st.floats(-1e4, 1e4),
    st.floats(1e-3, 1e3),
    st.floats(0, 1),
    st.sampled_from([torch.float32, torch.float64, torch.float16, torch.bfloat16]),
    st.integers(0, 2**31),
)
def test_they_are_numpys(n: int, mean: float, spread: float, zeros: float, dtype: torch.dtype, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    value = (torch.randn(1, 1, 1, n, generator=generator) * spread + mean).to(dtype)
    value[torch.rand(value.shape, generator=generator) < zeros] = 0
    exact = value.double().numpy()
    found = stats_of(value)
    assert (found.min, found.max) == (exact.min(), exact.max())
    assert found.zeros == (exact == 0).mean()
    largest = np.abs(exact).max()
    assert found.mean == pytest.approx(exact.mean(), rel=1e-5, abs=1e-6 * largest)
    assert found.std == pytest.approx(exact.std(), rel=1e-4, abs=1e-5 * exact.std() + 1e-6 * np.ptp(exact))


def test_a_small_spread_around_a_large_mean_is_not_lost() -> None:
    value = 1000 + torch.randn(1, 8, 100, 100, generator=torch.Generator().manual_seed(0)) * 0.01
    assert stats_of(value).std == pytest.approx(value.double().numpy().std(), rel=1e-3)


def test_views_and_other_layouts() -> None:
    value = torch.randn(2, 5, 7, 9)
    for view in (value[:, :, 1:-1, 2:], value.to(memory_format=torch.channels_last), value.transpose(2, 3)):
        assert stats_of(view).std == pytest.approx(view.contiguous().double().numpy().std(), rel=1e-5)


@pytest.mark.parametrize("odd", [float("nan"), float("inf"), float("-inf")])
def test_what_is_not_finite_is_told(odd: float) -> None:
    value = torch.zeros(1, 1, 200, 200)
    value[0, 0, 150, 3] = odd
    found = stats_of(value)
    expected = value.numpy()
    np.testing.assert_equal((found.min, found.max), (expected.min(), expected.max()))
    assert not np.isfinite(found.mean)
    assert np.isnan(found.std)
