"""The page's events and the server: every run ends in a word to the page, and only public files are served."""

from __future__ import annotations

import json
import os
import queue
import socket
import threading
import urllib.error
import urllib.request
import uuid
from contextlib import contextmanager
from pathlib import Path

import gradio as gr
import pytest

from explorer import images
from explorer.ui import app, catalog, session
from explorer.ui.app import Cancelled, build_app, launch_settings, run_messages, uploaded
from explorer.ui.i18n import TEXTS
from explorer.ui.session import StageError, Workbench
from explorer.ui.stage.bundle import bundle
from tests.fixtures_ui import encoded, fill, listing, noise, raw, run, selection


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    return Workbench(fill(tmp_path_factory.mktemp("checkpoints")))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Gradio's upload folder."""
    place = tmp_path / "uploads"
    place.mkdir()
    monkeypatch.setattr(app, "get_upload_folder", lambda: str(place))
    return place


def messages(bench, data, cancelled=lambda: False, seconds=60):
    """All that a page hears; fails if the end does not come."""
    said: queue.Queue = queue.Queue()

    def listen():
        for message in run_messages(bench, data, cancelled):
            said.put(message)
        said.put(None)

    threading.Thread(target=listen, daemon=True).start()
    heard = []
    while (message := said.get(timeout=seconds)) is not None:
        json.dumps(message, allow_nan=False)
        heard.append(message)
    return heard


def put(folder: Path, data: bytes, name: str = "mine.png") -> Path:
    path = folder / uuid.uuid4().hex / name
    path.parent.mkdir()
    path.write_bytes(data)
    return path


def asked(path: Path | str, name: str = "mine.png", **changes):
    wish = raw(model="fcn32s", padding="same", image="", **changes)
    return {"request": "r", "selection": wish, "upload": {"path": str(path), "name": name}}


# ---- runs


def test_a_run_tells_its_progress_and_then_its_result(bench):
    wish = raw(model="fcn16s", padding="same", image="bus.jpg")
    heard = messages(bench, {"request": "r", "selection": wish, "upload": None})
    assert {m["kind"] for m in heard[:-1]} == {"progress"}
    fractions = [m["fraction"] for m in heard[:-1]]
    assert fractions == sorted(fractions)
    done = heard[-1]
    assert done["kind"] == "done"
    assert done["selection"] == wish
    assert (bench.files.folder / done["trace"]).is_file()
    for message in heard[:-1]:
        assert message["text"] in TEXTS["en"]
    again = messages(bench, {"selection": wish})
    assert [m["kind"] for m in again] == ["done"]
    assert again[0]["trace"] == done["trace"]


def test_an_upload_is_run_and_its_file_deleted_at_once(bench, folder):
    path = put(folder, encoded(noise(60, 90)))
    done = messages(bench, asked(path))[-1]
    assert done["kind"] == "done"
    assert done["imageName"] == "mine.png"
    assert not path.exists()
    assert len(done["selection"]["image"]) >= 32
    trace = json.loads((bench.files.folder / done["trace"]).read_text("utf-8"))
    assert trace["frames"]["original"] == [60, 90]
    again = messages(bench, {"selection": {**done["selection"], "size": 256}})[-1]  # the pixels are held by their id
    assert again["kind"] == "done"


def bomb() -> bytes:
    """The header of a PNG of 30,000 x 30,000 pixels, its data a few bytes."""
    import struct
    import zlib

    def chunk(tag, body):
        return struct.pack(">I", len(body)) + tag + body + struct.pack(">I", zlib.crc32(tag + body))

    header = struct.pack(">IIBBBBB", 30_000, 30_000, 8, 2, 0, 0, 0)
    data = chunk(b"IDAT", zlib.compress(b"\0" * 1000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + data + chunk(b"IEND", b"")


BAD = {
    "empty_file": b"",
    "truncated": encoded(noise(80, 80), "JPEG")[:400],
    "not_an_image": b"this is a text, whatever its name says\n" * 9,
    "too_small": encoded(noise(1, 1)),
    "too_large_pixels": bomb(),
    "too_thin": encoded(noise(16, 16 * 33)),
    "unsupported_format": b"%PDF-1.7\n" + b"0" * 100,
    "unreadable": encoded(noise(40, 40))[:60] + b"\0" * 500,
}


@pytest.mark.parametrize("code", BAD)
def test_a_bad_upload_gets_its_sentence_and_is_deleted(bench, folder, code):
    path = put(folder, BAD[code])
    heard = messages(bench, asked(path))
    assert [m["kind"] for m in heard if m["kind"] != "progress"] == ["error"]
    said = heard[-1]["code"]
    assert said in ("truncated", "unreadable") if code == "unreadable" else said == code
    for language in TEXTS:
        text = TEXTS[language][f"error.{heard[-1]['code']}"].format(**heard[-1]["details"])
        assert "{" not in text
    assert not path.exists()


def test_no_image_is_said(bench):
    assert messages(bench, {"selection": raw(image="")}) == [{"kind": "error", "code": "no_image", "details": {}}]


@pytest.mark.parametrize("data", [{}, {"selection": None}, {"selection": []}, {"selection": {}, "upload": 3}])
def test_an_event_without_sense_is_refused(bench, data):
    assert [(m["kind"], m["code"]) for m in messages(bench, data)] == [("error", "bad_selection")]


# ---- paths


@pytest.fixture
def secret(tmp_path):
    path = tmp_path / "secret.png"
    path.write_bytes(encoded(noise(50, 50)))
    return path


@pytest.mark.parametrize("way", ["absolute", "dots", "symlink", "folder link", "hard name", "folder"])
def test_a_file_outside_the_upload_folder_is_neither_read_nor_deleted(bench, folder, secret, way):
    path = {
        "absolute": secret,
        "dots": folder / ".." / secret.name,
        "symlink": folder / "link.png",
        "folder link": folder / "elsewhere" / secret.name,
        "hard name": Path(f"{folder}x") / "secret.png",
        "folder": folder,
    }[way]
    (folder / "link.png").symlink_to(secret)
    (folder / "elsewhere").symlink_to(secret.parent)
    sibling = Path(f"{folder}x")  # begins with the same letters, but lies beside
    sibling.mkdir()
    (sibling / "secret.png").write_bytes(secret.read_bytes())
    held = len(bench.images)
    heard = messages(bench, asked(path))
    assert [(m["kind"], m["code"]) for m in heard if m["kind"] != "progress"] == [("error", "upload")]
    assert secret.read_bytes() == (sibling / "secret.png").read_bytes()
    assert (folder / "link.png").is_symlink()
    assert len(bench.images) == held


@pytest.mark.parametrize("path", ["/etc/passwd", "", ".", "..", "/", "/dev/zero", "/proc/self/environ", "nothing.png"])
def test_the_systems_files_are_refused(folder, path):
    with pytest.raises(StageError) as caught:
        uploaded(path)
    assert caught.value.code == "upload"


@pytest.mark.parametrize("path", ["a\0b", "x" * 5000, "\ud800"])
def test_odd_paths_end_in_an_error_too(bench, folder, path):
    heard = messages(bench, asked(path))
    assert [m["kind"] for m in heard if m["kind"] != "progress"] == ["error"]
    assert heard[-1]["code"] in ("upload", "internal")


def test_a_file_in_the_upload_folder_is_found(folder):
    path = put(folder, b"x")
    assert uploaded(str(path)) == path.resolve()


def test_the_name_of_an_upload_is_only_a_name(bench, folder):
    name = "../../<img src=x onerror=alert(1)>" + "x" * 1000
    done = messages(bench, asked(put(folder, encoded(noise(40, 41))), name))[-1]
    assert done["kind"] == "done"
    assert done["imageName"] == name[:200]


# ---- what goes wrong


@pytest.mark.parametrize("error", [RuntimeError("secret /home/path"), KeyError("x"), AssertionError(), MemoryError()])
def test_what_nobody_expected_is_internal_and_says_no_more(bench, monkeypatch, caplog, error):
    def fail(*_):
        raise error

    monkeypatch.setattr(bench, "run", fail)
    heard = messages(bench, {"selection": raw()})
    assert heard == [{"kind": "error", "code": "internal", "details": {}}]
    assert type(error).__name__ in caplog.text  # the log has the traceback


def test_a_cancelled_run_ends_without_a_result(bench):
    before = listing(bench)
    heard = messages(bench, {"selection": raw(image="flower.jpg")}, cancelled=lambda: True)
    assert {m["kind"] for m in heard} <= {"progress"}
    assert listing(bench) == before


def test_progress_is_not_piled_up(bench, monkeypatch):
    """A page that takes one message a second hears the latest, and always the last."""

    done = run(bench, selection("fcn32s", padding="same"))

    def chatty(wish, progress, cancelled):
        for i in range(1000):
            progress(i / 1000, "progress.step", {"done": i})
        return done

    monkeypatch.setattr(bench, "run", chatty)
    stream = run_messages(bench, {"selection": raw()}, lambda: False)
    got = [next(stream)]
    threading.Event().wait(0.3)
    got += list(stream)
    assert got[-1]["kind"] == "done"
    assert len(got) < 900


def test_tokens_of_cancelled_runs_are_remembered_and_bounded():
    cancelled = Cancelled()
    for i in range(2000):
        cancelled.add(f"t{i}")
    assert "t1999" in cancelled
    assert "t0" not in cancelled
    assert len(cancelled._tokens) <= 500


# ---- the page


def test_launch_settings_say_no_more_than_needed(bench):
    settings = launch_settings(bench)
    assert settings["show_error"] is False
    assert settings["run_history"] is False
    assert settings["enable_monitoring"] is False
    assert settings["max_file_size"] == images.MAX_BYTES
    assert Path(settings["favicon_path"]).is_file()
    assert "<style>" in settings["head"]
    assert not set(settings) & {"share", "server_name", "server_port", "auth"}


@pytest.fixture(scope="module")
def demo(bench):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(catalog, "FIRST_SIZE", {"fcn": 192, "unet": 192})
        return build_app(bench)


def test_the_page_is_blocks_with_one_stage_and_four_events(demo):
    assert isinstance(demo, gr.Blocks)
    stages = [block for block in demo.blocks.values() if isinstance(block, gr.HTML)]
    assert len(stages) == 1
    assert {target[1] for fn in demo.fns.values() for target in fn.targets} == {"run", "cancel", "look", "full"}
    assert not any(fn.api_visibility == "public" for fn in demo.fns.values())
    start = json.loads(stages[0].value)
    assert set(start) == {"catalog", "selection", "trace"}
    assert start["catalog"]["texts"] == TEXTS


def test_the_run_that_the_page_opens_on_outlives_the_others(tmp_path, monkeypatch):
    """Its name stands in the page of everyone who comes; evicted, the page would open on an error."""
    monkeypatch.setattr(session, "FILE_BYTES", 1)
    monkeypatch.setattr(catalog, "FIRST_SIZE", {"fcn": 192, "unet": 192})
    bench = Workbench(fill(tmp_path))
    page = build_app(bench)
    start = json.loads(next(b for b in page.blocks.values() if isinstance(b, gr.HTML)).value)
    for image in ("cat.jpg", "bus.jpg"):
        run(bench, selection("fcn32s", padding="same", image=image))
    assert start["trace"] in listing(bench)


def test_what_the_page_opens_on_can_be_held(tmp_path, monkeypatch):
    monkeypatch.setattr(session, "FILE_BYTES", 1)
    monkeypatch.setattr(catalog, "FIRST_SIZE", {"fcn": 192, "unet": 192})
    bench = Workbench(fill(tmp_path))
    wish, done = bench.opening()
    assert wish == bench.first()
    for image in ("cat.jpg", "bus.jpg"):
        run(bench, selection("fcn32s", padding="same", image=image))
    assert set(done.names) <= listing(bench)


# ---- over HTTP


@contextmanager
def serving(demo, bench):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    demo.queue(max_size=32).launch(
        server_name="127.0.0.1", server_port=port, prevent_thread_lock=True, quiet=True, **launch_settings(bench)
    )
    try:
        yield f"http://127.0.0.1:{port}/"
    finally:
        demo.close(verbose=False)


@pytest.fixture(scope="module")
def site(demo, bench):
    with serving(demo, bench) as address:
        yield address


OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def fetch(address: str, data: bytes | None = None, **headers: str):
    with OPENER.open(urllib.request.Request(address, data, headers), timeout=60) as answer:
        return answer.status, answer.headers, answer.read()


def post(address: str, content) -> dict:
    return json.loads(fetch(address, json.dumps(content).encode(), **{"Content-Type": "application/json"})[2])


def send_file(site: str, name: str, data: bytes) -> str:
    edge = uuid.uuid4().hex
    head = f'--{edge}\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n\r\n'
    body = head.encode() + data + f"\r\n--{edge}--\r\n".encode()
    answer = fetch(f"{site}gradio_api/upload", body, **{"Content-Type": f"multipart/form-data; boundary={edge}"})
    return json.loads(answer[2])[0]


def ask(site: str, demo, data: dict) -> tuple[str, bool]:
    """One run event, as the page triggers it: all that the stream says of it, and whether Gradio calls it a success."""
    (index,) = [i for i, fn in demo.fns.items() if fn.targets[0][1] == "run"]
    here = uuid.uuid4().hex[:10]
    post(
        f"{site}gradio_api/queue/join?",
        {"data": [], "event_data": data, "fn_index": index, "trigger_id": None, "session_hash": here},
    )
    heard = []
    with OPENER.open(f"{site}gradio_api/queue/data?session_hash={here}", timeout=60) as stream:
        for line in stream:
            if line.startswith(b"data:"):
                event = json.loads(line[5:])
                heard.append(event)
                if event["msg"] == "process_completed":
                    return json.dumps(heard), event["success"]
    raise AssertionError(f"the stream broke off: {heard}")


def test_the_page_and_its_parts_are_served(site, bench):
    status, headers, body = fetch(site)
    assert status == 200
    assert headers.get_content_type() == "text/html"
    assert app.TITLE in body.decode()
    status, headers, body = fetch(f"{site}{app.stage_script(bench)}")
    assert status == 200
    assert headers.get_content_type() in ("text/javascript", "application/javascript")
    assert body.decode() == bundle(app.STAGE)
    for name in sorted(listing(bench))[:5]:
        status, headers, body = fetch(f"{site}gradio_api/file={bench.files.folder}/{name}")
        assert status == 200
        assert (
            headers.get_content_type()
            == {"png": "image/png", "json": "application/json", "js": "text/javascript"}[name.split(".")[1]]
        )
        assert body == (bench.files.folder / name).read_bytes()


ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd",
        f"{ROOT}/app.py",
        f"{ROOT}/explorer/ui/app.py",
        f"{ROOT}/explorer/ui/stage/main.js",
        f"{app.STAGE}/../app.py",
        f"{app.STAGE}/%2e%2e/app.py",
        "FOLDER/../../etc/passwd",
        "FOLDER",
        "FOLDER/00000000000000000000000000000000.png",
    ],
)
def test_other_files_are_not(site, bench, path):
    with pytest.raises(urllib.error.HTTPError) as caught:
        fetch(f"{site}gradio_api/file={path.replace('FOLDER', str(bench.files.folder))}")
    assert caught.value.code in (400, 403, 404, 405)


def test_a_run_with_an_upload_over_http(site, demo, bench):
    """Upload, run, hear: what the page does, without the page. Then the upload is gone."""
    path = send_file(site, "mine.png", encoded(noise(70, 50, seed=9)))
    assert os.path.isfile(path)
    heard, success = ask(site, demo, asked(path))
    assert success
    assert "done" in heard
    assert "mine.png" in heard
    assert "error\\\\" not in heard
    assert not os.path.exists(path)


def test_a_forged_path_over_http(site, demo, secret):
    """Gradio refuses it before the app does; either way nothing of the file comes back, and it stays."""
    before = secret.read_bytes()
    heard, _ = ask(site, demo, asked(secret))
    assert "done" not in heard
    assert "Traceback" not in heard
    assert secret.read_bytes() == before


def test_the_api_page_offers_nothing(site):
    info = json.loads(fetch(f"{site}gradio_api/info")[2])
    assert info["named_endpoints"] == {}
    assert info["unnamed_endpoints"] == {}
