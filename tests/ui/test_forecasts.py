"""How long the page says that runs take, and what it says of sizes that memory has no room for."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from explorer import inference
from explorer.inference import RunOptions
from explorer.ui import run_store
from explorer.ui.segmenter import Segmenter
from explorer.ui.session import Workbench
from explorer.ui.stretch import Stretch
from explorer.ui.turns import Turns
from tests.ui import made as ui
from tests.ui.made import ask, upload


def test_times_are_told_once_the_speed_was_measured(fresh: Workbench, tmp_path: Path) -> None:
    segmenter = fresh.segmenter
    image = upload(segmenter, tmp_path, ui.photo(700, 1300))
    wish = ui.raw(image=image)
    assert {offer["seconds"] for offer in ask(segmenter, "plan", selection=wish)["offers"]} == {None}
    timed = ask(segmenter, "forecast", selection=wish)
    planned = ask(segmenter, "plan", selection=wish)["offers"]
    assert [cost["seconds"] for cost in timed["costs"]] == [offer["seconds"] for offer in planned]
    assert [cost["way"] for cost in timed["costs"]] == [offer["way"] for offer in planned]
    by_way = {offer["way"]: offer["seconds"] for offer in planned}
    assert by_way["whole"] < by_way["tiles"]
    json.dumps(timed)


def test_a_speed_is_measured_once_for_a_network_and_a_precision(
    fresh: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    segmenter, made = fresh.segmenter, []
    honest = inference.calibrate
    monkeypatch.setattr(inference, "calibrate", lambda *given: made.append(given[1]) or honest(*given))
    for model, padding in (("fcn8s", "paper"), ("fcn8s", "paper"), ("fcn8s", "same"), ("fcn16s", "paper")):
        ask(segmenter, "forecast", selection=ui.raw(model=model, padding=padding))
    assert [(spec.model, spec.padding) for spec in made] == [
        ("fcn8s", "paper"), ("fcn8s", "same"), ("fcn16s", "paper")
    ]  # fmt: skip


def test_nothing_is_measured_while_a_run_has_the_machine(fresh: Workbench) -> None:
    with fresh.turns.turn(lambda *_: None, lambda: False):
        found = ask(fresh.segmenter, "forecast", selection=ui.raw())
    assert {cost["seconds"] for cost in found["costs"]} == {None}
    assert all(cost["seconds"] for cost in ask(fresh.segmenter, "forecast", selection=ui.raw())["costs"])


def test_rivals_are_forecast_together(fresh: Workbench, tmp_path: Path) -> None:
    segmenter = fresh.segmenter
    image = upload(segmenter, tmp_path, ui.photo(120, 160))
    rivals = [ui.raw(image=image), ui.raw(image=image, model="unet", checkpoint="unet", padding="valid")]
    timed = ask(segmenter, "forecast", selection=ui.raw(image=image), selections=rivals)["costs"]
    found = ask(segmenter, "compare", selection=ui.raw(image=image), selections=rivals)["results"]
    for key in ("parameters", "macs"):
        assert [cost[key] for cost in timed] == [result[key] for result in found]
    assert [cost["size"] for cost in timed] == [result["run_at"] for result in found] == [[120, 160]] * 2
    loaded = segmenter.networks.get(ui.selection("unet"))
    assert timed[1]["parameters"] == sum(tensor.numel() for tensor in loaded.module.parameters())
    assert all(cost["seconds"] > 0 for cost in timed)


def test_the_bar_is_shared_out_by_time_and_the_rest_is_told() -> None:
    said = []
    whole = Stretch(lambda *news: said.append(news), lambda: False, 0.0, 1.0)
    first, second = whole.parts([3.0, 1.0])
    assert (first.low, first.high, second.low, second.high) == (0, 0.75, 0.75, 1)
    first.teller("A")(inference.Progress(0.5, 1, 1, "conv", 2.0))
    second.teller("B")(inference.Progress(0.5, 1, 1, "conv", 0.4))
    assert [(share, text, details["time"]["seconds"]) for share, text, details in said] == [
        (0.375, "progress.compare.left", 3.0), (0.875, "progress.compare.left", 0.4)
    ]  # fmt: skip
    first, second = whole.parts([None, 1.0])
    assert (first.high, second.low) == (0.5, 0.5)
    assert (first.behind, second.behind) == (1.0, 0)


def test_a_free_machine_is_taken_and_given_back() -> None:
    turns = Turns()
    with turns.free() as outer, turns.free() as inner:
        assert (outer, inner) == (True, False)
    with turns.free() as free:
        assert free


def test_a_working_size_without_room_gives_way_to_a_smaller_one_and_says_so(
    fresh: Workbench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    image = upload(fresh, tmp_path, ui.photo(640, 900))
    spec = fresh.networks.get(ui.selection()).spec
    needs = {size: inference.plan(spec, (64 * size // 90, size), RunOptions("cpu", way="whole")).bytes
             for size in (500, 640, 800)}  # fmt: skip
    free = round((needs[640] + needs[500]) / 2 / 0.7)
    monkeypatch.setattr(sys.modules["explorer.inference.plan"], "free_memory", lambda device: free)
    wish = ui.selection(image=image, size=800)
    run = ui.run(fresh, wish)
    assert run.size == 500
    (note,) = json.loads((fresh.files.folder / run.file).read_text())["notes"]
    assert note["code"] == "smaller_for_room"
    assert (note["details"]["wanted"], note["details"]["size"]) == (800, 500)
    assert note["details"]["free"] == round(0.7 * free / 2**20) < note["details"]["needed"]
    monkeypatch.setattr(sys.modules["explorer.inference.plan"], "free_memory", lambda device: None)
    assert ui.run(fresh, wish).size == 800  # there is room again
    monkeypatch.setattr(sys.modules["explorer.inference.plan"], "free_memory", lambda device: 1000)
    assert run_store._room(spec, (640, 900), wish) == (800, [])  # there is none for any: it is tried


def test_labels_are_held_against_every_network_that_knows_their_classes(segmenter: Segmenter, tmp_path: Path) -> None:
    image = upload(segmenter, tmp_path, ui.photo(60, 80))
    rivals = [ui.raw(image=image), ui.raw(image=image, model="unet", checkpoint="unet", padding="valid")]
    found = ask(segmenter, "compare", selection=ui.raw(image=image), selections=rivals)
    tokens = [result["token"] for result in found["results"]]
    labels = ui.picture(segmenter, found["results"][0]["pictures"]["labels"]).copy()
    labels[0, 0] = ui.FCN.classes - 1  # the U-Net has fewer classes
    path = tmp_path / "truth.png"
    path.write_bytes(ui.encoded(labels))
    first, second = ask(segmenter, "judge", tokens=tokens, path=str(path))["each"]
    assert first["pixel_accuracy"] > 0.99
    assert second is None
    assert first == {**first, **{key: value for key, value in ask(
        segmenter, "judge", token=tokens[0], path=str(path)).items() if key not in ("kind", "errors")}}  # fmt: skip
