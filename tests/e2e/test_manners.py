"""Small things that a person would trip over: each was found by using the page."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from explorer.figures.palettes import DIVERGING
from explorer.ui.i18n import TEXTS
from tests.e2e.conftest import Visit
from tests.e2e.test_layer import of_page

EN = TEXTS["en"]


def unit_at(visit: Visit) -> tuple[int, int]:
    return tuple(map(int, re.search(r"\((\d+), (\d+)\)", visit.text(".fx-held h3")).groups()))


def hold(visit: Visit, across: float = 0.31, down: float = 0.42) -> tuple[int, int]:
    box = visit.page.locator(".fx-mosaic canvas").bounding_box()
    visit.page.mouse.click(box["x"] + across * box["width"], box["y"] + down * box["height"])
    visit.page.wait_for_selector(".fx-holding")
    return unit_at(visit)


def test_zero_stays_white_when_a_signed_scale_is_kept(visit: Visit) -> None:
    visit.open().go("conv1_1")
    visit.page.get_by_role("radio", name=EN["maps.scale.fixed"]).click()
    visit.press("ArrowRight")
    visit.page.wait_for_selector(".fx[data-step=relu1_1]")
    run, _ = of_page(visit)
    assert float((run["relu1_1"].value == 0).float().mean()) > 0.2
    shown = visit.pixels(".fx-mosaic canvas")
    assert (shown.min(-1) > 240).mean() > 0.1  # the middle of the diverging map, and not of the sequential one


def test_a_large_channel_follows_colours_and_steps(visit: Visit) -> None:
    def coloured() -> np.ndarray:
        """How far from grey the pixels are."""
        return np.ptp(visit.pixels(".fx-mosaic canvas").astype(int), axis=-1)

    visit.open().go("relu1_1")
    visit.press("d")
    visit.press("c")
    visit.page.wait_for_function("t => !document.querySelector('.fx-reduced').textContent.includes(t)", arg="mean of")
    assert (coloured() > 60).mean() > 0.1
    visit.page.select_option(".fx-colours select", "gray")
    assert (coloured() > 2).mean() < 0.01  # but for the mark at the cursor
    visit.press("ArrowLeft")
    visit.page.wait_for_selector(".fx[data-step=conv1_1]")
    visit.page.wait_for_function("t => !document.querySelector('.fx-reduced').textContent.includes(t)", arg="mean of")
    colours = visit.page.locator(".fx-colours select")
    assert colours.is_disabled()  # a signed map has its own colours
    assert (colours.input_value(), colours.get_attribute("title")) == (DIVERGING, EN["maps.colours.signed"])


def test_the_held_unit_stays_the_same_before_and_after_a_crop(visit: Visit) -> None:
    visit.open().go("crop_pool3")
    row, column = hold(visit, 0.58, 0.42)
    visit.page.get_by_role("radio", name=EN["maps.crop.after"], exact=True).click()
    visit.page.wait_for_function("() => document.querySelector('.fx-held h3').textContent.includes('crop_pool3')")
    assert unit_at(visit) == (row - 9, column - 9)
    assert EN["feeds.unit"].format(row=row, column=column) in visit.text(".fx-feeds")


def test_the_held_units_window_outlives_another_order(visit: Visit) -> None:
    visit.open().go("conv2_1")
    hold(visit)
    visit.page.wait_for_selector(".fx-shares li")
    before = visit.text(".fx-feeds")
    assert "rows" in before
    visit.page.select_option(".fx-sort select", "activity")
    assert visit.text(".fx-feeds") == before


def test_shares_add_up_to_the_products(visit: Visit) -> None:
    visit.open().go("conv3_2")
    hold(visit, 0.505, 0.52)
    visit.page.wait_for_selector(".fx-shares li")
    sums = [float(t.replace("−", "-").replace(",", "")) for t in visit.page.locator(".fx-shares b").all_inner_texts()]
    said = visit.text(".fx-held").replace("−", "-").replace(",", "")
    products, bias, value = map(float, re.search(r"add up to (\S+); with the bias of (\S+): (\S+)\.", said).groups())
    assert sum(sums) == pytest.approx(products, abs=1e-5)
    assert products + bias == pytest.approx(value, abs=1e-5)


def test_a_sum_of_two_maps_is_said_as_one(visit: Visit) -> None:
    visit.open().go("fuse_pool3")
    hold(visit)
    visit.page.wait_for_function("() => document.querySelector('.fx-held').textContent.includes('(crop_pool3)')")
    said = visit.text(".fx-held").replace("−", "-")
    found = re.search(r"(\S+) \(upscore_pool4\) \+ \(?([-\d.]+)\)? \(crop_pool3\) = (\S+)", said)
    a, b, value = map(float, found.groups())
    assert a + b == pytest.approx(value, abs=1e-5)


def test_components_have_no_channel_of_their_own(visit: Visit) -> None:
    visit.open().go("pool3")
    visit.page.locator(".fx-rgb").click()
    visit.page.wait_for_function("() => /variance/.test(document.querySelector('.fx-reduced').textContent)")
    box = visit.page.locator(".fx-mosaic canvas").bounding_box()
    visit.page.mouse.move(box["x"] + 50, box["y"] + 50)
    assert visit.text(".fx-unit").startswith(EN["unit.place"].split("{")[0])
    visit.page.mouse.click(box["x"] + 50, box["y"] + 50)
    assert visit.page.locator(".fx-holding").count() == 0


def test_quick_steps_keep_the_place(visit: Visit) -> None:
    visit.open().go("fuse_pool3")
    visit.press("d")
    for _ in range(3):
        visit.press("Shift+D")
    place = re.search(r"columns (\d+)–(\d+)", visit.text(".fx-unit")).groups()
    for _ in range(8):
        visit.press("u")  # faster than maps that were never fetched can come
    visit.page.wait_for_selector(".fx[data-step='score_fr']")  # the count is there before the maps are
    seen = re.search(r"columns (\d+)–(\d+)", visit.text(".fx-unit")).groups()
    middle = [sum(map(int, ends)) / 2 for ends in (place, seen)]
    assert middle[0] == pytest.approx(middle[1], abs=40)  # within a unit of jump 32, clipped at the border


def test_escape_closes_a_dialog_and_nothing_else(visit: Visit) -> None:
    visit.open()
    hold(visit)
    visit.press("?")
    visit.page.wait_for_selector(".fx-keys[open]")
    visit.press("Escape")
    visit.page.wait_for_selector(".fx-keys:not([open])", state="attached")
    assert visit.page.locator(".fx-holding").count() == 1


@pytest.mark.parametrize(("key", "code"), [("ㅐ", "KeyO"), ("O", "KeyO"), ("Process", "KeyO")])
def test_letters_are_keys_whatever_they_write(visit: Visit, key: str, code: str) -> None:
    visit.open().go("pool3")
    visit.page.evaluate(
        "([key, code]) => document.dispatchEvent(new KeyboardEvent('keydown', {key, code, bubbles: true}))", [key, code]
    )
    visit.page.wait_for_selector(".fx[data-step=conv4_1]")


@pytest.mark.parametrize("visit", [{"viewport": {"width": 390, "height": 844}, "has_touch": True}], indirect=True)
def test_a_tap_asks_what_lies_there(visit: Visit) -> None:
    visit.open()
    visit.page.locator(".fx-view canvas").tap(position={"x": 150, "y": 90})
    visit.page.wait_for_selector(".fx-chances li:visible")
    assert visit.text(".fx-under").startswith("row ")
    visit.page.locator(".fx-mosaic canvas").tap(position={"x": 40, "y": 40})
    assert "channel" in visit.text(".fx-unit")
    visit.page.wait_for_selector(".fx-holding")


def test_the_bars_go_with_the_focus(visit: Visit) -> None:
    visit.open("?step=pool1")
    visit.page.locator(".fx-view canvas").focus()
    visit.press("w")
    visit.page.wait_for_selector(".fx-chances li:visible")
    visit.press("Tab")
    assert not visit.page.is_visible(".fx-chances")
    assert visit.page.is_visible(".fx-feeds")


def test_space_plays_after_a_click_on_a_step_and_the_focus_follows_in_the_map(visit: Visit) -> None:
    visit.open()
    visit.page.locator(".fx-next").click()
    at = visit.step
    visit.press("Space")
    visit.page.wait_for_selector(".fx-play[aria-pressed=true]")
    visit.press("Space")
    visit.page.wait_for_selector(".fx-play[aria-pressed=false]")
    assert at
    visit.page.locator(".fx-net button[aria-current]").focus()
    visit.press("ArrowRight")
    focused: Any = visit.page.evaluate(
        "() => document.activeElement === document.querySelector('.fx-net button[aria-current]')"
    )
    assert focused


def test_units_that_meet_stay_drawn_while_one_is_held(visit: Visit) -> None:
    visit.open().choose("U-Net").go("concat_u1b")
    hold(visit)
    visit.page.mouse.move(2, 2)
    skip = np.abs(visit.pixels(".fx-view canvas").astype(int) - [0xCC, 0x79, 0xA7]).max(-1) == 0
    assert skip.sum() > 15
    assert "stand 0 input pixels apart" in visit.text(".fx-grids")


def test_the_slider_has_a_tick_for_every_step(visit: Visit) -> None:
    visit.open()
    total = int(visit.text(".fx-count").split(" / ")[1])
    assert visit.page.locator(".fx-arcs .fx-tick").count() == total


def test_the_statistics_are_the_runs(visit: Visit) -> None:
    visit.open().go("relu3_1")
    run, _ = of_page(visit)
    value = run["relu3_1"].value
    said = re.findall(r"-?[\d.]+", visit.text(".fx-statistics").replace("−", "-").rstrip("."))
    low, high, mean, std, zeros = map(float, (n.rstrip(".") for n in said[:5]))
    assert low == 0
    assert high == pytest.approx(float(value.max()), rel=0.01)
    assert mean == pytest.approx(float(value.mean()), rel=0.01)
    assert std == pytest.approx(float(value.std(correction=0)), rel=0.01)
    assert zeros == pytest.approx(100 * float((value == 0).float().mean()), abs=0.06)


@pytest.mark.parametrize("visit", [{"locale": "en-US"}, {"locale": "ko-KR"}], indirect=True)
def test_no_tool_sticks_out_of_its_panel(visit: Visit) -> None:
    """The images' tools are widest where a margin of 100 pixels can be looked at."""
    visit.open()
    assert visit.page.locator(".fx-margin").is_visible()
    for width in (390, 920, 1200, 1280, 1340, 1366, 1440, 1920):
        visit.page.set_viewport_size({"width": width, "height": 768})
        visit.page.wait_for_timeout(200)
        out = visit.page.evaluate(
            """() => {
                const right = (element) => element.getBoundingClientRect().right;
                return [...document.querySelectorAll('section .fx-tools *')]
                    .filter((e) => e.checkVisibility() && !e.closest('option'))
                    .filter((e) => right(e) > right(e.closest('section')))
                    .map((e) => e.className || e.textContent);
            }"""
        )
        assert out == [], width
