"""The networks of the scale and channel tables: fields, MACs and parameters found in other ways, equal starts."""

from __future__ import annotations

import json
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from explorer.training import channels, scale
from explorer.training.ladder import Ladder, begun
from tests.training.tables import follows_from_its_runs

NETS = [(module, row) for module in (scale, channels) for row in next(iter(module.ROWS.values()))]


def shipped(module: Any) -> dict[str, Any]:
    return dict(json.loads(module.TABLE.read_text("utf-8")))


def reach(net: Ladder) -> int:
    """The largest receptive field along a row, by the gradient of sums of output columns; pooling lets all units
    through, and all weights are one, so that nothing cancels."""
    net.eval()
    for name, part in net.named_modules():
        if isinstance(part, nn.MaxPool2d):
            net.get_submodule(name.rpartition(".")[0]).add_module(name.rpartition(".")[2], nn.AvgPool2d(2))
    for weights in net.parameters():
        nn.init.constant_(weights, 0.0 if weights.ndim == 1 else 1 / weights[0].numel())
    image = torch.ones(1, 3, 32, 512, requires_grad=True)
    out, spans = net(image)[0, 0].sum(0), []
    for column in range(240, 240 + 2**net.poolings):  # every phase of the coarsest map, once
        (seen,) = torch.autograd.grad(out[column], image, retain_graph=True)
        hit = seen.abs().sum((0, 1, 2)).nonzero().flatten()
        spans.append(int(hit[-1] - hit[0]) + 1)
    return max(spans)


@pytest.mark.parametrize(("module", "row"), NETS)
def test_what_a_row_costs(module: Any, row: str) -> None:
    plan, said = module.Plan(), shipped(module)["rows"][row]
    net = module.network(row, plan).eval()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        net(torch.zeros(1, 3, plan.crop, plan.crop))
    assert said["macs"] == counter.get_total_flops() // 2
    assert said["parameters"] == sum(each.numel() for each in net.state_dict().values())
    assert said["field"] == reach(net)


def test_rows_of_the_scale_table_differ_in_what_they_are_named_by() -> None:
    plan, rows = scale.Plan(), shipped(scale)["rows"]
    nets = {row: scale.network(row, plan) for row in rows}
    threes = {
        row: [part for part in net.modules() if isinstance(part, nn.Conv2d) and part.kernel_size == (3, 3)]
        for row, net in nets.items()
    }
    assert len({tuple(part.weight.shape for part in parts) for parts in threes.values()}) == 1
    for row, net in nets.items():
        assert sum(isinstance(part, nn.MaxPool2d) for part in net.modules()) == (int(row) if row.isdecimal() else 0)
        spread = [level[0].dilation[0] for level in net.down]
        assert spread == rows[row]["dilations"]
        assert (max(spread) > 1) == (row == "dilated")
        image = torch.zeros(1, 3, 64, 96)
        assert net(image).shape == (1, 3, 64, 96)
    assert abs(rows["dilated"]["field"] - rows["5"]["field"]) <= 1


def test_all_rows_of_the_scale_table_start_alike() -> None:
    plan = scale.Plan()
    states = [begun(scale.network(row, plan), 1).state_dict() for row in shipped(scale)["rows"]]
    for state in states[1:]:
        differing = {name for name in state if not torch.equal(state[name], states[0].get(name, torch.empty(0)))}
        assert all(name.startswith("back.") for name in differing)
    assert not torch.equal(states[0]["score.weight"], begun(scale.network("5", plan), 2).state_dict()["score.weight"])


def test_norm_stands_behind_every_convolution_of_a_level() -> None:
    net = begun(Ladder((2, 4), 3), 0)
    norms = sum(isinstance(part, nn.BatchNorm2d) for part in net.modules())
    assert norms == 3 * 2  # two levels down, one up, two convolutions each


@pytest.mark.parametrize("row", ["constant", "bottleneck"])
def test_no_other_channels_come_nearer_to_the_macs_of_doubling(row: str) -> None:
    plan = channels.Plan()

    def macs(finest: int) -> int:
        grown = [finest * (1 if row == "constant" else 2**level) for level in range(5)]
        net = Ladder(grown, 3, bottleneck=row == "bottleneck")
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            net(torch.zeros(1, 3, plan.crop, plan.crop))
        return int(counter.get_total_flops()) // 2

    said = shipped(channels)["rows"]
    chosen, wanted = said[row]["channels"][0], said["doubling"]["macs"]
    off = {finest: abs(macs(finest) - wanted) for finest in (chosen - 1, chosen, chosen + 1)}
    assert min(off, key=lambda finest: off[finest]) == chosen
    assert macs(chosen) == said[row]["macs"]
    assert said["doubling"]["channels"] == [round(c * plan.width) for c in channels.CHANNELS]


def test_equal_time_follows_from_the_time_of_a_step() -> None:
    table = shipped(scale)
    for row in table["rows"].values():
        assert row["steps"] * row["step_seconds"] == pytest.approx(table["run_seconds"], rel=0.01)


@pytest.mark.parametrize("module", [scale, channels])
def test_the_shipped_tables_follow_from_their_runs(module: Any) -> None:
    follows_from_its_runs(module.TABLE, module.ROWS, module.Plan)
