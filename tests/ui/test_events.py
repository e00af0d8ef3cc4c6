"""The page's events: every run ends in a word to the page, and only uploaded files are read."""

from __future__ import annotations

import asyncio
import json
import zlib

import pytest

from explorer.errors import ExplorerError
from explorer.ui.answers import run_messages
from explorer.ui.i18n import TEXTS
from tests.images.made import png
from tests.ui.made import asked, awaited, encoded, heard, listing, noise, raw, run, selection, sent


def messages(bench, data, cancelled=lambda: False, ask=run_messages):
    """All that a page hears."""
    said = heard(ask(bench, data, cancelled))
    json.dumps(said, allow_nan=False)
    return said


# ---- runs


def test_a_run_tells_its_progress_and_then_its_result(bench):
    wish = raw(model="fcn16s", padding="same", image="bus.jpg")
    said = messages(bench, {"request": "r", "selection": wish, "upload": None})
    assert {m["kind"] for m in said[:-1]} == {"progress"}
    fractions = [m["fraction"] for m in said[:-1]]
    assert fractions == sorted(fractions)
    done = said[-1]
    assert done["kind"] == "done"
    assert done["selection"] == wish
    assert (bench.files.folder / done["trace"]).is_file()
    for message in said[:-1]:
        assert message["text"] in TEXTS["en"]
    again = messages(bench, {"selection": wish})
    assert [m["kind"] for m in again] == ["done"]
    assert again[0]["trace"] == done["trace"]


def test_an_upload_is_run_and_its_file_deleted_at_once(bench):
    path = sent(bench, encoded(noise(60, 90)))
    done = messages(bench, asked(path))[-1]
    assert done["kind"] == "done"
    assert done["imageName"] == "mine.png"
    assert not path.exists()
    assert len(done["selection"]["image"]) >= 32
    trace = json.loads((bench.files.folder / done["trace"]).read_text("utf-8"))
    assert trace["frames"]["original"] == [60, 90]
    again = messages(bench, {"selection": {**done["selection"], "size": 256}})[-1]  # the pixels are held by their id
    assert again["kind"] == "done"


BAD = {
    "empty_file": b"",
    "truncated": encoded(noise(80, 80), "JPEG")[:400],
    "not_an_image": b"this is a text, whatever its name says\n" * 9,
    "too_small": encoded(noise(1, 1)),
    "too_large_pixels": png(30_000, 30_000, zlib.compress(bytes(1000))),
    "too_thin": encoded(noise(16, 16 * 33)),
    "unsupported_format": b"%PDF-1.7\n" + b"0" * 100,
    "unreadable": encoded(noise(40, 40))[:60] + b"\0" * 500,
}


@pytest.mark.parametrize("code", BAD)
def test_a_bad_upload_gets_its_sentence_and_is_deleted(bench, code):
    path = sent(bench, BAD[code])
    said = messages(bench, asked(path))
    assert [m["kind"] for m in said if m["kind"] != "progress"] == ["error"]
    ended = said[-1]["code"]
    assert ended in ("truncated", "unreadable") if code == "unreadable" else ended == code
    for language in TEXTS:
        text = TEXTS[language][f"error.{said[-1]['code']}"].format(**said[-1]["details"])
        assert "{" not in text
    assert not path.exists()


def test_no_image_is_said(bench):
    assert messages(bench, {"selection": raw(image="")}) == [{"kind": "error", "code": "no_image", "details": {}}]


@pytest.mark.parametrize("data", [{}, {"selection": None}, {"selection": []}, {"selection": {}, "upload": 3}])
def test_an_event_without_sense_is_refused(bench, data):
    assert [(m["kind"], m["code"]) for m in messages(bench, data)] == [("error", "bad_selection")]


# ---- paths


@pytest.mark.parametrize("way", ["absolute", "dots", "symlink", "of another process", "folder"])
def test_a_file_that_was_not_uploaded_is_neither_read_nor_deleted(bench, fresh, secret, way):
    folder = bench.pictures.uploads.folder
    other = sent(fresh, secret.read_bytes())
    path = {
        "absolute": str(secret),
        "dots": f"../../{secret.name}",
        "symlink": "link.png",
        "of another process": str(other),
        "folder": str(folder),
    }[way]
    (folder / "link.png").unlink(missing_ok=True)
    (folder / "link.png").symlink_to(secret)
    held = len(bench.pictures._held)
    question = {"selection": raw(image=""), "upload": {"sent": path, "name": "mine.png"}}
    said = messages(bench, question)
    assert [(m["kind"], m["code"]) for m in said if m["kind"] != "progress"] == [("error", "upload")]
    assert secret.read_bytes() == other.read_bytes()
    assert (folder / "link.png").is_symlink()
    assert len(bench.pictures._held) == held


@pytest.mark.parametrize("path", ["/etc/passwd", "", ".", "..", "/", "/dev/zero", "/proc/self/environ", "nothing.png"])
def test_the_systems_files_are_refused(bench, path):
    with pytest.raises(ExplorerError) as caught:
        bench.pictures.uploads.path(path)
    assert caught.value.code == "upload"


@pytest.mark.parametrize("path", ["a\0b", "x" * 5000, "\ud800"])
def test_odd_paths_end_in_an_error_too(bench, path):
    said = messages(bench, {"selection": raw(image=""), "upload": {"sent": path}})
    assert [(m["kind"], m["code"]) for m in said] == [("error", "upload")]


def test_the_name_of_an_upload_is_only_a_name(bench):
    name = "../../<img src=x onerror=alert(1)>" + "x" * 1000
    done = messages(bench, asked(sent(bench, encoded(noise(40, 41))), name))[-1]
    assert done["kind"] == "done"
    assert done["imageName"] == name[:200]


# ---- what goes wrong


@pytest.mark.parametrize("error", [RuntimeError("secret /home/path"), KeyError("x"), AssertionError(), MemoryError()])
def test_what_nobody_expected_is_internal_and_says_no_more(bench, monkeypatch, caplog, error):
    def fail(*_):
        raise error

    monkeypatch.setattr(bench.runs, "run", fail)
    said = messages(bench, {"selection": raw()})
    assert said == [{"kind": "error", "code": "internal", "details": {}}]
    assert type(error).__name__ in caplog.text  # the log has the traceback


def test_a_full_disk_is_said(bench, monkeypatch):
    def fail(*_):
        raise OSError(28, "No space left on device", "/secret/path")

    monkeypatch.setattr(bench.runs, "run", fail)
    assert messages(bench, {"selection": raw()}) == [{"kind": "error", "code": "disk_full", "details": {}}]


def test_a_cancelled_run_ends_without_a_result(bench):
    before = listing(bench)
    *progress, last = messages(bench, {"selection": raw(image="flower.jpg")}, cancelled=lambda: True)
    assert {m["kind"] for m in progress} <= {"progress"}
    assert last == {"kind": "cancelled"}
    assert listing(bench) == before


def test_a_run_cancelled_before_its_turn_still_has_a_last_word(bench):
    """Without one, Gradio sends the page an empty value."""
    with bench.turns.turn(lambda *_: None, lambda: False):
        said = messages(bench, {"selection": raw(image="flower.jpg", size=256)}, cancelled=lambda: True)
    assert said == [{"kind": "cancelled"}]


def test_progress_is_not_piled_up(bench, monkeypatch):
    """A page that takes one message a second hears the latest, and always the last."""

    done = run(bench, selection("fcn32s", padding="same"))

    def chatty(wish, progress, cancelled):
        for i in range(1000):
            progress(i / 1000, "progress.step", {"done": i})
        return done

    monkeypatch.setattr(bench.runs, "run", chatty)

    async def listen():
        got = []
        async for message in run_messages(bench, {"selection": raw()}, lambda: False):
            got.append(message)
            await asyncio.sleep(0.3 if len(got) == 1 else 0)
        return got

    got = awaited(listen())
    assert got[-1]["kind"] == "done"
    assert len(got) < 900
