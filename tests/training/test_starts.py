"""Runs that begin with the weights of another."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from explorer import cards, weights
from explorer.training import data, recipe
from explorer.training.__main__ import main
from explorer.training.loop import Run
from tests.training.made import write_recipe


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
