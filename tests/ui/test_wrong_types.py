"""Whatever a page sends in the place of what it should send ends in a sentence."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from explorer.ui import answers
from tests.ui.made import ask, heard, raw, run, selection

WRONG = ([], ["a"], {"a": [1]}, None, -1, 10**30, "constructor", "\ud800")


def changed(data: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The data with one field of it, at any depth, replaced by each of WRONG."""
    for key, value in data.items():
        for wrong in WRONG:
            yield f"{key}={wrong!r}", {**data, key: wrong}
        if isinstance(value, dict):
            yield from ((f"{key}.{name}", {**data, key: inner}) for name, inner in changed(value))


@pytest.fixture(scope="module")
def questions(bench) -> dict[str, list[dict[str, Any]]]:
    done = run(bench, selection("fcn32s", padding="same"))
    wish = raw(model="fcn32s", padding="same", altered="", against="")
    token = ask(bench.segmenter, "segment", selection=wish, options={"longest": 40})["token"]
    options = {"way": "whole", "side": 64, "longest": 40, "precision": "float32"}
    step = next(iter(done.scene.shapes))
    return {
        "run": [{"selection": wish}, {"selection": wish, "upload": {"sent": "0" * 32, "name": "a.png"}, "page": 0}],
        "segment": [
            {"what": "plan", "selection": wish, "options": options},
            {"what": "forecast", "selections": [wish, wish], "selection": wish, "options": options},
            {"what": "export", "tokens": [token], "file": "areas"},
            {"what": "judge", "token": token, "sent": "0" * 32},
        ],
        "lab": [
            {"lab": lab, "what": "geometry", "selection": wish, "settings": settings, "truth": ""}
            for lab, settings in (("crop", {"height": 64, "unit": "0,0"}), ("cam", {}))
        ],
        "inspect": [
            {"run": done.file, "step": step, "what": "unit", "channel": 0, "row": 0, "column": 0},
            {"run": done.file, "step": step, "what": "principal"},
        ],
    }


@pytest.mark.parametrize("event", ["run", "segment", "lab", "inspect"])
def test_wrong_types_end_in_a_sentence(bench, questions, event):
    holder = bench.segmenter if event == "segment" else bench
    messages = getattr(answers, f"{event}_messages")
    internal = []
    for question in questions[event]:
        for name, data in changed(question):
            last = heard(messages(holder, data, lambda: False))[-1]
            if last.get("code") == "internal":
                internal.append(f"{question.get('what')} {name}")
    assert internal == []
