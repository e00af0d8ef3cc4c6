"""Lessons in a browser: every step is reached, asks, says what is measured, and points at something that is seen."""

from __future__ import annotations

import json
import os
import re

import pytest

from explorer.lessons import read
from explorer.ui.lessons import BUNDLED
from tests.e2e.conftest import Visit

LESSONS = {path.stem: path for path in sorted((BUNDLED / "en").glob("*.md"))}
SIZES = {"laptop": (1366, 768), "phone": (390, 844)}
WAYS = [  # of the four, two at each step: both languages and both sizes
    [("en", "laptop"), ("ko", "phone")],
    [("ko", "laptop"), ("en", "phone")],
]


def ways(number: int) -> list[tuple[str, str]]:
    """In which languages and sizes of the page a step is seen."""
    return WAYS[number % 2] if os.environ.get("CI") else [("en", "laptop")]


def reach(visit: Visit) -> None:
    visit.page.wait_for_selector(".fx-lesson[data-state=reached]")


def seen(visit: Visit, language: str, has_ring: bool) -> None:
    """The step in one language and size of the page: nothing is left open, and the ring is on the screen."""
    page = visit.page
    page.wait_for_selector(f".fx-languages [data-lang={language}][aria-checked=true]")
    visit.until(lambda: (re.search("[가-힣]", visit.text(".fx-lesson-body")) is not None) == (language == "ko"))
    page.wait_for_timeout(450)  # the ring follows what the page has moved
    reach(visit)
    text = visit.text(".fx-lesson-body")
    assert not re.search(r"[{}…]|undefined|NaN|null", text), text
    assert (re.search("[가-힣]", text) is not None) == (language == "ko"), text
    if has_ring:
        ring = page.locator(".fx-ring").bounding_box()
        strip = page.locator(".fx-lesson").bounding_box()
        assert ring, "the ring is not there"
        assert ring["width"] > 6
        assert ring["height"] > 6
        assert ring["y"] >= 0
        assert ring["y"] + ring["height"] <= strip["y"] + 2, "the ring lies under the text"
        assert ring["x"] + ring["width"] <= page.viewport_size["width"] + 1
    wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert wide <= 0, "the page scrolls sideways"


def answer(visit: Visit, kind: str, number: int) -> None:
    """Guess as a person does."""
    page = visit.page
    if kind == "choice":
        page.locator("button.fx-guessed").nth(number % page.locator("button.fx-guessed").count()).click()
    elif kind == "number":
        page.fill(".fx-guess input", "7")
        page.click(".fx-guess button")
    else:
        page.click(".fx-view canvas", position={"x": 40, "y": 40})


@pytest.mark.parametrize("key", LESSONS)
def test_every_step_is_reached(visit, key):
    lesson, _ = read(LESSONS[key], "en")
    page = visit.page
    visit.open(f"?lesson={key}")
    for number, step in enumerate(lesson.steps, 1):
        page.wait_for_selector(f".fx-lesson-dots [data-step='{number - 1}'][aria-current=step]")
        reach(visit)
        assert visit.text(".fx-lesson-say h2") == step.title
        if step.ask:
            assert step.ask.kind != "place" or not visit.text(".fx-explain").strip(), "a crop gives the place away"
            answer(visit, step.ask.kind, number)
            reach(visit)
            assert page.locator("button.fx-guessed, .fx-guess").count() == 0
            if step.ask.kind == "choice":
                assert page.locator(".fx-guess-right").count() == 1, "one answer is the measured one"
        for language, size in ways(number):
            page.set_viewport_size(dict(zip(("width", "height"), SIZES[size], strict=True)))
            page.click(f".fx-languages [data-lang={language}]")
            seen(visit, language, bool(step.ring))
        page.set_viewport_size({"width": 1366, "height": 768})
        page.click(".fx-languages [data-lang=en]")
        page.click(".fx-lesson-on")
    page.wait_for_selector(".fx-lessons[open]")
    kept = json.loads(page.evaluate("localStorage.getItem('fcn-unet-explorer.lessons')"))
    assert sorted(kept[key]) == list(range(len(lesson.steps)))


def test_a_class_is_led_by_keys_and_a_person_leaves_and_comes_back(visit):
    page = visit.open("?lesson=1-ten-minutes&at=4").page
    reach(visit)
    page.click(".fx-lesson-present")
    page.wait_for_selector(".fx-presenting.fx-classroom")
    least = page.evaluate(
        """() => Math.min(...[...document.querySelectorAll('.fx-lesson-body p')].map(
            (p) => parseFloat(getComputedStyle(p).fontSize)))"""
    )
    assert least >= 24
    page.keyboard.press("ArrowRight")
    page.wait_for_selector(".fx-lesson-dots [data-step='4'][aria-current=step]")
    page.keyboard.press("PageUp")
    page.wait_for_selector(".fx-lesson-dots [data-step='3'][aria-current=step]")
    page.keyboard.press("Escape")
    page.wait_for_selector(".fx:not(.fx-presenting):not(.fx-classroom)")
    reach(visit)
    before, step = visit.run, visit.step
    page.keyboard.press("l")
    page.wait_for_selector(".fx-lesson", state="hidden")
    assert (visit.run, visit.step) == (before, step)
    page.keyboard.press("ArrowRight")  # free again
    page.wait_for_function("s => document.querySelector('.fx').dataset.step !== s", arg=step)
    page.keyboard.press("l")
    reach(visit)
    assert visit.step == step


def test_a_class_sees_the_answer_on_demand(visit):
    lesson, _ = read(LESSONS["7-crop"], "en")
    at = next(i for i, step in enumerate(lesson.steps, 1) if step.ask)
    page = visit.open(f"?lesson=7-crop&at={at}").page
    reach(visit)
    page.click(".fx-lesson-present")
    assert page.locator(".fx-lesson-skip").count() == 1
    page.keyboard.press("PageDown")
    reach(visit)
    assert page.locator(".fx-lesson-skip").count() == 0
    assert page.get_attribute(f".fx-lesson-dots [data-step='{at - 1}']", "aria-current") == "step"
    page.keyboard.press("PageDown")
    page.wait_for_selector(f".fx-lesson-dots [data-step='{at}'][aria-current=step]")


def test_a_lesson_is_printed_one_page_a_step_with_pictures(visit):
    lesson, _ = read(LESSONS["7-crop"], "en")
    page = visit.open("?lesson=7-crop").page
    reach(visit)
    page.evaluate("() => { window.print = () => { window.printed = true } }")
    page.click(".fx-lesson-print")
    page.wait_for_function("() => window.printed")
    pages = page.locator(".fx-print-page")
    assert pages.count() == len(lesson.steps)
    for i, step in enumerate(lesson.steps):
        assert step.title in pages.nth(i).text_content()
        assert "…" not in pages.nth(i).text_content()
        assert pages.nth(i).locator("img, svg, table").count() > 0
    page.evaluate("() => window.dispatchEvent(new Event('afterprint'))")
    assert pages.count() == 0


def test_the_first_minute(newcomer):
    visit = newcomer
    page = visit.open().page
    assert visit.step == "input"
    row = page.locator(".fx-welcome")
    assert "FCN and U-Net Explorer" in row.inner_text()
    assert row.locator("kbd").inner_text() == "→"
    assert row.locator("[data-lesson]:visible").count() == 5
    assert row.bounding_box()["height"] <= 60
    page.keyboard.press("ArrowRight")
    page.wait_for_selector(".fx[data-step=conv1_1]")
    page.locator(".fx-mosaic canvas").click(position={"x": 30, "y": 30})
    page.wait_for_selector(".fx-hint-once:visible")
    page.keyboard.press("Escape")
    assert page.locator(".fx-hint-once").is_hidden()
    page.locator(".fx-mosaic canvas").click(position={"x": 60, "y": 60})
    page.wait_for_selector(".fx-holding")
    assert page.locator(".fx-hint-once").is_hidden()  # it was said
    row.locator(".fx-welcome-close").click()
    assert row.is_hidden()
    visit.reload()
    assert row.is_hidden()
    page.click(".fx-lessons-open")
    page.locator(".fx-lessons-list button").first.click()  # the second click
    reach(visit)
    assert visit.complaints == []


def test_an_address_carries_how_a_step_is_looked_at(visit):
    looked = "?step=pool3&channel=5&unit=5,10,12&order=activity&scale=layer&pins=pool2:3&shown=entropy"
    page = visit.open(looked).page
    page.wait_for_selector(".fx-holding")
    page.wait_for_function("() => location.search.includes('unit=')")
    page.wait_for_timeout(500)
    there = dict(part.split("=") for part in page.evaluate("location.search").removeprefix("?").split("&"))
    wanted = {"step": "pool3", "channel": "5", "unit": "5%2C10%2C12", "order": "activity", "scale": "layer"}
    assert {name: there.get(name) for name in wanted} == wanted
    assert there["pins"] == "pool2%3A3"
    assert there["shown"] == "entropy"
    shown = visit.text(".fx-unit")
    visit.open("?" + "&".join(f"{name}={value}" for name, value in there.items()))
    page.wait_for_function("text => document.querySelector('.fx-unit').innerText === text", arg=shown)
