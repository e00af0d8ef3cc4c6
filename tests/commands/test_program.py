"""python -m explorer as a program, its errors, its trace, and the Python API behind it."""

from __future__ import annotations

import doctest
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from explorer import api, images, inference
from explorer.commands import accuracy
from explorer.trace import trace
from tests.commands.made import photo, run

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["segment", "x.png", "--save", "mask,nonsense"], "nonsense"),
        (["segment", "x.png", "--tile", "0"], "from 1"),
        (["segment", "x.png", "--weights", "unet-nuclei"], "do not fit FCN-8s"),
        (["segment", "x.png", "--device", "cuda" if inference.devices()[0] != "cuda" else "mps"], "no "),
        (["info", "nothing"], "no checkpoint 'nothing'"),
        (["trace", "none.png"], "cannot be opened"),
        (["trace", "x.png", "--walk", "x.mp4"], "a name in .webp or .gif"),
    ],
)
def test_errors_are_one_line_and_exit_with_2(
    arguments: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    photo(tmp_path / "x.png")
    assert run(*arguments) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert said in err
    assert err.startswith("error: ")


def test_trace_writes_a_page_and_an_animation(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, page, walk = photo(tmp_path / "a.png", 64, 64), tmp_path / "a.html", tmp_path / "a.webp"
    assert run("trace", path, "--size", 64, "--device", "cpu", "--html", page, "--walk", walk) == 0
    assert [line.split(":")[0] for line in capsys.readouterr().out.splitlines()] == [str(page), str(walk)]
    assert Image.open(walk).n_frames == len(api.trace(path, size=64).steps) + 1  # argmax
    assert '"fx-saved">{"start":' in page.read_text("utf-8")


def test_trace_prints_what_trace_measures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = photo(tmp_path / "a.png", 100, 120)
    assert run("trace", path, "--model", "unet", "--size", 120, "--device", "cpu", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    pixels = images.read(path).pixels
    loaded = api.network("unet", domain=api.domain_of(pixels))
    assert (found["weights"], found["padding"]) == (loaded.card.name, loaded.spec.padding)
    prepared = inference.prepare(pixels, loaded.spec, 120)
    steps = loaded.card.preprocessing
    done = trace(loaded.module, inference.normalise(prepared.network, steps.mean, steps.std))
    assert [row["name"] for row in found["steps"]] == [step.name for step in done.steps]
    for row, step in zip(found["steps"], done.steps, strict=True):
        assert (row["channels"], row["height"], row["width"]) == step.shape[1:]
        assert row["statistics"]["max"] == pytest.approx(step.stats.max, rel=1e-4, abs=1e-4)
    assert run("trace", path, "--model", "fcn8s", "--device", "cpu") == 0
    table = capsys.readouterr().out
    assert "pool4" in table
    assert "multiply-accumulates" in table


def test_it_runs_as_a_program(tmp_path: Path) -> None:
    photo(tmp_path / "a.png")
    command = [sys.executable, "-m", "explorer", "segment", str(tmp_path / "a.png"), "--out", str(tmp_path / "o")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert "a.png: 90 x 70" in done.stdout


def test_the_examples_of_the_python_api_run() -> None:
    assert doctest.testmod(api, optionflags=doctest.NORMALIZE_WHITESPACE).failed == 0
    assert doctest.testmod(api).attempted >= 6
    assert doctest.testmod(accuracy) == (0, 3)


@pytest.mark.parametrize(("model", "least"), [("fcn8s", 134e6), ("unet", 31e6)])
def test_full_width_runs_in_tiles(model: str, least: float) -> None:
    """The papers' own width with weights drawn anew: forecast, tiles, time."""
    loaded = api.network(model, api.RANDOM)
    assert sum(p.numel() for p in loaded.module.parameters()) > least
    pixels = np.random.default_rng(0).integers(0, 256, (96, 130, 3), np.uint8)
    shares: list[float] = []
    found = api.segment(
        pixels,
        options=inference.RunOptions("cpu", way="tiles", side=96),
        loaded=loaded,
        scores=True,
        progress=lambda p: shares.append(p.share),
    )
    assert len(found.labelling.tiles) == 2
    assert found.labelling.plan.forecast.weights > 4 * least
    prepared = inference.prepare(pixels, loaded.spec, 130)
    steps = loaded.card.preprocessing
    done = trace(loaded.module, inference.normalise(prepared.network, steps.mean, steps.std), keep=False)
    whole = done.final[0, :, :96, :130].numpy()
    np.testing.assert_allclose(found.labelling.outputs.scores, whole, rtol=0, atol=1e-4 * max(1, np.abs(whole).max()))
    assert shares == sorted(shares)
