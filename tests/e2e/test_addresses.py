"""An address carries the whole state: opened in a fresh browser it shows the same, to the pixel.

STATES=200 makes as many random states as that; the suite looks at 12.
"""

from __future__ import annotations

import hashlib
import os
import random
import re
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest

from explorer.inference import precisions
from tests.e2e.conftest import Visit, visiting

STATES = int(os.environ.get("STATES", "12"))
FIRST = int(os.environ.get("FIRST_SEED", "0"))  # so that many states can be looked at in parts
PATIENCE = 180_000  # ms: a lab measures for a while
NETWORKS = ("FCN-32s", "FCN-16s", "FCN-8s", "U-Net")
MEASURED = ".fx-labs[data-answered$=' values']"
CANVASES = (".fx-mosaic canvas", ".fx-view canvas", ".fx-bar-colours")
READ = (
    ".fx-step-name",
    ".fx-chips",
    ".fx-words",
    ".fx-reduced",
    ".fx-held h3",
    ".fx-pins",
    ".fx-explain",
    ".fx-image-name",
    ".fx-lesson-title",
    ".fx-lesson-say",
    ".fx-lab:not([hidden]) [data-facts]",
    ".fx-lab:not([hidden]) [data-table]",
)
# every control that is seen, and what it is set to
CONTROLS = """() => [...document.querySelectorAll('.fx :is(select, input, [aria-checked], [aria-pressed])')]
    .filter(node => node.checkVisibility())
    .map(node => [node.className, JSON.stringify(node.dataset), node.value, node.checked,
        node.ariaChecked, node.ariaPressed].join(' '))"""


def settled(visit: Visit) -> dict[str, str]:
    """What the address says once all that is set is in it and drawn."""
    visit.ready()
    visit.page.wait_for_selector(".fx:not(.fx-fetching)")
    if visit.page.get_attribute(".fx", "data-view") == "labs":
        visit.page.wait_for_selector(MEASURED)
    visit.page.wait_for_timeout(450)  # the address settles 350 ms behind the last change
    return dict(parse_qsl(visit.page.evaluate("location.search.slice(1)"), keep_blank_values=True))


def state(visit: Visit) -> dict[str, Any]:
    """What is on the page: controls, texts, without times, and the pixels of what is drawn, without the marks of a
    pointer."""
    visit.page.mouse.move(2, 2)
    visit.page.wait_for_timeout(100)
    seen = [name for name in READ if visit.page.locator(name).first.is_visible()]
    shown = {name: visit.page.locator(name).all_text_contents() for name in seen}
    shown = {name: re.sub(r"[\d.,]+ m?s\b", "some time", " | ".join(texts)) for name, texts in shown.items()}
    for name in CANVASES:
        if visit.page.locator(name).is_visible():
            shown[name] = hashlib.sha256(visit.pixels(name).tobytes()).hexdigest()
    shown["view"] = visit.page.get_attribute(".fx", "data-view")
    shown["controls"] = visit.page.evaluate(CONTROLS)
    return shown


def apart(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """Where two states differ."""
    return {name: (one.get(name), other.get(name)) for name in {*one, *other} if one.get(name) != other.get(name)}


def choose(visit: Visit, rng: random.Random) -> None:
    """A network, an image, weights, padding or a language, as the bar has them."""
    page, before = visit.page, visit.run
    kind = rng.choice(("network", "network", "image", "weights", "padding", "language"))
    if kind == "network":
        name = rng.choice(NETWORKS)
        if page.get_attribute(f".fx-networks [role=radio]:text-is('{name}')", "aria-checked") != "true":
            visit.choose(name)
    elif kind == "image":
        page.click(".fx-image")
        examples = page.locator(".fx-examples button")
        examples.nth(rng.randrange(examples.count())).click()
        page.wait_for_timeout(100)
    elif kind == "language":
        page.click(f".fx-languages [data-lang={rng.choice(['en', 'ko'])}]")
    else:
        values = page.locator(f".fx-{kind} option").evaluate_all("nodes => nodes.map(node => node.value)")
        visit.set(kind, rng.choice(values))
        page.wait_for_timeout(100)
    visit.ready()
    assert visit.run or before is None


def wander(visit: Visit, rng: random.Random) -> None:
    """Set a few things at random, as a person does."""
    page = visit.page
    if rng.random() < 0.7:
        choose(visit, rng)
    if rng.random() < 0.2:
        page.locator(".fx-list button[title^='crop_']").last.click()
        page.wait_for_selector(".fx[data-step^='crop_']:not(.fx-fetching)")
        visit.cut()
    else:
        for _ in range(rng.randint(1, 12)):
            page.keyboard.press("ArrowRight" if rng.random() < 0.7 else "ArrowLeft")
    page.wait_for_selector(".fx:not(.fx-fetching)")
    if rng.random() < 0.4:
        page.select_option(".fx-sort select", "activity")
    if rng.random() < 0.4:
        page.click(".fx-scale [data-scale=layer]")
    if rng.random() < 0.5:
        box = page.locator(".fx-mosaic canvas").bounding_box()
        page.mouse.click(box["x"] + box["width"] * rng.random() * 0.9, box["y"] + min(box["height"], 300) * 0.4)
        page.wait_for_timeout(200)
        if rng.random() < 0.5 and page.locator(".fx-pin:not(.fx-absent)").count():
            page.click(".fx-pin")
        if rng.random() < 0.3 and page.locator(".fx-channel:not(.fx-absent)").count():
            page.click(".fx-channel")
    if rng.random() < 0.3:
        page.select_option(".fx-shown select", rng.choice(["confidence", "entropy", "stage"]))


def leave(visit: Visit, rng: random.Random) -> None:
    """Go to another view or a lesson, and set something there."""
    page, view = visit.page, rng.choice(("segment", "compare", "labs", "labs", "lesson"))
    if view == "lesson":
        page.click(".fx-lessons-open")
        lessons = page.locator(".fx-lessons-list button")
        lessons.nth(rng.randrange(lessons.count())).click()
        for _ in range(rng.randint(0, 2)):
            page.wait_for_selector(".fx-lesson[data-state=reached]")
            page.click(".fx-lesson-on")
        page.wait_for_selector(".fx-lesson[data-state=reached]")
        return
    page.click(f".fx-views [data-view={view}]")
    if view == "segment":
        page.wait_for_selector(".fx-offers [role=radio]")
        offers = page.locator(".fx-offers [role=radio]")
        offers.nth(rng.randrange(offers.count())).click()
        formats = page.locator(".fx-precision select")
        if formats.is_visible():  # there are several on this processor
            formats.select_option(index=rng.randrange(formats.locator("option").count()))
    elif view == "compare":
        page.click(f".fx-rivals button:text-is('{rng.choice(NETWORKS)}')")
        page.click(f".fx-modes [data-mode={rng.choice(['beside', 'wipe', 'differ'])}]")
    else:
        page.click(f".fx-lab-choice [data-lab={rng.choice(['crop', 'border', 'tap', 'channel'])}]")
        page.wait_for_selector(MEASURED)
        settings = page.locator(".fx-lab-controls [role=radio][aria-checked=false]")
        if count := settings.count():
            page.evaluate("() => delete document.querySelector('.fx-labs').dataset.answered")  # of the settings before
            settings.nth(rng.randrange(count)).click()


def back(visit: Visit) -> None:
    """To the steps of the network."""
    if visit.page.locator(".fx-lesson-leave").is_visible():
        visit.page.click(".fx-lesson-leave")
    visit.page.click(".fx-views [data-view=explore]")
    visit.ready()


@pytest.mark.parametrize("seed", range(FIRST, FIRST + max(1, STATES // 4)))
def test_a_state_comes_back_in_a_fresh_browser(visit, server, contexts, seed):
    rng = random.Random(seed)
    visit.page.set_default_timeout(PATIENCE)
    visit.open()
    for _ in range(min(4, STATES)):
        wander(visit, rng)
        if elsewhere := rng.random() < 0.3:
            leave(visit, rng)
        address = settled(visit)
        with visiting(server, contexts, {"timezone_id": "UTC"}) as other:  # a profile of its own, where nothing is kept
            other.page.set_default_timeout(PATIENCE)
            other.open(f"?{urlencode(address)}")
            assert settled(other) == address
            assert apart(state(other), state(visit)) == {}, address
        if elsewhere:
            back(visit)


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("view=compare&with=fcn32s,unet&mode=wipe", ".fx-modes [data-mode=wipe][aria-checked=true]"),
        ("view=labs&lab=crop&lab.mode=corner&model=unet", ".fx-labs [data-value=corner][aria-checked=true]"),
        ("?step=pool4&view=constructor", ".fx[data-view=explore]"),  # of nothing that there is: as the page opens
    ],
)
def test_views_take_their_choices_from_the_address(visit, query, shown):
    visit.open(f"?{query}")
    visit.page.wait_for_selector(shown)
    if "with=" in query:
        pressed = visit.page.locator(".fx-rivals [aria-pressed=true]")
        assert pressed.all_inner_texts() == ["FCN-32s", "U-Net"]


def test_segments_precision_comes_from_the_address_where_the_processor_has_it(visit):
    visit.open("?view=segment&precision=bfloat16")
    visit.page.wait_for_selector(".fx-offers [role=radio]")
    chosen = visit.page.locator(".fx-precision select")
    assert chosen.is_visible() == ("bfloat16" in precisions("cpu"))
    if chosen.is_visible():
        assert chosen.input_value() == "bfloat16"
    else:  # it is planned with what there is, which is said, and the address asks for nothing else any more
        assert "bfloat16" in visit.text(".fx-read")
        visit.page.wait_for_function("!location.search.includes('precision')")


def test_of_an_own_image_a_link_says_only_that_it_is_one(visit):
    page = visit.open("?image=own&step=pool3").page
    page.wait_for_selector(".fx-message:not([hidden])")
    assert "choose an image of yours" in visit.text(".fx-message")
    visit.ready()
    assert visit.step == "pool3"


def test_a_view_is_shared_by_address_and_code(visit):
    page = visit.open("?step=pool3&__theme=dark").page
    page.click(".fx-share")
    page.wait_for_selector(".fx-share-code:not([hidden])")
    assert "__theme=dark" in page.url
    assert page.input_value(".fx-share-address input") == page.url.replace(
        "&__theme=dark", ""
    )  # the theme is one's own
    assert "step=pool3" in page.url
    assert page.locator(".fx-share-local").is_visible()  # the server listens on this machine alone
    assert page.evaluate("() => document.querySelector('.fx-share-code').naturalWidth") > 100
