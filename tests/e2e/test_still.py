"""Nothing moves while one steps, maps get the room, and what answers is in view."""

from __future__ import annotations

import random
import re
from typing import Any

import pytest

from tests.e2e.conftest import Visit

NETWORKS = ("FCN-32s", "FCN-16s", "FCN-8s", "U-Net")
WALKED = {"en": NETWORKS, "ko": NETWORKS[2:]}  # FCN-8s has the others' steps
SIZES = ((1024, 768), (1366, 768), (1920, 1080))
SHOWN = [((1366, 768), "en"), *((size, "ko") for size in SIZES)]  # Korean lines are the longer ones
# where every pane, every row of a pane and every tool lies; the button of a channel names it, and is as wide as that
PLACES = """() => Object.fromEntries([...document.querySelectorAll(`.fx-bar, .fx-bar > *, .fx-main > *, .fx-maps > *,
    .fx-tools > *, .fx-channel-tools > *, .fx-picture > *, .fx-view canvas, .fx-steps, .fx-steps > *`)].map(
    (element, i) => {
        const { x, y, width, height } = element.getBoundingClientRect();
        const isFree = element.matches('.fx-pins, .fx-colours, .fx-colourbar'); // as long as their words
        return [`${i} ${element.className.baseVal ?? element.classList[0]}`, isFree ? '' : `${[x, y, width, height]}`];
    }
))"""
# steps to the end, and names what lies elsewhere than at the first step; of the maps the upper edge
MOVED = f"""async () => {{
    const places = {PLACES};
    const all = () => ({{ ...places(), top: document.querySelector('.fx-mosaic canvas').getBoundingClientRect().y }});
    const [stage, count] = ['.fx', '.fx-count'].map((name) => document.querySelector(name)), first = all(), moved = [];
    const [, total] = count.textContent.split(' / ').map(Number);
    for (let at = 2; at <= total; at++) {{
        const before = stage.dataset.step;
        document.body.dispatchEvent(new KeyboardEvent('keydown', {{ key: 'ArrowRight', bubbles: true }}));
        while (stage.dataset.step === before) await new Promise((done) => setTimeout(done, 4));
        const now = all();
        const others = Object.keys(now).filter((name) => now[name] !== first[name]);
        moved.push(...others.map((name) => [stage.dataset.step, name, first[name], now[name]]));
    }}
    return [total, moved];
}}"""
SHARE = """() => { const { width, height } = document.querySelector('.fx-mosaic').getBoundingClientRect();
    return (width * height) / (innerWidth * innerHeight) }"""


def turn_to(visit: Visit, network: str) -> None:
    if visit.page.get_by_role("radio", name=network, exact=True).get_attribute("aria-checked") != "true":
        visit.choose(network)


def hold(visit: Visit, x: float = 0.5, y: float = 0.5) -> None:
    """Click a unit near a place of the maps, in shares of them: below it where there is none, as between two tiles."""
    box = visit.page.locator(".fx-mosaic canvas").bounding_box()
    for down in range(0, 120, 3):
        at = box["x"] + x * box["width"], box["y"] + y * box["height"] + down
        visit.page.mouse.move(*at)
        if visit.text(".fx-unit"):
            visit.page.mouse.click(*at)
            break
    visit.page.wait_for_selector(".fx-holding")


@pytest.mark.parametrize(
    ("visit", "lang"),
    [({"viewport": {"width": width, "height": height}}, lang) for (width, height), lang in SHOWN],
    ids=[f"{width}-{lang}" for (width, _), lang in SHOWN],
    indirect=["visit"],
)
def test_no_pane_moves_by_a_pixel(visit: Visit, lang: str) -> None:
    visit.open(f"?lang={lang}")
    for network in WALKED[lang]:
        turn_to(visit, network)
        for held in (False, True) if network in ("FCN-8s", "U-Net") else (False,):
            visit.press("Home")
            visit.page.wait_for_selector(".fx[data-step=input]")
            if held:
                hold(visit, 0.2, 0.3)
            total, moved = visit.page.evaluate(MOVED)
            assert total > 40
            assert moved == [], network
            visit.press("Escape")


def test_a_double_click_opens_the_channel_at_the_pointer(visit: Visit) -> None:
    visit.open().go("conv3_2")
    chance = random.Random(0)
    for _ in range(16):
        box = visit.page.locator(".fx-mosaic canvas").bounding_box()
        at = box["x"] + chance.random() * box["width"], box["y"] + chance.random() * box["height"]
        visit.page.mouse.move(*at)
        named = re.search(r"channel (\d+)", visit.text(".fx-unit"))
        if not named:
            continue  # between two tiles
        visit.page.mouse.dblclick(*at)
        assert visit.text(".fx-channel") == f"channel {named[1]} ×"
        visit.press("Escape")
        visit.press("Escape")
        assert visit.page.locator(".fx-channel").get_attribute("aria-pressed") == "false"


def test_maps_have_the_room(visit: Visit) -> None:
    visit.open()
    assert visit.page.evaluate(SHARE) >= 0.36
    visit.press("n")
    assert visit.page.evaluate(SHARE) >= 0.45
    visit.open()
    assert visit.page.evaluate(SHARE) >= 0.45  # it stays folded
    visit.page.locator(".fx-fold").click()
    assert 0.36 <= visit.page.evaluate(SHARE) < 0.45


FILLED = """() => { const [pane, maps] = ['.fx-mosaic', '.fx-mosaic canvas'].map((name) =>
    document.querySelector(name).getBoundingClientRect());
    return maps.height / pane.height }"""


def test_maps_leave_no_blank_band(visit: Visit) -> None:
    visit.open()
    for step in ("pool1", "conv3_2", "fuse_pool4", "score"):
        assert visit.go(step).page.evaluate(FILLED) > 0.9, step


SMALL = """() => [...document.querySelectorAll('.fx *')].filter((element) => {
    const texts = [...element.childNodes].filter((node) => node.nodeType === 3 && node.textContent.trim());
    return texts.length && element.checkVisibility({ visibilityProperty: true })
        && !element.closest('.fx-unseen, .fx-said') && element.tagName !== 'OPTION'
        && parseFloat(getComputedStyle(element).fontSize) < 24;
}).map((element) => `${element.tagName} ${element.className} ${element.textContent}`)"""


def test_the_classroom_size_has_no_small_letters(visit: Visit) -> None:
    visit.open()
    for step in ("pool1", "crop_pool4", "score_fr"):
        visit.go(step).page.locator(".fx-large").click()
        hold(visit, 0.2, 0.3)
        visit.page.wait_for_selector(".fx-held p")
        visit.until(lambda: "value" in visit.text(".fx-held"))
        assert visit.page.evaluate(SMALL) == [], step
        assert visit.page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
        assert visit.page.evaluate(SHARE) >= 0.3
        visit.press("Escape")
        visit.press("b")
        assert visit.page.evaluate(SMALL) != []


@pytest.mark.parametrize("visit", [{"viewport": {"width": 844, "height": 390}}], indirect=True)
def test_on_a_telephone_held_across_the_map_is_on_the_first_screen(visit: Visit) -> None:
    visit.open()
    box = visit.page.locator(".fx-mosaic").bounding_box()
    foot = visit.page.locator(".fx-steps").bounding_box()
    assert box["y"] < 150
    assert min(box["y"] + box["height"], foot["y"]) - box["y"] > 150
    picture = visit.page.locator(".fx-view canvas").bounding_box()
    assert picture["y"] + picture["height"] <= foot["y"]


@pytest.mark.parametrize("lang", ["en", "ko"])
@pytest.mark.parametrize("visit", [{"viewport": {"width": 1024, "height": 768}}], indirect=True)
def test_menus_show_their_text(visit: Visit, lang: str) -> None:
    visit.open(f"?lang={lang}")
    for network in NETWORKS:
        turn_to(visit, network)
        cut = visit.page.evaluate(
            """() => [...document.querySelectorAll('.fx select')].filter((select) => {
            if (!select.checkVisibility()) return false;
            const style = getComputedStyle(select), pen = document.createElement('canvas').getContext('2d');
            pen.font = `${style.fontWeight} ${style.fontSize} ${style.fontFamily}`;
            const room = select.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
            return pen.measureText(select.selectedOptions[0].textContent).width > room + 1;
        }).map((select) => select.selectedOptions[0].textContent)"""
        )
        assert cut == []
    assert visit.page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
    for part in (".fx-bar", ".fx-maps .fx-tools", ".fx-picture .fx-tools", ".fx-list-head"):
        assert visit.page.evaluate(f"() => (e => e.scrollWidth <= e.clientWidth)(document.querySelector('{part}'))"), (
            part
        )


SEEN = """selector => { const box = document.querySelector('.fx-answers').getBoundingClientRect();
    return [...document.querySelectorAll(selector)].every((element) => {
        const { top, bottom, height } = element.getBoundingClientRect();
        return height > 0 && top >= box.top && bottom <= Math.min(box.bottom, innerHeight);
    }) }"""


@pytest.mark.parametrize("lang", ["en", "ko"])
def test_the_sum_its_field_and_the_crops_legend_are_seen_together(visit: Visit, lang: str) -> None:
    visit.open(f"?lang={lang}&step=")
    for network, crop in (("FCN-8s", "crop_pool4"), ("U-Net", "crop_d2c")):
        turn_to(visit, network)
        visit.go(crop)
        hold(visit, 0.08, 0.12)
        visit.page.wait_for_selector(".fx-held > div > b")
        assert visit.page.evaluate(SEEN, ".fx-explain p, .fx-held h3, .fx-held > div > b, .fx-held > div > b + p")
        view = visit.page.locator(".fx-view canvas").bounding_box()
        assert view["y"] >= 0
        assert view["y"] + view["height"] <= 768
        visit.press("Escape")


def test_the_prose_on_weights_is_a_dialog(visit: Visit) -> None:
    visit.open()
    assert "Weights:" not in visit.text(".fx-picture")
    visit.page.get_by_role("button", name="About these weights").click()
    dialog = visit.page.locator(".fx-about")
    assert dialog.is_visible()
    assert "mean IoU" in dialog.inner_text()
    assert "Weights:" in dialog.inner_text()


def test_the_sentence_unfolds_and_folds_and_moves_nothing(visit: Visit) -> None:
    visit.open().go("crop_pool4")
    places = visit.page.evaluate(PLACES)
    visit.page.locator(".fx-unfold").click()
    telling: Any = visit.page.locator(".fx-telling").bounding_box()
    words = visit.page.locator(".fx-words").bounding_box()
    assert words["y"] + words["height"] <= telling["y"] + telling["height"]
    assert "Grids: score_pool4" in visit.text(".fx-telling")
    assert visit.page.evaluate(PLACES) == places
    visit.press("Escape")
    assert visit.page.locator(".fx-telling").bounding_box()["height"] < telling["height"]
