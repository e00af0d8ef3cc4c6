"""The network drawn as a list: what it says of its layers can be read, also where there is little room."""

from __future__ import annotations

from tests.e2e.conftest import Visit

OVERLAPS = """() => { const boxes = (s) => [...document.querySelectorAll(s)].map((e) => e.getBoundingClientRect());
    return boxes('.fx-net text').filter((a) => boxes('.fx-net .fx-label').some((b) =>
        a.left < b.right && b.left < a.right && a.top + 1 < b.bottom && b.top < a.bottom - 1)).length }"""


def test_names_in_the_list_are_told_apart_and_cover_nothing(visit: Visit) -> None:
    visit.open("?padding=same")
    pane = visit.page.locator(".fx-net").bounding_box()
    for name in ("crop_upscore2", "crop_upscore_pool4"):
        end, right = visit.page.locator(f".fx-net button[title^='{name} '] b").evaluate(
            """(b) => { const last = b.lastChild, range = document.createRange();
            range.selectNodeContents(last);
            return [last.textContent, range.getBoundingClientRect().right] }"""
        )
        assert name.endswith(end)
        assert right <= pane["x"] + pane["width"]  # whatever is left out, it is not the end
    assert visit.page.evaluate(OVERLAPS) == 0
    visit.page.locator(".fx-grain [data-grain=blocks]").click()
    assert visit.page.locator(".fx-net small:visible").count() > 0  # with their sizes
    assert visit.page.evaluate(OVERLAPS) == 0
