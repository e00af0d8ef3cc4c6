"""Languages and layout: the page on a desktop, on a phone, in a browser that stores nothing."""

from __future__ import annotations

import re

import pytest

from explorer.ui.i18n import TEXTS
from tests.e2e.conftest import Visit

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
    visit.reload()
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


def test_a_browser_that_stores_nothing_still_shows_the_page(visit: Visit) -> None:
    visit.page.add_init_script(
        "Object.defineProperty(window, 'localStorage', { get() { throw new DOMException('', 'SecurityError'); } });"
    )
    visit.open()
    assert visit.step
