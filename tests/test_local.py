"""A window computed alone is that window of the whole run, and reads what geometry says it reads."""

from __future__ import annotations

from functools import lru_cache

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from explorer.geometry import Region, unit
from explorer.local import WindowRunner
from explorer.models import ModelSpec, build
from explorer.trace import Trace, trace

CASES = {
    "fcn8s, pad 100": (ModelSpec("fcn8s", "paper", 1 / 16, 8, 3, 4), (33, 50)),
    "fcn8s at once": (ModelSpec("fcn8s-atonce", "paper", 1 / 32, 8, 3, 4), (20, 41)),
    "fcn16s, same": (ModelSpec("fcn16s", "same", 1 / 16, 8, 3, 4), (70, 45)),
    "fcn32s, tiny image": (ModelSpec("fcn32s", "paper", 1 / 32, 8, 3, 4), (1, 7)),
    "unet, valid": (ModelSpec("unet", "valid", 1 / 16, 8, 3, 3), (188, 204)),
    "unet, same": (ModelSpec("unet", "same", 1 / 16, 8, 3, 3), (48, 32)),
}


@lru_cache
def traced(case: str) -> tuple[nn.Module, torch.Tensor, Trace, WindowRunner]:
    """A network of random weights and biases in float64, its run with all values kept, and the local view of it."""
    spec, size = CASES[case]
    torch.manual_seed(0)
    module = build(spec).eval().double()
    for parameter in module.parameters():
        if parameter.ndim == 1:
            nn.init.normal_(parameter, std=0.1)
        elif parameter.requires_grad and not parameter.any():
            nn.init.normal_(parameter, std=0.05)
    image = torch.randn(1, 3, *size, dtype=torch.float64)
    run = trace(module, image)
    return module, image, run, WindowRunner(module, image, {step.name: step.shape for step in run.steps})


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(sorted(CASES)), st.data())
def test_a_window_alone_is_that_window_of_the_whole_run(case: str, data: st.DataObject) -> None:
    _, _, run, local = traced(case)
    step = data.draw(st.sampled_from(run.steps))
    spans = []
    for n in step.shape[2:]:
        low = data.draw(st.integers(0, n - 1))
        spans.append((low, data.draw(st.integers(low + 1, n))))
    region = Region(*spans)
    with torch.inference_mode():
        found = local.values(step.name, region)[step.name]
    expected = step.value[:, :, slice(*region.rows), slice(*region.cols)]
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("case", sorted(CASES))
def test_a_unit_reads_the_input_window_that_geometry_gives(case: str) -> None:
    _, _, run, local = traced(case)
    for step in run.steps:
        height, width = step.shape[2:]
        for row, column in {(0, 0), (height // 2, width // 3), (height - 1, width - 1)}:
            window = local.regions(step.name, unit(row, column))["image"]
            for axis, at, span in ((step.rows, row, window.rows), (step.cols, column, window.cols)):
                if axis.lo[at] <= axis.hi[at]:
                    assert span == (axis.lo[at], axis.hi[at] + 1), (step.name, row, column)
                else:
                    assert span[0] == span[1], (step.name, row, column)


def test_windows_on_the_way_hold_all_that_is_read() -> None:
    """Other values outside the windows change nothing: what is computed depends on the windows alone."""
    _, image, run, local = traced("fcn8s, pad 100")
    step = run["fuse_pool3"]
    window = local.regions(step.name, unit(4, 5))["image"]
    spoiled = torch.full_like(image, 1e6)
    inside = (..., slice(*window.rows), slice(*window.cols))
    spoiled[inside] = image[inside]
    other = WindowRunner(local.module, spoiled, local.shapes)
    with torch.inference_mode():
        ours, theirs = (w.values(step.name, unit(4, 5))[step.name] for w in (local, other))
    torch.testing.assert_close(ours, theirs, rtol=0, atol=0)


@pytest.mark.parametrize(
    ("step", "region"),
    [
        ("nowhere", unit(0, 0)),
        ("pool3", unit(-1, 0)),
        ("pool3", unit(0, 10**6)),
        ("pool3", Region((2, 2), (0, 1))),
    ],
)
def test_what_is_not_there_is_refused(step: str, region: Region) -> None:
    with pytest.raises(ValueError, match=r"no step|do not lie"):
        traced("fcn8s, pad 100")[3].regions(step, region)
