"""A time before a run, and errors that go when what they were about goes."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from explorer import api
from explorer.inference import RunOptions
from explorer.ui.i18n import TEXTS
from tests.e2e.conftest import Visit, two_sizes
from tests.e2e.segmenting import EN, give, photo, run, segmenting

MESSAGE = ".fx-message:not([hidden])"


@pytest.mark.parametrize("visit", [{"locale": "en-US"}, {"locale": "ko-KR"}], indirect=True, ids=["en", "ko"])
def test_every_way_says_how_long_it_takes_before_it_is_run(visit: Visit, tmp_path: Path) -> None:
    segmenting(visit, "&model=fcn8s&checkpoint=fcn8s-everyday-thin&padding=same")
    visit.page.set_input_files(".fx-many input", str(photo(tmp_path / "large.png", 600, 1300)))
    visit.page.wait_for_selector(".fx-queue [aria-current] b:text-is('large.png')")
    visit.page.wait_for_function(
        "() => { const l = [...document.querySelectorAll('.fx-takes')];"
        " return l.length > 3 && l.every((e) => e.textContent) }"
    )
    texts = TEXTS[visit.page.evaluate("() => document.documentElement.lang")]
    shown = visit.page.locator(".fx-takes").all_inner_texts()
    frame = re.escape(texts["segment.takes"]).replace(re.escape("{time}"), "(.+)")
    amounts = [re.fullmatch(frame, text)[1] for text in shown]
    unit = {texts["time.seconds"].format(value=""): 1, texts["time.minutes"].format(value=""): 60}
    seconds = [float(re.match(r"[\d.]+", a)[0]) * unit[re.sub(r"[\d.]+", "", a)] for a in amounts]
    assert seconds[0] >= max(seconds[2:])  # a smaller copy takes no longer than the whole
    places = visit.page.eval_on_selector_all(".fx-offers button", "l => l.map((e) => e.getBoundingClientRect().top)")
    run(visit)
    after = visit.page.eval_on_selector_all(".fx-offers button", "l => l.map((e) => e.getBoundingClientRect().top)")
    assert after == places


@two_sizes
def test_files_are_in_reach_without_scrolling(visit: Visit, tmp_path: Path) -> None:
    segmenting(visit)
    give(visit, photo(tmp_path / "own.png"))
    run(visit)
    height = visit.page.viewport_size["height"]
    for key in ("file.mask", "file.overlay", "file.areas", "file.run", "file.zip"):
        button = visit.page.get_by_role("button", name=EN[key], exact=True)
        box = button.bounding_box()
        assert box["y"] + box["height"] <= height
        on_top = "e => { const r = e.getBoundingClientRect();" \
                 " return e.contains(document.elementFromPoint(r.x + r.width / 2, r.y + r.height / 2)) }"  # fmt: skip
        assert button.evaluate(on_top)


def test_an_error_about_true_labels_goes_with_them(visit: Visit, tmp_path: Path) -> None:
    path, other = photo(tmp_path / "own.png", 120, 160), photo(tmp_path / "other.png", 120, 160, 1)
    labels = api.segment(path, "fcn8s", padding="paper", options=RunOptions("cpu")).labels
    right, wrong = tmp_path / "right.png", tmp_path / "wrong.png"
    Image.fromarray(labels).save(right)
    Image.fromarray(labels[:50]).save(wrong)
    segmenting(visit)
    give(visit, path, other)
    run(visit)
    visit.page.set_input_files(".fx-truth input", str(wrong))
    visit.page.wait_for_selector(MESSAGE)
    visit.page.set_input_files(".fx-truth input", str(right))
    visit.page.wait_for_selector(".fx-confusion")
    assert visit.page.locator(MESSAGE).count() == 0
    visit.page.set_input_files(".fx-truth input", str(wrong))
    visit.page.wait_for_selector(MESSAGE)
    visit.page.locator(".fx-queue button", has_text="other.png").click()
    assert visit.page.locator(MESSAGE).count() == 0
    visit.page.locator(".fx-queue button", has_text="own.png").click()
    visit.page.set_input_files(".fx-truth input", str(wrong))
    visit.page.wait_for_selector(MESSAGE)
    with visit.page.expect_download():
        visit.page.get_by_role("button", name=EN["file.mask"]).click()
    assert visit.page.locator(MESSAGE).count() == 0


def test_an_error_about_too_few_networks_goes_with_the_second(visit: Visit) -> None:
    visit.open("?view=compare")
    pressed = visit.page.locator(".fx-rivals [aria-pressed=true]")
    while pressed.count() > 1:
        pressed.last.click()
    visit.page.locator(".fx-run").click()
    visit.page.wait_for_selector(MESSAGE)
    visit.page.locator(".fx-rivals [aria-pressed=false]").first.click()
    assert visit.page.locator(MESSAGE).count() == 0


def test_a_failed_upload_of_true_labels_is_said(visit: Visit, tmp_path: Path) -> None:
    segmenting(visit)
    give(visit, photo(tmp_path / "own.png", 64, 80))
    run(visit)
    Image.fromarray(np.zeros((64, 80), np.uint8)).save(tmp_path / "labels.png")
    visit.page.route("**/upload*", lambda route: route.fulfill(status=500, body="{}"))
    visit.page.set_input_files(".fx-truth input", str(tmp_path / "labels.png"))
    visit.page.wait_for_selector(MESSAGE)
    assert visit.text(".fx-message p") == EN["error.upload"]
    visit.complaints.clear()  # the browser's own, about the 500
