"""Networks beside each other in a browser: locked, wiped, their disagreement, and how far they agree."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from explorer import api, compare, images
from explorer.inference import RunOptions
from explorer.ui.i18n import TEXTS
from explorer.ui.session import EXAMPLES
from tests.e2e.conftest import Server, Visit, visiting

EN = TEXTS["en"]
SIZE = "() => { const c = document.querySelector('.fx-boards canvas'); return [c.width, c.height] }"
MIDDLE = "() => { const c = document.querySelector('.fx-boards canvas'); return [c.width / 2, c.height / 2] }"


@pytest.fixture
def compared(visit: Visit) -> Visit:
    """FCN-32s and FCN-8s on the example that the page opens on."""
    return compare_two(visit)


@pytest.fixture(scope="module")
def looked_at(server: Server, contexts: Any) -> Iterator[Visit]:
    """The same for tests that look at it in a mode of their own, and change nothing else."""
    with visiting(server, contexts, {}) as visit:
        yield compare_two(visit)


def compare_two(visit: Visit) -> Visit:
    visit.open("?view=compare")
    pressed = "() => [...document.querySelectorAll('.fx-rivals [aria-pressed=true]')].map(e => e.textContent).join()"
    if "FCN-16s" in visit.page.evaluate(pressed):
        visit.page.locator(".fx-rivals button", has_text="FCN-16s").click()
    for name in set(visit.page.evaluate(pressed).split(",")) - {"FCN-32s", "FCN-8s"}:
        visit.page.locator(".fx-rivals button", has_text=name).click()
    visit.page.locator(".fx-run").click()
    visit.page.wait_for_selector(".fx-boards[data-boards='2'] canvas")
    return visit.ready()


@cache
def maps(own: bool = False) -> list[np.ndarray]:
    """At the size trained on, or at its own: the photograph is larger than training ever made one."""
    pixels = images.read(EXAMPLES / "pagoda.jpg").pixels
    networks = [api.network(model, padding="paper") for model in ("fcn32s", "fcn8s")]
    assert all(loaded.card.is_too_large(pixels.shape[:2]) for loaded in networks)
    sizes = [None if own else loaded.card.trained_side for loaded in networks]
    return [
        api.segment(pixels, loaded=loaded, size=size, options=RunOptions("cpu")).labels
        for loaded, size in zip(networks, sizes, strict=True)
    ]


def test_pairs_say_how_far_they_agree(looked_at: Visit) -> None:
    a, b = maps()
    text = looked_at.text(".fx-pairs li:not(.fx-note)")
    assert text.startswith("FCN-32s and FCN-8s: ")
    said = float(text.split(": ")[1].split(" %")[0])
    assert said == pytest.approx(100 * compare.agreement(a, b), abs=0.06)
    far = compare.apart(a, b)
    assert f"{far.median:.3g}".rstrip("0").rstrip(".") in text


def test_both_are_run_at_the_photographs_own_size_if_that_is_wanted(compared: Visit) -> None:
    def agreement(pair: list[np.ndarray]) -> str:
        return f"FCN-32s and FCN-8s: {100 * compare.agreement(*pair):.1f}"

    said = compared.page.locator(".fx-pairs li:not(.fx-note)")
    copied = said.inner_text()
    assert agreement(maps()) != agreement(maps(own=True))
    compared.page.get_by_role("button", name=EN["compare.own"]).click()
    back = compared.page.get_by_role("button", name=EN["compare.trained"])
    back.wait_for()
    assert said.inner_text().startswith(agreement(maps(own=True)))
    assert "times as large as in the photographs" in compared.text(".fx-pairs .fx-note")
    back.click()
    compared.page.get_by_role("button", name=EN["compare.own"]).wait_for()
    assert said.inner_text() == copied
    assert compared.complaints == []


def test_a_run_at_the_own_size_that_was_cancelled_leaves_no_wish_behind(compared: Visit) -> None:
    said = compared.page.locator(".fx-pairs li:not(.fx-note)")
    copied = said.inner_text()
    compared.page.get_by_role("button", name=EN["compare.own"]).evaluate(
        """own => {
            document.querySelector('.fx-boards canvas').dataset.old = '';
            const [now, run] = [Date.now, document.querySelector('.fx-run')];
            own.click();
            if (!run.classList.contains('fx-busy')) throw new Error('it does not run');
            Date.now = () => now() + 1000; // a click right after the start counts as a double click
            run.click();
            if (run.classList.contains('fx-busy')) throw new Error('it was not cancelled');
            run.click();
            Date.now = now;
        }"""
    )
    compared.page.wait_for_selector(".fx-boards figure:first-child canvas:not([data-old])")
    compared.page.get_by_role("button", name=EN["compare.own"]).wait_for()
    assert said.inner_text() == copied
    assert compared.complaints == []


def test_what_one_is_pointed_at_the_others_are_too(compared: Visit) -> None:
    box = compared.page.locator(".fx-boards canvas").first.bounding_box()
    compared.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    compared.page.wait_for_timeout(150)
    here = compared.page.eval_on_selector_all(".fx-boards .fx-here", "l => l.map(e => e.textContent)")
    a, b = maps()
    names = [info.name["en"] for info in api.network("fcn8s").card.classes]
    row, column = a.shape[0] // 2, a.shape[1] // 2
    near = [{names[v] for v in np.unique(m[row - 2 : row + 3, column - 2 : column + 3])} for m in (a, b)]
    assert [h in n for h, n in zip(here, near, strict=True)] == [True, True]
    before = compared.page.locator(".fx-boards canvas").nth(1).screenshot()
    compared.page.mouse.wheel(0, -500)
    compared.page.wait_for_timeout(200)
    assert compared.page.locator(".fx-boards canvas").nth(1).screenshot() != before


def test_the_wipe_shows_one_on_each_side(looked_at: Visit) -> None:
    looked_at.page.get_by_role("radio", name=EN["compare.wipe"]).click()
    looked_at.page.locator(".fx-compare .fx-see input").fill("100")
    looked_at.page.wait_for_timeout(200)
    width, height = looked_at.page.evaluate(SIZE)
    a, b = maps()
    colours = np.array([c.colour for c in api.network("fcn8s").card.classes])
    scale = min(width / a.shape[1], height / a.shape[0])
    left, top = (width - a.shape[1] * scale) / 2, (height - a.shape[0] * scale) / 2
    hits = []
    for row in range(20, a.shape[0], 41):
        for column in range(20, a.shape[1], 37):
            x = left + (column + 0.5) * scale
            if abs(x - width / 2) < 6:
                continue
            seen = looked_at.pixel(".fx-boards canvas", x, top + (row + 0.5) * scale)[:3]
            wanted = (a if x < width / 2 else b)[row, column]
            hits.append(np.abs(colours[wanted] - seen).max() <= 3)
    assert np.mean(hits) > 0.95


def test_disagreement_is_drawn_where_labels_differ(looked_at: Visit) -> None:
    looked_at.page.get_by_role("radio", name=EN["compare.differ"]).click()
    looked_at.page.wait_for_timeout(200)
    width, height = looked_at.page.evaluate(SIZE)
    a, b = maps()
    pixels = images.read(EXAMPLES / "pagoda.jpg").pixels
    scale = min(width / a.shape[1], height / a.shape[0])
    left, top = (width - a.shape[1] * scale) / 2, (height - a.shape[0] * scale) / 2
    hits = []
    for row in range(15, a.shape[0], 23):
        for column in range(15, a.shape[1], 29):
            seen = np.array(
                looked_at.pixel(".fx-boards canvas", left + (column + 0.5) * scale, top + (row + 0.5) * scale)[:3]
            )
            yellow = (
                seen[0] > 120
                and seen[1] > 120
                and seen[2] < 0.75 * seen[0]
                and np.abs(seen - pixels[row, column].astype(int)).max() > 15
            )
            hits.append(yellow == (a[row, column] != b[row, column]))
    assert np.mean(hits) > 0.9


def test_fewer_than_two_networks_are_refused(visit: Visit) -> None:
    visit.open("?view=compare")
    for name in ("FCN-16s", "U-Net", "FCN-32s"):
        button = visit.page.locator(".fx-rivals button", has_text=name)
        if button.get_attribute("aria-pressed") == "true":
            button.click()
    visit.page.locator(".fx-run").click()
    visit.page.wait_for_selector(".fx-message:not([hidden])")
    assert visit.text(".fx-message p") == EN["error.two_networks"]


def test_a_comparison_goes_with_its_image(compared: Visit) -> None:
    compared.page.locator(".fx-views [data-view=segment]").click()
    compared.page.wait_for_selector(".fx-offers button")
    compared.page.locator(".fx-views [data-view=compare]").click()
    assert compared.page.locator(".fx-boards canvas").count() == 2  # the same image: it is still there
    compared.page.locator(".fx-image").click()
    compared.page.locator(".fx-examples button", has_text="Cat").first.click()
    compared.page.wait_for_selector(".fx-boards[data-boards='1'] canvas")  # the other image, not compared yet
    assert compared.page.locator(".fx-pairs li").count() == 0
    # a forecast of its time may have come in front of it by now
    assert compared.text(".fx-compare .fx-hint").endswith(EN["compare.begin"].split(". ")[-1])


def test_other_networks_wait_for_run(compared: Visit) -> None:
    compared.page.locator(".fx-rivals button", has_text="FCN-16s").click()
    assert compared.text(".fx-compare .fx-hint").endswith(EN["compare.again"])  # how long it takes may stand before it
    compared.page.locator(".fx-run").click()
    compared.page.wait_for_selector(".fx-boards[data-boards='3'] canvas")
    compared.page.locator(".fx-modes [data-mode=wipe]").click()
    sides = compared.page.locator(".fx-sides select")
    assert [sides.nth(k).input_value() for k in (0, 1)] == ["0", "2"]
    sides.nth(1).select_option("1")
    assert compared.text(".fx-boards figcaption") == "FCN-32s | FCN-16s"


def test_the_wipes_line_is_dragged_on_the_picture(looked_at: Visit) -> None:
    looked_at.page.locator(".fx-modes [data-mode=wipe]").click()
    box = looked_at.page.locator(".fx-boards canvas").bounding_box()
    middle = box["y"] + box["height"] / 2
    looked_at.page.mouse.move(box["x"] + box["width"] / 2, middle)
    looked_at.page.mouse.down()
    looked_at.page.mouse.move(box["x"] + box["width"] / 4, middle, steps=4)
    looked_at.page.mouse.up()
    assert float(looked_at.page.locator(".fx-wipe").input_value()) == pytest.approx(25, abs=1)


def test_an_upload_waits_for_a_second_network(compared: Visit, tmp_path: Path) -> None:
    path = tmp_path / "own.png"
    Image.fromarray(np.zeros((64, 80, 3), np.uint8)).save(path)
    compared.page.locator(".fx-rivals button", has_text="FCN-32s").click()
    compared.upload(path)
    compared.page.wait_for_selector(".fx-message:not([hidden])")
    assert EN["error.two_networks"] in compared.text(".fx-message")
    compared.page.locator(".fx-rivals button", has_text="FCN-16s").click()
    compared.page.locator(".fx-run").click()
    compared.page.wait_for_selector(".fx-boards[data-boards='2'] canvas")
    assert compared.text(".fx-image-name") == "own.png"


def test_weights_of_a_finer_network_are_said(visit: Visit) -> None:
    """FCN-32s and 16s on weights that were trained as FCN-8s, compared and segmented, as when one looks inside."""
    visit.open("?view=compare&model=fcn8s&checkpoint=fcn8s-nuclei&image=nuclei_fluorescence.png")
    for name in visit.page.locator(".fx-rivals [aria-pressed=true]").all_inner_texts():
        if name not in ("FCN-16s", "FCN-8s"):
            visit.page.locator(".fx-rivals button", has_text=name).click()
    visit.page.locator(".fx-run").click()
    visit.page.wait_for_selector(".fx-boards[data-boards='2'] canvas")
    note = EN["note.coarser_than_trained"].format(model="FCN-16s", trained="FCN-8s")
    assert visit.page.locator(".fx-pairs .fx-note").all_inner_texts() == [note]
    visit.ready().open("?view=segment&model=fcn16s&checkpoint=fcn8s-nuclei&image=nuclei_fluorescence.png")
    visit.page.wait_for_selector(".fx-offers button")
    visit.ready().page.locator(".fx-run").click()
    visit.page.wait_for_selector(".fx-outcome:not([hidden]) .fx-took")
    assert visit.page.locator(".fx-outcome .fx-note").all_inner_texts() == [note]


SAY = """async ([texts, device]) => {
    const { modules } = await import(document.querySelector('link[rel=modulepreload][href*="gradio_api/file="]').href);
    const { Words } = await import(modules['i18n.js']);
    const problem = { code: 'no_precision', details: { device } };
    return ['en', 'ko'].map((language) => new Words(texts, language).error(problem));
}"""


def test_a_device_in_an_error_has_its_name_in_the_pages_language(visit: Visit) -> None:
    visit.open()
    one, four = (visit.page.evaluate(SAY, [TEXTS, {"device": "cpu", "name": n}]) for n in (1, 4))
    assert [text.split(" does")[0].split("에서는")[0] for text in (*one, *four)] == [
        "CPU (1 thread)", "CPU(스레드 1개)", "CPU (4 threads)", "CPU(스레드 4개)"
    ]  # fmt: skip


def test_the_image_is_seen_before_it_is_compared(visit: Visit, tmp_path: Path) -> None:
    """Pasted into the view it is compared at once; without enough networks it waits, and is seen."""
    visit.open("?view=compare")
    visit.page.wait_for_selector(".fx-boards[data-boards='1'] canvas")
    visit.until(lambda: visit.pixel(".fx-boards canvas", *visit.page.evaluate(MIDDLE))[3] == 255)
    x, y = visit.page.evaluate(MIDDLE)
    assert visit.pixel(".fx-boards canvas", x - 250, y)[3] == 0  # of a thumbnail no poster is made
    pressed = visit.page.locator(".fx-rivals [aria-pressed=true]")
    while pressed.count() > 1:
        pressed.last.click()
    path = tmp_path / "own.png"
    Image.fromarray(np.full((64, 80, 3), (10, 200, 30), np.uint8)).save(path)
    visit.hand("paste", path.read_bytes())
    visit.page.wait_for_selector(".fx-message:not([hidden])")
    visit.until(lambda: visit.pixel(".fx-boards canvas", *visit.page.evaluate(MIDDLE))[:3] == [10, 200, 30])
    visit.page.locator(".fx-rivals [aria-pressed=false]").first.click()
    visit.hand("drop", path.read_bytes())
    visit.page.wait_for_selector(".fx-boards[data-boards='2'] canvas")
    assert visit.text(".fx-image-name") == "given.png"
