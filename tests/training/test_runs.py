"""Whole runs on tiny data: resuming after kill -9, what decides the weights, snapshots, shipping."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from explorer import cards, weights
from explorer.models import build
from explorer.training import data, recipe
from explorer.training.__main__ import main
from explorer.training.loop import Run, usual_precision
from explorer.training.nets import Nets
from explorer.training.report import evaluate
from tests.training.made import write_recipe

ROOT = Path(__file__).resolve().parents[2]


def test_a_killed_run_goes_on_and_ends_with_the_weights_of_an_uninterrupted_one(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    steps = 20
    chosen = write_recipe(tmp_path / "tiny.json", steps=steps)
    options = [str(chosen), "--data", str(photos), "--device", "cpu", "--threads", "1"]
    command = [sys.executable, "-m", "explorer.training", *options]
    where = ["--out", str(tmp_path / "out"), "--run", str(tmp_path / "run"), "--save-every", "0"]
    state = tmp_path / "run" / "state.pt"
    process = subprocess.Popen([*command, *where], cwd=ROOT, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    killed_at, until = 0, time.monotonic() + 100
    try:
        while killed_at < 3 and time.monotonic() < until:
            time.sleep(0.02)
            killed_at = torch.load(state, weights_only=True)["step"] if state.exists() else 0
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert process.returncode == -signal.SIGKILL
    assert list((tmp_path / "out").iterdir()) == []
    killed_at = torch.load(state, weights_only=True)["step"]
    assert 0 < killed_at < steps

    before = torch.get_num_threads()
    try:
        assert main([*options, *where]) == 0
        said = capsys.readouterr().err
        assert main([*options, "--run", str(tmp_path / "whole"), "--out", str(tmp_path / "whole")]) == 0
    finally:
        torch.set_num_threads(before)
    for part in (f"going on from step {killed_at}", "images/s", "loss"):
        assert part in said

    (card,) = cards.available(tmp_path / "out")
    (other,) = cards.available(tmp_path / "whole")
    assert card.recipe["steps_made"] == other.recipe["steps_made"] == steps
    ours, theirs = (weights.load(c).module.state_dict() for c in (card, other))
    assert all(torch.equal(tensor, theirs[name]) for name, tensor in ours.items())
    assert card.metrics == other.metrics


def test_the_seed_decides_the_weights(photos: Path, tmp_path: Path) -> None:
    chosen = recipe.read(str(write_recipe(tmp_path / "r.json", steps=3)))
    samples = data.read_all("msrc_v2", photos)

    def trained(name: str, seed: int) -> torch.Tensor:
        run = Run(replace(chosen, seed=seed), samples, tmp_path / name, torch.device("cpu"))
        run.finish()
        return torch.cat([p.flatten() for p in run.average.first.parameters()])

    assert torch.equal(trained("a", 0), trained("b", 0))
    assert not torch.equal(trained("a", 0), trained("c", 1))


def test_the_command_on_the_card_gives_its_weights(photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    """Seed, device, number of threads and precision are in it: another machine would take others. A run that goes on
    with another number or precision says so."""
    path = str(write_recipe(tmp_path / "r.json", steps=2))
    before, made = torch.get_num_threads(), []
    own = usual_precision(torch.device("cpu"))
    other = "float32" if own == "bfloat16" else "bfloat16"
    try:
        for run, threads, options in (("a", 1, []), ("a", 2, []), ("b", 1, ["--precision", other])):
            out = tmp_path / f"out{len(made)}"
            given = [path, "--data", str(photos), "--out", str(out), "--seed", "3", "--run", str(tmp_path / run)]
            assert main([*given, "--device", "cpu", "--threads", str(threads), *options]) == 0
            made += cards.available(out)
        said = capsys.readouterr().err
        assert main([*given, "--device", "cpu", "--threads", "1", "--out", str(tmp_path / "again")]) == 0
    finally:
        torch.set_num_threads(before)
    assert [card.recipe["threads"] for card in made] == [1, 2, 1]
    assert [card.recipe["precision"] for card in made] == [own, own, other]
    command = "python -m explorer.training r --data DIR --out DIR --seed 3 --fold 0 --device cpu --threads 1"
    assert made[0].recipe["commands"] == [f"{command} --precision {own}"]
    assert made[2].recipe["commands"] == [f"{command} --precision {other}"]
    ours, theirs = (weights.load(card).module.state_dict() for card in (made[0], made[2]))
    assert not all(torch.equal(tensor, theirs[name]) for name, tensor in ours.items())
    here = "a CPU (threads: {}) in {}"
    assert f"until now on {here.format(1, own)}, from here on {here.format(2, own)}" in said
    again = capsys.readouterr().err
    assert f"until now on {here.format(1, other)}, from here on {here.format(1, own)}" in again


def test_every_tensor_moves_to_the_device(photos: Path, tmp_path: Path) -> None:
    """The plain networks' own up-sampling too, which the streams do not use: published weights run through it."""
    chosen = recipe.read(str(write_recipe(tmp_path / "r.json", coarser={"fcn32s": 0.5})))
    nets = Nets(chosen.spec, ("same", "paper"), ("fcn32s",), normed=True)
    nets.to(torch.device("meta"))
    for part in (*nets.plain.values(), *nets.streams.values()):
        tensors = dict(part.named_parameters()) | dict(part.named_buffers())
        assert [name for name, tensor in tensors.items() if tensor.device.type != "meta"] == []


@pytest.mark.parametrize("option", ["--threads", "--workers"])
@pytest.mark.parametrize("value", ["-1", "two", "1.5"])
def test_a_count_that_is_none_is_refused(option: str, value: str, capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit):
        main(["x", "--data", ".", "--out", ".", f"{option}={value}"])
    assert f"is needed, not '{value}'" in capsys.readouterr().err


def test_a_state_of_another_recipe_is_refused(photos: Path, tmp_path: Path) -> None:
    chosen = recipe.read(str(write_recipe(tmp_path / "r.json", steps=2)))
    samples = data.read_all("msrc_v2", photos)
    quiet = {"folder": tmp_path, "device": torch.device("cpu")}
    Run(chosen, samples, **quiet).finish()
    with pytest.raises(ValueError, match="another recipe or seed"):
        Run(replace(chosen, seed=5), samples, **quiet).finish()
    with pytest.raises(ValueError, match="begun with other images"):
        Run(chosen, samples[1:], **quiet).finish()
    (tmp_path / "state.pt").write_bytes(b"half a file")
    with pytest.raises(ValueError, match=r"state.pt is no state of a run"):
        Run(chosen, samples, **quiet).finish()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--seed", "-1"], "seed: input should be greater than or equal to 0, not -1"),
        (["--steps", "0"], "steps: input should be greater than 0, not 0"),
        (["--steps", "4"], "a snapshot at step 5"),
        (["--device", "abacus"], "no ABACUS device"),
        (["--seed", "7"], "another recipe or seed"),
        (["--out", "{folder}/r.json"], "File exists"),
        (["--data", "{folder}"], "does not exist"),
    ],
)
def test_what_cannot_be_trained_is_said_in_one_line(
    arguments: list[str], said: str, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_recipe(tmp_path / "r.json", steps=6, snapshots=[5])
    Run(recipe.read(str(path)), data.read_all("msrc_v2", photos), tmp_path / "run", torch.device("cpu")).save()
    filled = [part.format(folder=tmp_path) for part in arguments]
    usual = [str(path), "--data", str(photos), "--out", str(tmp_path / "out"), "--run", str(tmp_path / "run")]
    assert main([*usual, *filled]) == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("error: ")
    assert said in last
    assert not list(tmp_path.glob("**/*.safetensors"))


def test_a_unet_learns_tiny_nuclei(nuclei: Path, tmp_path: Path) -> None:
    chosen = write_recipe(
        tmp_path / "cells.json",
        data_set="nuclei",
        model="unet",
        geometries={"valid": {"share": 1, "batch": 2, "crop": [204, 204]}},
        coarser={},
        steps=40,  # 25 are too few where sums are rounded otherwise
        learning_rate=0.01,
        average=0.8,
        width=1 / 16,
        augmentation={"mirror": True},
    )
    out = tmp_path / "out"
    assert main([str(chosen), "--data", str(nuclei), "--out", str(out), "--run", str(tmp_path / "run")]) == 0
    (card,) = cards.available(out)
    figures = card.metrics["validation"]["figures"]["valid"]["unet"]
    assert figures["nucleus_dice"] > 0.5  # bright rectangles on dark ground; chance gives about 0.3
    again = evaluate(card, nuclei, split="validation")["geometries"]["valid"]
    for key in ("figures", "standard_errors"):
        noted = card.metrics["validation"][key]["valid"]["unet"]
        assert noted == {name: pytest.approx(value, abs=1e-4) for name, value in again[key].items()}
    assert weights.load(card).notes == ()
    assert [c.name["en"] for c in card.classes] == ["background", "nucleus", "touching border"]


def test_snapshots_are_shipped_too(photos: Path, tmp_path: Path) -> None:
    chosen = write_recipe(tmp_path / "watched.json", steps=6, snapshots=[0, 4], class_balance=0.25)
    out = tmp_path / "out"
    assert main([str(chosen), "--data", str(photos), "--out", str(out), "--run", str(tmp_path / "run")]) == 0
    assert [c.name for c in cards.available(out)] == ["watched"]
    snapshots = cards.available(out / "snapshots")
    assert [(c.name, c.recipe["steps_made"]) for c in snapshots] == [("watched-step0", 0), ("watched-step4", 4)]
    assert snapshots[0].note["en"].startswith(" These are the weights of that moment")
    assert snapshots[0].recipe["minutes"] <= snapshots[1].recipe["minutes"]
    assert {c.trained_side for c in snapshots} == {48}
    assert not weights.load(snapshots[0]).module.score_fr.bias.any()  # nothing was learned that could be taken out
    assert weights.load(snapshots[1]).module.score_fr.bias.any()
    assert snapshots[0].title["en"] == "Step 0 · tiny"
    assert snapshots[0].title["ko"] == "학습 0스텝 · 작은 것"
    first, later = (weights.load(c).module for c in snapshots)
    torch.manual_seed(0)
    start = build(snapshots[0].spec)  # the folded first state is the plain random start, as norm begins as the identity
    torch.testing.assert_close(first.conv3_1.weight, start.conv3_1.weight, rtol=1e-2, atol=1e-4)
    assert (later.conv3_1.weight - first.conv3_1.weight).abs().max() > 1e-3
