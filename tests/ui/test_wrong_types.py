"""Whatever a page or a program sends in the place of what it should send ends in a sentence, soon."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from explorer.ui import answers
from explorer.ui.app import build_app
from explorer.ui.i18n import TEXTS
from explorer.ui.labs import LABS
from tests.ui.made import ask, encoded, heard, noise, opens_small, raw, run, selection, sent
from tests.ui.serving import fetch, serving, status_of

PATIENCE = 20  # seconds for an answer: none of these questions is about more than a small image


@cache
def nested(depth: int) -> list[Any]:
    made: list[Any] = []
    for _ in range(depth):
        made = [made]
    return made


WRONG = (
    *([], ["a"], {}, {"a": [1]}, None, True, -1, 2.5, 10**30, float("nan"), float("inf")),
    *("", "constructor", "\ud800", "a\0b", "x" * 100_000, "http://[", "--1,--1", "9" * 5000 + ",1", "../../app.py"),
    nested(400),
)


def places(data: Any, here: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to everything in plain data, itself included."""
    yield here
    inside = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in inside:
        yield from places(value, (*here, key))


def changed(data: Any, place: tuple[Any, ...], wrong: Any) -> Any:
    """A copy with something else at a place."""
    if not place:
        return wrong
    key, *rest = place
    copied = dict(data) if isinstance(data, dict) else list(data)
    copied[key] = changed(data[key], tuple(rest), wrong)
    return copied


@pytest.fixture(scope="module")
def questions(bench) -> dict[str, list[dict[str, Any]]]:
    """Of each event, what a page sends."""
    done = run(bench, selection("fcn32s", padding="same"))
    wish = raw(model="fcn32s", padding="same", altered="", against="")
    token = ask(bench.segmenter, "segment", selection=wish, options={"longest": 40})["token"]
    options = {"way": "whole", "side": 64, "longest": 40, "precision": "float32"}
    step = next(iter(done.scene.shapes))
    upload = {"sent": sent(bench, encoded(noise(40, 50))).name, "name": "a.png"}
    about = {"selection": wish, "options": options}
    look = {"run": done.file, "step": step}
    take = {**look, "selection": wish, "stem": "run", "look": "step=a"}
    crop = {"height": 64, "unit": "0,0", "shifts.crop_d3": 1}
    return {
        "run": [{"selection": wish}, {"selection": {**wish, "image": ""}, "upload": upload, "page": 0}],
        "segment": [
            *({"what": what, **about} for what in ("plan", "segment", "paper")),
            *({"what": what, **about, "selections": [wish, wish]} for what in ("forecast", "compare")),
            {"what": "export", "tokens": [token], "file": "areas"},
            {"what": "judge", "token": token, "sent": "0" * 32},
            {"what": "judge", "tokens": [token], "sent": "0" * 32},
        ],
        "lab": [
            {"lab": lab, "what": "geometry", "selection": wish, "settings": crop if lab == "crop" else {}, "truth": ""}
            for lab in LABS
        ],
        "inspect": [
            {**look, "what": "unit", "channel": 0, "row": 0, "column": 0},
            {**look, "what": "channel", "channel": 0},
            {**look, "what": "principal"},
            {"what": "code", "address": "http://127.0.0.1:7860/?view=labs"},
        ],
        "take": [{**take, "what": what} for what in ("npy", "tiff", "html", "ipynb")],
    }


def is_said(last: dict[str, Any]) -> bool:
    """Whether the page has words for how an answer ended."""
    json.dumps(last, allow_nan=False)  # a browser reads no NaN
    if last["kind"] != "error":
        return True
    text = TEXTS["en"][f"error.{last['code']}"].format(**last["details"])
    return last["code"] != "internal" and bool(text)


QUICK = settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)


@pytest.mark.parametrize("event", ["run", "segment", "lab", "inspect", "take"])
@QUICK
@given(draw=st.data())
def test_wrong_types_end_in_a_sentence(bench, questions, event, draw):
    question = draw.draw(st.sampled_from(questions[event]))
    place = draw.draw(st.sampled_from([place for place in places(question) if place]))
    wrong = draw.draw(st.sampled_from(WRONG))
    holder = bench.segmenter if event == "segment" else bench
    began = time.monotonic()
    last = heard(getattr(answers, f"{event}_messages")(holder, changed(question, place, wrong), lambda: False))[-1]
    assert is_said(last), (question.get("what"), place, last)
    assert time.monotonic() - began < PATIENCE


# ---- over HTTP, with what Gradio wraps around it


@pytest.fixture(scope="module")
def site(bench):
    with pytest.MonkeyPatch.context() as patch:
        opens_small(patch)
        demo = build_app(bench)
    with serving(demo, bench) as address:
        yield address


PROGRAMS = {
    "segment": {"image": "cat.jpg", "model": "fcn8s", "weights": "", "padding": "", "longest": 64, "page": 1},
    "trace": {"image": "cat.jpg", "model": "fcn8s", "weights": "", "padding": "", "size": 192, "page": 1, "step": ""},
    "geometry": {"model": "unet", "padding": "", "height": 64, "width": 64},
    "lab": {"name": "crop", "what": "geometry", "image": "", "model": "unet", "settings": {"mode": "aligned"}},
}


@pytest.mark.parametrize("name", PROGRAMS)
@settings(QUICK, max_examples=40)
@given(draw=st.data())
def test_wrong_arguments_of_programs_end_in_a_sentence(site, capfd, name, draw):
    place = draw.draw(st.sampled_from(list(places(PROGRAMS[name]))))
    wrong = draw.draw(st.sampled_from(WRONG))
    call = f"{site}gradio_api/call/v2/{name}"
    status, answer = status_of(call, json.dumps(changed(PROGRAMS[name], place, wrong)).encode())
    if status == 200:
        ended = fetch(f"{call}/{json.loads(answer)['event_id']}")[2].decode()
        assert ended.startswith(("event: complete", "event: error", "event: generating")), ended
        assert TEXTS["en"]["error.internal"] not in ended
        assert "event: error\ndata: null" not in ended
    assert 200 <= status < 500, answer
    assert "Traceback" not in capfd.readouterr().err


@settings(QUICK, max_examples=100)
@given(draw=st.data())
def test_wrong_types_around_an_event_are_refused(site, bench, capfd, draw):
    index = json.loads(fetch(f"{site}config")[2])["dependencies"][0]["id"]
    event = {"selection": raw(model="fcn32s", padding="same"), "request": "r"}
    body = {"data": [], "event_data": event, "fn_index": index, "trigger_id": None, "session_hash": "me"}
    place = draw.draw(st.sampled_from(list(places(body))))
    wrong = draw.draw(st.sampled_from(WRONG))
    status, answer = status_of(f"{site}gradio_api/queue/join", json.dumps(changed(body, place, wrong)).encode())
    assert 200 <= status < 500, (place, answer)
    assert "Traceback" not in capfd.readouterr().err
