"""An address carries the whole state: opened in a fresh browser it shows the same, to the pixel.

STATES=200 makes as many random states as that; the suite looks at 12.
"""

from __future__ import annotations

import hashlib
import os
import random
from urllib.parse import parse_qsl, urlencode

import pytest

from explorer.inference import precisions
from tests.e2e.conftest import Visit, visiting

STATES = int(os.environ.get("STATES", "12"))
NETWORKS = ("FCN-32s", "FCN-16s", "FCN-8s", "U-Net")
CANVASES = (".fx-mosaic canvas", ".fx-view canvas", ".fx-bar-colours")
READ = (
    ".fx-step-name",
    ".fx-chips",
    ".fx-words",
    ".fx-reduced",
    ".fx-held h3",
    ".fx-pins",
    ".fx-explain",
    ".fx-lesson-say",
)


def settled(visit: Visit) -> dict[str, str]:
    """What the address says once all that is set is in it and drawn."""
    visit.ready()
    visit.page.wait_for_selector(".fx:not(.fx-fetching)")
    visit.page.wait_for_timeout(450)  # the address settles 350 ms behind the last change
    return dict(parse_qsl(visit.page.evaluate("location.search.slice(1)"), keep_blank_values=True))


def state(visit: Visit) -> dict[str, str]:
    """What is on the page: texts, without times, and the pixels of what is drawn, without the marks of a pointer."""
    visit.page.mouse.move(2, 2)
    visit.page.wait_for_timeout(100)
    seen = [name for name in READ if visit.page.locator(name).first.is_visible()]
    shown = {name: visit.page.locator(name).first.text_content() for name in seen}
    for name in CANVASES:
        if visit.page.locator(name).is_visible():
            shown[name] = hashlib.sha256(visit.pixels(name).tobytes()).hexdigest()
    shown["view"] = visit.page.get_attribute(".fx", "data-view")
    return shown


def wander(visit: Visit, rng: random.Random) -> None:
    """Set a few things at random, as a person does."""
    page = visit.page
    if rng.random() < 0.6:
        name = rng.choice(NETWORKS)
        if page.get_attribute(f".fx-networks [role=radio]:text-is('{name}')", "aria-checked") != "true":
            visit.choose(name)
    for _ in range(rng.randint(1, 12)):
        page.keyboard.press("ArrowRight" if rng.random() < 0.7 else "ArrowLeft")
    page.wait_for_timeout(300)
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


def apart(one: dict[str, str], other: dict[str, str]) -> dict[str, tuple[str | None, str | None]]:
    """Where two states differ."""
    return {name: (one.get(name), other.get(name)) for name in {*one, *other} if one.get(name) != other.get(name)}


@pytest.mark.parametrize("seed", range(max(1, STATES // 4)))
def test_a_state_comes_back_in_a_fresh_browser(visit, contexts, server, seed):
    rng = random.Random(seed)
    visit.open()
    for _ in range(min(4, STATES)):
        wander(visit, rng)
        address, before = settled(visit), state(visit)
        with visiting(server, contexts, {"timezone_id": "UTC"}) as other:  # a profile of its own, that keeps nothing
            other.open(f"?{urlencode(address)}")
            assert settled(other) == address
            assert apart(state(other), state(visit)) == {}, address
        assert before["view"] == "explore"


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
    shared = page.url.replace("&__theme=dark", "")  # the theme is one's own
    assert page.input_value(".fx-share-address input") == shared
    assert "step=pool3" in page.url
    assert page.locator(".fx-share-local").is_visible()  # the server listens on this machine alone
    assert page.evaluate("() => document.querySelector('.fx-share-code').naturalWidth") > 100
