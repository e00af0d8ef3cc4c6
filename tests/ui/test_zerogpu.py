"""A Space that borrows a card for each run: what crosses the border of its process is pickled, once each way."""

from __future__ import annotations

import importlib
import json
import pickle
import sys
from types import ModuleType

import gradio as gr
import pytest

from explorer.errors import ExplorerError
from explorer.ui import catalog, zerogpu
from explorer.ui.i18n import TEXTS
from explorer.ui.session import Workbench
from tests.ui.made import ask, listing, opens_small, raw, run, selection, upload


@pytest.fixture
def calls(monkeypatch):
    """Hugging Face's package as far as it is used: what its decorator is given, and a border that all has to cross; of
    an error nothing but its class's name does. Every run is for a card here."""
    made = []

    def border(thing):
        return pickle.loads(pickle.dumps(thing))

    def gpu(duration):
        def decorate(work):
            def call(*arguments):
                made.append(duration(*arguments))
                try:
                    return border(work(*border(arguments)))
                except Exception as error:
                    raise gr.Error(type(error).__name__, title="ZeroGPU worker error") from None

            return call

        return decorate

    spaces = ModuleType("spaces")
    spaces.GPU = gpu
    monkeypatch.setitem(sys.modules, "spaces", spaces)
    monkeypatch.setenv("SPACES_ZERO_GPU", "true")
    importlib.reload(zerogpu)
    monkeypatch.setattr(zerogpu, "OWN", "")
    yield made
    monkeypatch.undo()
    importlib.reload(zerogpu)
    assert not zerogpu.BORROWS


def same(told: dict) -> dict:
    """A run without its times."""
    return {**told, "seconds": 0, "steps": [{**step, "ms": 0} for step in told["steps"]]}


@pytest.mark.parametrize("changes", [{}, {"altered": "pool3*0", "against": "plain"}], ids=["run", "difference"])
def test_a_run_is_one_call_and_the_page_gets_the_same(calls, checkpoints, changes):
    bench, wish = Workbench(checkpoints), selection(**changes)
    done = run(bench, wish)
    assert calls == [6]
    assert set(done.names) <= listing(bench)
    borrowed = json.loads((bench.files.folder / done.file).read_text("utf-8"))
    files = {name: (bench.files.folder / name).read_bytes() for name in done.names if name.endswith(".png")}
    zerogpu.BORROWS = False
    own = Workbench(checkpoints)
    own.files._key = bench.files._key  # pictures of the same content have the same name then
    told = json.loads((own.files.folder / run(own, wish).file).read_text("utf-8"))
    assert same(borrowed) == same(told)
    assert all((own.files.folder / name).read_bytes() == content for name, content in files.items())


def test_an_image_of_its_own_size_is_one_call(calls, bench, tmp_path):
    image = upload(bench, tmp_path)
    segmented = ask(bench.segmenter, "segment", selection=raw(image=image))
    assert calls == [6]
    zerogpu.BORROWS = False
    own = ask(bench.segmenter, "segment", selection=raw(image=image))
    assert segmented["areas"] == own["areas"]
    assert segmented["pictures"]["labels"] == own["pictures"]["labels"]


def test_larger_work_borrows_for_longer_and_never_for_long():
    spans = [zerogpu.seconds(macs, None) for macs in (0, 1e9, 9e12, 1e18)]
    assert spans == [5, 6, 14, zerogpu.MOST]


def too_large() -> None:
    raise ExplorerError("out_of_memory", "too large", device="cuda")


def test_an_error_comes_back_as_it_was(calls):
    with pytest.raises(ExplorerError, match="too large") as caught:
        zerogpu.on_card(1, too_large, "cuda")
    assert (caught.value.code, caught.value.details) == ("out_of_memory", {"device": "cuda"})
    assert calls == [6]


def test_where_no_card_is_lent_the_reason_is_said(calls, monkeypatch):
    def refused(*_):
        raise gr.Error("You have exceeded your quota (6s requested vs. 0s left). ", title="ZeroGPU quota exceeded")

    monkeypatch.setattr(zerogpu, "_done", refused)
    with pytest.raises(ExplorerError, match="requested vs") as caught:
        zerogpu.on_card(1, too_large, "cuda")
    assert caught.value.code == "no_card"
    assert TEXTS["en"]["error.no_card"].format(**caught.value.details).count("..") == 0


def test_what_runs_on_the_cpu_and_what_the_page_opens_on_borrow_nothing(calls, checkpoints, monkeypatch):
    opens_small(monkeypatch)
    monkeypatch.setattr(zerogpu, "OWN", "cpu")
    monkeypatch.setattr(sys.modules["explorer.inference.devices"], "devices", lambda: ("cuda", "cpu"))
    bench = Workbench(checkpoints)
    name = bench.runs.promise(catalog.first(bench.networks.cards, bench.pictures.listed))
    bench.runs.opening()
    assert json.loads((bench.files.folder / name).read_text("utf-8"))["device"] == "cpu"
    heard = []
    run(bench, selection(), progress=lambda *news: heard.append(news))
    assert any(text == "progress.step" for _, text, _ in heard)
    assert ask(bench.segmenter, "segment", selection=raw())["areas"]
    assert calls == []
