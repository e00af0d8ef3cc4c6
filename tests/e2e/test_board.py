"""The segmenter's picture and its view: zoom, keys, fingers, address, accessibility."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.e2e.conftest import Visit
from tests.e2e.segmenting import EN, give, photo, run, segmenting


def test_zooming_and_moving_by_wheel_and_keys(visit: Visit) -> None:
    segmenting(visit)
    run(visit)
    canvas = visit.page.locator(".fx-board canvas")
    fitted = canvas.screenshot()
    box = canvas.bounding_box()
    visit.page.mouse.move(box["x"] + box["width"] * 0.4, box["y"] + box["height"] * 0.4)
    here = visit.text(".fx-here")
    visit.page.mouse.wheel(0, -600)
    visit.page.wait_for_timeout(200)
    assert canvas.screenshot() != fitted
    visit.page.mouse.move(box["x"] + box["width"] * 0.4 + 0.3, box["y"] + box["height"] * 0.4)
    places = [[int(n) for n in re.findall(r"\d+", text.split("(")[1])] for text in (here, visit.text(".fx-here"))]
    assert np.abs(np.subtract(*places)).max() <= 1  # the place under the pointer stays
    canvas.focus()
    visit.press("0")
    visit.press("ArrowRight")
    assert visit.text(".fx-here")
    assert visit.step is None or visit.page.get_attribute(".fx", "data-view") == "segment"  # arrows do not step here


def test_the_view_is_in_the_address_and_comes_back(visit: Visit) -> None:
    visit.open()
    visit.page.get_by_role("radio", name=EN["view.segment"]).click()
    visit.page.wait_for_selector(".fx-offers button")
    visit.page.wait_for_function("() => location.search.includes('view=segment')")
    visit.reload()
    visit.page.wait_for_selector(".fx-offers button")
    assert not visit.page.is_visible(".fx-main")
    visit.page.get_by_role("radio", name=EN["view.explore"]).click()
    visit.page.wait_for_selector(".fx-main .fx-mosaic canvas", state="visible")
    visit.page.wait_for_function("() => document.querySelector('.fx').dataset.step")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_views_are_accessible(visit: Visit, scheme: str) -> None:
    rules = {
        "runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]},
        "resultTypes": ["violations"],
    }
    segmenting(visit, f"&__theme={scheme}")
    run(visit)
    assert Axe().run(visit.page, ".fx", rules).response["violations"] == []
    visit.page.get_by_role("radio", name=EN["view.compare"]).click()
    assert Axe().run(visit.page, ".fx", rules).response["violations"] == []


def test_nothing_is_pushed_off_the_page_by_the_keyboard(visit: Visit, tmp_path: Path) -> None:
    segmenting(visit)
    give(visit, photo(tmp_path / "own.png"))
    run(visit)
    for _ in range(60):
        visit.press("Tab")
        assert visit.page.evaluate("() => document.querySelector('.fx').scrollTop") == 0


@pytest.mark.parametrize("visit", [{"viewport": {"width": 390, "height": 844}, "has_touch": True}], indirect=True)
def test_a_finger_on_the_picture_scrolls_the_page_until_it_is_enlarged(visit: Visit) -> None:
    segmenting(visit)
    touch = "() => document.querySelector('.fx-board canvas').style.touchAction"
    visit.page.wait_for_function(f"() => ({touch})() === 'pan-y'")
    visit.page.locator(".fx-zoom-in").click()
    visit.page.wait_for_function(f"() => ({touch})() === 'none'")


def test_the_keys_of_the_view_are_listed(visit: Visit) -> None:
    segmenting(visit)
    visit.press("?")
    assert EN["keys.zoom"] in visit.text(".fx-keys")
    assert EN["keys.play"] not in visit.text(".fx-keys")
    visit.press("Escape")
    visit.page.locator(".fx-sheet .fx-help").click()
    assert visit.page.locator(".fx-keys").is_visible()
