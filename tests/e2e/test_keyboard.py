"""Everything by keyboard, for screen readers, and under a storm of keys and pointer moves."""

from __future__ import annotations

import random
import re
from math import floor, log10
from typing import Any

import pytest

from explorer.ui.i18n import TEXTS
from tests.e2e.conftest import Visit
from tests.e2e.test_layer import of_page

EN = TEXTS["en"]
KEYS = (
    *["ArrowRight", "ArrowLeft", "ArrowUp", "ArrowDown", "Home", "End", "u", "o"],
    *["w", "a", "s", "d", "Shift+W", "Shift+A", "Shift+S", "Shift+D", ",", ".", "c", "p", "Enter", "Escape", "Tab"],
    *["Shift+Tab", "Space", "?"],
)


def unit(visit: Visit) -> tuple[int, int, int]:
    """Channel, row and column that the read-out names."""
    return tuple(map(int, re.search(r"channel (\d+), .*?\((\d+), (\d+)\)", visit.text(".fx-unit")).groups()))


def test_the_unit_cursor_moves_by_keys_and_is_spoken(visit: Visit) -> None:
    visit.open().go("pool4")
    run, _ = of_page(visit)
    _, _, height, width = run["pool4"].shape
    visit.press("d")
    assert unit(visit) == (0, height // 2, width // 2)  # it starts in the middle
    visit.press("d")
    visit.press("w")
    visit.press(".")
    assert unit(visit) == (1, height // 2 - 1, width // 2 + 1)
    assert visit.text(".fx-said") == visit.text(".fx-unit")
    for _ in range(9):
        visit.press("Shift+A")
    assert unit(visit) == (1, height // 2 - 1, 0)  # it stops at the edge
    shown = float(re.search(r"= (−?[\d.]+)", visit.text(".fx-unit"))[1].replace("−", "-"))
    channel = run["pool4"].value[0, 1]
    step = float(channel.max() - channel.min()) / 255  # of the 8-bit code
    digit = 10 ** floor(log10(step))  # the last one shown
    assert shown == pytest.approx(float(channel[height // 2 - 1, 0]), abs=(step + 10 * digit) / 2)
    visit.press("Enter")
    visit.page.wait_for_selector(".fx-holding")
    assert visit.text(".fx-held h3") == EN["held.title"].format(step="pool4", channel=1, row=height // 2 - 1, column=0)
    visit.press("d")  # the held unit moves along
    assert f"({height // 2 - 1}, 1)" in visit.text(".fx-held h3")
    assert unit(visit) == (1, height // 2 - 1, 1)  # and so does what is read and spoken of it
    assert f"({height // 2 - 1}, 1)" in visit.text(".fx-said")
    visit.press("Enter")
    assert visit.page.locator(".fx-holding").count() == 0
    visit.press("c")
    assert EN["maps.channel"].format(channel=1) in visit.text(".fx-channel")
    visit.press("p")
    assert visit.page.locator(".fx-pins li").count() == 1
    visit.press("c")
    assert not visit.page.is_visible(".fx-channel")


def test_the_pixel_cursor_moves_in_the_picture(visit: Visit) -> None:
    visit.open()
    _, done = of_page(visit)
    height, width = done.labels.shape
    visit.page.get_by_role("radio", name=EN["picture.resized"]).click()
    visit.page.locator(".fx-view canvas").focus()
    visit.press("s")
    row, column = height // 2, width // 2
    assert visit.text(".fx-under").startswith(f"row {row}, column {column}:")
    visit.press("Shift+D")
    visit.page.wait_for_selector(".fx-chances li:visible")
    label = done.labels[row, column + 8]
    assert visit.text(".fx-under").startswith(f"row {row}, column {column + 8}:")
    assert visit.page.locator(f".fx-legend button[data-index='{label}'] span").inner_text() in visit.text(".fx-said")


def test_the_keys_are_listed(visit: Visit) -> None:
    visit.open()
    visit.press("?")
    said = visit.text(".fx-keys[open]")
    of_views = {f"keys.{name}" for name in ("zoom", "fit", "point", "ten", "views", "labs")}
    of_steps = {key for key in EN if key.startswith("keys.")} - {"keys.title", "keys.help"} - of_views
    assert [key for key in of_steps if EN[key] not in said] == []
    assert [key for key in of_views if EN[key] in said] == []
    visit.press("Escape")
    assert not visit.page.is_visible(".fx-keys")
    visit.page.locator(".fx-steps .fx-help").click()
    assert visit.page.is_visible(".fx-keys")


@pytest.mark.parametrize(
    ("theme", "visit"),
    [("light", {"locale": "en-US"}), ("dark", {"viewport": {"width": 390, "height": 844}, "locale": "ko-KR"})],
    indirect=["visit"],
)
def test_names_roles_and_contrast_hold(visit: Visit, theme: str) -> None:
    """axe-core's rules for WCAG 2.1 A and AA, on the page, with a unit held, and in each dialog."""
    from axe_playwright_python.sync_playwright import Axe

    visit.open(f"?__theme={theme}&step=crop_pool4")

    def problems() -> list[tuple[str, list[Any]]]:
        rules = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"], "resultTypes": ["violations"]}
        found = Axe().run(visit.page, ".fx", rules).response["violations"]
        return [(v["id"], [(n["target"], n["failureSummary"][:200]) for n in v["nodes"]]) for v in found]

    assert problems() == []
    visit.press("d")
    visit.press("Enter")
    visit.page.wait_for_selector(".fx-shares li")
    assert problems() == []
    visit.press("Escape")
    dialogs = {".fx-figure-open": ".fx-figure", ".fx-steps .fx-help": ".fx-keys", ".fx-image": ".fx-sources"}
    for opener, dialog in dialogs.items():
        visit.page.locator(opener).click()
        assert problems() == []
        visit.page.locator(f"{dialog} form button").click()


def test_everything_is_reached_by_tab_and_shows_where_the_focus_is(visit: Visit) -> None:
    visit.open()
    seen: dict[int, str] = {}
    hidden = []
    for _ in range(80):
        visit.press("Tab")
        place, name, ring, ours = visit.page.evaluate(
            """() => { const e = document.activeElement, s = getComputedStyle(e);
            return [[...document.querySelectorAll('*')].indexOf(e), e.className || e.tagName,
                s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) >= 1, e.closest('.fx') !== null] }"""
        )
        if place in seen:
            break
        seen[place] = name
        if ours and not ring:
            hidden.append(name)
    assert hidden == []
    for part in ("fx-image", "fx-run", "fx-theme", "fx-play", "fx-help", "fx-figure-open"):
        assert any(part in name for name in seen.values()), part


@pytest.mark.parametrize("visit", [{"reduced_motion": "reduce"}], indirect=True)
def test_nothing_moves_by_itself_when_less_motion_is_wished(visit: Visit) -> None:
    visit.open()
    moving = visit.page.evaluate(
        """() => [...document.querySelectorAll('.fx *')].map((e) => getComputedStyle(e))
        .filter((s) => s.animationName !== 'none' || s.transitionProperty !== 'none'
            && s.transitionDuration.split(', ').some((d) => parseFloat(d) > 0)).length"""
    )
    assert moving == 0


@pytest.mark.parametrize("query", ["", "?model=unet"])
def test_keys_and_moves_at_random_leave_no_error(visit: Visit, query: str) -> None:
    """The fixture asserts that the console stayed silent."""
    visit.open(query)
    rng = random.Random(20151118)
    for _ in range(100):
        if rng.random() < 0.6:
            visit.press(rng.choice(KEYS))
            if visit.page.evaluate("() => Boolean(document.querySelector('dialog[open]'))"):
                visit.press("Escape")
        else:
            visit.page.mouse.move(rng.randrange(1366), rng.randrange(60, 768))
            if rng.random() < 0.2:
                visit.page.mouse.click(rng.randrange(300, 1340), rng.randrange(240, 700))
    visit.press("Escape")
    visit.press("Home")
    visit.page.wait_for_selector(".fx[data-step=input]")
    visit.press("ArrowRight")
    assert visit.step != "input"  # it still answers
