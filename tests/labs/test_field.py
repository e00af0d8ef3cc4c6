"""The field lab: theoretical fields against autograd's support, effective ones against all of a network by hooks."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from explorer import labs, unit
from explorer.errors import ExplorerError
from explorer.geometry import Box
from explorer.labs.field import Effective, Seen
from explorer.local import WindowRunner
from explorer.models import MODELS, ModelSpec, without_weights
from explorer.trace import CancelledError, trace
from tests.conftest import thin_spec
from tests.labs.made import picture
from tests.test_geometry_autograd import linear, one_channel, reads, run_recording

pytestmark = [
    pytest.mark.usefixtures("one_thread"),
    pytest.mark.filterwarnings("ignore:.torch.jit:FutureWarning"),  # torch's own forward mode
]
CASES = [
    ("unet", "valid", (188, 188)),
    ("unet", "same", (48, 32)),
    ("fcn8s", "same", (40, 33)),
    ("fcn16s", "paper", (33, 20)),
]


# ---- what a unit could see


@pytest.mark.parametrize(("model", "padding", "size"), CASES)
@pytest.mark.parametrize("share", [0.0, 0.4, 0.999])
def test_fields_within_the_input_are_autograds_support(model, padding, size, share):
    at = int(share * size[0]), int(share * size[1])
    lab = labs.field_of_view(model, padding, size, at)
    image = torch.ones(1, 1, *size, dtype=torch.float64, requires_grad=True)
    values = run_recording(linear(one_channel(model, padding)), image, lambda value: value)
    for seen in lab.steps[::3]:
        row, column = seen.unit
        (gradient,) = torch.autograd.grad(
            values[seen.step][0, 0, row, column], image, retain_graph=True, allow_unused=True
        )
        rows, cols = np.nonzero(gradient[0, 0].numpy())
        expected = None if not len(rows) else Box(rows.min(), cols.min(), rows.max() + 1, cols.max() + 1)
        assert seen.inside == expected, seen.step
        assert seen.clipped == math.sqrt(len(rows))


@pytest.mark.parametrize(
    ("model", "padding"), [("unet", "valid"), ("unet", "same"), ("fcn8s", "paper"), ("fcn32s", "same")]
)
def test_whole_fields_are_those_in_the_middle_of_a_large_input(model, padding):
    """Moved by a multiple of every jump into a large input, a unit at the border sees what it would see of its own."""
    size, away = (188 if model == "unet" else 40), 1600 if model == "fcn32s" else 1152
    near = labs.field_of_view(model, padding, size, (3, size - 2))
    large = 2 * away + (188 if padding == "valid" else 64)
    far = labs.field_of_view(model, padding, large, (3 + away, size - 2 + away))
    for one, other in zip(near.steps, far.steps, strict=True):
        moved = Box(*(n - away for n in (other.inside.top, other.inside.left, other.inside.bottom, other.inside.right)))
        if one.unit == tuple(n - away // other.jump for n in other.unit):  # else there is no unit so far out
            assert one.whole == moved, one.step
        assert other.whole == other.inside
    assert any(one.whole != one.inside for one in near.steps) == (padding != "valid")


@pytest.mark.parametrize("model", ["unet", "fcn8s"])
def test_the_unit_is_the_nearest_one(model):
    padding = MODELS[model].paddings[1]
    steps = trace(without_weights(ModelSpec(model, padding)), torch.empty(1, 3, 96, 128, device="meta")).steps
    lab = labs.field_of_view(model, padding, (96, 128), (37, 90))
    for step in steps:
        for axis, at, index in zip(step.axes, (37, 90), lab[step.name].unit, strict=True):
            away = [abs(axis.grid.centre(i) - at) for i in range(len(axis))]
            assert index == away.index(min(away)), step.name
    for joint in lab.joints:
        assert len({lab[name].unit for name in (joint.step, joint.skip, joint.below)}) == 1


def test_a_place_beyond_the_input_is_refused():
    with pytest.raises(ExplorerError) as caught:
        labs.field_of_view("unet", "valid", 188, (188, 0))
    assert caught.value.code == "lab_place"


# ---- what it uses


def recorded(module: nn.Module, image: Tensor) -> dict[str, Tensor]:
    """All values of a forward pass, with gradients."""
    return run_recording(module, image, lambda value: value)


@pytest.mark.parametrize(("model", "padding", "size"), CASES)
@pytest.mark.parametrize("channel", ["all", "largest", 2])
def test_effective_fields_are_autograds_of_the_whole_network(thin, model, padding, size, channel):
    module, image = thin(model, padding), picture(*size)
    lab = labs.field_of_view(model, padding, size, (size[0] // 3, size[1] // 2))
    local = labs.runner(module, image, without_weights(thin_spec(model, padding)))
    steps = [seen.step for seen in (*lab.changing[::3], lab.changing[-1])]
    found = labs.measure(local, lab, steps, channel)
    whole = image.clone().requires_grad_()
    values = recorded(module, whole)
    for step, one in found.items():
        row, column = one.seen.unit
        units = values[step][0, :, row, column]
        of = units.sum() if channel == "all" else units[int(units.argmax()) if channel == "largest" else channel]
        (gradient,) = torch.autograd.grad(of, whole, retain_graph=True)
        heat = gradient[0].abs().sum(0).double().numpy()
        peak = heat.max()
        assert one.field.peak == pytest.approx(peak, rel=1e-4, abs=1e-9), step
        if not peak:
            assert (one.pixels, one.size) == (0, 0)
            continue
        sure = [int((heat > peak * 0.0455 * by).sum()) for by in (1.001, 0.999)]  # rounding may move the next pixel
        assert sure[0] <= one.pixels <= sure[1], step
        assert one.size == math.sqrt(one.pixels)
        assert one.mass == pytest.approx(heat.sum(), rel=1e-4)
        box = one.seen.whole
        near = [
            abs(n + 0.5 - (low + high) / 2) <= (high - low) / 4
            for low, high, many in ((box.top, box.bottom, size[0]), (box.left, box.right, size[1]))
            for n in range(many)
        ]
        middle = np.outer(near[: size[0]], near[size[0] :])
        assert one.middle == pytest.approx(heat[middle].sum() / heat.sum(), rel=1e-3), step
        inside = one.seen.inside
        assert one.even == pytest.approx(middle[inside.top : inside.bottom, inside.left : inside.right].mean())
    assert set(steps) - set(found) == (
        {step for step in steps if values[step].shape[1] <= 2} if channel == 2 else set()
    )
    assert sum(one.pixels > 0 for one in found.values()) > len(found) // 2


def test_a_forward_pass_is_shared_by_steps_that_see_about_as_much(thin, monkeypatch):
    module, size = thin("fcn8s", "same"), (40, 33)
    local = labs.runner(module, picture(*size), without_weights(thin_spec("fcn8s", "same")))
    lab = labs.field_of_view("fcn8s", "same", size)
    ran, forward = [], unit.forward
    monkeypatch.setattr(unit, "forward", lambda *given: ran.append(given[1]) or forward(*given))
    labs.measure(local, lab, [seen.step for seen in lab.changing])
    assert 2 <= len(ran) < len(lab.changing) / 2


def test_the_effective_field_of_a_convolution_by_hand():
    """One layer, one weight of 1 and others of 4 % and 5 % of it: those of 5 % count."""

    class One(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(1, 1, 3)

        def forward(self, x):
            return self.conv(x)

    module = One().eval()
    with torch.no_grad():
        module.conv.weight.copy_(
            torch.tensor([[0.04, 0.05, 0.05], [0.04, -1, 0.04], [0.0455, 0.0456, 0.0]]).view(1, 1, 3, 3)
        )
    local = WindowRunner(module, torch.zeros(1, 1, 5, 5), {"conv": (1, 1, 3, 3)})
    one = Seen("conv", "conv", "contracting", 1, (1, 1), Box(1, 1, 4, 4), Box(1, 1, 4, 4))
    found = Effective(one, unit.effective_field(local, "conv", None, 1, 1), None)
    assert found.pixels == 4
    assert found.mass == pytest.approx(1.3111)
    assert found.middle == pytest.approx(1 / 1.3111)  # the middle half of three pixels is the one in the middle
    assert found.even == pytest.approx(1 / 9)


def test_what_a_skip_adds_is_the_rest_of_what_is_joined(thin):
    """A sum's gradient is that of its two maps: the smaller field of the skip is the sharp part of it."""
    module, size = thin("fcn8s", "same"), (40, 33)
    local = labs.runner(module, picture(*size), without_weights(thin_spec("fcn8s", "same")))
    lab = labs.field_of_view("fcn8s", "same", size)
    for joint in lab.joints:
        found = labs.measure(local, lab, [joint.below, joint.skip, joint.step])
        below, skip, both = (found[name] for name in (joint.below, joint.skip, joint.step))
        assert max(skip.seen.inside.shape) < max(below.seen.inside.shape) or below.seen.inside.shape == size
        assert abs(below.mass - skip.mass) <= both.mass * (1 + 1e-5)
        assert both.mass <= (below.mass + skip.mass) * (1 + 1e-5)


def test_measuring_ends_when_it_is_cancelled(thin):
    local = labs.runner(thin("fcn8s", "same"), picture(40, 33), without_weights(thin_spec("fcn8s", "same")))
    lab = labs.field_of_view("fcn8s", "same", (40, 33))
    with pytest.raises(CancelledError):
        labs.measure(local, lab, ["pool1", "pool2"], progress=lambda done, *_: done < 1)


def test_every_unit_that_reaches_a_pixel_agrees_with_forward_mode():
    """By brute force: the rows that the middle unit of a step reads are those of the lab's field."""
    size = (48, 16)
    seen = reads(linear(one_channel("unet", "same")), size, 0)
    lab = labs.field_of_view("unet", "same", size, (20, 7))
    for one in lab.steps:
        rows = np.flatnonzero(seen[one.step][one.unit[0]].numpy())
        assert (one.inside.top, one.inside.bottom) == (rows[0], rows[-1] + 1)
