"""A further language is one text file: what it lacks, and what cards do not say in it, is said in English."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from explorer import cards
from explorer.checked import spoken
from explorer.ui import app, i18n
from explorer.ui.segmenter import Segmenter
from explorer.ui.session import Workbench
from explorer.weights import write_card
from tests.ui import made as ui

EN = i18n.TEXTS["en"]
HALF = {key: f"<{text}>" for key, text in list(EN.items())[::2]} | {"language.name": "Pseudo"}


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workbench:
    """A page with a pseudo-language, half of it translated, and a card that only speaks English."""
    texts = shutil.copytree(i18n.FOLDER, tmp_path / "texts")
    (texts / "xx.json").write_text(json.dumps(HALF), "utf-8")
    monkeypatch.setattr(i18n, "TEXTS", i18n.read(texts))
    folder = ui.fill(tmp_path / "checkpoints")
    card = cards.read_card(folder / "fcn.json")
    texts_of = {key: {"en": getattr(card, key)["en"]} for key in ("title", "data", "licence", "note")}
    classes = tuple(replace(info, name={"en": info.name["en"]}) for info in card.classes)
    write_card(replace(card, classes=classes, **texts_of))
    return Workbench(folder)


def test_the_page_offers_it_and_lacks_no_text(bench: Workbench) -> None:
    start = json.loads(json.dumps(app.beginning(bench)))
    catalog = start["catalog"]
    assert [one["code"] for one in catalog["languages"]] == ["en", "ko", "xx"]
    assert [one["name"] for one in catalog["languages"]] == ["English", "한국어", "Pseudo"]
    assert catalog["texts"]["xx"] == {key: HALF.get(key, text) for key, text in EN.items()}
    assert '"xx": ' in app.script("main.js")  # the error of a page that cannot be built, too
    for card in catalog["cards"]:
        for key in ("title", "licence", "note"):
            assert set(card[key]) == {"en", "ko", "xx"}
            assert card[key]["xx"] == card[key]["en"]
    listed = [one["title"] for one in catalog["examples"] if not one.get("made")]
    assert [title["xx"] for title in listed] == [title["en"] for title in listed]
    made = [one for one in catalog["examples"] if one.get("made")]
    assert [one["title"]["xx"] for one in made] == [
        HALF.get(f"sources.{one['file']}", one["title"]["en"]) for one in made
    ]
    bench.runs.opening()
    run = json.loads((bench.files.folder / start["trace"]).read_text("utf-8"))
    assert [one["name"] for one in run["classes"]] == [
        dict.fromkeys(("en", "ko", "xx"), f"class {i}") for i in range(5)
    ]


def test_results_of_a_card_that_speaks_english_alone(bench: Workbench) -> None:
    segmenter: Segmenter = bench.segmenter
    question = {"what": "segment", "selection": ui.raw()}
    found = segmenter.answer(question, lambda *_: None, lambda: False)
    assert found["weightsTitle"]["ko"] == "random weights"
    assert {area["name_ko"] for area in found["areas"]} == {f"class {i}" for i in range(5)}
    made = segmenter.answer(
        {"what": "export", "tokens": [found["token"]], "file": "zip"}, lambda *_: None, lambda: False
    )
    assert (bench.files.folder / made["file"]).stat().st_size


@pytest.mark.parametrize("language", ["en", "ko", "xx"])
def test_a_bundled_card_says_something_in_every_language(language: str) -> None:
    for card in cards.with_snapshots():
        for text in (card.title, card.data, card.licence, *(info.name for info in card.classes)):
            assert spoken(text, language).strip()
