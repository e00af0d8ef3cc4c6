"""The server goes away while a person explores: what was fetched stays usable, and the page says what happened."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from explorer.ui.i18n import TEXTS
from tests.e2e.conftest import Server, Visit


def test_a_lost_server_is_said_and_fetched_maps_stay(browser: Any, tmp_path: Path) -> None:
    server = Server(tmp_path / "log.txt")
    try:
        context = browser.new_context(viewport={"width": 1366, "height": 768}, locale="en-US")
        visit = Visit(context.new_page(), server.url).open()
        for step in ("conv1_1", "relu1_1", "conv1_2"):
            visit.go(step)
        visit.page.wait_for_load_state("networkidle")
    finally:
        server.stop()
    visit.press("ArrowLeft")
    visit.page.wait_for_selector(".fx[data-step=relu1_1]")
    visit.press("ArrowLeft")
    visit.page.wait_for_selector(".fx[data-step=conv1_1]")
    said = "t => document.querySelector('.fx-message:not([hidden]) p')?.textContent === t"
    visit.press("d")  # the cursor: field and window need no server
    assert visit.text(".fx-unit")
    assert visit.text(".fx-feeds small >> nth=1").strip()
    visit.press("Enter")
    visit.page.wait_for_selector(f".fx-held p:text-is({TEXTS['en']['error.connection']!r})")
    visit.press("Escape")
    visit.page.locator(".fx-view canvas").hover()
    visit.page.wait_for_function(said, arg=TEXTS["en"]["error.connection"])  # the probabilities were never fetched
    visit.page.locator(".fx-message button").click()
    visit.press("End")  # never fetched
    visit.page.wait_for_function(said, arg=TEXTS["en"]["error.connection"])
    visit.press("Home")
    visit.page.wait_for_selector(".fx[data-step=input]")
    visit.page.locator(".fx-message button").click()
    visit.page.locator(".fx-run").click()
    visit.page.wait_for_function(said, arg=TEXTS["en"]["error.connection"])
    assert visit.text(".fx-run").strip() == TEXTS["en"]["bar.run"]  # ready for another try
    assert "reconnection" not in visit.text("body")  # Gradio's own notice, in English on every page
    context.close()


def test_a_slow_answer_is_no_complaint(visit: Visit) -> None:
    """While the server is silent the page looks whether it is still there, and the console stays silent."""
    visit.open()
    visit.page.route("**/gradio_api/queue/**", lambda route: None)  # the answer never comes
    seen = []
    visit.page.on("response", lambda r: seen.append(r.status) if r.request.method == "HEAD" else None)
    visit.page.get_by_role("radio", name="FCN-16s", exact=True).click()
    visit.page.wait_for_timeout(9000)  # silence is noticed after 6 seconds, looked for every 3
    assert seen[:1] == [200]
    assert visit.page.locator(".fx-message").is_hidden()
