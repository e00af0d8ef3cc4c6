"""The server goes away while a person explores: what was fetched stays usable, and the page says what happened."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import Any

from explorer.ui.i18n import TEXTS
from tests.e2e.conftest import Server, Visit

SILENCE = 9000  # ms: it is noticed after 6 seconds, looked for every 3


class Line:
    """A port that leads to the server until it is cut: to a browser, that is a server that has gone away."""

    def __init__(self, to: int, port: int = 0) -> None:
        self.to = to
        self.door = socket.create_server(("127.0.0.1", port))
        self.port = self.door.getsockname()[1]
        self.ends: list[socket.socket] = []
        self.porter = threading.Thread(target=self._accept, daemon=True)
        self.porter.start()

    def _accept(self) -> None:
        with suppress(OSError):  # the door is closed
            while True:
                near = self.door.accept()[0]
                self.ends.append(near)
                far = socket.create_connection(("127.0.0.1", self.to))
                self.ends.append(far)
                for source, sink in ((near, far), (far, near)):
                    threading.Thread(target=self._carry, args=(source, sink), daemon=True).start()

    @staticmethod
    def _carry(source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):  # cut, or one side hung up
            while data := source.recv(1 << 16):
                sink.sendall(data)
        with suppress(OSError):
            sink.shutdown(socket.SHUT_WR)

    def cut(self) -> None:
        self._close(self.door)
        self.porter.join()  # nobody else comes in
        for end in self.ends:
            self._close(end)

    @staticmethod
    def _close(end: socket.socket) -> None:
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)  # wakes who waits for it
        end.close()


def test_a_lost_server_is_said_and_fetched_maps_stay(browser: Any, server: Server) -> None:
    line = Line(server.port)
    try:
        context = browser.new_context(viewport={"width": 1366, "height": 768}, locale="en-US")
        url = f"http://127.0.0.1:{line.port}/"
        visit = Visit(context.new_page(), url)
        visit.page.clock.install()
        visit.open()
        for step in ("conv1_1", "relu1_1", "conv1_2"):
            visit.go(step)
        visit.page.wait_for_load_state("networkidle")
    finally:
        line.cut()
    visit.press("ArrowLeft")
    visit.page.wait_for_selector(".fx[data-step=relu1_1]")
    visit.press("ArrowLeft")
    visit.page.wait_for_selector(".fx[data-step=conv1_1]")
    said = "t => document.querySelector('.fx-message:not([hidden]) p')?.textContent === t"
    visit.press("d")  # the cursor: field and window need no server
    assert visit.text(".fx-unit")
    assert visit.text(".fx-feeds small >> nth=1").strip()
    visit.press("Enter")
    visit.page.clock.run_for(SILENCE)
    visit.page.wait_for_selector(f".fx-held p:text-is({TEXTS['en']['error.connection']!r})")
    visit.press("Escape")
    visit.page.locator(".fx-view canvas").hover()
    visit.page.wait_for_function(said, arg=TEXTS["en"]["error.connection"])  # the probabilities were never fetched
    visit.page.locator(".fx-message button").click()
    visit.press("End")  # the labels, which are at hand
    visit.press("ArrowLeft")  # never fetched
    visit.page.wait_for_function(said, arg=TEXTS["en"]["error.connection"])
    visit.press("Home")
    visit.page.wait_for_selector(".fx[data-step=input]")
    visit.page.locator(".fx-message button").click()
    visit.page.locator(".fx-run").click()
    visit.page.clock.run_for(SILENCE)
    visit.page.wait_for_function(said, arg=TEXTS["en"]["error.connection"])
    assert visit.text(".fx-run").strip() == TEXTS["en"]["bar.run"]  # ready for another try
    assert "reconnection" not in visit.text("body")  # Gradio's own notice, in English on every page
    context.close()


def test_a_slow_answer_is_no_complaint(newcomer: Visit) -> None:
    """While the server is silent the page looks whether it is still there, and the console stays silent.

    A made clock is one of the whole browser profile: other visitors must not get it.
    """
    visit = newcomer
    visit.page.clock.install()
    visit.open()
    visit.page.route("**/gradio_api/queue/**", lambda route: None)  # the answer never comes
    seen = []
    visit.page.on("response", lambda r: seen.append(r.status) if r.url.endswith("/app_id") else None)
    visit.page.get_by_role("radio", name="FCN-16s", exact=True).click()
    visit.page.wait_for_selector(".fx[data-state=running]")
    visit.page.clock.run_for(SILENCE)
    visit.until(lambda: seen[:1] == [200])
    assert visit.page.locator(".fx-message").is_hidden()
    assert visit.complaints == []
