"""A Space that borrows a card for each run: what crosses the border of its process is pickled, once each way."""

from __future__ import annotations

import importlib
import json
import pickle
import sys
from types import ModuleType

import pytest

from explorer.ui import zerogpu
from explorer.ui.session import Workbench
from tests.ui.made import ask, listing, raw, run, selection, upload


@pytest.fixture
def calls(monkeypatch):
    """Hugging Face's package as far as it is used: what its decorator is given, and a border that all has to cross."""
    made = []

    def border(thing):
        return pickle.loads(pickle.dumps(thing))

    def gpu(duration):
        def decorate(work):
            def call(*arguments):
                made.append(duration(*arguments))
                return border(work(*border(arguments)))

            return call

        return decorate

    spaces = ModuleType("spaces")
    spaces.GPU = gpu
    monkeypatch.setitem(sys.modules, "spaces", spaces)
    monkeypatch.setenv("SPACES_ZERO_GPU", "true")
    importlib.reload(zerogpu)
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
