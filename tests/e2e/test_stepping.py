"""Stepping is never lost: keys after the pointer, a unit that stays held, channels that are carried and let go."""

from __future__ import annotations

import re
from itertools import pairwise

from tests.e2e.conftest import Visit
from tests.e2e.test_still import hold


def steps_on(visit: Visit) -> None:
    """The key → goes one step further, and ← back."""
    at = int(visit.text(".fx-count").split(" / ")[0])
    visit.press("ArrowRight")
    visit.until(lambda: visit.text(".fx-count").startswith(f"{at + 1} / "))
    visit.press("ArrowLeft")
    visit.until(lambda: visit.text(".fx-count").startswith(f"{at} / "))


POINTED = {
    "slider": ".fx-opacity input",
    "menu": ".fx-sort select",
    "weights": ".fx-weights select",
    "button": ".fx-rgb",
    "radio": ".fx-scale [data-scale=layer]",
    "frame": ".fx-frame [data-frame=resized]",
    "network": ".fx-net button:has(b:text-is('pool2'))",
    "fold": ".fx-fold",
    "play": ".fx-next",
    "class": ".fx-legend button",
}


def test_keys_step_after_the_pointer_used_a_control(visit: Visit) -> None:
    visit.open()
    for name, control in POINTED.items():
        where = visit.page.locator(control).first
        where.click()
        if "select" in control:
            visit.press("Escape")  # closes the list
        value = where.evaluate("e => e.value")
        steps_on(visit)
        assert where.evaluate("e => e.value") == value, name


def test_a_control_that_tab_went_to_keeps_its_arrows(visit: Visit) -> None:
    visit.open()
    visit.page.locator(".fx-shown select").focus()
    visit.press("Tab")
    assert visit.page.evaluate("() => document.activeElement.matches('.fx-opacity input')")
    step, value = visit.step, visit.page.locator(".fx-opacity input").input_value()
    visit.press("ArrowRight")
    assert int(visit.page.locator(".fx-opacity input").input_value()) == int(value) + 1
    assert visit.step == step


def test_by_blocks_one_steps_by_blocks(visit: Visit) -> None:
    visit.open()
    visit.page.locator("[data-grain=blocks]").click()
    visit.press("Home")
    visit.page.wait_for_selector(".fx[data-step=input]")
    buttons = visit.page.locator(".fx-net button")
    stops = {int(n) for n in buttons.evaluate_all("all => all.map((b) => b.dataset.step)")}
    seen = [int(visit.text(".fx-count").split(" / ")[0]) - 1]
    for _ in range(len(stops) - 1):
        visit.press("ArrowRight")
        visit.until(lambda: int(visit.text(".fx-count").split(" / ")[0]) - 1 != seen[-1])
        seen.append(int(visit.text(".fx-count").split(" / ")[0]) - 1)
    assert seen == sorted(stops)
    visit.press("ArrowLeft")
    visit.until(lambda: int(visit.text(".fx-count").split(" / ")[0]) - 1 == seen[-2])


def title(visit: Visit) -> str:
    return visit.text(".fx-held h3")


def channel(visit: Visit) -> int:
    return int(re.search(r"channel (\d+)", title(visit))[1])


def test_a_held_unit_is_carried_through_a_skip_into_the_concatenation_and_back(visit: Visit) -> None:
    visit.open().choose("U-Net").go("relu_d3c")
    hold(visit, 0.53, 0.53)
    held = channel(visit)
    row, column = (int(n) for n in re.search(r"\((\d+), (\d+)\)", title(visit)).groups())
    first = visit.page.evaluate("() => document.querySelectorAll('.fx-net button').length")
    assert first
    visit.go("crop_d3c")
    assert f"relu_d3c · channel {held} · ({row}, {column})" == title(visit)
    assert f"keeps this unit, as unit ({row - 4}, {column - 4})" in visit.text(".fx-held")
    visit.cut()
    visit.until(lambda: title(visit) == f"crop_d3c · channel {held} · ({row - 4}, {column - 4})")
    visit.go("concat_u3b")
    half = int(re.search(r"(\d+) channels", visit.text(".fx-words"))[1])
    assert title(visit) == f"concat_u3b · channel {half + held} · ({row - 4}, {column - 4})"
    visit.go("pool_d3c")
    assert channel(visit) == held
    visit.go("upconv_u3a")  # its channels are others
    assert title(visit) == f"upconv_u3a · ({row - 4}, {column - 4})"
    assert f"Channel {held} of relu_d3c has no counterpart in upconv_u3a" in visit.text(".fx-held")
    visit.go("relu_d3c")
    assert title(visit) == f"relu_d3c · channel {held} · ({row}, {column})"
    visit.press("Escape")
    assert not visit.page.locator(".fx-held").is_visible()


def test_a_unit_in_the_dropped_strip_says_so(visit: Visit) -> None:
    visit.open().go("crop_pool4")
    hold(visit, 0.003, 0.04)
    assert "crop_pool4 drops this unit" in visit.text(".fx-held")
    visit.go("fuse_pool4")
    assert "lies outside fuse_pool4" in visit.text(".fx-held")
    visit.go("score_pool4")
    visit.until(lambda: "value" in visit.text(".fx-held"))


def test_hover_and_hold_name_the_same_value(visit: Visit) -> None:
    """What the pointer reads from 8 bits is the held value, rounded; a mosaic that averages says so."""
    visit.open("?padding=same").go("score_fr")
    box = visit.page.locator(".fx-mosaic canvas").bounding_box()
    visit.page.mouse.move(box["x"] + 0.05 * box["width"], box["y"] + 0.15 * box["height"])
    near = re.search(r"= ([−\d.]+)", visit.text(".fx-unit"))[1].replace("−", "-")
    assert "≈" not in visit.text(".fx-unit")
    visit.page.mouse.down()
    visit.page.mouse.up()
    visit.until(lambda: "value" in visit.text(".fx-held"))
    exact = re.search(r"value ([−\d.]+)", visit.text(".fx-held"))[1].replace("−", "-")
    decimals = len(near.partition(".")[2])
    assert abs(float(near) - float(exact)) <= 1.01 * 10**-decimals
    visit.press("Escape")
    visit.go("conv1_1")
    visit.page.mouse.move(box["x"] + 0.06 * box["width"], box["y"] + 0.12 * box["height"])
    assert re.search(r"≈ [−\d.]+, the mean of (\d) × \1 units", visit.text(".fx-unit"))


def test_a_name_explains_itself_at_the_pointer(visit: Visit) -> None:
    visit.open().choose("U-Net").go("conv_d2a_b")
    told = "level 2, contracting path, convolution 1 of 2"
    assert visit.page.locator(".fx-step-name").get_attribute("title") == told
    button = visit.page.locator(".fx-list button:has(b:text-is('conv_d2a_b'))")
    assert told in button.get_attribute("title")


def test_a_concatenation_shows_its_two_halves_in_one_scale(visit: Visit) -> None:
    visit.open().choose("U-Net").go("concat_u3b")
    assert visit.page.locator(".fx-scale [data-scale=layer]").get_attribute("aria-checked") == "true"
    strips = visit.page.evaluate(
        """() => { const c = document.querySelector('.fx-mosaic canvas');
        const { data } = c.getContext('2d').getImageData(0, 0, c.width, c.height);
        const dark = (y) => Array.from({ length: c.width }, (_, x) => 4 * (y * c.width + x))
            .filter((i) => data[i + 3] === 255 && data[i] < 40 && data[i + 1] < 40 && data[i + 2] < 40).length;
        return Array.from({ length: c.height }, (_, y) => y).filter((y) => dark(y) > 0.7 * c.width) }"""
    )
    assert strips[0] == 0
    assert max(b - a for a, b in pairwise(strips)) > 100  # a name over each half
    low, high = (visit.text(name).replace("−", "-") for name in (".fx-low", ".fx-high"))
    assert float(low) == -float(high)
    visit.go("relu_d3c")
    assert visit.page.locator(".fx-scale [data-scale=channel]").get_attribute("aria-checked") == "true"
    visit.go("conv_d3b_c")  # signed, each channel by itself: the ends that hold all of them
    assert re.match(r"≥ −[\d.]+$", visit.text(".fx-low"))
    assert re.match(r"≤ [\d.]+$", visit.text(".fx-high"))


def test_no_mark_covers_the_name_of_a_class(visit: Visit) -> None:
    visit.open("?padding=same").go("score_fr")
    before = visit.pixels(".fx-mosaic canvas")[:14]
    box = visit.page.locator(".fx-mosaic canvas").bounding_box()
    visit.page.mouse.click(box["x"] + 10, box["y"] + 16)  # the first row of units, under the name
    visit.page.wait_for_selector(".fx-holding")
    assert (visit.pixels(".fx-mosaic canvas")[:14] == before).all()
