"""A running server and a real browser. Skipped where there is no Chromium, except in CI."""

from __future__ import annotations

import base64
import io
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.e2e.scripts import CAMERA, GIVE, WALK

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = os.environ.get("CHROMIUM") or next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--process-per-site",  # pages share a process, and with it the compiled scripts: a third less to load one
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)
            if not CHROMIUM and not os.environ.get("CI"):
                item.add_marker(pytest.mark.skip(reason="no Chromium on this machine"))


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


class Server:
    """The app as a person starts it: a process of its own, on a free port."""

    def __init__(self, log: Path, port: int | None = None, **environment: str) -> None:
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}/"
        self.log = log
        command = [sys.executable, "app.py", "--no-open", "--port", str(self.port)]
        if folder := os.environ.get("EXPLORER_TEST_CHECKPOINTS"):
            command += ["--checkpoints", folder]
        with log.open("w") as out:
            self.process = subprocess.Popen(
                command, cwd=ROOT, env={**os.environ, **environment}, stdout=out, stderr=subprocess.STDOUT
            )
        for _ in range(1500):  # others may use the machine, too
            if self.process.poll() is not None:
                break
            try:
                urllib.request.urlopen(self.url, timeout=5)
                return
            except OSError:
                time.sleep(0.2)
        self.stop()
        raise RuntimeError(f"the app did not start:\n{log.read_text()}")

    def memory(self, what: str = "VmRSS") -> int:
        """Bytes: resident now (VmRSS) or at most so far (VmHWM)."""
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(rf"{what}:\s+(\d+) kB", text)[1]) * 1024

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = Server(tmp_path_factory.mktemp("server") / "log.txt")
    yield running
    running.stop()
    assert "Traceback" not in running.log.read_text()


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        chromium = play.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


two_sizes = pytest.mark.parametrize(
    "visit",
    [{"viewport": {"width": w, "height": h}} for w, h in ((1366, 768), (1920, 1080))],
    ids=["laptop", "projector"],
    indirect=True,
)

BROKEN_OFF = re.compile("AbortError: signal is aborted|Unexpected error Connection errored out")


# what is said to a newcomer alone was said; `newcomer` has a visit without that
KNOWN = """try { for (const name of ['welcome', 'hint-unit', 'hint-crop', 'hint-chances'])
localStorage.setItem(`fcn-unet-explorer.${name}`, 'away') } catch { /* it is refused here */ }
performance.setResourceTimingBufferSize(10000);"""  # tests ask it what was fetched; 250 are the first few seconds


class Visit:
    """One visitor's page, with what the console complained about and what was requested."""

    def __init__(self, page: Any, url: str) -> None:
        self.page, self.url = page, url
        self.complaints: list[str] = []
        self.requests: list[str] = []
        page.set_default_timeout(60_000)
        page.on("console", lambda m: self.complaints.append(m.text) if m.type == "error" else None)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self.requests.append(request.url))

    def open(self, query: str = "") -> Visit:
        return self.leave(lambda: self.page.goto(self.url + query))

    def reload(self) -> Visit:
        return self.leave(self.page.reload)

    def leave(self, how: Callable[[], Any]) -> Visit:
        """Go to another page. Of a question that is not quite over then, Gradio's client says that it broke off."""
        before = len(self.complaints)
        how()
        self.complaints[before:] = [text for text in self.complaints[before:] if not BROKEN_OFF.match(text)]
        return self.ready()

    def ready(self) -> Visit:
        self.page.wait_for_selector(".fx[data-state=ready]")
        return self

    def choose(self, network: str) -> Visit:
        """Choose a network by its title and wait for its run."""
        before = self.run
        self.page.get_by_role("radio", name=network, exact=True).click()
        return self.after(before)

    def after(self, before: str | None) -> Visit:
        """Wait until another run is shown than `before`."""
        self.page.wait_for_function(
            "b => { const d = document.querySelector('.fx').dataset; return d.state === 'ready' && d.run !== b }",
            arg=before,
        )
        return self

    @property
    def run(self) -> str | None:
        return self.page.get_attribute(".fx", "data-run")

    @property
    def step(self) -> str:
        return self.page.get_attribute(".fx", "data-step")

    def text(self, selector: str) -> str:
        return self.page.inner_text(selector)

    def press(self, key: str) -> None:
        self.page.keyboard.press(key)

    def go(self, name: str) -> Visit:
        """Click a step in the list and wait until it is drawn."""
        self.page.locator(f".fx-list button[title^='{name} ·']").click()
        self.page.wait_for_selector(f".fx[data-step='{name}']")
        return self

    def cut(self) -> Visit:
        """Look at a crop as what it becomes, and wait until those maps are drawn."""
        self.page.locator("[data-cropview=cut]").click()
        self.page.wait_for_selector(".fx:not(.fx-fetching)")
        return self

    def walk(self, selector: str) -> dict[str, str]:
        """Go from the first step to the last by the arrow key: what an element says at each, by the step's name."""
        self.press("Home")
        self.page.wait_for_selector(".fx[data-step=input]")
        seen = self.page.evaluate(WALK, selector)
        assert len(dict(seen)) == len(seen)
        return dict(seen)

    def upload(self, path: Path) -> None:
        self.page.locator(".fx-image").click()
        self.page.set_input_files(".fx-sources .fx-file input", str(path))

    def hand(self, way: str, data: bytes, name: str = "given.png") -> None:
        """Paste a file, or drop it on the page."""
        self.page.evaluate(GIVE, [way, base64.b64encode(data).decode(), name])

    def photograph(self) -> None:
        """Take a picture with the camera. Headless Chromium has none: the stream of a canvas stands in for one."""
        self.page.evaluate(CAMERA)
        self.page.locator(".fx-image").click()
        self.page.locator(".fx-camera").click()
        self.page.wait_for_function("() => document.querySelector('.fx-webcam video').videoWidth === 320")
        self.page.locator(".fx-shoot").click()

    def set(self, name: str, value: str) -> None:
        """Choose a value of one of the settings, which lie in a drawer unless the page is wide."""
        select = self.page.locator(f".fx-{name} select")
        if not select.is_visible():
            self.page.locator(".fx-more").click()
        select.select_option(value)
        self.page.keyboard.press("Escape")

    def pixel(self, selector: str, x: float, y: float) -> list[int]:
        """Colour of a canvas at (x, y) in its own pixels."""
        return self.page.evaluate(
            """([s, x, y]) => { const context = document.querySelector(s).getContext('2d');
            return [...context.getImageData(Math.round(x), Math.round(y), 1, 1).data] }""",
            [selector, x, y],
        )

    def pixels(self, selector: str) -> np.ndarray:
        """The colours of an opaque canvas, H x W x 3; as a file, since a list of numbers takes ten seconds."""
        url = self.page.evaluate("s => document.querySelector(s).toDataURL('image/png')", selector)
        return np.asarray(Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))).convert("RGB"))

    def until(self, condition: Callable[[], bool], seconds: float = 10) -> None:
        """Look again and again until something holds."""
        for _ in range(int(seconds * 20)):
            if condition():
                return
            self.page.wait_for_timeout(50)
        raise AssertionError("it did not become so")


@pytest.fixture(scope="session")
def contexts(browser: Any, server: Server) -> Iterator[Callable[[dict[str, Any]], Any]]:
    """A browser profile by its options: visitors share what is cached, and nothing else."""
    made: dict[str, Any] = {}

    def of(options: dict[str, Any]) -> Any:
        if repr(options) not in made:
            made[repr(options)] = browser.new_context(**options)
            made[repr(options)].add_init_script(KNOWN)
            made[repr(options)].new_page().goto(f"{server.url}favicon.ico")  # stays: with its last page a process ends
        return made[repr(options)]

    yield of
    for context in made.values():
        context.close()


@pytest.fixture
def newcomer(browser: Any, server: Server) -> Iterator[Visit]:
    """Somebody who was never here."""
    context = browser.new_context(viewport={"width": 1366, "height": 768}, locale="en-US")
    yield Visit(context.new_page(), server.url)
    context.close()


@pytest.fixture
def visit(server: Server, contexts: Callable[[dict[str, Any]], Any], request: pytest.FixtureRequest) -> Iterator[Visit]:
    """A new visitor at 1366 x 768 in English; parametrize indirectly with context options to change that."""
    with visiting(server, contexts, getattr(request, "param", {})) as there:
        yield there


@contextmanager
def visiting(server: Server, contexts: Callable[[dict[str, Any]], Any], options: dict[str, Any]) -> Iterator[Visit]:
    context = contexts({"viewport": {"width": 1366, "height": 768}, "locale": "en-US", **options})
    others = context.pages
    yield (there := Visit(context.new_page(), server.url))
    complaints = list(there.complaints)
    context.clear_permissions()
    for page in context.pages:
        if page in others:
            continue
        page.evaluate("() => { try { localStorage.clear() } catch { /* it is refused here */ } }")
        page.close()
    assert complaints == []
