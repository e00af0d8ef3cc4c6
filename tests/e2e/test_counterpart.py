"""Where one goes on when the network has changed: the step that answers to the one shown."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from explorer.models import ModelSpec, build
from explorer.trace import trace
from explorer.ui import stage
from explorer.ui.stage.bundle import ordered

LOAD = """async (modules) => {
    const urls = {};
    for (const [name, text] of modules) {
        const code = text.replace(/(?<=from )'\\.\\/([^']+)'/g, (_, other) => `'${urls['explore/' + other]}'`);
        urls[name] = URL.createObjectURL(new Blob([code], { type: 'text/javascript' }));
    }
    window.counterpart = (await import(urls['explore/counterpart.js'])).counterpart;
}"""
ASK = """([old, next, names]) => {
    const traceOf = (steps) => {
        const index = new Map(steps.map((step, i) => [step.name, i]));
        return { steps, index, step: (n) => steps[index.get(n)], grid: (step) => step };
    };
    const [a, b] = [old, next].map(traceOf);
    return names.map((name) => next[counterpart(a, b, name)]?.name ?? null);
}"""


@pytest.fixture(scope="module")
def page(browser: Any) -> Iterator[Any]:
    """An empty page that knows the function, and nothing else of the app."""
    page = browser.new_page()
    page.evaluate(LOAD, list(ordered(Path(stage.__file__).parent, "explore/counterpart.js").items()))
    yield page
    page.close()


@pytest.fixture(scope="module")
def steps() -> dict[tuple[str, str], list[dict[str, Any]]]:
    """The steps of thin networks, as far as the function looks at them."""
    found = {}
    for model, padding, size in [
        *(("fcn8s", p, 64) for p in ("paper", "same")),
        *(("fcn16s", p, 64) for p in ("paper", "same")),
        ("fcn32s", "same", 64),
        *(("unet", "valid", 188), ("unet", "same", 64)),
    ]:
        network = build(ModelSpec(model, classes=2, width=1 / 32, fc_channels=8, padding=padding)).eval()
        run = trace(network, torch.zeros(1, 3, size, size))
        found[model, padding] = [
            {"name": s.name, "op": s.operation, "inputs": list(s.inputs), "jump": float(s.rows.grid.jump)}
            for s in run.steps
        ]
    return found


@pytest.mark.parametrize(
    ("old", "new", "name", "answer"),
    [
        ("fcn8s paper", "fcn8s same", "crop_pool3", "crop_upscore_pool4"),  # with same, the other branch is cut
        ("fcn8s same", "fcn8s paper", "crop_upscore2", "crop_pool4"),
        ("fcn8s paper", "fcn8s same", "conv3_2", "conv3_2"),
        ("fcn8s paper", "unet valid", "fuse_pool3", "concat_u3b"),
        ("unet valid", "fcn8s paper", "concat_u3b", "fuse_pool3"),
        ("unet valid", "fcn8s same", "crop_d3c", "crop_upscore_pool4"),
        ("fcn8s paper", "fcn16s same", "crop_pool3", "crop_upscore2"),
        ("fcn8s paper", "unet valid", "upscore_pool4", "upconv_u3a"),
        ("fcn8s paper", "fcn32s same", "score_pool4", "score_fr"),
        ("fcn8s paper", "fcn32s same", "fuse_pool4", "upscore"),  # no sum there: what the sum reads first
        ("fcn8s paper", "unet valid", "pool3", "pool_d2c"),
        ("unet valid", "unet same", "crop_d1c", "crop_d1c"),
    ],
)
def test_a_step_is_answered_by_one_of_its_role_at_its_resolution(
    page: Any, steps: dict[tuple[str, str], list[dict[str, Any]]], old: str, new: str, name: str, answer: str
) -> None:
    a, b = (steps[tuple(which.split())] for which in (old, new))
    assert page.evaluate(ASK, [a, b, [name]]) == [answer]


def test_every_step_is_answered(page: Any, steps: dict[tuple[str, str], list[dict[str, Any]]]) -> None:
    for a in steps.values():
        for b in steps.values():
            answers = page.evaluate(ASK, [a, b, [step["name"] for step in a]])
            assert set(answers) <= {step["name"] for step in b}
