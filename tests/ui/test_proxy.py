"""Below a path of nginx, with the very lines of docs/serving.md."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
import time
import urllib.error
from pathlib import Path

import pytest

from explorer.ui.app import build_app, stage_script
from explorer.ui.session import Workbench
from tests.ui.made import encoded, noise, opens_small, raw
from tests.ui.serving import OPENER, fetch, post, send_file, serving

SAID = (Path(__file__).resolve().parents[2] / "docs/serving.md").read_text("utf-8")
LOCATION = SAID.partition("```nginx\n")[2].partition("```")[0]
WHOLE = """
daemon off; master_process off; pid {folder}/pid; error_log stderr;
events {{ worker_connections 64; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  server {{ listen 127.0.0.1:{port}; {location} }}
}}
"""

JSON = {"Content-Type": "application/json"}

pytestmark = pytest.mark.skipif(not shutil.which("nginx"), reason="there is no nginx")


@pytest.fixture(scope="module")
def served(checkpoints, tmp_path_factory):
    """The address that nginx gives the page, and the page's workbench."""
    bench, folder = Workbench(checkpoints), tmp_path_factory.mktemp("nginx")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.MonkeyPatch.context() as patch:
        opens_small(patch)
        patch.setenv("GRADIO_ROOT_PATH", re.search(r"GRADIO_ROOT_PATH=(\S+)", SAID)[1])
        with serving(build_app(bench), bench) as site:
            location = LOCATION.replace("http://127.0.0.1:7860/", site)
            (folder / "conf").write_text(WHOLE.format(folder=folder, port=port, location=location))
            nginx = subprocess.Popen(["nginx", "-p", folder, "-c", folder / "conf"])
            try:
                yield until_there(f"http://127.0.0.1:{port}/explorer/"), bench
            finally:
                nginx.terminate()
                nginx.wait(10)


def until_there(site: str) -> str:
    for _ in range(100):
        try:
            fetch(site)
            return site
        except urllib.error.URLError:
            time.sleep(0.1)
    raise AssertionError("nginx does not answer")


def test_the_page_and_its_parts_lie_below_the_path(served):
    site, bench = served
    assert stage_script(bench) in fetch(site)[2].decode()
    assert b"mount" in fetch(f"{site}{stage_script(bench)}")[2]
    config = json.loads(fetch(f"{site}config")[2])
    assert config["root"].endswith("/explorer")
    with pytest.raises(urllib.error.HTTPError):
        fetch(f"{site.removesuffix('explorer/')}config")


def test_an_image_is_sent_and_run_and_its_files_come_back(served):
    site, bench = served
    large = noise(1000, 1100)  # a file of more than nginx takes by itself
    index = json.loads(fetch(f"{site}config")[2])["dependencies"][0]["id"]
    upload = {"sent": send_file(site, "own.png", encoded(large)), "name": "own.png"}
    event = {"request": "r", "selection": raw(model="fcn32s", padding="same", image=""), "upload": upload}
    with bench.turns.turn(lambda *_: None, lambda: False):
        post(f"{site}gradio_api/queue/join", {"data": [], "event_data": event, "fn_index": index, "session_hash": "s"})
        stream = OPENER.open(f"{site}gradio_api/queue/data?session_hash=s", timeout=30)
        assert said(stream, "progress.queue")  # while it waits: nothing is held back on the way
    done = said(stream, "trace")
    trace = json.loads(fetch(f"{site}gradio_api/file=made/{done['trace']}")[2])
    assert trace["frames"]["original"] == [1000, 1100]
    assert fetch(f"{site}gradio_api/file=made/{trace['pictures']['labels']}")[1].get_content_type() == "image/png"


def said(stream, word: str) -> dict:
    """The first message in which a word occurs."""
    for line in stream:
        if line.startswith(b"data:"):
            values = (json.loads(line[5:]).get("output") or {}).get("data") or []
            if values and word in values[0]:
                return json.loads(values[0])
    raise AssertionError(word)


@pytest.mark.parametrize(("origin", "status"), [("", 200), ("http://evil.example", 403), ("http://127.0.0.1:1", 403)])
def test_posts_of_the_page_are_taken_and_those_of_others_refused(served, origin, status):
    site, _ = served
    own = site.removesuffix("/explorer/")
    try:
        got = fetch(f"{site}gradio_api/reset", b'{"event_id": "none"}', Origin=origin or own, **JSON)[0]
    except urllib.error.HTTPError as error:
        got = error.code
    assert got == status
