"""Questions about a finished run: answers agree with the run itself, and what makes no sense is refused."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
import torch
from PIL import Image

from explorer import inference, weights
from explorer.errors import ExplorerError
from explorer.figures.principal import principal
from explorer.trace import trace
from explorer.ui import inspector
from explorer.ui.answers import inspect_messages
from explorer.ui.session import Workbench
from tests.ui.made import fill, heard, listing, run, selection


@pytest.fixture(scope="module")
def seen(bench):
    """A run as the page gets it, and the same network traced with all values kept."""
    wish = selection("fcn8s", padding="same", image="cat.jpg")
    done = run(bench, wish)
    scene = bench.inspector._scene(done.file)
    module = weights.load(scene.loaded.card, "fcn8s", "same").module
    pre = scene.loaded.card.preprocessing
    return done.file, trace(module, inference.normalise(scene.pixels, pre.mean, pre.std))


def ask(bench, **question) -> list[dict]:
    return [json.loads(json.dumps(piece, allow_nan=False)) for piece in bench.inspector.answer(question)]


def picture(bench, name: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO((bench.files.folder / name).read_bytes())))


@pytest.mark.parametrize("step", ["conv1_1", "relu2_2", "pool3", "fc6", "crop", "fuse_pool4", "score"])
def test_a_units_value_is_that_of_the_run(bench, seen, step):
    file, whole = seen
    step = next(s.name for s in whole.steps if s.name == step or s.operation == step)
    _, channels, height, width = whole[step].shape
    place = {"channel": channels - 1, "row": height // 2, "column": width // 3}
    first, last = ask(bench, what="unit", run=file, step=step, **place)
    value = float(whole[step].value[0, place["channel"], place["row"], place["column"]])
    assert first["arithmetic"]["value"] == pytest.approx(value, rel=1e-4, abs=1e-5)
    assert last["arithmetic"] == first["arithmetic"]  # a page that sees only the last piece has all
    field = last["field"]
    rows, cols = whole[step].rows, whole[step].cols
    row, column = place["row"], place["column"]
    assert field["box"] == [rows.lo[row], cols.lo[column], rows.hi[row] + 1, cols.hi[column] + 1]
    if not field["silent"]:
        heat = picture(bench, field["file"])
        assert heat.shape == (field["box"][2] - field["box"][0], field["box"][3] - field["box"][1])
        magnitude = heat.astype(float) ** 2
        assert magnitude.max() == 255**2
        assert 0 < field["half"] <= field["most"] <= heat.size
        top, left, bottom, right = field["core"]
        inside = magnitude[
            top - field["box"][0] : bottom - field["box"][0], left - field["box"][1] : right - field["box"][1]
        ]
        assert inside.sum() >= 0.94 * magnitude.sum()


def test_argmax_is_a_choice_among_the_scores_and_its_field_that_of_the_winner(bench, seen):
    file, whole = seen
    place = {"row": whole.final.shape[2] // 2, "column": whole.final.shape[3] // 3}
    scores = whole.final[0, :, place["row"], place["column"]]
    _, last = ask(bench, what="unit", run=file, step="argmax", channel=0, **place)
    found = last["arithmetic"]
    assert (found["kind"], found["value"], found["count"]) == ("argmax", int(scores.argmax()), len(scores))
    order = scores.argsort(descending=True)
    assert [term["channel"] for term in found["terms"]] == order.tolist()
    assert [term["value"] for term in found["terms"]] == pytest.approx(scores[order].tolist(), rel=1e-4, abs=1e-5)
    assert {term["source"] for term in found["terms"]} == {whole.output.name}
    _, winner = ask(bench, what="unit", run=file, step=whole.output.name, channel=int(scores.argmax()), **place)
    assert {k: v for k, v in last["field"].items() if k != "file"} == {
        k: v for k, v in winner["field"].items() if k != "file"
    }


@pytest.mark.parametrize("what", ["channel", "principal"])
def test_of_argmax_nothing_else_can_be_asked(bench, seen, what):
    with pytest.raises(ExplorerError) as caught:
        ask(bench, what=what, run=seen[0], step="argmax", channel=0)
    assert caught.value.code == "bad_selection"


def test_a_channel_comes_at_full_resolution(bench, seen):
    file, whole = seen
    (found,) = ask(bench, what="channel", run=file, step="conv3_2", channel=3)
    expected = whole["conv3_2"].value[0, 3].numpy()
    codes = picture(bench, found["file"])
    assert codes.shape == expected.shape
    values = found["min"] + codes / 255 * (found["max"] - found["min"])
    np.testing.assert_allclose(values, expected, atol=(found["max"] - found["min"]) / 255)
    assert found["min"] == pytest.approx(expected.min(), rel=1e-4)


def test_gradients_work_after_a_whole_map_was_asked_for(tmp_path):
    """The network is loaded by the first question, whatever it is; it has to serve gradients afterwards."""
    bench = Workbench(fill(tmp_path))
    done = run(bench, selection("fcn32s", padding="same", image="cat.jpg"))
    ask(bench, what="principal", run=done.file, step="conv4_1")
    *_, last = ask(bench, what="unit", run=done.file, step="conv4_1", channel=0, row=9, column=9)
    assert "field" in last


def test_principal_components_are_those_of_a_plain_svd(bench, seen):
    file, whole = seen
    (found,) = ask(bench, what="principal", run=file, step="relu3_3")
    maps = whole["relu3_3"].value[0].double().flatten(1).numpy()
    centred = maps - maps.mean(1, keepdims=True)
    u, s, _ = np.linalg.svd(centred, full_matrices=False)
    assert found["shares"] == pytest.approx((s**2 / (s**2).sum())[:3].tolist(), abs=1e-6)
    pixels = picture(bench, found["file"])
    assert pixels.shape == (*whole["relu3_3"].shape[2:], 3)
    for i in range(3):
        line = u[:, i] @ centred
        line = line.clip(*np.percentile(line, (1, 99)))
        agreement = np.corrcoef(line, pixels[..., i].ravel().astype(float))[0, 1]
        assert abs(agreement) > 0.999


def test_components_of_flat_and_of_few_maps():
    flat = principal(torch.zeros(1, 5, 4, 6))
    assert (flat.pixels == 128).all()
    assert flat.shares == (0.0, 0.0, 0.0)
    two = principal(torch.randn(1, 2, 9, 9, generator=torch.Generator().manual_seed(0)))
    assert len(two.shares) == 2
    assert sum(two.shares) == pytest.approx(1)
    assert (two.pixels[..., 2] == 128).all()


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"run": "nothing.json"}, "gone"),
        ({"step": "nowhere"}, "bad_selection"),
        ({"what": "weather"}, "bad_selection"),
        ({"channel": 10**6}, "bad_selection"),
        ({"row": -1}, "bad_selection"),
        ({"row": 1.5}, "bad_selection"),
        ({"column": None}, "bad_selection"),
        ({"column": True}, "bad_selection"),
        ({"what": "channel", "channel": 16}, "bad_selection"),
        ({"what": "channel", "channel": "3"}, "bad_selection"),
    ],
)
def test_questions_without_sense_are_refused(bench, seen, change, code):
    question = {"what": "unit", "run": seen[0], "step": "conv1_1", "channel": 0, "row": 0, "column": 0, **change}
    with pytest.raises(ExplorerError) as caught:
        list(bench.inspector.answer(question))
    assert caught.value.code == code
    assert heard(inspect_messages(bench, question, lambda: False)) == [{"kind": "error", "code": code, "details": {}}]


def test_a_run_found_again_can_be_asked_about_again(tmp_path, monkeypatch):
    monkeypatch.setattr(inspector, "SCENE_BYTES", 1)  # every other run pushes the last one out
    bench = Workbench(fill(tmp_path))
    wish = selection("fcn32s", padding="same", image="cat.jpg")
    first = run(bench, wish)
    run(bench, selection("fcn32s", padding="same", image="bus.jpg"))
    with pytest.raises(ExplorerError):
        ask(bench, what="unit", run=first.file, step="pool1", channel=0, row=0, column=0)
    assert run(bench, wish).file == first.file
    assert ask(bench, what="unit", run=first.file, step="pool1", channel=0, row=0, column=0)


def test_pictures_made_for_answers_are_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(inspector, "MADE_BYTES", 1)
    bench = Workbench(fill(tmp_path))
    done = run(bench, selection("fcn32s", padding="same", image="cat.jpg"))
    before = len(listing(bench))
    for channel in range(3):
        ask(bench, what="channel", run=done.file, step="conv4_1", channel=channel)
    assert len(listing(bench)) == before + 1
