"""The page and its server: only public files are served."""

from __future__ import annotations

import json
import re
import urllib.error
import uuid
from pathlib import Path

import gradio as gr
import pytest

from explorer import images
from explorer.ui import app, catalog, run_store
from explorer.ui.app import build_app, launch_settings
from explorer.ui.i18n import TEXTS
from explorer.ui.session import Workbench
from explorer.ui.stage.bundle import bundle
from tests.ui.made import asked, encoded, fill, listing, noise, opens_small, run, selection
from tests.ui.serving import OPENER, fetch, post, send_file, serving

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
        opens_small(patch)
        return build_app(bench)


def test_the_page_is_blocks_with_one_stage_and_its_events(demo):
    assert isinstance(demo, gr.Blocks)
    stages = [block for block in demo.blocks.values() if isinstance(block, gr.HTML)]
    assert len(stages) == 1
    events = [fn for fn in demo.fns.values() if fn.targets]
    assert {target[1] for fn in events for target in fn.targets} == {
        "run",
        "cancel",
        "inspect",
        "segment",
        "lab",
        "take",
    }
    assert not any(fn.api_visibility == "public" for fn in events)
    start = json.loads(stages[0].value)
    assert set(start) == {"catalog", "selection", "trace"}
    assert start["catalog"]["texts"] == TEXTS


def test_the_run_that_the_page_opens_on_outlives_the_others(tmp_path, monkeypatch):
    """Its name stands in the page of everyone who comes; evicted, the page would open on an error."""
    monkeypatch.setattr(run_store, "FILE_BYTES", 1)
    opens_small(monkeypatch)
    bench = Workbench(fill(tmp_path))
    page = build_app(bench)
    start = json.loads(next(b for b in page.blocks.values() if isinstance(b, gr.HTML)).value)
    assert start["trace"] not in listing(bench)  # it is run once the page is served
    bench.runs.opening()
    for image in ("cat.jpg", "bus.jpg"):
        run(bench, selection("fcn32s", padding="same", image=image))
    assert start["trace"] in listing(bench)


def test_what_the_page_opens_on_is_held_with_its_pictures(tmp_path, monkeypatch):
    monkeypatch.setattr(run_store, "FILE_BYTES", 1)
    opens_small(monkeypatch)
    bench = Workbench(fill(tmp_path))
    name = bench.runs.promise(catalog.first(bench.networks.cards, bench.pictures.listed))
    bench.runs.opening()
    for image in ("cat.jpg", "bus.jpg"):
        run(bench, selection("fcn32s", padding="same", image=image))
    told = json.loads((bench.files.folder / name).read_text("utf-8"))
    assert {*told["pictures"].values(), *(step["maps"]["file"] for step in told["steps"])} <= listing(bench)
    look = {"what": "unit", "run": name, "step": "pool1", "channel": 0, "row": 0, "column": 0}
    assert list(bench.inspector.answer(look))


# ---- over HTTP


@pytest.fixture(scope="module")
def site(demo, bench):
    with serving(demo, bench) as address:
        yield address


def ask(site: str, demo, data: dict) -> tuple[str, bool]:
    """One run event, as the page triggers it: all that the stream says of it, and whether Gradio calls it a success."""
    (index,) = [i for i, fn in demo.fns.items() if fn.targets and fn.targets[0][1] == "run"]
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


def test_the_page_and_its_parts_are_served(site, demo, bench):
    scripts = "text/javascript", "application/javascript"  # Python's mimetypes has the one from 3.12 on
    kinds = {"png": ["image/png"], "json": ["application/json"], "js": scripts}
    status, headers, body = fetch(site)
    assert status == 200
    assert headers.get_content_type() == "text/html"
    assert app.TITLE in body.decode()
    status, headers, body = fetch(f"{site}{app.stage_script(bench)}")
    assert status == 200
    assert headers.get_content_type() in scripts
    assert body.decode() == bundle(app.STAGE)
    start = json.loads(next(b for b in demo.blocks.values() if isinstance(b, gr.HTML)).value)
    assert json.loads(fetch(f"{site}gradio_api/file=made/{start['trace']}")[2])["steps"]  # waits until it is run
    one_of_each = {name.split(".")[1]: name for name in listing(bench)}
    assert "png" in one_of_each
    for kind, name in one_of_each.items():
        status, headers, body = fetch(f"{site}gradio_api/file=made/{name}")
        assert status == 200
        assert headers.get_content_type() in kinds[kind]
        assert body == (bench.files.folder / name).read_bytes()


def test_the_page_can_be_installed_as_an_app(site):
    page = fetch(site)[2].decode()
    assert re.search(r'<link rel="manifest" href="[^"]*manifest.json"', page)
    manifest = json.loads(fetch(f"{site}manifest.json")[2])
    assert (manifest["name"], manifest["display"], manifest["start_url"]) == (app.TITLE, "standalone", "./")
    for icon in manifest["icons"]:
        assert not icon["src"].startswith("/")  # a page below a proxy's path would ask another one's server
        assert fetch(f"{site}{icon['src']}")[1].get_content_type() == icon["type"] == "image/svg+xml"


ROOT = Path(__file__).resolve().parents[2]


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
    path = bench.pictures.uploads.path(send_file(site, "mine.png", encoded(noise(70, 50, seed=9))))
    assert path.is_file()
    heard, success = ask(site, demo, asked(path))
    assert success
    assert "done" in heard
    assert "mine.png" in heard
    assert "error\\\\" not in heard
    assert not path.exists()


def test_a_forged_path_over_http(site, demo, secret):
    """Gradio refuses it before the app does; either way nothing of the file comes back, and it stays."""
    before = secret.read_bytes()
    heard, _ = ask(site, demo, asked(secret))
    assert "done" not in heard
    assert "Traceback" not in heard
    assert secret.read_bytes() == before


def test_the_api_page_offers_what_is_meant_for_programs(site):
    info = json.loads(fetch(f"{site}gradio_api/info")[2])
    assert set(info["named_endpoints"]) == {"/segment", "/trace", "/geometry", "/lab"}
    assert info["unnamed_endpoints"] == {}
