"""The right pane's picture: probabilities at the pointer, confidence, entropy, the margin of zeros."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from explorer.figures.palettes import lookup_table
from explorer.ui.i18n import TEXTS
from tests.e2e.conftest import Visit, two_sizes
from tests.e2e.test_layer import of_page

EN = TEXTS["en"]


def entropy(probabilities: np.ndarray) -> np.ndarray:
    """Over axis 0, as a share of the largest there can be."""
    p = probabilities.astype(np.float64)
    return -np.sum(p * np.log(np.where(p > 0, p, 1)), axis=0) / np.log(len(p))


def point(visit: Visit, across: float, down: float) -> tuple[int, int]:
    """Point at a pixel of the resized image; its row and column."""
    box = visit.page.locator(".fx-view canvas").bounding_box()
    visit.page.mouse.move(box["x"] + across * box["width"], box["y"] + down * box["height"])
    visit.page.wait_for_selector(".fx-over-picture .fx-chances li:visible")
    words = visit.text(".fx-under").replace(",", "").replace(":", "").split()
    return int(words[1]), int(words[3])


@two_sizes
@pytest.mark.parametrize("query", ["", "?model=unet"])
def test_the_bars_are_the_probabilities_of_the_pixel(visit: Visit, query: str) -> None:
    visit.open(query)
    visit.page.get_by_role("radio", name=EN["picture.resized"]).click()
    _, done = of_page(visit)
    for across, down in ((0.31, 0.42), (0.72, 0.85)):
        row, column = point(visit, across, down)
        shares = done.probabilities[:, row, column]
        order = np.argsort(-shares, kind="stable")[:5]
        shown = visit.page.locator(".fx-chances li:visible b").all_inner_texts()
        found = [float(text.removesuffix(" %")) for text in shown]
        assert found == pytest.approx([100 * shares[i] for i in order], abs=0.056)
        said = visit.text(".fx-chances p")
        told = float(re.search(re.escape(EN["chances.entropy"].split("{")[0].lower()) + r"([\d.]+) %", said.lower())[1])
        assert told == pytest.approx(100 * entropy(shares[:, None, None]).item(), abs=0.1)  # probabilities are rounded
        bar = visit.page.locator(".fx-chances li:visible i").first
        room = bar.evaluate(
            "e => e.getBoundingClientRect().width / parseFloat(getComputedStyle(e).getPropertyValue('--part'))"
        )
        assert bar.bounding_box()["width"] == pytest.approx(room * shares[order[0]], abs=1)


@pytest.mark.parametrize("kind", ["confidence", "entropy"])
def test_confidence_and_entropy_are_drawn_over_the_image(visit: Visit, kind: str) -> None:
    visit.page.set_viewport_size({"width": 1920, "height": 1080})  # no pixel of the image is smaller than one of these
    visit.open().go("pool1")
    visit.page.get_by_role("radio", name=EN["picture.resized"]).click()
    held: list[Any] = []
    files = re.compile(r"\.(png|webp)$")
    visit.page.route(files, lambda route: held.append(route))
    visit.page.select_option(".fx-shown select", kind)
    visit.until(lambda: bool(held))
    assert not visit.page.is_visible(".fx-ramp")  # nothing to read off it: the picture still shows the classes
    for route in held:
        route.continue_()
    visit.page.unroute(files)
    visit.page.wait_for_selector(".fx-ramp:not([hidden])")
    visit.page.locator(".fx-opacity input").fill("100")
    _, done = of_page(visit)
    values = entropy(done.probabilities) if kind == "entropy" else done.confidence
    height, width = values.shape
    table = lookup_table("Viridis").astype(int)
    size = visit.page.evaluate(
        "() => { const c = document.querySelector('.fx-view canvas'); return [c.width, c.height] }"
    )
    for row, column in ((20, 30), (100, 160), (150, 250), (200, 40)):
        at = [(column + 0.5) / width * size[0] - 0.5, (row + 0.5) / height * size[1] - 0.5]
        seen = visit.pixel(".fx-view canvas", *at)[:3]
        assert np.abs(table[round(float(values[row, column]) * 255)] - seen).max() <= 6
    if kind == "confidence":  # one class alone: its probability
        visit.page.locator(".fx-legend button").nth(1).click()
        index = int(visit.page.locator(".fx-legend button").nth(1).get_attribute("data-index"))
        at = [160.5 / width * size[0] - 0.5, 100.5 / height * size[1] - 0.5]
        seen = visit.pixel(".fx-view canvas", *at)[:3]
        assert np.abs(table[round(float(done.probabilities[index, 100, 160]) * 255)] - seen).max() <= 6
    visit.page.select_option(".fx-colours select", "cividis")  # the overlay follows the maps' colours
    index = index if kind == "confidence" else None
    value = float(values[100, 160] if index is None else done.probabilities[index, 100, 160])
    wanted = lookup_table("Cividis").astype(int)[round(value * 255)]
    at = [160.5 / width * size[0] - 0.5, 100.5 / height * size[1] - 0.5]
    visit.until(lambda: np.abs(wanted - visit.pixel(".fx-view canvas", *at)[:3]).max() <= 6)
    visit.page.select_option(".fx-shown select", "prediction")
    assert not visit.page.is_visible(".fx-ramp")


def test_the_padding_of_100_is_shown_as_the_margin_it_is(visit: Visit) -> None:
    visit.open().go("conv1_1")  # the step that adds it
    run, done = of_page(visit)
    height, width = done.frames.network.height, done.frames.network.width
    pad = run["conv1_1"].settings["padding"][0]
    assert visit.page.get_attribute(".fx-margin", "aria-pressed") == "false"
    small = visit.page.evaluate(
        "() => { const c = document.querySelector('.fx-view canvas'); return [c.width, c.height] }"
    )
    rim = 0.1 * max(width, height)  # so much is shown of what the crops reach outside the input
    assert small[0] / small[1] == pytest.approx((width + 2 * rim) / (height + 2 * rim), rel=0.01)
    visit.page.locator(".fx-margin").click()
    assert visit.page.get_attribute(".fx-margin", "aria-pressed") == "true"
    assert EN["crop.margin"].format(pixels=pad, step="conv1_1") in visit.text(".fx-explain")
    size = visit.page.evaluate(
        "() => { const c = document.querySelector('.fx-view canvas'); return [c.width, c.height] }"
    )
    assert size[0] / size[1] == pytest.approx((width + 2 * pad) / (height + 2 * pad), rel=0.01)
    dark = visit.pixel(".fx-view canvas", 2, 2)[:3]
    assert max(dark) < 0x60 or min(dark) > 0x60  # a nought or the ground between
    canvas = visit.page.locator(".fx-mosaic canvas").bounding_box()
    visit.page.mouse.move(canvas["x"] + 2, canvas["y"] + 2)  # unit (0, 0): sees padding only
    assert EN["unit.padding"].strip(" ·") in visit.text(".fx-unit")
    visit.choose("U-Net")
    assert not visit.page.is_visible(".fx-margin")  # valid convolutions add nothing
