"""The page's scripts without a browser: types, lint, and what the pure modules make of real runs. Needs Node."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from explorer.fields import whole_fields
from explorer.models import ModelSpec, build, without_weights
from explorer.operations.layers import Input
from explorer.refinement import Refiner
from explorer.trace import Step, trace
from explorer.ui.stage.payload import Recorder
from explorer.ui.state import Files

HERE = Path(__file__).parent / "js"
NODE, NPM = shutil.which("node"), shutil.which("npm")
CLASSES = [{"id": f"{i}", "name": {"en": f"class {i}", "ko": f"클래스 {i}"}, "colour": (i, 2, 3)} for i in range(4)]

pytestmark = pytest.mark.skipif(not (NODE and NPM) and not os.environ.get("CI"), reason="no Node on this machine")


class Plain(nn.Module):
    """Down once and up again, without a skip; `extra` stands between."""

    def __init__(self, extra: nn.Module) -> None:
        super().__init__()
        self.input = Input(3)
        self.first = nn.Conv2d(3, 6, 3, padding=1)
        self.pool = nn.AvgPool2d(2)
        self.extra = extra
        self.up = nn.ConvTranspose2d(6, 5, 2, stride=2)
        self.labels = nn.Conv2d(5, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.labels(self.up(self.extra(self.pool(self.first(self.input(x))))))


def of_paper(model: str, padding: str, n: int) -> tuple[nn.Module, dict[str, Any], int]:
    spec = ModelSpec(model, classes=4, width=1 / 32, fc_channels=8, padding=padding)
    fields = whole_fields(without_weights(spec), 3, 1500 // 32 * 32 + (12 if padding == "valid" else 0))
    return build(spec), fields, n


NETS = {
    "fcn8s": lambda: of_paper("fcn8s", "paper", 64),
    "fcn8s-same": lambda: of_paper("fcn8s", "same", 64),
    "fcn16s-same": lambda: of_paper("fcn16s", "same", 64),
    "fcn32s-same": lambda: of_paper("fcn32s", "same", 64),
    "unet": lambda: of_paper("unet", "valid", 572),
    "unet-same": lambda: of_paper("unet", "same", 64),
    "plain": lambda: (Plain(nn.ReLU()), {}, 16),
    "unknown": lambda: (Plain(nn.GELU()), {}, 16),  # an operation that nobody has explained
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the page gets of one run of every network, but for the pictures."""
    folder = tmp_path_factory.mktemp("runs")
    for name, made in NETS.items():
        network, fields, n = made()
        recorder = Recorder(Files())
        torch.manual_seed(0)
        image = torch.rand(1, 3, n, n)
        refiner = Refiner(network.eval(), image)

        def both(step: Step, value: Tensor, recorder: Recorder = recorder, refiner: Refiner = refiner) -> None:
            recorder.visit(step, value)
            refiner.visit(step, value)

        done = trace(network, image, visit=both)
        stages = [{"step": s.step, "zeroed": s.zeroed, "labels": ""} for s in refiner.stages(done)]
        frames = {"original": [2 * n, 2 * n], "resized": [n, n], "network": [n, n]}
        more = {"title": name, "frames": frames, "offset": [0, 0], "classes": CLASSES, "shares": [0.25] * 4}
        labels = done.final[0].argmax(0).numpy().astype(np.uint8)
        content = {**more, "stages": stages, **recorder.graph(done, fields, labels)}
        (folder / f"{name}.json").write_text(json.dumps(content))
    return folder


@pytest.fixture(scope="module")
def tools() -> None:
    """What `npm ci` installs, once."""
    assert NPM, "CI needs Node"
    if not (HERE / "node_modules").is_dir():
        subprocess.run([NPM, "ci", "--no-audit", "--no-fund"], cwd=HERE, check=True)


def node(script: str, **environment: str) -> None:
    """Run one of the scripts of package.json; what it says is the error."""
    assert NPM
    done = subprocess.run(
        [NPM, "run", "--silent", script], cwd=HERE, env={**os.environ, **environment}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("script", ["types", "lint"])
def test_the_scripts_are_sound(tools: None, script: str) -> None:
    node(script)


def test_the_pure_modules_hold_on_real_runs(tools: None, runs: Path) -> None:
    node("test", RUNS=str(runs))
