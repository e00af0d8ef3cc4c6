"""The tap evidence: its arithmetic, its networks' geometry, going on after a stop, and the table that is shipped."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from explorer.labs import tapping
from explorer.models.unet import UNet
from explorer.training import taps
from explorer.training.taps_nets import ROWS, PooledSkip, TappedFCN, variant

FCN_ROWS = [(question, tap) for question in ("fcn16s", "fcn8s") for tap in ROWS[question]]


def run_of(tap: str, seed: int, mean_iou: float, question: str = "fcn16s") -> dict[str, Any]:
    return {"question": question, "tap": tap, "seed": seed, "mean_iou": mean_iou, "seconds": 1.0}


def test_summary_is_paired_by_seed() -> None:
    own, other = np.array([0.20, 0.25, 0.30]), np.array([0.24, 0.28, 0.35])
    runs = [run_of("pool4", s, v) for s, v in enumerate(own)] + [run_of("conv5_1", s, v) for s, v in enumerate(other)]
    first, second = taps.summary(runs)
    assert first["mean"] == pytest.approx(own.mean())
    assert first["spread"] == pytest.approx(own.std(ddof=1))
    assert first["verdict"] is None
    difference = other - own
    assert second["difference"] == pytest.approx(difference.mean())
    assert second["standard_error"] == pytest.approx(difference.std(ddof=1) / np.sqrt(3))
    assert second["verdict"] == "better"  # 0.04 with a standard error below 0.006


@pytest.mark.parametrize("other", [[0.24, 0.22, 0.31], [0.20], []])
def test_undecided_below_two_standard_errors_or_two_pairs(other: list[float]) -> None:
    runs = [run_of("pool4", s, v) for s, v in enumerate([0.20, 0.25, 0.30])]
    runs += [run_of("conv5_1", s, v) for s, v in enumerate(other)]
    assert all(row["verdict"] == "undecided" for row in taps.summary(runs)[1:])


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


def test_goes_on_where_it_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = taps.Plan(steps=dict.fromkeys(ROWS, 1), fc_channels=4, crop=32, batch=2, seeds=(0, 1))
    rng = torch.Generator().manual_seed(0)
    pixels = [(torch.randn(3, 32, 40, generator=rng), torch.randint(0, 3, (32, 40), generator=rng)) for _ in range(3)]
    data = dict.fromkeys(plan.data.values(), (pixels, pixels))
    folder, table = tmp_path / "runs", tmp_path / "taps.json"
    assert taps.go_on(plan, folder, table, data, minutes=0) == []
    runs = taps.go_on(plan, folder, table, data)
    assert [(r["question"], r["tap"], r["seed"]) for r in runs] == taps.jobs(plan)
    whole = json.loads(table.read_text())
    assert whole["left_out"] == []
    assert whole["summary"] == taps.summary(runs)

    lost = folder / "unet-after-pooling-1.json"
    lost.unlink()
    assert len(taps.go_on(plan, folder, table, data, minutes=0)) == len(runs) - 1
    assert json.loads(table.read_text())["left_out"] == [{"question": "unet", "tap": "after pooling", "seed": 1}]

    trained: list[Any] = []
    real = taps.train

    def noted(*given: Any) -> Any:
        trained.append(given[:3])
        return real(*given)

    monkeypatch.setattr(taps, "train", noted)
    again = taps.go_on(plan, folder, table, data)
    assert trained == [("unet", "after pooling", 1)]
    assert [r["mean_iou"] for r in again] == [r["mean_iou"] for r in runs]  # the same figure from the same seed


def test_the_shipped_table_follows_from_its_runs() -> None:
    shipped = json.loads(taps.TABLE.read_text())
    assert shipped["summary"] == taps.summary(shipped["runs"])
    named = [(r["question"], r["tap"], r["seed"]) for r in shipped["runs"] + shipped["left_out"]]
    plan = taps.Plan(**{key: shipped[key] for key in taps.Plan.__dataclass_fields__})
    assert sorted(named) == sorted(taps.jobs(plan))
