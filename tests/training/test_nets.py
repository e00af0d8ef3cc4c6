"""Batch norm folds exactly; networks share their weights; coarser outputs are those of coarser networks."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

from explorer.models import MODELS, ModelSpec, build
from explorer.training import norm
from explorer.training.nets import Nets
from tests.training.made import FCN


@pytest.mark.parametrize("model", ["fcn32s", "fcn8s", "unet"])
def test_folding_is_exact_in_every_geometry(model: str) -> None:
    for padding in MODELS[model].paddings:
        torch.manual_seed(1)
        module = build(ModelSpec(model, padding, 1 / 32, 8, 3, 4)).double()
        names = set(module.state_dict())
        norm.insert(module)
        module.double()
        for part in module.modules():
            if isinstance(part, nn.BatchNorm2d):  # a trained norm is far from the identity
                nn.init.uniform_(part.running_mean, -1, 1)
                nn.init.uniform_(part.running_var, 0.2, 3)
                nn.init.uniform_(part.weight, -2, 2)
                nn.init.uniform_(part.bias, -1, 1)
            elif isinstance(part, nn.Conv2d):
                nn.init.normal_(part.weight, std=0.3)
                nn.init.normal_(part.bias, std=0.3)
        module.eval()
        x = torch.rand(1, 3, *((188, 204) if padding == "valid" else (32, 48)), dtype=torch.float64)
        with torch.inference_mode():
            normed = module(x)
        norm.fold(module)
        assert set(module.state_dict()) == names
        with torch.inference_mode():
            folded = module(x)
        assert normed.std() > 1e-3
        assert (folded - normed).abs().max() < 1e-9 * max(1, normed.abs().max())


def test_networks_share_their_weights_and_outputs_agree_with_the_coarser_networks() -> None:
    torch.manual_seed(0)
    nets = Nets(FCN, ("same", "paper"), ("fcn32s", "fcn16s"), normed=True)
    for p in nets.first.parameters():
        if p.requires_grad:
            nn.init.normal_(p, std=0.2)
    nets.eval()
    state = nets.folded().state_dict()
    x = torch.rand(2, 3, 45, 38)
    for padding, streams in nets.streams.items():
        with torch.inference_mode():
            outputs = streams(x)
        assert set(outputs) == {"fcn8s", "fcn32s", "fcn16s"}
        for model, scores in outputs.items():
            alone = build(replace(FCN, model=model, padding=padding))
            own = alone.state_dict()
            alone.load_state_dict({k: v if k.startswith("upscore") else state[k] for k, v in own.items()})
            with torch.inference_mode():
                expected = alone(x)
            assert expected.std() > 1e-3
            torch.testing.assert_close(scores, expected, rtol=1e-4, atol=1e-4)
    nets.train(frozen_norm=False, dropout=0.1)
    nets.streams["paper"](x)["fcn8s"].sum().backward()
    other = nets.plain["same"].get_submodule("conv1_1")[0]
    assert other.weight.grad is not None
    running = [net.get_submodule("conv1_1")[1].running_mean for net in nets.plain.values()]
    assert running[0] is running[1]
