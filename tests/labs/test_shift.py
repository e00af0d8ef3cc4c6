"""The shift lab: equivariance against what has to hold, numbers against plain slicing, counts against autograd."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from explorer import labs
from explorer.graph import align
from explorer.labs import Shifts
from explorer.labs.shifts import MOST
from explorer.operations.layers import Input
from tests.conftest import VARIANTS
from tests.labs.made import picture
from tests.test_geometry_autograd import linear, one_channel, run_recording

pytestmark = [
    pytest.mark.usefixtures("one_thread"),
    pytest.mark.filterwarnings("ignore:.torch.jit:FutureWarning"),
]
WINDOWS = {"unet valid": 236, "unet same": 240}  # as large as the deepest field and 32 pixels; FCN's is larger
ROUNDING = 1e-5


def window_of(model: str, padding: str) -> int:
    return WINDOWS.get(f"{model} {padding}", 480)


def shifts_of(network: nn.Module, window: int, most: int = MOST) -> Shifts:
    return Shifts(network, picture(window + most, window + most), picture(window + most, window + most, 1), window)


@pytest.mark.parametrize(("model", "padding"), [v for v in VARIANTS if v[0] != "fcn8s-atonce"])
def test_maps_move_with_the_image_at_multiples_of_their_period_and_not_between(thin, model, padding) -> None:
    shifts = shifts_of(thin(model, padding), window_of(model, padding))
    largest = max(layer.period for layer in shifts.layers.values())
    assert largest == {"unet": 16}.get(model, 32)
    for shift in (largest, 4):
        for one in shifts.at(shift).steps:
            assert one.units > 0 or (shift, one.period) == (32, 32), one.step
            if np.isnan(one.equivariance):
                continue
            if shift % one.period == 0:
                assert one.equivariance <= ROUNDING, one
            else:
                assert one.equivariance > 1e-3, one
    output = shifts.at(largest).steps[-1]
    assert (output.jump, output.period) == (1, largest)  # finer, and yet no sooner equivariant
    assert output.units > 0
    assert output.equivariance <= ROUNDING


class Plain(nn.Module):
    """No pooling."""

    def __init__(self) -> None:
        super().__init__()
        self.input = Input(3)
        self.first, self.relu, self.second = nn.Conv2d(3, 4, 5, padding=2), nn.ReLU(), nn.Conv2d(4, 2, 3)
        align(self)

    def forward(self, image: Tensor) -> Tensor:
        return self.second(self.relu(self.first(self.input(image))))


@pytest.mark.parametrize("axis", ["both", "rows", "cols"])
def test_without_a_pooling_every_shift_moves_the_maps(axis) -> None:
    torch.manual_seed(0)
    shifts = shifts_of(Plain().eval(), 40, 8)
    for shift in range(9):
        found = shifts.at(shift, axis)
        assert all(one.period == 1 and one.equivariance <= ROUNDING for one in found.steps)
        side, moved = 40 - 6, 40 - 6 - shift
        units = {"both": moved * moved, "rows": moved * side, "cols": side * moved}[axis]
        assert found["second"].units == units
        assert found.flipped_inside == 0
        if shift:
            assert min(one.invariance for one in found.steps) > 0.1


def hooked(network: nn.Module, step: str, image: Tensor) -> Tensor:
    return run_recording(network, image, lambda value: value[0].detach().clone())[step]


@pytest.mark.parametrize(("shift", "axis"), [(3, "both"), (4, "rows"), (5, "cols"), (6, "both")])
def test_numbers_are_those_of_plain_slicing(thin, shift, axis) -> None:
    """conv_d1b_c by hand: unit u sees pixels 2 u - 6 to 2 u + 7 of each axis."""
    network, n, most = thin("unet", "same"), 64, 8
    x, y = picture(n + most, n + most), picture(n + most, n + most, 1)
    found = Shifts(network, x, y, n).at(shift, axis)["conv_d1b_c"]
    by = shift * (axis != "cols"), shift * (axis != "rows")
    window = lambda canvas, down, right: canvas[:, :, most - down :, most - right :][:, :, :n, :n]  # noqa: E731
    own, moved, other = (hooked(network, "conv_d1b_c", window(*of)) for of in ((x, 0, 0), (x, *by), (y, 0, 0)))
    units, still = [], []
    for s in by:
        further = int(Fraction(s, 2) + Fraction(1, 2))
        fits = [u for u in range(32 - further) if 2 * u - 6 >= 0 and 2 * u + 7 <= n - 1 - s]
        units.append(([u for u in fits if 2 * (u + further) - 6 >= s and 2 * (u + further) + 7 <= n - 1], further))
        still.append([u for u in range(32) if 2 * u - 6 >= s and 2 * u + 7 <= n - 1 - s])
    (rows, down), (cols, right) = units
    here = own[:, rows][:, :, cols]
    there = moved[:, [r + down for r in rows]][:, :, [c + right for c in cols]]
    assert found.units == len(rows) * len(cols)
    assert found.equivariance == pytest.approx(float((here - there).norm() / here.norm()), rel=1e-4, abs=1e-7)
    own, moved, other = (value[:, still[0]][:, :, still[1]] for value in (own, moved, other))
    assert found.still == len(still[0]) * len(still[1])
    assert found.invariance == pytest.approx(float((moved - own).norm() / (other - own).norm()), rel=1e-4)


# ---- which units count


def supports(network: nn.Module, steps: list[str], n: int) -> dict[str, np.ndarray]:
    """Of units of steps along the rows: which pixels their gradient falls on, units x n."""
    image = torch.rand(1, 1, n, 1, dtype=torch.float64).requires_grad_()
    maps = run_recording(network, image, lambda value: value[0, 0])
    found = {}
    for step in steps:
        column = maps[step][:, maps[step].shape[1] // 2]
        gradients = [torch.autograd.grad(unit, image, retain_graph=True)[0][0, 0, :, 0] for unit in column]
        found[step] = torch.stack(gradients).ne(0).numpy()
    return found


@pytest.mark.parametrize(
    ("model", "padding", "n", "steps"),
    [
        ("fcn16s", "same", 448, ["pool4", "fc7", "upscore2", "crop_upscore2", "fuse_pool4"]),
        ("fcn8s", "paper", 448, ["fc7", "upscore2", "crop_pool4"]),
        ("unet", "same", 240, ["pool_d2c", "concat_u3b", "conv_u2c_d", "score"]),
    ],
)
def test_units_that_count_are_those_whose_gradient_stays_within(model, padding, n, steps) -> None:
    """On an input that reaches 32 pixels further on both sides: a field that leaves the window falls on these."""
    network = linear(one_channel(model, padding))
    network = network.double()
    layers, around = labs.layers(network, (n, n)), 32
    if model == "unet":  # a column of 16, the least that it takes: what is tested are the rows
        network = Column(network)
    read = supports(network, [f"network.{s}" if model == "unet" else s for s in steps], n + 2 * around)
    pixels = np.arange(n + 2 * around) - around
    for step, (name, reads) in zip(steps, read.items(), strict=True):
        layer = layers[step]
        first, count = int(around / layer.jump), len(layer.rows.lo)
        for shift in (0, 1, 8, 20, 32):
            k = layer.units(shift)
            fits = [
                u
                for u in range(count - k)
                if within(reads[first + u], pixels, 0, n - shift) and within(reads[first + u + k], pixels, shift, n)
            ]
            rows = layer.moved((shift, 0)).rows
            assert list(range(*rows)) == fits, (name, shift)
            still = [u for u in range(count) if within(reads[first + u], pixels, shift, n - shift)]
            assert list(range(*layer.still((shift, 0)).rows)) == still, (name, shift)
    assert any(layers[step].moved((0, 0)).area for step in steps)


class Column(nn.Module):
    """U-Net on a column of one pixel: it is given 16 of them."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> Tensor:
        return self.network(image.expand(-1, -1, -1, 16))


def within(reads: np.ndarray, pixels: np.ndarray, low: int, high: int) -> bool:
    at = pixels[reads]
    return bool(len(at) and at.min() >= low and at.max() < high)


# ---- labels, sweeps, one unit


@pytest.mark.parametrize(
    ("model", "padding", "n"), [("unet", "valid", 220), ("unet", "same", 64), ("fcn32s", "paper", 64)]
)
@pytest.mark.parametrize(("shift", "axis"), [(0, "both"), (5, "both"), (16, "cols")])
def test_labels_that_flip_are_counted_pixel_by_pixel(thin, model, padding, n, shift, axis) -> None:
    network, most = thin(model, padding), 16
    x = picture(n + most, n + most)
    found = Shifts(network, x, x.flip(2), n).at(shift, axis)
    down, right = shift * (axis != "cols"), shift * (axis != "rows")
    with torch.inference_mode():
        before = network(x[:, :, most:, most:])[0].argmax(0)
        after = network(x[:, :, most - down : most - down + n, most - right : most - right + n])[0].argmax(0)
    height, width = before.shape
    pairs = [
        (int(before[r, c]), int(after[r + down, c + right])) for r in range(height - down) for c in range(width - right)
    ]
    assert found.pixels == len(pairs)
    assert found.flipped == pytest.approx(np.mean([a != b for a, b in pairs]))
    assert found.shift == (down, right)
    exact = shift == 0 or (padding == "valid" and shift == 16)  # no unit of it sees padding
    assert (found.flipped == 0) == exact
    assert found.inside == found.steps[-1].units


def test_labels_of_pixels_that_see_the_same_do_not_flip_at_multiples_of_the_period(thin) -> None:
    found = shifts_of(thin("unet", "same"), 240).at(16)
    assert found.flipped > found.flipped_inside == 0
    assert found.inside > 0


@pytest.mark.parametrize("step", ["pool_d1c", "conv_d3b_c", "score"])
def test_a_sweep_is_what_each_shift_gives(thin, step) -> None:
    shifts = shifts_of(thin("unet", "valid"), 236)
    points = shifts.sweep(step, "rows", (0, 3, 4, 16))
    for shift, point in zip((0, 3, 4, 16), points, strict=True):
        other = shifts.at(shift, "rows")[step]
        assert (point.units, point.still, point.period) == (other.units, other.still, other.period)
        assert point.equivariance == pytest.approx(other.equivariance, rel=1e-4, abs=1e-6)
        assert point.invariance == pytest.approx(other.invariance, rel=1e-4, abs=1e-6, nan_ok=True)
    assert points[0].invariance <= ROUNDING


@pytest.mark.parametrize(("pooling", "axis"), [("pool_d0c", "both"), ("pool_d1c", "rows"), ("pool_d2c", "cols")])
def test_a_unit_is_followed_through_whole_runs(thin, pooling, axis) -> None:
    network, n, most = thin("unet", "same"), 64, 8
    x = picture(n + most, n + most)
    shifts = Shifts(network, x, x.flip(2), n)
    found = labs.pooled(shifts, pooling, axis=axis)
    row, column = found.unit
    _, height, width = shifts.shape(pooling)
    assert found.unit == (height // 2, width // 2)
    jump = int(shifts.layers[pooling].jump)
    for i, shift in enumerate(found.shifts):
        down, right = shift * (axis != "cols"), shift * (axis != "rows")
        window = x[:, :, most - down : most - down + n, most - right : most - right + n]
        before = hooked(network, found.source, window)[
            found.channel, 2 * row : 2 * row + 2, 2 * column : 2 * column + 2
        ]
        after = hooked(network, pooling, window)[found.channel]
        assert np.allclose(found.before[i], before.flatten(), atol=1e-5)
        assert found.after[i] == pytest.approx(float(after[row, column]), abs=1e-5) == pytest.approx(before.max())
        if shift % jump == 0:
            there = after[row + down // jump, column + right // jump]
            assert (
                found.passed[shift] == pytest.approx(float(there), abs=1e-5) == pytest.approx(found.after[0], abs=1e-5)
            )
        else:
            assert shift not in found.passed
    most_of_all = hooked(network, pooling, x[:, :, most:, most:])[:, row, column].argmax()
    assert found.channel == int(most_of_all)


def test_what_a_pooling_keeps_is_counted() -> None:
    before = np.array([[1.0, 3], [3, 1], [0, 1], [0, 1], [5, 1]])
    one = labs.Pooled("p", "c", 0, (0, 0), tuple(range(5)), before, before.max(1), {})
    assert one.kept == 1  # 3 stays while it moves; 1 stays 1 where nothing changes
    assert one.steps == (pytest.approx((2 + 3 + 0 + 5 + 2 + 0 + 0 + 0) / 8), pytest.approx((0 + 2 + 0 + 4) / 4))
