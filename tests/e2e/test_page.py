"""Languages, layout, keyboard, reading values: what makes the page an instrument."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from typing import Any

import pytest

from explorer import cards, geometry
from explorer.geometry import Window
from explorer.ui.catalog import catalog, first
from explorer.ui.i18n import TEXTS
from tests.e2e.conftest import ROOT, Visit, two_sizes

HANGUL = re.compile("[\uac00-\ud7a3]")
VISIBLE = """() => {
    const out = [], walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walk.nextNode()) {
        const el = walk.currentNode.parentElement, text = walk.currentNode.textContent.trim();
        const name = el.closest('.fx-list b, .fx-step-name'); // layers keep their names
        if (text && !name && !el.closest('script, style, .fx-languages')) out.push(text);
    }
    for (const el of document.querySelectorAll('[title], [aria-label], [placeholder]')) {
        if (el.closest('.fx-languages')) continue;
        out.push(...['title', 'aria-label', 'placeholder'].map((n) => el.getAttribute(n)).filter(Boolean));
    }
    return out;
}"""
# what stands on a Korean page in Latin letters: names of steps, networks, files, licences, units
UNTRANSLATED = {TEXTS["en"][k] for k in TEXTS["en"] if TEXTS["en"][k] == TEXTS["ko"][k]}


def words(language: str) -> list[str]:
    return [text for key, text in TEXTS[language].items() if "{" not in text and text not in UNTRANSLATED]


@pytest.mark.parametrize(
    ("visit", "language"),
    [({"locale": "ko-KR"}, "ko"), ({"locale": "en-GB"}, "en"), ({"locale": "fr-FR"}, "en")],
    indirect=["visit"],
)
def test_the_browsers_language_is_spoken(visit: Visit, language: str) -> None:
    visit.open()
    assert visit.page.evaluate("() => document.documentElement.lang") == language
    assert visit.page.title() == TEXTS[language]["app.title"]
    assert visit.text(".fx-run").strip() == TEXTS[language]["bar.run"]


def test_the_switch_changes_every_string_and_keeps_the_place(visit: Visit) -> None:
    visit.open().choose("U-Net").go("crop_d1c")
    visit.page.get_by_role("radio", name="resized").click()
    visit.page.locator(".fx-image").click()  # the dialog too
    english = visit.page.evaluate(VISIBLE)
    assert not [text for text in english if HANGUL.search(text)]
    visit.press("Escape")
    held = visit.run, visit.step, visit.text(".fx-count"), visit.text(".fx-frame-size")
    requests = len(visit.requests)
    visit.page.get_by_role("radio", name="한국어").click()
    visit.page.wait_for_function("() => document.documentElement.lang === 'ko'")
    visit.page.wait_for_timeout(500)
    korean = visit.page.evaluate(VISIBLE)
    left = [text for text in korean if text in words("en")]
    assert left == []
    assert sum(bool(HANGUL.search(text)) for text in korean) > 60
    assert (visit.run, visit.step, visit.text(".fx-count"), visit.text(".fx-frame-size")) == held
    assert not [url for url in visit.requests[requests:] if "queue/join" in url]  # nothing was run again
    visit.page.reload()
    visit.ready()
    assert visit.page.evaluate("() => document.documentElement.lang") == "ko"


def test_gradios_own_words_follow_the_switch(visit: Visit) -> None:
    """Gradio's locale store is the one that its settings page sets; its notices read from it."""
    visit.open()
    own = """async () => {
        const core = performance.getEntriesByType('resource').find((r) => /assets\\/core-[\\w-]+\\.js$/.test(r.name));
        const module = await import(core.name);
        const stores = Object.values(module).filter((v) => v && typeof v.subscribe === 'function');
        const seen = [];
        for (const store of stores) store.subscribe((v) => typeof v === 'string' && seen.push(v))();
        return seen;
    }"""
    visit.page.get_by_role("radio", name="한국어").click()
    visit.page.wait_for_function("() => document.documentElement.lang === 'ko'")
    visit.page.wait_for_function(
        "() => performance.getEntriesByType('resource').some((r) => /assets\\/ko-[\\w-]+\\.js$/.test(r.name))"
    )
    assert "en" not in visit.page.evaluate(own)


@pytest.mark.parametrize("visit", [{"locale": "en-US"}, {"locale": "ko-KR"}], indirect=True)
@pytest.mark.parametrize("dark", [False, True])
def test_the_desktop_page_fits_one_screen(visit: Visit, dark: bool) -> None:
    visit.open(f"?__theme={'dark' if dark else 'light'}")
    for network in ("FCN-8s", "U-Net"):
        if network == "U-Net":
            visit.choose(network)
        size = visit.page.evaluate(
            "() => [document.documentElement.scrollHeight, document.documentElement.scrollWidth]"
        )
        assert size == [768, 1366]
        main = visit.page.locator(".fx-main").bounding_box()
        steps = visit.page.locator(".fx-steps").bounding_box()
        assert (main["height"] + steps["height"]) * main["width"] >= 0.7 * 768 * 1366
        hidden = visit.page.evaluate(
            """() => [...document.querySelectorAll('.fx-bar *, .fx-tools *, .fx-steps *')]
            .filter((e) => e.checkVisibility() && !e.closest('svg, option'))
            .map((e) => [e.className, e.getBoundingClientRect()])
            .filter(([, r]) => r.right > innerWidth + 1 || r.bottom > innerHeight + 1).map(([c]) => c)"""
        )
        assert hidden == []
        for part in (".fx-legend", ".fx-weights select"):
            assert visit.page.eval_on_selector(part, "e => e.scrollWidth <= e.clientWidth"), part


@pytest.mark.parametrize(
    "visit",
    [{"viewport": {"width": 390, "height": 844}, "locale": lang, "has_touch": True} for lang in ("en-US", "ko-KR")],
    indirect=True,
)
def test_the_phone_page_is_one_column(visit: Visit) -> None:
    visit.open()
    assert visit.page.evaluate("() => document.documentElement.scrollWidth") == 390
    maps, picture = (visit.page.locator(s).bounding_box() for s in (".fx-maps", ".fx-picture"))
    assert maps["y"] + maps["height"] <= picture["y"]
    before = visit.step
    visit.page.locator(".fx-next").tap()
    visit.page.wait_for_function("b => document.querySelector('.fx').dataset.step !== b", arg=before)
    visit.page.locator(".fx-more").tap()
    assert visit.page.locator(".fx-device select").is_visible()
    visit.page.locator(".fx-list button[title^='pool3 ']").tap()  # far below the maps, which come into sight
    visit.page.wait_for_selector(".fx[data-step=pool3]")
    top = "() => document.querySelector('.fx-maps').getBoundingClientRect().top"
    visit.until(lambda: 0 <= visit.page.evaluate(top) < 100)
    visit.page.locator(".fx-figure-open").tap()
    sheet, box = (visit.page.locator(s).bounding_box() for s in (".fx-figure-sheet", ".fx-figure g[aria-current]"))
    assert sheet["x"] <= box["x"]  # wider than the screen: the step shown lies in the middle
    assert box["x"] + box["width"] <= sheet["x"] + sheet["width"]
    assert visit.page.eval_on_selector(".fx-figure-sheet", "e => e.scrollLeft") > 0


@two_sizes
def test_pointing_at_a_unit_draws_its_receptive_field_without_a_request(visit: Visit) -> None:
    visit.open().choose("U-Net").go("relu_d1c")
    visit.page.wait_for_load_state("networkidle")
    requests = len(visit.requests)
    box = visit.page.locator(".fx-mosaic canvas").bounding_box()
    visit.page.mouse.move(box["x"] + 20, box["y"] + 20)
    text = visit.text(".fx-unit")
    assert visit.page.locator(".fx-mosaic canvas").bounding_box() == box  # nothing moves under the pointer
    found = re.search(r"unit \((\d+), (\d+)\).*rows (\d+)–(\d+), columns (\d+)–(\d+)", text)
    assert found, text
    row, column, top, bottom, left, right = map(int, found.groups())
    shape = [int(n) for n in visit.text(".fx-frame-size").split(" × ")]
    for unit, n, ends in ((row, shape[0], (top, bottom)), (column, shape[1], (left, right))):
        axis = geometry.source(n)
        for op in (Window(3), Window(3), Window(2, 2), Window(3), Window(3)):
            axis = axis.through(op)
        assert (axis.lo[unit], axis.hi[unit]) == ends
    assert len(visit.requests) == requests


def test_one_channel_large_and_one_class_alone(visit: Visit) -> None:
    visit.open().choose("U-Net").go("relu_d1c")
    canvas = visit.page.locator(".fx-mosaic canvas")
    canvas.dblclick(position={"x": 20, "y": 20})
    large = visit.page.evaluate("() => document.querySelector('.fx-mosaic canvas').getBoundingClientRect().width")
    assert large > 300
    assert re.fullmatch(r"-?[\d.]+", visit.text(".fx-low"))
    visit.press("Escape")  # lets go of the unit
    visit.press("Escape")  # back to all channels
    assert visit.text(".fx-low") == TEXTS["en"]["maps.low"]
    rarest = visit.page.locator(".fx-legend button").last
    light = visit.pixels(".fx-view canvas").mean()
    rarest.click()
    assert visit.pixels(".fx-view canvas").mean() < 0.7 * light  # the rest is dimmed
    assert rarest.get_attribute("aria-pressed") == "true"


def test_everything_can_be_reached_and_used_by_keyboard(visit: Visit) -> None:
    visit.open()
    reached = set()
    for _ in range(90):
        visit.press("Tab")
        reached.add(visit.page.evaluate("() => document.activeElement.closest('[class^=fx]')?.className ?? ''"))
    for control in ("fx-networks", "fx-image", "fx-run", "fx-languages", "fx-play", "fx-next"):
        assert any(control in name for name in reached), (control, reached)
    visit.page.get_by_role("radio", name="FCN-8s", exact=True).focus()
    before = visit.run
    visit.press("ArrowLeft")
    visit.after(before)
    assert visit.page.get_by_role("radio", name="FCN-16s", exact=True).get_attribute("aria-checked") == "true"


def test_cancel_and_run_again(visit: Visit) -> None:
    visit.open()
    before = visit.run
    visit.set("size", "1000")
    visit.page.wait_for_timeout(500)  # a click right after the start counts as a double click and is let pass
    visit.page.locator(".fx-run").click()  # cancels what the choice started
    visit.page.wait_for_function("() => document.querySelector('.fx').dataset.state === 'ready'")
    assert visit.run == before
    assert visit.page.locator(".fx-size select").input_value() == "320"  # the controls say what is shown
    visit.set("size", "192")
    visit.after(before)
    assert visit.text(".fx-frame-size").endswith("192")


def test_a_run_that_was_cancelled_before_its_turn_is_no_error(visit: Visit) -> None:
    """Another visitor's run is going, and the cancelling overtakes the question."""
    visit.open()
    before, held = visit.run, []

    def hold(route: Any) -> None:
        if '"size":1000' in route.request.post_data:
            held.append(route)
        else:
            route.continue_()

    visit.page.route("**/queue/join*", hold)
    visit.set("size", "1000")
    visit.page.wait_for_timeout(500)  # a click right after the start counts as a double click and is let pass
    with visit.page.expect_response("**/run/predict*"):
        visit.page.locator(".fx-run").click()
    other = Visit(visit.page.context.new_page(), visit.url).open()
    other.set("size", "1000")
    other.page.wait_for_function("() => document.querySelector('.fx').dataset.state === 'running'")
    with visit.page.expect_response("**/queue/join*"):
        held.pop().continue_()
    visit.page.wait_for_timeout(500)  # two looks of the server at whether it is still wanted
    assert other.page.get_attribute(".fx", "data-state") == "running"
    visit.set("size", "192")
    visit.after(before)
    assert visit.text(".fx-frame-size").endswith("192")


def test_after_a_click_on_a_network_the_arrow_keys_step(visit: Visit) -> None:
    visit.open().choose("FCN-16s")
    before, run = visit.step, visit.run
    visit.press("ArrowRight")
    visit.page.wait_for_function("b => document.querySelector('.fx').dataset.step !== b", arg=before)
    assert visit.run == run
    assert visit.page.get_by_role("radio", name="FCN-16s").get_attribute("aria-checked") == "true"


def test_back_and_forward_turn_to_the_network_and_the_view_before(visit: Visit) -> None:
    visit.open()
    visit.go("pool3")
    visit.page.wait_for_function("() => location.search.includes('step=pool3')")
    before = visit.run
    visit.choose("FCN-32s")
    visit.page.wait_for_function("() => location.search.includes('model=fcn32s')")
    other = visit.run
    visit.page.locator(".fx-views [data-view=compare]").click()
    visit.page.wait_for_function("() => location.search.includes('view=compare')")
    visit.page.go_back()
    visit.page.wait_for_selector(".fx[data-view=explore]")
    assert visit.run == other
    visit.page.go_back()
    visit.page.wait_for_selector(f".fx[data-run='{before}'][data-step=pool3]")
    assert visit.page.get_by_role("radio", name="FCN-8s", exact=True).get_attribute("aria-checked") == "true"
    visit.page.go_forward()
    visit.page.wait_for_selector(f".fx[data-run='{other}']")


def test_a_browser_that_stores_nothing_still_shows_the_page(visit: Visit) -> None:
    visit.page.add_init_script(
        "Object.defineProperty(window, 'localStorage', { get() { throw new DOMException('', 'SecurityError'); } });"
    )
    visit.open()
    assert visit.step


def test_the_map_at_a_crop_is_shown_before_and_after(visit: Visit) -> None:
    visit.open().choose("U-Net").go("crop_d2c")
    before = visit.text(".fx-reduced")
    assert "relu_d2c" in before
    visit.page.get_by_role("radio", name=TEXTS["en"]["maps.crop.after"], exact=True).click()
    visit.page.wait_for_function("t => document.querySelector('.fx-reduced').textContent !== t", arg=before)
    assert visit.step == "crop_d2c"
    visit.go("concat_u2b")
    assert visit.page.locator(".fx-cropview").is_hidden()


def test_the_pixel_under_the_pointer_is_named_in_the_frame_shown(visit: Visit) -> None:
    visit.open().choose("U-Net")
    box = visit.page.locator(".fx-view canvas").bounding_box()
    network = [int(n) for n in visit.text(".fx-frame-size").split(" × ")]
    y, x = box["height"] * 0.6, box["width"] * 0.4
    visit.page.mouse.move(box["x"] + x, box["y"] + y)
    row, column = map(int, re.search(r"row (\d+), column (\d+):", visit.text(".fx-under")).groups())
    assert abs(row - network[0] * 0.6) <= 2
    assert abs(column - network[1] * 0.4) <= 2


def test_the_padding_share_is_that_of_the_unclipped_field(visit: Visit) -> None:
    """conv1_1 .. pool2 with pad 100: at the map's corner most of a field of 16 x 16 lies outside the image."""
    visit.open().go("pool2")
    box = visit.page.locator(".fx-mosaic canvas").bounding_box()
    seen = set()
    for step in range(2, 60, 3):
        visit.page.mouse.move(box["x"] + step, box["y"] + step)
        text = visit.text(".fx-unit")
        place = re.search(r"\((\d+), (\d+)\)", text)
        spans = re.search(r"rows (\d+)–(\d+), columns (\d+)–(\d+)", text)
        said = re.search(r"([\d.]+) % of its field", text)
        if not spans:
            continue
        top, bottom, left, right = map(int, spans.groups())
        row, column = map(int, place.groups())
        height, width = (int(n) for n in visit.text(".fx-frame-size").split(" × "))
        whole = [(-105 + 4 * u, -105 + 4 * u + 15) for u in (row, column)]  # centre -97.5 + 4u, field 16
        clipped = [(max(0, a), min(n - 1, b)) for (a, b), n in zip(whole, (height, width), strict=True)]
        assert (top, bottom, left, right) == (*clipped[0], *clipped[1])
        share = 100 * (1 - (bottom - top + 1) * (right - left + 1) / 256)
        assert float(said[1]) == pytest.approx(share, abs=0.06) if said else share == 0
        seen.add(bool(said))
    assert seen == {True, False}


COMPLETE = """async ([catalog, selection, changes]) => {
    const { modules } = await import(document.querySelector('link[rel=modulepreload][href*="gradio_api/file="]').href);
    const { complete } = await import(modules['selection.js']);
    const seen = [];
    for (const change of changes) seen.push((selection = complete(catalog, selection, change)));
    return seen.map(({ model, checkpoint, image }) => [model, checkpoint, image]);
}"""


def test_weights_follow_the_example_and_the_example_stays(visit: Visit) -> None:
    bundled = cards.available()
    examples = json.loads((ROOT / "assets/examples/examples.json").read_text())
    start = asdict(first(bundled, examples))
    nuclei = next(e["file"] for e in examples if e["family"] == "nuclei")
    changes = [
        {"image": nuclei},
        {"model": "unet"},
        {"model": "fcn16s"},
        {"checkpoint": "fcn8s-everyday"},
        {"image": nuclei},
    ]
    visit.open()
    found = visit.page.evaluate(COMPLETE, [json.loads(json.dumps(catalog(bundled, examples))), start, changes])
    assert found == [
        ["fcn8s", "fcn8s-nuclei", nuclei],
        ["unet", "unet-nuclei", nuclei],
        ["fcn16s", "fcn8s-nuclei", nuclei],
        ["fcn16s", "fcn8s-everyday", start["image"]],  # weights that know nothing of nuclei, chosen as such
        ["fcn16s", "fcn8s-nuclei", nuclei],
    ]


@two_sizes
@pytest.mark.parametrize("step", ["crop_d1c", "concat_u1b"])
def test_units_that_meet_are_drawn_and_stand_together(visit: Visit, step: str) -> None:
    visit.open().choose("U-Net").go(step)
    text = visit.text(".fx-explain")
    found = re.search(r"relu_d1c has jump (\S+) and start (\S+), upconv_u1a has jump (\S+) and start (\S+)\.", text)
    jump, start, other_jump, other_start = (float(v) for v in found.groups())
    assert (jump, other_jump) == (2, 2)
    assert (other_start - start) / 2 == 40  # the paper's offset at this level
    assert "stand 0 input pixels apart" in text
    assert "own centres lie up to 7 pixels apart" in text  # a 2 x 2 block of up-sampled units has the same field
    visit.page.mouse.move(2, 2)
    bare = visit.page.locator(".fx-view canvas").screenshot()
    box = visit.page.locator(".fx-mosaic canvas").bounding_box()
    visit.page.mouse.move(box["x"] + 44, box["y"] + 36)
    met = visit.page.evaluate(
        """() => { const c = document.querySelector('.fx-view canvas'); let n = 0;
        const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
        for (let i = 0; i < d.length; i += 4) n += d[i] === 204 && d[i + 1] === 121 && d[i + 2] === 167;
        return n }"""
    )
    assert met > 15  # the dashed frame in the skips' colour, #CC79A7
    visit.page.mouse.move(2, 2)
    assert visit.page.locator(".fx-view canvas").screenshot() == bare
