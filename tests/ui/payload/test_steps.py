"""What the page gets of each step: exact geometry, and grids as in the papers."""

from __future__ import annotations

import json
from fractions import Fraction

import numpy as np
import pytest
import torch

from explorer.inference import prepare, trace_and_label
from explorer.models import ModelSpec, build
from explorer.trace import Stats, trace
from explorer.ui.stage.payload import Recorder
from explorer.ui.state import Files
from tests.ui.made import FCN, MEAN, STD, noise, random_network
from tests.ui.payload.made import ABOUT, refuse


def test_every_step_is_told(case):
    """Names, operations, shapes and the graph, against a second trace of the same network on the meta device."""
    with torch.device("meta"):
        module = build(case.spec)
    size = case.prepared.network.shape[:2]
    again = trace(module, torch.empty(1, 3, *size, device="meta"))
    *steps, _ = case.data["steps"]  # argmax is not in the trace: test_stages.py
    assert [s["name"] for s in steps] == [s.name for s in again.steps]
    for step, want in zip(steps, again.steps, strict=True):
        assert (step["op"], tuple(step["inputs"]), tuple(step["shape"])) == (
            want.operation,
            want.inputs,
            want.shape[1:],
        )
        assert (step["parameters"], step["macs"]) == (want.parameters, want.macs)
        assert step["ms"] >= 0
        assert (step["settings"], step["numbers"]) == tuple(json.loads(json.dumps([want.settings, want.numbers])))
        assert (step["role"], step["level"], step["scores"]) == (want.role, want.level, want.scores)
        assert step["reads"] == list(want.reads)
        assert [(axis["code"], axis["values"]) for axis in step["size"]] == [(f.code, f.values) for f in want.size]
        assert step["misaligned"] == [float(pixels) for pixels in want.misalignment]
        known = step["name"] in case.fields
        assert step["field"] == ([6, 8] if known else [])
        assert step["reach"] == ([[-3, 4], [-1, 4]] if known else [])
        assert set(step["stats"]) == {"min", "max", "mean", "std", "zeros"}
        for key, axis in (("rows", want.rows), ("cols", want.cols)):
            told = case.data["axes"][step[key]]
            assert (Fraction(told["jump"]), Fraction(told["start"])) == (axis.grid.jump, axis.grid.start)
            empty = axis.lo > axis.hi
            lo, hi = np.array(told["lo"]), np.array(told["hi"])
            np.testing.assert_array_equal(lo > hi, empty)
            np.testing.assert_array_equal(lo[~empty], axis.lo[~empty])
            np.testing.assert_array_equal(hi[~empty], axis.hi[~empty])
            assert {(a, b) for a, b in zip(lo[empty], hi[empty], strict=True)} <= {(0, -1)}
    assert case.data["parameters"] == sum(s["parameters"] for s in steps)
    assert case.data["macs"] == sum(s["macs"] for s in steps)


def test_axes_are_shared(case):
    axes = case.data["axes"]
    assert len({json.dumps(axis) for axis in axes}) == len(axes)
    used = {step[key] for step in case.data["steps"] for key in ("rows", "cols")}
    assert used == set(range(len(axes)))


GRIDS = {  # FACTS: jump and centre of unit 0
    "fcn8s-paper": {
        "conv1_1": (1, -99), "pool1": (2, -98.5), "pool2": (4, -97.5), "pool3": (8, -95.5), "pool4": (16, -91.5),
        "pool5": (32, -83.5), "fc6": (32, 12.5), "score_fr": (32, 12.5), "upscore2": (16, -11.5),
        "upscore_pool4": (8, -23.5), "upscore8": (1, -31), "score": (1, 0),
    },
    "fcn32s-paper": {"upscore": (1, -19), "score": (1, 0)},
    "fcn8s-same": {"score_fr": (32, 15.5), "score": (1, 0)},
    "unet-valid": {
        "relu_d0c": (1, 2), "relu_d1c": (2, 6.5), "relu_d2c": (4, 15.5), "relu_d3c": (8, 33.5), "relu_d4c": (16, 69.5),
        "upconv_u3a": (8, 65.5), "relu_u3d": (8, 81.5), "upconv_u2a": (4, 79.5), "upconv_u1a": (2, 86.5),
        "upconv_u0a": (1, 90), "score": (1, 92),
    },
}  # fmt: skip


@pytest.mark.parametrize("name", GRIDS)
def test_grids_are_those_of_the_papers(payloads, name):
    data = payloads(name).data
    steps = {step["name"]: step for step in data["steps"]}
    for step, grid in GRIDS[name].items():
        for key in ("rows", "cols"):
            axis = data["axes"][steps[step][key]]
            assert (axis["jump"], axis["start"]) == grid, step


def test_what_the_first_and_last_output_of_the_papers_tile_sees(payloads):
    data = payloads("unet-valid").data
    rows = data["axes"][data["steps"][-1]["rows"]]
    assert (rows["lo"][0], rows["hi"][0], rows["lo"][-1], rows["hi"][-1], len(rows["lo"])) == (0, 187, 384, 571, 388)


def test_padding_alone_is_told_as_empty(payloads):
    """conv1_1's unit i reads pixels i - 100 .. i - 98, so the outermost 98 units a side see no pixel of the image."""
    data = payloads("fcn8s-paper").data
    rows = data["axes"][next(s for s in data["steps"] if s["name"] == "conv1_1")["rows"]]
    empty = [lo > hi for lo, hi in zip(rows["lo"], rows["hi"], strict=True)]
    assert empty == [True] * 98 + [False] * (len(empty) - 196) + [True] * 98


def test_numbers_that_json_does_not_have_do_not_get_into_it():
    """A network that overflows still can be looked at: JSON with NaN in it would not even be read by the page."""
    spec = ModelSpec(**{**FCN.dict(), "model": "fcn32s", "padding": "same"})
    module = random_network(spec)
    with torch.no_grad():
        module.get_submodule("conv5_3").weight.mul_(3e38)
        module.get_submodule("fc6").weight.mul_(3e38)
    prepared, recorder = prepare(noise(32, 32), spec, 32), Recorder(Files())
    done = trace_and_label(module, prepared, MEAN, STD, visit=recorder.visit)
    assert not all(np.isfinite(list(vars(step.stats).values())).all() for step in done.trace.steps)
    name = recorder.finish(done, prepared, prepared.resized, {}, ABOUT)
    data = json.loads((recorder.files.folder / name).read_text("utf-8"), parse_constant=refuse)
    assert any(value is None for step in data["steps"] for value in step["stats"].values())
    assert isinstance(done.trace.steps[0].stats, Stats)
