"""Mosaics against plain loops over channels, units and windows; palettes against plotly's tables and WCAG."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from plotly import colors

from explorer.figures import palettes
from explorer.figures.mosaic import MOST_PIXELS, Mosaic, mosaic

floats = st.floats(width=32, allow_nan=False, allow_infinity=False)
shapes = st.tuples(st.integers(1, 7), st.integers(1, 9), st.integers(1, 9))


def tile_of(drawn: Mosaic, channel: int) -> np.ndarray:
    height, width = drawn.tile
    row, column = divmod(channel, drawn.columns)
    return drawn.pixels[row * height : (row + 1) * height, column * width : (column + 1) * width]


def decoded(drawn: Mosaic, channel: int) -> np.ndarray:
    """The values a page makes of a tile, in double precision."""
    low, high = float(drawn.minimum[channel]), float(drawn.maximum[channel])
    return low + tile_of(drawn, channel) / 255 * (high - low)


def reduced(plane: np.ndarray, k: int) -> np.ndarray:
    """Means of k x k units, fewer at the right and bottom edges, one after the other."""
    height, width = plane.shape
    out = np.empty((math.ceil(height / k), math.ceil(width / k)))
    for y in range(out.shape[0]):
        for x in range(out.shape[1]):
            out[y, x] = plane[y * k : (y + 1) * k, x * k : (x + 1) * k].astype(np.float64).mean()
    return out


def assert_within_half_a_quantum(got: np.ndarray, want: np.ndarray) -> None:
    span = float(want.max()) - float(want.min())
    size = max(abs(float(want.max())), abs(float(want.min())))
    assert np.abs(got - want).max() <= span / 255 * 0.5 * (1 + 1e-5) + size * 1e-5  # a float's mean of many


@settings(deadline=None, max_examples=100)
@given(hnp.arrays(np.float32, shapes, elements=floats))
def test_a_pixel_says_the_value_to_half_a_quantum(values):
    drawn = mosaic(torch.from_numpy(values)[None])
    assert drawn.reduction == 1
    assert drawn.pixels.dtype == np.uint8
    for channel, plane in enumerate(values):
        assert float(drawn.minimum[channel]) == plane.min()
        assert float(drawn.maximum[channel]) == plane.max()
        span = float(plane.max()) - float(plane.min())
        wrong = np.abs(decoded(drawn, channel) - plane.astype(np.float64))
        assert wrong.max() <= span / 255 * 0.5 * (1 + 1e-6)


@pytest.mark.parametrize(
    "plane",
    [
        [[0.0, 0.0], [0.0, 0.0]],
        [[-7.25, -7.25], [-7.25, -7.25]],
        [[3e38, -3e38], [0.0, 1.0]],
        [[1e-45, 0.0], [2e-44, 1e-44]],
        [[1e8, 1e8 + 8], [1e8 + 16, 1e8]],
        [[-5.0, 0.0], [1.0, 5.0]],
    ],
    ids=["zero", "constant", "huge", "tiny", "offset", "signed"],
)
def test_extremes(plane):
    values = np.array([plane], np.float32)
    drawn = mosaic(torch.from_numpy(values)[None])
    want = values[0].astype(np.float64)
    assert np.abs(decoded(drawn, 0) - want).max() <= (want.max() - want.min()) / 255 * 0.500001
    if want.max() > want.min():
        assert (tile_of(drawn, 0)[want == want.max()] == 255).all()
        assert (tile_of(drawn, 0)[want == want.min()] == 0).all()


@settings(deadline=None, max_examples=50)
@given(
    shape=st.tuples(st.integers(1, 12), st.integers(1, 40), st.integers(1, 40)),
    most=st.integers(20, 2000),
    seed=st.integers(0, 2**16),
)
def test_a_reduced_pixel_is_the_mean_of_its_units(shape, most, seed):
    values = np.random.default_rng(seed).normal(2, 3, shape).astype(np.float32)
    drawn = mosaic(torch.from_numpy(values)[None], most)
    k = drawn.reduction
    assert drawn.tile == (math.ceil(shape[1] / k), math.ceil(shape[2] / k))
    for channel, plane in enumerate(values):
        want = reduced(plane, k)
        assert_within_half_a_quantum(decoded(drawn, channel), want)
        np.testing.assert_allclose(drawn.minimum[channel], want.min(), rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(drawn.maximum[channel], want.max(), rtol=1e-5, atol=1e-6)


@settings(deadline=None, max_examples=120)
@given(st.integers(1, 300), st.integers(1, 60), st.integers(1, 60), st.integers(300, 20_000))
def test_the_budget_is_kept_and_not_wasted(channels, height, width, most):
    drawn = mosaic(torch.zeros(1, channels, height, width), most)
    tiles = drawn.pixels.size // (drawn.tile[0] * drawn.tile[1])
    assert tiles >= channels
    assert drawn.pixels.size <= most or drawn.tile == (1, 1)
    if drawn.reduction > 1:  # one less would have been too large, empty tiles (at most a row of them) counted
        finer = math.ceil(height / (drawn.reduction - 1)) * math.ceil(width / (drawn.reduction - 1))
        assert finer * channels * 2 > most


@pytest.mark.parametrize(
    "shape", [(4096, 31, 31), (21, 215, 215), (64, 572, 572), (1, 1001, 1001), (16, 1184, 1184), (21, 1000, 300)]
)
def test_the_budget_holds_for_maps_of_the_real_networks(shape):
    """4096 x 31 x 31 is FCN's fc6 at full width: 16 x 16 tiles of it are above a million."""
    assert mosaic(torch.zeros(1, *shape)).pixels.size <= MOST_PIXELS


@pytest.mark.parametrize(("channels", "height", "width"), [(1, 5, 9), (3, 4, 4), (7, 8, 2), (16, 3, 3), (64, 2, 7)])
def test_every_channel_lies_at_its_place(channels, height, width):
    """Unit (0, 0) of channel c is its only high one; row and column come from the rule in the docstring."""
    values = torch.zeros(1, channels, height, width)
    for channel in range(channels):
        values[0, channel, channel % height, channel % width] = channel + 1
    drawn = mosaic(values)
    height_of_sheet = math.ceil(channels / drawn.columns) * height
    assert drawn.pixels.shape == (height_of_sheet, drawn.columns * width)
    want = np.zeros_like(drawn.pixels)
    for channel in range(channels):
        top, left = channel // drawn.columns * height, channel % drawn.columns * width
        want[top + channel % height, left + channel % width] = 255
    np.testing.assert_array_equal(drawn.pixels, want)


def test_the_sheet_is_about_square():
    for shape in ((64, 10, 10), (64, 10, 40), (7, 30, 10), (256, 5, 5)):
        high, wide = mosaic(torch.zeros(1, *shape)).pixels.shape
        assert 1 / 3 <= high / wide <= 3


def test_not_a_number_and_infinity_do_not_spoil_the_others():
    values = torch.tensor([[[0.0, 1.0], [2.0, 4.0]]] * 4)
    values[1, 0, 0] = math.nan
    values[2, 0] = torch.tensor([math.inf, -math.inf])
    values[3] = math.nan
    drawn = mosaic(values[None])
    assert np.isfinite(drawn.minimum).all()
    assert np.isfinite(drawn.maximum).all()
    np.testing.assert_array_equal(tile_of(drawn, 0), [[0, 64], [128, 255]])
    assert (drawn.minimum[1], drawn.maximum[1]) == (1, 4)
    np.testing.assert_array_equal(tile_of(drawn, 1), [[0, 0], [85, 255]])
    assert (drawn.minimum[2], drawn.maximum[2]) == (2, 4)
    np.testing.assert_array_equal(tile_of(drawn, 2), [[255, 0], [0, 255]])
    assert (drawn.minimum[3], drawn.maximum[3]) == (0, 0)
    assert not tile_of(drawn, 3).any()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_any_float_type_and_no_change_of_the_map(dtype):
    values = torch.randn(1, 3, 6, 5).to(dtype)
    before = values.clone()
    drawn = mosaic(values)
    assert torch.equal(values, before)
    for channel in range(3):
        assert_within_half_a_quantum(decoded(drawn, channel), values[0, channel].double().numpy())


# ---- palettes


def stops_of(name: str) -> list[tuple[float, np.ndarray]]:
    scale = colors.get_colorscale(name)
    triple = [colors.hex_to_rgb(c) if c.startswith("#") else colors.unlabel_rgb(c) for _, c in scale]
    return [(at, np.array(rgb)) for (at, _), rgb in zip(scale, triple, strict=True)]


@pytest.mark.parametrize("name", [*palettes.SEQUENTIAL, palettes.DIVERGING, palettes.HEAT, "RdBu"])
def test_the_table_goes_through_plotlys_stops(name):
    table = palettes.lookup_table(name)
    assert table.shape == (256, 3)
    assert table.dtype == np.uint8
    exact = 0
    for at, rgb in stops_of(name):
        place = at * 255
        if abs(place - round(place)) < 1e-9:
            np.testing.assert_array_equal(table[round(place)], rgb)
            exact += 1
        around = table[[math.floor(place), math.ceil(place)]].astype(float)
        assert np.abs(around - rgb).min(0).max() <= 4  # a stop between two entries lies next to both
    assert exact >= 2
    assert np.abs(np.diff(table.astype(int), axis=0)).max() <= 12  # no jump anywhere


def test_the_sequential_map_only_gets_brighter_and_the_diverging_one_is_palest_in_its_middle():
    for name in (*palettes.SEQUENTIAL, palettes.HEAT):
        sequential = np.array([luminance(c) for c in palettes.lookup_table(name)])
        assert (np.diff(sequential) > -2e-3).all(), name
        assert sequential[-1] > sequential[0] + 0.6
    diverging = np.array([luminance(c) for c in palettes.lookup_table(palettes.DIVERGING)])
    assert 122 <= int(diverging.argmax()) <= 133


PUBLISHED = {  # Okabe and Ito (2008), "Color Universal Design", as red, green, blue
    (0, 0, 0),
    (230, 159, 0),
    (86, 180, 233),
    (0, 158, 115),
    (240, 228, 66),
    (0, 114, 178),
    (213, 94, 0),
    (204, 121, 167),
}


def rgb_of(colour: str) -> tuple[int, int, int]:
    assert len(colour) == 7
    assert colour[0] == "#"
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def luminance(rgb: tuple[int, int, int] | np.ndarray) -> float:
    """Relative luminance of WCAG 2."""
    linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in (float(c) / 255 for c in rgb)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a: tuple[int, int, int], b: tuple[int, int, int]) -> float:
    high, low = sorted((luminance(a), luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_the_palette_is_okabe_and_itos():
    assert {rgb_of(c) for c in palettes.OKABE_ITO.values()} == PUBLISHED


def test_every_role_has_a_colour_of_its_own_out_of_the_palette():
    roles = list(palettes.ROLES.values())
    assert {"kept", "dropped", "field", "contracting", "expansive", "skip"} <= set(palettes.ROLES)
    assert len(set(roles)) == len(roles)
    assert {rgb_of(c) for c in roles} <= PUBLISHED


@pytest.mark.parametrize("role", palettes.ROLES)
def test_marks_are_seen_on_their_dark_outline(role):
    """Graphics need 3:1 (WCAG 2.1, 1.4.11); the stage draws a dark line below every coloured one."""
    colour = rgb_of(palettes.ROLES[role])
    assert contrast(colour, (0, 0, 0)) >= 3
    assert max(contrast(colour, (0, 0, 0)), contrast(colour, (255, 255, 255))) >= 4.5
