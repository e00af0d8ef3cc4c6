"""The labs as the page asks for them: what it shows is what the labs' own calls give, in keys that the texts have."""

from __future__ import annotations

import gzip
import json
from dataclasses import asdict
from importlib.resources import files
from typing import Any

import numpy as np
import pytest
from PIL import Image

from explorer import labs
from explorer.checked import checked_as
from explorer.errors import ExplorerError
from explorer.trace import CancelledError
from explorer.ui import catalog
from explorer.ui.labs import LABS
from explorer.ui.labs.base import Question, nested, place
from explorer.ui.session import Workbench
from explorer.ui.state import Selection
from tests.ui.texts import EN, placeholders


def selection(bench, model: str, padding: str) -> dict[str, Any]:
    first = catalog.first(bench.networks.cards, bench.pictures.examples())
    name = next(m["cards"][0] for m in catalog.catalog(bench.networks.cards, [])["models"] if m["key"] == model)
    return {**asdict(first), "model": model, "padding": padding, "checkpoint": name}


def ask(bench, lab: str, what: str, chosen: dict[str, Any], stop=lambda: False, **settings: Any) -> dict[str, Any]:
    given = {name.replace("__", "."): value for name, value in settings.items()}
    question = {"lab": lab, "what": what, "selection": chosen, "settings": given}
    answer = bench.labs.answer(question, lambda *_: None, stop)
    json.dumps(answer, allow_nan=False)  # as it is sent
    return answer


def told(part: Any) -> list[tuple[str, dict[str, Any]]]:
    """All sentences [key, params] and all "t:" texts in an answer."""
    if isinstance(part, str):
        if not part.startswith("t:"):
            return []
        key, _, params = part[2:].partition("|")
        return [(key, json.loads(params) if params else {})]
    if isinstance(part, dict):
        own = [(part["t"], {})] if set(part) == {"t"} else []
        return own + [found for value in part.values() for found in told(value)]
    if isinstance(part, list | tuple):
        if len(part) == 2 and isinstance(part[1], dict) and "names" in part[1]:
            return []  # a choice of something that has a name of its own
        if len(part) == 2 and isinstance(part[0], str) and isinstance(part[1], dict) and "." in part[0]:
            return [(part[0], part[1]), *told(part[1])]
        return [found for value in part for found in told(value)]
    return []


NETWORKS = [("unet", "valid"), ("unet", "same"), ("fcn8s", "paper"), ("fcn16s", "same"), ("fcn32s", "paper")]


@pytest.mark.parametrize("lab", LABS)
@pytest.mark.parametrize(("model", "padding"), NETWORKS)
def test_every_sentence_of_a_lab_is_in_the_texts_with_what_fills_it(bench, lab, model, padding):
    answer = ask(bench, lab, "geometry", selection(bench, model, padding))
    found = told({key: answer[key] for key in answer if key != "plotly"})
    assert found
    for key, params in found:
        assert key in EN, key
        assert placeholders(EN[key]) <= set(params), key


@pytest.mark.parametrize("mode", labs.MODES)
def test_the_table_says_what_the_crop_lab_gives(bench, mode):
    answer = ask(bench, "crop", "geometry", selection(bench, "unet", "valid"), height=500, width=540, mode=mode)
    lab = labs.crop("unet", "valid", (500, 540), mode)
    rows = answer["tables"]["crops"]["rows"]
    assert [row["cells"][0] for row in rows] == [crop.name for crop in lab.crops]
    for row, crop in zip(rows, lab.crops, strict=True):
        both = crop.rows.offset, crop.cols.offset
        assert row["cells"][3] == (both[0] if both[0] == both[1] else f"{both[0]}, {both[1]}")
    sizes = dict(answer["facts"]["sizes"])["lab.crop.size.output"]
    assert sizes == {"height": lab.output.bottom - lab.output.top, "width": lab.output.right - lab.output.left}


def test_a_centre_crop_at_500_is_said_not_to_be_the_aligned_one(bench):
    answer = ask(bench, "crop", "geometry", selection(bench, "unet", "valid"), height=500, width=500, mode="centre")
    facts = dict(answer["facts"]["crop"])
    assert facts["lab.crop.cut.centre"] == {"centre": 92, "aligned": 88, "apart": 4}  # the shared facts' table
    assert facts["lab.crop.cut.off"] == {"down": 4, "right": 4}
    refused = dict(answer["facts"]["sizes"])["lab.crop.size.refused"]
    assert refused["n"] == 500


def test_misalignment_zero_is_the_untouched_prediction(bench):
    chosen = selection(bench, "unet", "valid")
    answer = ask(bench, "crop", "values", chosen, height=252, width=268)
    assert answer["pictures"]["values"] == answer["pictures"]["values.untouched"]  # named by what is in them
    assert dict(answer["facts"]["values"])["lab.agreement"] == {"share": {"percent": 1.0}}


def test_the_figures_of_a_crop_are_those_of_the_lab(bench):
    chosen = selection(bench, "unet", "valid")
    answer = ask(bench, "crop", "values", chosen, height=252, width=252, mode="corner", cuts__concat_0="zero")
    checked = bench.networks.check(chosen)
    loaded = bench.networks.get(checked)
    image = labs.inputs.network_input(loaded, bench.pictures.get(checked.image).pixels, size=(252, 252)).image
    figures = labs.predict(loaded.module, image, labs.placing("corner")).figures
    said = dict(answer["facts"]["values"])["lab.judged.untouched"]
    expected = None if np.isnan(figures.mean_iou) else figures.mean_iou
    before = {"percent": figures.before}
    assert said == {"iou": {"percent": expected}, "before": before, "pixels": figures.pixels}


def test_surgery_is_done_where_it_is_asked_for(bench):
    chosen = selection(bench, "unet", "valid")
    join = labs.crop("unet", "valid", 252).crops[-1].join
    answer = ask(bench, "crop", "values", chosen, height=252, width=252, **{f"cuts__{join}": "zero"})
    assert {"surgery", "surgery.untouched"} <= set(answer["pictures"])
    moved = ask(bench, "crop", "values", chosen, height=252, width=252,
                **{f"cuts__{join}": "shift", f"moves__{join}": 0})  # fmt: skip
    assert moved["pictures"]["surgery"] == moved["pictures"]["surgery.untouched"]


def test_a_sweep_ends_when_it_is_cancelled(bench):
    with pytest.raises(CancelledError):
        ask(bench, "crop", "sweep", selection(bench, "unet", "valid"), lambda: True, height=252, width=252)


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        ({"height": 60}, "lab_size"),
        ({"mode": "pad", "modes__crop_d0c": "aligned", "shifts__crop_d0c": 500}, "lab_crop"),
        ({"mode": "elsewhere"}, "lab_mode"),
        ({"height": 10**9}, "lab_range"),
        ({"shifts__crop_d0c": -(10**9)}, "lab_range"),
        ({"height": "572"}, "bad_selection"),
        ({"modes": "aligned"}, "bad_selection"),
    ],
)
def test_what_cannot_be_set_is_refused_in_a_sentence(bench, settings, code):
    with pytest.raises(ExplorerError) as caught:
        ask(bench, "crop", "geometry", selection(bench, "unet", "valid"), **settings)
    assert caught.value.code == code
    assert placeholders(EN[f"error.{code}"]) <= set(caught.value.details)


@pytest.mark.parametrize("lab", [*LABS, "none"])
@pytest.mark.parametrize("what", ["", "nothing", "geometry"])
def test_strange_questions_are_refused(bench, lab, what):
    chosen = selection(bench, "unet", "valid")
    bad = {"lab": lab, "what": what, "selection": chosen, "settings": [1] if what == "geometry" else {}}
    with pytest.raises(ExplorerError) as caught:
        bench.labs.answer(bad, lambda *_: None, lambda: False)
    assert caught.value.code == "bad_selection"


def test_plotly_js_is_that_of_plotly_s_own_package(bench):
    answer = ask(bench, "crop", "geometry", selection(bench, "unet", "valid"))
    packed = (bench.files.folder / answer["plotly"]).read_bytes()
    assert gzip.decompress(packed) == (files("plotly") / "package_data" / "plotly.min.js").read_bytes()
    assert len(packed) < 2 * 2**20


def test_names_with_a_dot_are_entries():
    assert nested({"a": 1, "b.c": 2, "b.d.e": 3}) == {"a": 1, "b": {"c": 2, "d.e": 3}}
    with pytest.raises(ExplorerError):
        nested({"a": 1, "a.b": 2})


@pytest.mark.parametrize(
    ("text", "expected"),
    [("3,4", (3, 4)), ("99,-2", (9, 0)), ("", (5, 5)), ("1", (5, 5)), ("a,b", (5, 5)), ("1,2,3", (5, 5))],
)
def test_places_are_the_nearest_ones(text, expected):
    assert place(text, (10, 20), (5, 5)) == expected


# ---- true labels


def judged(answer: dict[str, Any], slot: str = "values") -> dict[str, Any]:
    return dict(answer["facts"][slot])


def test_an_example_with_true_labels_is_judged_by_them():
    """The figures stand for a crop off by nine units, against the file in assets, counted here."""
    bench = Workbench()  # with the weights that are bundled
    chosen = {**selection(bench, "unet", "valid"), "checkpoint": "unet-nuclei", "image": "nuclei_crowded.png"}
    answer = ask(bench, "crop", "values", chosen, height=348, width=348, shifts__crop_d0c=9)
    said = judged(answer)["lab.judged.truth"]
    q = Question("crop", "values", bench.networks.check(checked_as(Selection, chosen)), LABS["crop"].Settings())
    loaded, given = bench.labs.bench.loaded(q), bench.labs.bench.input(q, (348, 348))
    where = labs.placing(shifts={"crop_d0c": 9})
    made = labs.predict(loaded.module, given.image, where).made
    real = np.asarray(Image.open(bench.pictures.folder.parent / "truth" / "nuclei_crowded.png"))
    frames, box = given.frames, made.box
    rows = np.arange(box.top, box.bottom) - frames.top
    cols = np.arange(box.left, box.right) - frames.left
    rows, there_rows = np.clip(rows, 0, frames.resized.height - 1), (rows >= 0) & (rows < frames.resized.height)
    cols, there_cols = np.clip(cols, 0, frames.resized.width - 1), (cols >= 0) & (cols < frames.resized.width)
    scale = real.shape[0] / frames.resized.height
    laid = real[((rows + 0.5) * scale).astype(int)[:, None], ((cols + 0.5) * scale).astype(int)[None]]
    there = np.outer(there_rows, there_cols)
    shares = []
    for label in range(3):
        ours, theirs = (made.labels == label) & there, (laid == label) & there
        shares.append((ours & theirs).sum() / (ours | theirs).sum())
    assert said["iou"]["percent"] == pytest.approx(np.mean(shares))
    assert said["pixels"] == made.labels.size
    assert said["before"]["percent"] > said["iou"]["percent"]


def test_true_labels_that_were_given_judge_their_image_alone(bench, tmp_path):
    chosen = {**selection(bench, "fcn16s", "same"), "image": "cat.jpg"}
    height, width = bench.pictures.get("cat.jpg").pixels.shape[:2]
    file = tmp_path / "labels.png"
    Image.fromarray(np.full((height, width), 255, np.uint8)).save(file)
    question = {"lab": "tap", "what": "values", "selection": chosen, "settings": {}}
    first = bench.labs.answer({**question, "path": file}, lambda *_: None, lambda: False)
    assert judged(first, "scaled")["lab.judged.truth"]["iou"]["percent"] is None  # nothing is judged
    assert len(first["truth"]) > 16
    later = bench.labs.answer({**question, "truth": first["truth"]}, lambda *_: None, lambda: False)
    assert judged(later, "scaled") == judged(first, "scaled")
    for other in ({"truth": "x" * 22}, {"truth": first["truth"], "selection": {**chosen, "image": "bus.jpg"}}):
        answer = bench.labs.answer({**question, **other}, lambda *_: None, lambda: False)
        assert "lab.judged.untouched" in judged(answer, "scaled")
    with pytest.raises(ExplorerError) as caught:
        bench.labs.answer(
            {**question, "path": file, "selection": {**chosen, "image": "bus.jpg"}}, lambda *_: None, lambda: False
        )
    assert caught.value.code == "truth_size"
