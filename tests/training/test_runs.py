"""Whole runs on tiny data: resuming after kill -9, snapshots, starting from another run, shipping."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from explorer import cards, weights
from explorer.models import build
from explorer.training import data, recipe
from explorer.training.__main__ import main
from explorer.training.batches import Batches, chances_of
from explorer.training.loop import Run, usual_precision
from explorer.training.nets import Nets
from explorer.training.report import evaluate
from tests.training.made import write_recipe, write_road_scenes

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("workers", [0, 2])
def test_a_batch_follows_from_its_step(photos: Path, tmp_path: Path, workers: int) -> None:
    chosen = recipe.read(str(write_recipe(tmp_path / "r.json")))
    batches = Batches(chosen, data.read_all("msrc_v2", photos))
    stream = list(batches.ahead(3, 6, workers))
    assert len(stream) == 3
    for step, batch in enumerate(stream, 3):
        assert batch[0] == batches(step)[0]
        for a, b in zip(batch[1:], batches(step)[1:], strict=True):
            assert torch.equal(a, b)
    assert not torch.equal(stream[0][1], stream[1][1])


def test_a_killed_run_goes_on_and_ends_with_the_weights_of_an_uninterrupted_one(photos: Path, tmp_path: Path) -> None:
    chosen = write_recipe(tmp_path / "tiny.json")
    options = [str(chosen), "--data", str(photos), "--device", "cpu", "--threads", "1"]
    command = [sys.executable, "-m", "explorer.training", *options]
    first = [*command, "--out", str(tmp_path / "out"), "--run", str(tmp_path / "run"), "--save-every", "0"]
    state = tmp_path / "run" / "state.pt"
    process = subprocess.Popen(first, cwd=ROOT, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
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
    assert 0 < killed_at < 40

    again = subprocess.run(first, cwd=ROOT, capture_output=True, text=True, timeout=200)
    assert again.returncode == 0, again.stderr
    assert f"going on from step {killed_at}" in again.stderr
    assert "images/s" in again.stderr
    assert "loss" in again.stderr
    before = torch.get_num_threads()
    try:
        assert main([*options, "--run", str(tmp_path / "whole"), "--out", str(tmp_path / "whole")]) == 0
    finally:
        torch.set_num_threads(before)

    (card,) = cards.available(tmp_path / "out")
    (other,) = cards.available(tmp_path / "whole")
    assert card.recipe["steps_made"] == other.recipe["steps_made"] == 40
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
    path = str(write_recipe(tmp_path / "r.json", steps=4))
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


def test_one_run_starts_from_another_as_in_the_paper(photos: Path, tmp_path: Path) -> None:
    """FCN-16s from FCN-32s: the shared layers are taken over, the new skip's score layer starts at zero."""
    samples = data.read_all("msrc_v2", photos)
    coarse = recipe.read(str(write_recipe(tmp_path / "coarse.json", model="fcn32s", coarser={}, steps=3)))
    Run(coarse, samples, tmp_path / "runs/coarse", torch.device("cpu")).finish()
    trained = torch.load(tmp_path / "runs/coarse/state.pt", weights_only=True)["average"]
    path = write_recipe(tmp_path / "finer.json", model="fcn16s", coarser={}, start="coarse", steps=3)
    finer = recipe.read(str(path))
    run = Run(finer, samples, tmp_path / "runs/finer", torch.device("cpu"))
    for nets in (run.live, run.average):
        state = nets.first.state_dict()
        for name in ("conv1_1.0.weight", "conv1_1.1.running_mean", "fc6.0.weight", "score_fr.bias"):
            assert torch.equal(state[name], trained[name]), name
        assert not state["score_pool4.weight"].any()
    run.finish()
    assert run.live.first.state_dict()["score_pool4.weight"].any()
    with pytest.raises(ValueError, match="train that first"):
        Run(finer, samples, tmp_path / "nowhere/finer", torch.device("cpu"))
    state = torch.load(tmp_path / "runs/coarse/state.pt", weights_only=True)
    (tmp_path / "half/coarse").mkdir(parents=True)
    torch.save({**state, "step": 2}, tmp_path / "half/coarse/state.pt")
    with pytest.raises(ValueError, match="done 2 of 3 steps; let it finish"):
        Run(finer, samples, tmp_path / "half/finer", torch.device("cpu"))
    wider = recipe.read(str(write_recipe(path, model="fcn16s", coarser={}, start="coarse", fc_channels=9)))
    with pytest.raises(ValueError, match=r"does not fit the recipe: its fc6"):
        Run(wider, samples, tmp_path / "runs/wider", torch.device("cpu"))


def test_a_run_ends_with_the_wanted_share_of_what_it_began_with(photos: Path, tmp_path: Path) -> None:
    """Half of the weights begun with, half of the average that the same run has without, also where it was resumed;
    the frozen norms are common to both."""
    samples, cpu = data.read_all("msrc_v2", photos), torch.device("cpu")
    coarse = recipe.read(str(write_recipe(tmp_path / "coarse.json", model="fcn32s", coarser={}, steps=3)))
    Run(coarse, samples, tmp_path / "runs/coarse", cpu).finish()
    settings = {"model": "fcn32s", "coarser": {}, "steps": 4, "norm_frozen_from": 0, "start": "coarse"}
    ends = {}
    for share in (0.0, 0.5):
        chosen = recipe.read(str(write_recipe(tmp_path / "then.json", start_share=share, **settings)))
        Run(chosen, samples, tmp_path / f"runs/{share}", cpu, save_every=0).finish()
        ends[share] = torch.load(tmp_path / f"runs/{share}/state.pt", weights_only=True)["average"]
    whole = recipe.read(str(write_recipe(tmp_path / "then.json", start_share=0.5, **settings)))
    (tmp_path / "runs/resumed").mkdir()
    Run(whole, samples, tmp_path / "runs/resumed", cpu).save()  # nothing trained yet, and the process ends
    Run(whole, samples, tmp_path / "runs/resumed", cpu).finish()
    resumed = torch.load(tmp_path / "runs/resumed/state.pt", weights_only=True)["average"]
    begun = torch.load(tmp_path / "runs/coarse/state.pt", weights_only=True)["average"]
    moved = 0.0
    for name, tensor in ends[0.5].items():
        if tensor.is_floating_point():
            torch.testing.assert_close(tensor, (begun[name] + ends[0.0][name]) / 2)
            torch.testing.assert_close(tensor, resumed[name])
            moved = max(moved, float((tensor - begun[name]).abs().max()))
    assert moved > 1e-4
    with pytest.raises(ValueError, match="of the weights begun with; it needs a start"):
        recipe.read(str(write_recipe(tmp_path / "none.json", start_share=0.5)))


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
    assert snapshots[0].title["ko"] == "0스텝 · 작은 것"
    first, later = (weights.load(c).module for c in snapshots)
    torch.manual_seed(0)
    start = build(snapshots[0].spec)  # the folded first state is the plain random start, as norm begins as the identity
    torch.testing.assert_close(first.conv3_1.weight, start.conv3_1.weight, rtol=1e-2, atol=1e-4)
    assert (later.conv3_1.weight - first.conv3_1.weight).abs().max() > 1e-3


def test_other_data_is_drawn_at_its_share(photos: Path, tmp_path: Path) -> None:
    write_road_scenes(tmp_path / "data/camvid")
    shutil.copytree(photos, tmp_path / "data/msrc_v2")
    chosen = recipe.read(str(write_recipe(tmp_path / "r.json", extra={"camvid": 0.25})))
    extra = {"camvid": data.split("camvid", data.read_all("camvid", tmp_path / "data"))[0]}
    own = data.read_all("msrc_v2", tmp_path / "data")
    batches = Batches(chosen, own, extra)
    assert batches.chance[: len(own)].sum() == pytest.approx(0.75)
    assert batches.chance[len(own) :].tolist() == pytest.approx([0.25 / 3] * 3)
    out = tmp_path / "out"
    path = str(write_recipe(tmp_path / "r.json", extra={"camvid": 0.25}, steps=2))
    assert main([path, "--data", str(tmp_path / "data"), "--out", str(out), "--run", str(tmp_path / "run")]) == 0
    (card,) = cards.available(out)
    assert "MSRC" in card.data["en"]
    assert "CamVid" in card.data["ko"]
    assert "CamVid" in card.licence["en"]


def test_rare_kinds_and_rare_experiments_are_drawn_more_often(tmp_path: Path) -> None:
    def shot(kind: str, middle: int) -> data.Sample:
        image = np.full((16, 16, 3), middle, np.uint8)
        return data.Sample("", kind, image, np.zeros((16, 16), np.uint8), None)

    # fluorescence: an experiment of 9 images, one of 1; stained: one of 4
    samples = [shot("fluorescence", 8)] * 9 + [shot("fluorescence", 40)] + [shot("stained", 200)] * 4
    chosen = recipe.read(str(write_recipe(tmp_path / "r.json")))
    assert chances_of(samples, chosen).tolist() == pytest.approx([1 / 14] * 14)
    by_kind = chances_of(samples, replace(chosen, kinds_balance=0.5))
    assert by_kind[:10].sum() / by_kind[10:].sum() == pytest.approx((10 / 4) ** 0.5)
    assert by_kind[9] == pytest.approx(by_kind[0])
    both = chances_of(samples, replace(chosen, kinds_balance=0.5, groups_balance=0.5))
    assert both[:10].sum() / both[10:].sum() == pytest.approx((10 / 4) ** 0.5)
    assert both[9] / both[:9].sum() == pytest.approx((1 / 9) ** 0.5)
    assert both.sum() == pytest.approx(1)


def test_a_padding_begins_when_the_recipe_says(photos: Path, tmp_path: Path) -> None:
    geometries = {
        "same": {"share": 1, "batch": 1, "crop": [24, 28]},
        "paper": {"share": 9, "batch": 1, "crop": [24, 24], "begins": 0.5},
    }
    chosen = recipe.read(str(write_recipe(tmp_path / "r.json", geometries=geometries)))
    batches = Batches(chosen, data.read_all("msrc_v2", photos))
    drawn = [batches(step)[0] for step in range(40)]
    assert set(drawn[:20]) == {"same"}
    assert drawn[20:].count("paper") > 10


def test_a_crop_that_does_not_fit_is_refused(nuclei: Path, tmp_path: Path) -> None:
    geometries = {"valid": {"share": 1, "batch": 1, "crop": [200, 204]}}
    chosen = recipe.read(
        str(write_recipe(tmp_path / "r.json", data_set="nuclei", model="unet", coarser={}, geometries=geometries))
    )
    with pytest.raises(ValueError, match=r"a crop of 200 pixels does not fit .* take 188 or 204"):
        Batches(chosen, data.read_all("nuclei", nuclei))


def test_a_run_begins_with_published_weights_where_the_first_run_is_gone(photos: Path, tmp_path: Path) -> None:
    """They compute what they did, norms and class weights included, and can be trained on."""
    out, samples, cpu = tmp_path / "out", data.read_all("msrc_v2", photos), torch.device("cpu")
    both = {
        "same": {"share": 1, "batch": 2, "crop": [24, 28]},
        "paper": {"share": 1, "batch": 1, "crop": [24, 28]},
    }
    settings = {"coarser": {}, "class_balance": 0.5, "geometries": both, "norm_frozen_from": 1}
    first = write_recipe(tmp_path / "first.json", model="fcn32s", steps=25, average=0.5, **settings)
    usual = ["--data", str(photos), "--out", str(out)]
    assert main([str(first), *usual, "--run", str(tmp_path / "elsewhere/first")]) == 0
    (card,) = cards.available(out)
    plain = weights.load(card).module

    then = recipe.read(str(write_recipe(tmp_path / "then.json", model="fcn16s", start="first", steps=3, **settings)))
    run = Run(then, samples, tmp_path / "runs/then", cpu, published=(out,))
    assert run.begun_from == {"recipe": "first", "steps": 25, "seed": 0, "sha256": card.sha256}
    for nets in (run.live, run.average):
        folded = run.plain(nets)
        assert not folded.get_submodule("score_pool4").weight.any()
        for name, tensor in plain.state_dict().items():
            if not name.startswith("upscore"):
                torch.testing.assert_close(folded.state_dict()[name], tensor, rtol=1e-4, atol=1e-5)
    images = run.batches(0)[1]
    seen = {}
    trunk = run.live.plain["same"]
    norm = trunk.get_submodule("conv3_1")[1]
    hook = norm.register_forward_pre_hook(lambda _, given: seen.update(x=given[0]))
    with hook, torch.inference_mode():
        trunk.eval()(images)
    assert (seen["x"].mean((0, 2, 3)) - norm.running_mean).abs().max() < 5 * norm.running_var.sqrt().max()
    assert norm.running_var.std() > 1e-4  # statistics of real maps, not those of the identity
    weight = trunk.get_submodule("conv3_1")[0].weight  # as large as random ones, so that Adam's steps fit them
    torch.testing.assert_close(weight.flatten(1).norm(dim=1), torch.full((len(weight),), 2**0.5))
    run.finish()
    assert run.step == 3
