"""The tap evidence: its networks' geometry, their start, and the table that is shipped."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from explorer.labs import tapping
from explorer.models.unet import UNet
from explorer.training import taps
from explorer.training.taps_nets import ROWS, PooledSkip, TappedFCN, variant
from tests.training.tables import follows_from_its_runs

FCN_ROWS = [(question, tap) for question in ("fcn16s", "fcn8s") for tap in ROWS[question]]


@pytest.mark.parametrize(("question", "tap"), FCN_ROWS)
def test_a_tap_stands_where_geometry_says(question: str, tap: str) -> None:
    """One unit of the tap reaches the output around the middle of the input pixels that it stands for."""
    stride = 16 if question == "fcn16s" else 8
    net = TappedFCN(stride, tap, 1 / 16, 4, 2).eval()
    for part in net.modules():  # convolutions that hand on channel 0 as it is
        if type(part) is nn.Conv2d:
            nn.init.zeros_(part.weight)
            if part.bias is not None:
                nn.init.zeros_(part.bias)
            part.weight.data[0, 0, part.kernel_size[0] // 2, part.kernel_size[1] // 2] = 1.0
    net.score_fr.weight.data.zero_()
    if stride == 8:
        net.score_pool4.weight.data.zero_()
    step, _, way = tap.partition(" ")
    found = tapping.taps(question, "same")[-1][step, way or "as it is"]
    assert found.offset is not None
    assert found.grid.jump == stride
    crop = net.crop_upscore2 if stride == 16 else net.crop_upscore_pool4
    assert -found.offset == crop.offset
    image = torch.zeros(1, 3, 96, 128)
    row, column = 2, 3  # the unit
    image[0, 0, row * stride : (row + 1) * stride, column * stride : (column + 1) * stride] = 1.0
    with torch.inference_mode():
        scores = net(image)
    assert scores.shape == (1, 2, 96, 128)
    weight = scores[0, 0].double()
    for axis, unit in ((1, row), (0, column)):
        line = weight.sum(axis)
        middle = (line * torch.arange(len(line))).sum() / line.sum()
        assert middle.item() == pytest.approx(float(found.grid.start + unit * found.grid.jump), abs=1e-4)


def test_a_pooled_skip_keeps_the_grid() -> None:
    net = UNet("same", 1 / 16, 3, 3)
    x = torch.zeros(1, 1, 8, 8)
    x[0, 0, 3, 4] = 1.0
    skip = PooledSkip(net.crop_d0c)(x, x)
    assert skip.shape == x.shape
    assert skip[0, 0].nonzero().tolist() == [[2, 4], [2, 5], [3, 4], [3, 5]]


@pytest.mark.parametrize("question", list(ROWS))
def test_all_taps_start_from_the_same_function(question: str) -> None:
    image = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    nets = [variant(question, tap, 1, 1 / 16, 4, 3) for tap in ROWS[question]]
    states = [{k: v for k, v in net.state_dict().items() if "crop" not in k} for net in nets]
    for state in states[1:]:
        alike = [k for k in states[0] if k in state and state[k].shape == states[0][k].shape]
        assert all(torch.equal(states[0][k], state[k]) for k in alike)
        assert {k for k in state if k not in alike} <= {"score_pool3.weight", "score_pool4.weight"}
    if question != "unet":  # its skips have no weights of their own that could be zero
        outputs = [net(image) for net in nets]
        assert all(torch.equal(outputs[0], each) for each in outputs[1:])


def test_the_shipped_table_follows_from_its_runs() -> None:
    follows_from_its_runs(taps.TABLE, ROWS, taps.Plan)
