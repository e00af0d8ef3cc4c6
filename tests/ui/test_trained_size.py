"""A photograph larger than those trained on: what is offered, run and said."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import explorer.__main__ as program
from explorer import api, weights
from explorer.inference import RunOptions
from explorer.ui.segmenter import Segmenter
from explorer.ui.session import Workbench
from tests.ui import made as ui
from tests.ui.made import ask, picture, upload

SIDE, USUAL = 60, 72  # trained on, and halfway between the scales of training


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An FCN-8s of photographs of a size, a U-Net of micrographs, whose size says nothing."""
    folder = ui.fill(tmp_path_factory.mktemp("checkpoints"))
    recipe = {"augmentation": {"scale": [0.6, 1.8]}}
    card = replace(ui.card_of(ui.FCN, domain="everyday"), recipe=recipe, trained_side=SIDE)
    weights.save(folder / "fcn.safetensors", ui.random_network(ui.FCN), card)
    return folder


@pytest.fixture
def segmenter(checkpoints: Path) -> Segmenter:
    return Workbench(checkpoints).segmenter


def chosen(plan: dict) -> dict:
    return plan["offers"][plan["chosen"]]


def test_the_copy_of_the_trained_size_is_chosen_where_things_are_larger_than_in_training(
    segmenter: Segmenter, tmp_path: Path
) -> None:
    plans = {}
    for side in (50, SIDE, USUAL, USUAL + 2):
        image = upload(segmenter, tmp_path, ui.photo(side // 2, side), f"{side}.png")
        plans[side] = ask(segmenter, "plan", selection=ui.raw(image=image))
    offered = ["trained" in [offer["way"] for offer in plan["offers"]] for plan in plans.values()]
    assert offered == [False, False, True, True]
    assert [chosen(plan)["way"] for plan in plans.values()] == ["whole", "whole", "whole", "trained"]
    assert chosen(plans[USUAL + 2])["size"] == [SIDE // 2, SIDE]
    assert [plan["trained"] for plan in plans.values()] == [None] * 3 + [{"side": SIDE}]
    valid = ui.raw(image=image, model="unet", checkpoint="unet", padding="valid")
    micrograph = ask(segmenter, "plan", selection=valid)
    assert chosen(micrograph)["way"] == "whole"
    assert micrograph["trained"] is None


def test_it_is_run_at_that_size_and_a_run_at_its_own_says_how_much_larger_things_are(
    segmenter: Segmenter, tmp_path: Path
) -> None:
    pixels = ui.photo(90, 150)
    image = upload(segmenter, tmp_path, pixels)
    found = ask(segmenter, "segment", selection=ui.raw(image=image), options={"way": "trained", "longest": SIDE})
    assert (found["size"], found["run_at"], found["remarks"]) == ([90, 150], [36, SIDE], [])
    same = api.segment(pixels, loaded=segmenter.networks.get(ui.selection()), size=SIDE, options=RunOptions("cpu"))
    np.testing.assert_array_equal(picture(segmenter, found["pictures"]["labels"]), same.labels)
    own = ask(segmenter, "segment", selection=ui.raw(image=image), options={"way": "whole"})
    assert own["run_at"] == [90, 150]
    said = {"code": "larger_than_trained", "details": {"side": SIDE, "times": 150 / SIDE}}
    assert own["remarks"] == [said]


def test_networks_are_compared_at_the_size_that_suits_each(segmenter: Segmenter, tmp_path: Path) -> None:
    image = upload(segmenter, tmp_path, ui.photo(90, 150))
    other = ui.raw(model="unet", checkpoint="unet", padding="valid")
    found = ask(segmenter, "compare", selection=ui.raw(image=image), selections=[ui.raw(), other])
    assert [result["run_at"] for result in found["results"]] == [[36, SIDE], [90, 150]]
    assert [result["size"] for result in found["results"]] == [[90, 150]] * 2
    asked = {"selection": ui.raw(image=image), "selections": [ui.raw(), other], "options": {"longest": 75}}
    assert [result["run_at"] for result in ask(segmenter, "compare", **asked)["results"]] == [[45, 75]] * 2
    asked["options"] = {"way": "own"}
    own = ask(segmenter, "compare", **asked)["results"]
    assert [result["run_at"] for result in own] == [[90, 150]] * 2
    said = [{"code": "larger_than_trained", "details": {"side": SIDE, "times": 150 / SIDE}}]
    assert [result["remarks"] for result in own] == [said, []]


def test_the_command_says_so_too(checkpoints: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "own.png"
    path.write_bytes(ui.encoded(ui.photo(90, 150)))
    command = ["segment", str(path), "--weights", str(checkpoints / "fcn.json"), "--out", str(tmp_path / "out")]
    assert program.main([*command, "--size", "full"]) == 0
    said = capsys.readouterr().err
    assert "2.5 times as large" in said
    assert f"--size {SIDE}" in said
    for given in ([], ["--size", str(SIDE)]):  # what is suggested is what is done unless told otherwise
        assert program.main([*command, *given]) == 0
        assert capsys.readouterr().err == ""
