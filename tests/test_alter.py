"""Interventions against networks whose weights say the same, and against runs of other images."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch

from explorer.alter import Alteration, Several
from explorer.errors import ExplorerError
from explorer.geometry import Region
from explorer.local import WindowRunner
from explorer.refinement import Refiner, labelling
from explorer.trace import trace
from tests.labs.made import picture

pytestmark = pytest.mark.usefixtures("one_thread")


def one(channel=None, factor=0.0, source=None) -> Several:
    return Several((Alteration(channel, factor, source),))


@pytest.mark.parametrize(("model", "step"), [("unet", "conv_d1a_b"), ("fcn8s", "score_pool4"), ("fcn16s", "conv3_1")])
@pytest.mark.parametrize(("channel", "factor"), [(None, 0.0), (1, 0.0), (0, -2.5), (None, 0.5)])
def test_scaling_a_convolution_s_map_is_scaling_its_weights(thin, model, step, channel, factor) -> None:
    network, image = thin(model, "same"), picture(64, 64)
    if channel and channel >= network.get_submodule(step).out_channels:
        pytest.skip("a thin layer")
    changed = copy.deepcopy(network)
    with torch.no_grad():
        for parameter in changed.get_submodule(step).parameters():
            part = parameter if channel is None else parameter[channel : channel + 1]
            part.mul_(factor)
    found, expected = trace(network, image, altered={step: one(channel, factor)}), trace(changed, image)
    for ours, theirs in zip(found.steps, expected.steps, strict=True):
        torch.testing.assert_close(ours.value, theirs.value, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("step", ["conv_d0a_b", "crop_d1c", "score"])
def test_what_changes_nothing_changes_no_bit(thin, step) -> None:
    network, image = thin("unet", "valid"), picture(188, 188)
    plain = trace(network, image)
    for same in (one(factor=1.0), one(1, 1.0), one(source=plain[step].value), one(1, source=plain[step].value)):
        again = trace(network, image, altered={step: same})
        assert all(torch.equal(a.value, b.value) for a, b in zip(plain.steps, again.steps, strict=True))


def test_a_swapped_map_is_the_other_image_s_and_the_rest_follows(thin) -> None:
    network, image, other = thin("fcn8s", "paper"), picture(60, 60), picture(60, 60, seed=1)
    theirs = trace(network, other)
    found = trace(network, image, altered={"score_pool3": one(source=theirs["score_pool3"].value)})
    assert torch.equal(found["score_pool3"].value, theirs["score_pool3"].value)
    ours = trace(network, image)
    difference = found["fuse_pool3"].value - ours["fuse_pool3"].value
    torch.testing.assert_close(difference, theirs["crop_pool3"].value - ours["crop_pool3"].value, rtol=1e-4, atol=1e-5)
    channel = trace(network, image, altered={"score_pool3": one(1, source=theirs["score_pool3"].value)})["score_pool3"]
    assert torch.equal(channel.value[:, 1], theirs["score_pool3"].value[:, 1])
    assert torch.equal(channel.value[:, 0], ours["score_pool3"].value[:, 0])


@pytest.mark.parametrize("kind", ["scale", "swap"])
def test_windows_of_an_altered_run_are_those_of_the_whole(thin, kind) -> None:
    network, image = thin("unet", "valid"), picture(188, 188)
    source = trace(network, picture(188, 188, seed=2))["relu_d1c"].value if kind == "swap" else None
    altered = {"relu_d1c": one(factor=0.5, source=source), "conv_d3a_b": one(0, -1.0)}
    whole = trace(network, image, altered=altered)
    local = WindowRunner(network, image, {step.name: step.shape for step in whole.steps}, altered)
    for step, region in (("score", Region((0, 3), (1, 4))), ("relu_d1c", Region((5, 9), (70, 73)))):
        rows, cols = (slice(*span) for span in region.spans)
        found = local.values(step, region)[step]
        torch.testing.assert_close(found, whole[step].value[:, :, rows, cols], rtol=1e-4, atol=1e-4)


def test_without_its_finest_skip_fcn_predicts_what_its_coarser_stage_does(thin) -> None:
    network, image = thin("fcn8s", "same"), picture(64, 64)
    keeper = Refiner(network, image)
    plain = trace(network, image, visit=keeper.visit)
    coarser = keeper.stages(plain)[-2]
    altered = {"score_pool3": one()}
    other = Refiner(network, image, altered)
    found = trace(network, image, altered=altered, visit=other.visit)
    torch.testing.assert_close(found.final, keeper.scores(coarser, plain), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(other.scores(other.stages(found)[-2], found), found.final, rtol=1e-4, atol=1e-5)
    assert labelling(found).name == labelling(plain).name


def test_nothing_is_left_of_a_map_taken_out() -> None:
    value = torch.tensor([[[[float("nan"), float("inf"), -1.0]]]])
    made = Alteration()(value)
    assert np.array_equal(made.numpy(), np.zeros((1, 1, 1, 3)))
    assert not torch.signbit(made).any()


def test_a_channel_that_there_is_not_is_refused() -> None:
    with pytest.raises(ExplorerError) as caught:
        Alteration(7)(torch.zeros(1, 3, 2, 2))
    assert (caught.value.code, caught.value.details) == ("alter_channel", {"channel": 7, "channels": 3})
