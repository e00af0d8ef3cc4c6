"""Unclipped fields: clipped to an image of any size they are the fields that a run on it has."""

from __future__ import annotations

import pytest
import torch

from explorer.fields import whole_fields
from explorer.inference import placement
from explorer.models import MODELS, ModelSpec, build
from explorer.trace import trace

CASES = [(model, padding) for model in MODELS for padding in MODELS[model].paddings]


@pytest.mark.parametrize(("model", "padding"), CASES)
def test_clipping_gives_the_fields_of_a_run(model: str, padding: str) -> None:
    spec = ModelSpec(model, padding, 1 / 32, 8, 1, 2)
    with torch.device("meta"):
        net = build(spec)
    sizes = placement(spec).sizes
    found = whole_fields(net, 1, sizes.at_least(1500))
    for n in (sizes.at_least(1), sizes.at_least(77), sizes.at_least(333)):
        steps = trace(net, torch.empty(1, 1, n, n, device="meta")).steps
        largest = max(int(step.rows.grid.jump) for step in steps)
        for step in steps:
            period = found[step.name]
            for i in range(len(step.rows)):
                shift, (lo, hi) = i // len(period) * largest, period[i % len(period)]
                lo, hi = max(0, lo + shift), min(n - 1, hi + shift)
                if step.rows.empty[i]:
                    assert lo > hi, (step.name, i)
                else:
                    assert (lo, hi) == (step.rows.lo[i], step.rows.hi[i]), (step.name, i, n)


def test_an_input_that_holds_no_whole_period_is_refused() -> None:
    spec = ModelSpec("fcn32s", "same", 1 / 32, 8, 1, 2)
    with torch.device("meta"):
        net = build(spec)
    with pytest.raises(ValueError, match="too small"):
        whole_fields(net, 1, 64)
