"""The server lies below a proxy's path; it is killed and started again under an open page."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import suppress
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from explorer.ui.i18n import TEXTS
from tests.e2e.conftest import KNOWN, Server, Visit, free_port
from tests.e2e.test_addresses import CANVASES, apart, settled, state
from tests.e2e.test_connection import Line

BEHIND = "/some/path"
OF_ONE_LINE = ("connection", "transfer-encoding", "keep-alive")


class Proxy(BaseHTTPRequestHandler):
    """Takes the path away and passes on all else, as the one of docs/serving.md; 502 where nobody answers."""

    to: int

    def forward(self) -> None:
        if not self.path.startswith(f"{BEHIND}/"):
            return self.send_error(404)
        line = HTTPConnection("127.0.0.1", self.to, timeout=120)
        try:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            line.request(self.command, self.path.removeprefix(BEHIND), body, dict(self.headers))
            answer = line.getresponse()
        except (OSError, HTTPException):
            return self.send_error(502)
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in OF_ONE_LINE:
                self.send_header(name, value)
        self.end_headers()
        with suppress(OSError, HTTPException):  # one side hung up
            while data := answer.read1(1 << 16):
                self.wfile.write(data)
                self.wfile.flush()
        line.close()

    do_GET = do_POST = do_HEAD = do_DELETE = forward  # noqa: N815  # the names are the library's

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Starts a server below the path; a second one comes in the place of the first."""
    port, made = free_port(), []

    def begin() -> Server:
        log = tmp_path_factory.mktemp("server") / "log.txt"
        made.append(Server(log, port, GRADIO_ROOT_PATH=BEHIND))
        return made[-1]

    yield begin
    for server in made:
        server.stop()
        assert "Traceback" not in Path(server.log).read_text()


@pytest.fixture(scope="module")
def below(start: Any) -> Iterator[tuple[Server, str]]:
    """A server, and its address behind the proxy."""
    server = start()
    handler = type("Here", (Proxy,), {"to": server.port})
    proxy = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=proxy.serve_forever, daemon=True).start()
    yield server, f"http://127.0.0.1:{proxy.server_port}{BEHIND}/"
    proxy.shutdown()
    proxy.server_close()


@pytest.fixture
def there(browser: Any, below: tuple[Server, str]) -> Iterator[Visit]:
    """A visitor who comes through the proxy."""
    context = browser.new_context(viewport={"width": 1366, "height": 768}, locale="en-US")
    context.add_init_script(KNOWN)
    yield Visit(context.new_page(), below[1])
    context.close()


def test_below_a_path_the_page_can_be_installed(there: Visit) -> None:
    there.open()
    line = there.page.context.new_cdp_session(there.page)
    found = line.send("Page.getAppManifest")
    assert found["url"] == f"{there.url}manifest.json"
    assert found["errors"] == []
    assert found["manifest"]["startUrl"] == there.url
    (icon,) = found["manifest"]["icons"]
    answer = there.page.request.get(icon["url"])
    assert (answer.status, answer.headers["content-type"]) == (200, "image/svg+xml")
    errors = line.send("Page.getInstallabilityErrors")["installabilityErrors"]
    assert [error["errorId"] for error in errors] == ["in-incognito"]  # as a test's window is
    outside = [url for url in there.requests if not url.startswith((there.url, "data:", "blob:"))]
    assert [url for url in outside if not url.endswith("/manifest.json")] == []


SAID = "t => document.querySelector('.fx-message:not([hidden]) p')?.textContent === t"


def test_open_pages_go_on_where_they_were_once_the_server_is_back(
    there: Visit, below: tuple[Server, str], start: Any
) -> None:
    there.open("?model=fcn16s&step=crop_pool4&crop=cut&unit=0,6,6&pins=pool4:3")
    there.page.wait_for_selector(".fx-held b")
    lab = Visit(there.page.context.new_page(), there.url)
    lab.open("?view=labs&lab=crop&model=unet&lab.mode=corner&lang=ko")
    before = [(settled(visit), state(visit)) for visit in (there, lab)]
    server, _ = below
    server.process.kill()
    server.process.wait()
    there.page.locator(".fx-list button[title^='conv1_2 ·']").click()  # never fetched
    there.page.wait_for_function(SAID, arg=TEXTS["en"]["error.connection"])
    lab.page.locator(".fx-labs [data-value=centre]").click()
    lab.page.wait_for_function(SAID, arg=TEXTS["ko"]["error.connection"])
    start()
    there.page.wait_for_function(SAID, arg=TEXTS["en"]["error.restarted"])
    assert settled(there).items() >= {"step": "conv1_2", "unit": "crop_pool4:0,6,6", "pins": "pool4:3"}.items()
    there.page.locator(".fx-list button[title^='crop_pool4 ·']").click()
    there.page.wait_for_selector(".fx[data-step=crop_pool4]")
    there.page.wait_for_selector(".fx-held b")
    assert settled(there) == before[0][0]
    # the texts are those of before; what is drawn of the held unit is as after any way back from another step
    assert set(apart(state(there), before[0][1])) <= set(CANVASES)
    lab.page.wait_for_selector(".fx-labs[data-answered$=' values'] [data-value=centre][aria-checked=true]")
    assert lab.text(".fx-message p") == TEXTS["ko"]["error.restarted"], "it stays until a person does something"
    assert settled(lab) == {**before[1][0], "lab.mode": "centre"}
    lab.page.locator(".fx-labs [data-value=corner]").click()  # the new server answers
    lab.page.wait_for_selector(".fx-message", state="hidden")
    lab.page.wait_for_function("() => location.search.includes('lab.mode=corner')")
    assert settled(lab) == before[1][0]
    assert apart(state(lab), before[1][1]) == {}


def test_a_server_that_was_away_for_a_moment_is_asked_again(browser: Any, server: Server) -> None:
    """The same process: nothing is lost, and the page stays the one that it is."""
    line = Line(server.port)
    context = browser.new_context(viewport={"width": 1366, "height": 768}, locale="en-US")
    context.add_init_script(KNOWN)
    there = Visit(context.new_page(), f"http://127.0.0.1:{line.port}/")
    try:
        there.open("?step=pool3")
        there.page.evaluate("window.isTheSame = true")
        line.cut()
        there.page.locator(".fx-list button[title^='conv1_1 ·']").click()
        there.page.wait_for_function(SAID, arg=TEXTS["en"]["error.connection"])
        line = Line(server.port, line.port)
        there.page.wait_for_selector(".fx-message", state="hidden")
        there.page.wait_for_selector(".fx[data-step=conv1_1]")
        assert there.page.evaluate("window.isTheSame")
    finally:
        line.cut()
        context.close()
