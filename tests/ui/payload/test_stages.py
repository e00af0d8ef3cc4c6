"""The predictions on the way and argmax, as the page gets them."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch

from explorer import inference
from tests.ui.made import MEAN, STD, random_network
from tests.ui.payload.made import picture

SCORE_LAYERS = {
    "fcn8s": {"score_fr": ("score_pool4", "score_pool3"), "fuse_pool4": ("score_pool3",), "fuse_pool3": ()},
    "fcn16s": {"score_fr": ("score_pool4",), "fuse_pool4": ()},
    "fcn32s": {"score_fr": ()},
    "unet": {"score": ()},
}


def test_labels_of_every_stage_are_those_of_a_network_with_those_parameters_zero(case) -> None:
    image = inference.normalise(case.prepared.network, MEAN, STD)
    frame = case.prepared.frames.resized
    told = case.data["stages"]
    assert {s["step"]: tuple(sorted(s["zeroed"], reverse=True)) for s in told} == SCORE_LAYERS[case.spec.model]
    for stage in told:
        network = copy.deepcopy(random_network(case.spec))
        for name in stage["zeroed"]:
            torch.nn.init.zeros_(network.get_submodule(name).weight)
            torch.nn.init.zeros_(network.get_submodule(name).bias)
        with torch.inference_mode():
            labels = network(image)[0].argmax(0).numpy()[: frame.height, : frame.width]
        np.testing.assert_array_equal(picture(case, stage["labels"]), labels)
    assert told[-1]["labels"] == case.data["pictures"]["labels"]


def test_argmax_is_the_last_step(case) -> None:
    image = inference.normalise(case.prepared.network, MEAN, STD)
    with torch.inference_mode():
        scores = random_network(case.spec)(image)
    output, last = case.data["steps"][-2:]
    assert (last["name"], last["op"]) == ("argmax", "argmax")
    assert last["inputs"] == last["reads"] == [output["name"]]
    assert last["shape"] == [1, *scores.shape[2:]]
    assert (last["rows"], last["cols"], last["level"]) == (output["rows"], output["cols"], output["level"])
    assert (last["field"], last["reach"]) == (output["field"], output["reach"])
    assert [axis["code"] for axis in last["size"]] == ["kept", "kept"]
    assert last["stats"] is None
    assert output["scores"]
    assert not last["scores"]
    np.testing.assert_array_equal(picture(case, last["maps"]["file"]), scores[0].argmax(0).numpy())
    assert (last["maps"]["tile"], last["maps"]["reduction"]) == (last["shape"][1:], 1)
    assert (last["maps"]["min"], last["maps"]["max"]) == ([0], [255])  # a code is a class


@pytest.mark.parametrize("name", ["fcn8s-paper", "unet-valid"])
def test_labels_are_those_of_the_last_stage(payloads, name: str) -> None:
    case = payloads(name)
    np.testing.assert_array_equal(case.done.labels, case.done.stages[-1][1])
    height, width = case.done.labels.shape
    np.testing.assert_array_equal(case.done.whole[:height, :width], case.done.labels)
