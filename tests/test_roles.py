"""Roles, levels and score maps come from the graph: the papers' networks, and networks with other names and shapes."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from explorer.models import ModelSpec, build
from explorer.operations.layers import Add, BilinearUp, Concat, Crop
from explorer.trace import Trace, trace


def paper(model: str, padding: str) -> Trace:
    with torch.device("meta"):
        network = build(ModelSpec(model, padding, width=1 / 64, fc_channels=8, classes=3))
        n = network.input.sizes.at_least(250)
        return trace(network, torch.empty(1, 3, n, n))


def named(run: Trace, role: str) -> set[str]:
    return {step.name for step in run.steps if step.role == role}


@pytest.mark.parametrize("padding", ["paper", "same"])
def test_fcn_8s(padding: str) -> None:
    run = paper("fcn8s", padding)
    crops = {"crop_pool4", "crop_pool3"} if padding == "paper" else set()
    assert named(run, "input") == {"input"}
    assert named(run, "skip") == {"score_pool4", "score_pool3", *crops}
    assert named(run, "fusion") == {"fuse_pool4", "fuse_pool3"}
    assert named(run, "score") == {"score_fr"}
    up = {"upscore2", "upscore_pool4", "upscore8", "score"}
    assert named(run, "expansive") == up | ({"crop_upscore2", "crop_upscore_pool4"} if padding == "same" else set())
    scores = {step.name for step in run.steps if step.scores}
    skips = crops or {"crop_upscore2", "crop_upscore_pool4"}
    assert scores == {"score_fr", "score_pool4", "score_pool3", "fuse_pool4", "fuse_pool3", *up, *skips}
    levels = {"conv1_1": 0, "pool1": 1, "pool3": 3, "conv5_3": 4, "pool5": 5, "score_fr": 5}
    assert {name: run[name].level for name in levels} == levels
    assert [run[name].level for name in ("upscore2", "fuse_pool3", "score")] == [4, 3, 0]


@pytest.mark.parametrize("padding", ["valid", "same"])
def test_unet(padding: str) -> None:
    run = paper("unet", padding)
    assert named(run, "skip") == {f"crop_d{level}c" for level in range(4)}
    assert named(run, "fusion") == {f"concat_u{level}b" for level in range(4)}
    assert named(run, "score") == {"score"} == {step.name for step in run.steps if step.scores}
    assert run["relu_d4c"].role == run["pool_d3c"].role == "contracting"
    assert [run[f"upconv_u{level}a"].role for level in range(4)] == ["expansive"] * 4
    assert [run[f"relu_d{level}c"].level for level in range(5)] == [0, 1, 2, 3, 4]
    assert run["crop_d2c"].reads == ("relu_d2c",)
    assert run["crop_d2c"].inputs == ("relu_d2c", "upconv_u2a")


class Eager(nn.Module):
    """A skip that is computed on the way down, under names that say nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = nn.Conv2d(3, 4, 3, padding=1), nn.MaxPool2d(3, 3), nn.Conv2d(4, 2, 1)
        self.d, self.e, self.f, self.g = nn.Conv2d(4, 2, 1), nn.ConvTranspose2d(2, 2, 3, 3), Crop(), Add()

    def forward(self, x: Tensor) -> Tensor:
        x = self.a(x)
        side = self.c(x)
        x = self.e(self.d(self.b(x)))
        return self.g(x, self.f(side, x))


def test_names_and_order_do_not_matter() -> None:
    run = trace(Eager().eval(), torch.rand(1, 3, 9, 12))
    roles = {step.name: step.role for step in run.steps}
    assert roles == {
        "a": "contracting",
        "c": "skip",
        "b": "contracting",
        "d": "contracting",
        "e": "score",
        "f": "skip",
        "g": "fusion",
    }
    assert {step.name: step.level for step in run.steps} == {"a": 0, "c": 0, "b": 1, "d": 1, "e": 0, "f": 0, "g": 0}


def test_a_network_without_skips() -> None:
    """It never goes up: all of it is the path down, and its last layer makes the scores."""
    network = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 5, 1), BilinearUp(5, 2)).eval()
    run = trace(network, torch.rand(1, 3, 10, 10))
    assert [step.role for step in run.steps] == ["contracting", "contracting", "contracting", "score", "expansive"]
    run = trace(nn.Sequential(*list(network)[:4]).eval(), torch.rand(1, 3, 10, 10))
    assert [step.role for step in run.steps] == ["contracting", "contracting", "contracting", "score"]
    assert [step.scores for step in run.steps] == [False, False, False, True]


def test_joins_on_the_way_down_are_no_fusions() -> None:
    class Residual(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b, self.sum = nn.Conv2d(3, 3, 1), nn.Conv2d(3, 3, 3, padding=1), Add()
            self.both, self.down, self.up = Concat(), nn.MaxPool2d(2), nn.ConvTranspose2d(6, 2, 2, 2)

        def forward(self, x: Tensor) -> Tensor:
            x = self.a(x)
            y = self.sum(x, self.b(x))
            return self.up(self.down(self.both(x, y)))

    run = trace(Residual().eval(), torch.rand(1, 3, 8, 8))
    assert {step.role for step in run.steps[:-1]} == {"contracting"}
    assert run["up"].role == "score"
