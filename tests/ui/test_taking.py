"""Files of a run: each is opened by another program and compared with what the page shows of that run."""

from __future__ import annotations

import base64
import io
import json
import re
from dataclasses import asdict

import nbformat
import numpy as np
import pytest
import tifffile
from PIL import Image, ImageSequence

from explorer import cards
from explorer.figures import palettes
from explorer.figures import walk as walking
from explorer.figures.mosaic import mosaic
from explorer.figures.walk import SECONDS, coloured, walk
from explorer.ui import taking
from explorer.ui.answers import take_messages
from explorer.ui.i18n import TEXTS
from tests.ui.made import encoded, heard, listing, noise, run, selection

WISH = selection("fcn8s", padding="same")


@pytest.fixture(scope="module")
def seen(bench):
    """A run, and the JSON that the page has of it."""
    file = run(bench, WISH).file
    return file, json.loads((bench.files.folder / file).read_text())


def take(bench, file, what, step="pool3", wish=WISH, **more):
    """The last message that a page hears."""
    question = {"run": file, "step": step, "what": what, "selection": asdict(wish), "stem": "cat-fcn8s", **more}
    first, last = [json.loads(json.dumps(message)) for message in bench.taker.answer(question)]
    assert first == {"kind": "begun"}
    assert last["kind"] == "taken"
    return last


def content(bench, *asked, **more) -> bytes:
    made = take(bench, *asked, **more)
    data = (bench.files.folder / made["file"]).read_bytes()
    assert len(data) == made["bytes"]
    return data


def shown(bench, step) -> np.ndarray:
    return np.asarray(Image.open(bench.files.folder / step["maps"]["file"]))


@pytest.mark.parametrize("name", ["input", "conv1_1", "pool3", "score_pool4", "upscore8"])
def test_exact_values_are_those_that_the_page_shows_coded(bench, seen, name):
    file, payload = seen
    step = next(step for step in payload["steps"] if step["name"] == name)
    values = np.load(io.BytesIO(content(bench, file, "npy", name)), allow_pickle=False)
    assert (values.dtype, list(values.shape)) == (np.float32, step["shape"])
    again = mosaic(bench.inspector._value(file, bench.inspector._scene(file), name))
    assert (
        np.array_equal(again.pixels, shown(bench, step))
        or np.abs(again.pixels.astype(int) - shown(bench, step)).max() <= 1
    )  # the run itself was computed in another order
    if step["maps"]["reduction"] == 1:
        np.testing.assert_allclose(values.min((1, 2)), step["maps"]["min"], rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(values.max((1, 2)), step["maps"]["max"], rtol=1e-4, atol=1e-4)
    assert values.mean() == pytest.approx(step["stats"]["mean"], rel=1e-3, abs=1e-4)
    pages = tifffile.imread(io.BytesIO(content(bench, file, "tiff", name)))
    assert pages.dtype == np.float32
    assert np.array_equal(pages.reshape(values.shape), values)


def test_labels_are_exact_too(bench, seen):
    file, payload = seen
    step = payload["steps"][-1]
    labels = np.load(io.BytesIO(content(bench, file, "npy", step["name"])))
    assert labels.dtype == np.uint8
    assert np.array_equal(labels[0], shown(bench, step))
    pages = tifffile.imread(io.BytesIO(content(bench, file, "tiff", step["name"])))
    assert np.array_equal(pages, labels[0])


def test_values_of_a_difference_are_differences(bench):
    wish = selection("fcn8s", padding="same", against="plain", altered="pool3*0")
    file = run(bench, wish).file
    payload = json.loads((bench.files.folder / file).read_text())
    step = next(step for step in payload["steps"] if step["name"] == "score_pool3")
    values = np.load(io.BytesIO(content(bench, file, "npy", "score_pool3", wish=wish)))
    assert values.mean() == pytest.approx(step["stats"]["mean"], rel=1e-3, abs=1e-4)
    assert np.abs(values).max() > 0
    last = payload["steps"][-1]  # of the run with changed maps: labels have no difference
    labels = np.load(io.BytesIO(content(bench, file, "npy", last["name"], wish=wish)))
    assert np.array_equal(labels[0], shown(bench, last))
    question = {"run": file, "step": "pool3", "what": "ipynb", "selection": asdict(wish)}
    refused = heard(take_messages(bench, question, lambda: False))
    assert refused[-1]["code"] == "notebook_altered"


def test_what_cannot_be_made_gets_a_sentence(bench, seen, monkeypatch):
    file, _ = seen
    base = {"run": file, "step": "pool3", "what": "npy", "selection": asdict(WISH)}
    monkeypatch.setattr(taking, "MOST_BYTES", 1000)
    for change, code in [
        ({}, "map_large"),
        ({"run": "none.json"}, "gone"),
        ({"run": "../x"}, "gone"),
        ({"step": "pool9"}, "bad_selection"),
        ({"what": "exe"}, "bad_selection"),
        ({"stem": "a/b"}, "bad_selection"),
        ({"selection": {**asdict(WISH), "checkpoint": "none"}, "what": "html"}, "bad_selection"),
    ]:
        last = heard(take_messages(bench, {**base, **change}, lambda: False))[-1]
        assert (last["kind"], last["code"]) == ("error", code), change
        for texts in TEXTS.values():
            assert not set(re.findall(r"\{(\w+)\}", texts[f"error.{code}"])) - set(last["details"])


def test_files_make_room_for_later_ones(fresh, monkeypatch):
    file = run(fresh, WISH).file
    before = listing(fresh)
    fresh.taker._made.most_bytes = 1
    first = take(fresh, file, "npy")["file"]
    assert listing(fresh) - before == {first}
    second = take(fresh, file, "npy", "pool4")["file"]
    assert listing(fresh) - before == {second}


def test_files_that_made_room_are_gone_and_that_is_said(fresh):
    done = run(fresh, WISH)
    fresh.files.release(list(done.names))
    question = {"run": done.file, "step": "pool3", "what": "html", "selection": asdict(WISH)}
    assert heard(take_messages(fresh, question, lambda: False))[-1]["code"] == "gone"


def test_the_page_without_a_server_holds_all_that_the_run_has(bench, seen):
    file, payload = seen
    text = content(bench, file, "html", look="step=pool3&lang=ko").decode("utf-8")
    assert not re.findall(r"""(?:src|href)=["'](?!#)""", re.sub(r"<script.*?</script>", "", text, flags=re.S))
    assert text.count("</script>") == text.count("<script") == 2  # nothing inside ends one early
    data = re.search(r'<script type="application/json" id="fx-saved">(.*?)</script>', text, re.S)
    saved = json.loads(data[1])
    assert saved["search"] == "?step=pool3&lang=ko"
    kept = {name: base64.b64decode(address.partition(",")[2]) for name, address in saved["files"].items()}
    assert json.loads(kept[saved["start"]["trace"]]) == payload
    names = {step["maps"]["file"] for step in payload["steps"]} | set(payload["pictures"].values())
    names |= {stage["labels"] for stage in payload["stages"]} | {payload["probabilities"]["file"]}
    assert kept.keys() == names | {file}
    assert all(kept[name] == (bench.files.folder / name).read_bytes() for name in names)
    offers = saved["start"]["catalog"]
    assert [model["key"] for model in offers["models"]] == ["fcn8s"]
    assert [card["name"] for card in offers["cards"]] == ["fcn"]


def test_an_own_image_is_named_and_its_id_stays_here(bench, tmp_path):
    path = tmp_path / "mine.png"
    path.write_bytes(encoded(noise(60, 70)))
    key = bench.pictures.add(path, "</script><b>.png")
    wish = selection("fcn8s", padding="same", image=key)
    text = content(bench, run(bench, wish).file, "html", wish=wish).decode("utf-8")
    assert key not in text
    assert text.count("</script>") == 2
    assert "&lt;/script&gt;" in text.split("<style>")[0]
    book = json.loads(content(bench, run(bench, wish).file, "ipynb", wish=wish))
    assert "your own image" in book["cells"][1]["source"]
    compile(book["cells"][1]["source"], "cell", "exec")


@pytest.mark.parametrize("kind", ["webp", "gif"])
def test_the_walk_has_a_frame_a_step_in_the_pages_colours(bench, seen, kind):
    file, payload = seen
    steps = payload["steps"] if kind == "webp" else payload["steps"][-4:]  # a whole GIF takes seconds to write
    if kind == "webp":
        data = content(bench, file, kind)
    else:
        data = walk({**payload, "steps": steps}, lambda name: (bench.files.folder / name).read_bytes(), kind)
    film, count = Image.open(io.BytesIO(data)), len(steps)
    assert (film.format, film.n_frames) == (kind.upper(), count)
    frames = [(np.asarray(frame.convert("RGB"), int), frame.info["duration"]) for frame in ImageSequence.Iterator(film)]
    assert {duration for _, duration in frames} == {1000 * SECONDS}
    assert len({pixels.tobytes() for pixels, _ in frames}) == count
    last, labels = frames[-1][0], shown(bench, steps[-1])
    height, width = labels.shape
    scale = min(630 / width, 422 / height)  # the room for maps
    rows, columns = np.mgrid[8 : height - 8 : 16, 8 : width - 8 : 16].reshape(2, -1)
    plain = [(labels[r - 3 : r + 4, c - 3 : c + 4] == labels[r, c]).all() for r, c in zip(rows, columns, strict=True)]
    assert sum(plain) > 3
    for row, column in np.stack([rows, columns], 1)[plain]:
        found = last[68 + int((row + 0.5) * scale), 20 + int((column + 0.5) * scale)]
        assert np.abs(found - payload["classes"][labels[row, column]]["colour"]).max() < 40


def test_the_walk_says_its_numbers_in_the_pages_language_where_a_font_has_its_letters(bench, seen, monkeypatch):
    _, payload = seen
    index = next(i for i, step in enumerate(payload["steps"]) if step["name"] == "pool3")
    blank = Image.new("RGB", (64, 64))

    def picture(language: str) -> np.ndarray:
        words = taking.words_of(language)
        read = lambda name: (bench.files.folder / name).read_bytes()  # noqa: E731
        return np.asarray(walking.frame(payload, read, index, blank, words), int)

    english, korean = picture("en"), picture("ko")
    assert walking.font_of(TEXTS["ko"]["chip.field"]), "this machine has no font with Korean letters"
    apart = np.flatnonzero((english != korean).any((1, 2)))
    assert len(apart)
    assert 40 <= apart[0] < apart[-1] < 64
    assert np.array_equal(picture("xx"), english)
    monkeypatch.setattr(walking, "FONTS", ("",))
    walking.font_of.cache_clear()
    try:
        assert np.array_equal(picture("ko"), english)
    finally:
        walking.font_of.cache_clear()


def test_colours_of_a_mosaic_are_the_pages():
    maps = {"tile": [1, 3], "columns": 2, "min": [0.0, 2.0], "max": [1.0, 4.0], "signed": False}
    codes = np.array([[0, 128, 255, 0, 255, 255]], np.uint8)
    table = palettes.lookup_table("Viridis")
    assert coloured(codes, maps, []).tolist() == [[table[i].tolist() for i in codes[0]]]
    signed = {**maps, "min": [-1.0, 0.0], "max": [3.0, 0.0]}
    table = palettes.lookup_table("PuOr")
    found = coloured(codes, signed, [])[0].tolist()
    assert found[0] == table[85].tolist()  # -1 of -3 .. 3
    assert found[2] == table[255].tolist()
    assert found[3] == table[128].tolist()  # zero has the middle colour


def test_the_notebook_remakes_the_view(bench, seen, monkeypatch):
    """Its cells run as they stand, and give the run that the page has."""
    file, payload = seen
    monkeypatch.setattr(cards, "find", lambda name: next(card for card in bench.networks.cards if card.name == name))
    book = nbformat.reads(content(bench, file, "ipynb", "score_pool4").decode("utf-8"), as_version=4)
    nbformat.validate(book)
    space: dict = {}
    for cell in book.cells:
        if cell.cell_type == "code":
            exec(compile(cell.source, cell.id, "exec"), space)
    assert [step.name for step in space["run"].steps] == [step["name"] for step in payload["steps"][:-1]]
    values = np.load(io.BytesIO(content(bench, file, "npy", "score_pool4")))
    np.testing.assert_allclose(space["step"].value[0].numpy(), values, rtol=1e-3, atol=1e-3)
    view = space["view"]._repr_html_()
    assert view.startswith("<iframe srcdoc=")
    assert "step=score_pool4" in view
