"""The tools above the maps: order, scale, components, one channel over the input, pins."""

from __future__ import annotations

import json
import re
import urllib.request
from functools import lru_cache
from typing import Any

import numpy as np
import pytest

from explorer import cards, images, inference, weights
from explorer.cards import CHECKPOINTS
from explorer.models import MODELS
from explorer.trace import Trace, trace
from explorer.ui.i18n import TEXTS
from explorer.ui.session import EXAMPLES
from tests.e2e.conftest import Visit

EN = TEXTS["en"]
ORDER = """() => { const seen = [], canvas = document.querySelector('.fx-mosaic canvas');
    const out = document.querySelector('.fx-unit');
    const box = canvas.getBoundingClientRect();
    for (let y = box.top + 4; y < box.bottom; y += 28) for (let x = box.left + 4; x < box.right; x += 28) {
        canvas.dispatchEvent(new PointerEvent('pointermove', {clientX: x, clientY: y}));
        const found = /channel (\\d+)/.exec(out.textContent);
        if (found && !seen.includes(Number(found[1]))) seen.push(Number(found[1]));
    }
    return seen }"""


def settled(visit: Visit) -> dict[str, str]:
    """What the page's address says, once it has settled."""
    visit.page.wait_for_function("s => new URLSearchParams(location.search).get('step') === s", arg=visit.step)
    return visit.page.evaluate("() => Object.fromEntries(new URLSearchParams(location.search))")


@lru_cache
def plain(checkpoint: str, model: str, padding: str, image: str) -> tuple[Trace, inference.Segmentation]:
    """The run that the page shows, with all values kept, and its prediction."""
    card = next(c for c in cards.available(CHECKPOINTS) if c.name == checkpoint)
    loaded = weights.load(card, model, padding)
    pixels = images.read(EXAMPLES / image).pixels
    prepared = inference.prepare(pixels, loaded.spec, MODELS[model].size)
    pre = card.preprocessing
    run = trace(loaded.module, inference.normalise(prepared.network, pre.mean, pre.std))
    return run, inference.trace_and_label(loaded.module, prepared, pre.mean, pre.std)


def of_page(visit: Visit) -> tuple[Trace, inference.Segmentation]:
    at = settled(visit)
    return plain(at["checkpoint"], at["model"], at["padding"], at["image"])


def wait_for_order(visit: Visit, option: str) -> list[int]:
    visit.page.select_option(".fx-sort select", option)
    return visit.page.evaluate(ORDER)


def test_channels_are_ordered_by_activity_and_by_agreement_with_a_class(visit: Visit) -> None:
    visit.open().go("pool3")  # not reduced on the page
    run, done = of_page(visit)
    values = run["pool3"].value[0].numpy()
    assert visit.page.evaluate(ORDER) == list(range(len(values)))
    shown = wait_for_order(visit, "activity")
    activity = np.abs(values).mean((1, 2))
    assert sorted(shown) == list(range(len(values)))
    assert (np.diff(activity[shown]) <= 0.02 * activity.max()).all()  # equal ones may change places: maps are 8-bit
    chosen = visit.page.evaluate("() => [...document.querySelector('.fx-sort select').options].at(2).value")
    index = int(chosen.removeprefix("class"))
    shown = wait_for_order(visit, chosen)
    step, frames = run["pool3"], done.frames
    rows, cols = ([round(float(a.grid.centre(i))) for i in range(len(a))] for a in (step.rows, step.cols))
    inside = [(i, y) for i, y in enumerate(rows) if 0 <= y - frames.top < frames.resized.height]
    across = [(j, x) for j, x in enumerate(cols) if 0 <= x - frames.left < frames.resized.width]
    units = np.ix_([i for i, _ in inside], [j for j, _ in across])
    labels = done.labels[np.ix_([y - frames.top for _, y in inside], [x - frames.left for _, x in across])] == index
    agreement = np.array([np.corrcoef(v[units].ravel(), labels.ravel())[0, 1] for v in values])
    agreement = np.nan_to_num(agreement, nan=-1)
    assert (np.diff(agreement[shown]) <= 0.04).all()
    assert abs(agreement[shown[0]] - agreement.max()) < 0.03


def test_a_fixed_scale_stays_from_step_to_step(visit: Visit) -> None:
    visit.open().go("pool3")
    low, high = (float(of_page(visit)[0]["pool3"].value.min()), float(of_page(visit)[0]["pool3"].value.max()))
    visit.page.get_by_role("radio", name=EN["maps.scale.fixed"], exact=True).click()
    for _ in range(2):
        ends = [float(visit.text(s).replace(",", "")) for s in (".fx-low", ".fx-high")]
        assert ends == pytest.approx([low, high], rel=0.01, abs=0.01 * high)
        visit.go("pool4")
    visit.page.get_by_role("radio", name=EN["maps.scale.layer"], exact=True).click()
    assert float(visit.text(".fx-high")) == pytest.approx(float(of_page(visit)[0]["pool4"].value.max()), rel=0.01)


def test_a_layer_in_three_components_and_back(visit: Visit) -> None:
    visit.open().go("relu3_3")
    canvas = visit.page.locator(".fx-mosaic canvas")
    before = canvas.screenshot()
    visit.page.locator(".fx-rgb").click()
    visit.page.wait_for_function("() => /variance/.test(document.querySelector('.fx-reduced').textContent)")
    maps = of_page(visit)[0]["relu3_3"].value[0].double().flatten(1)
    variance = (maps - maps.mean(1, keepdim=True)).numpy()
    shares = np.linalg.svd(variance, compute_uv=False) ** 2
    said = [float(n) for n in re.findall(r"([\d.]+) %", visit.text(".fx-reduced").split("hold")[1])[:2]]
    assert said == pytest.approx((100 * shares / shares.sum())[:2].tolist(), abs=0.15)
    assert canvas.screenshot() != before
    of_channels = (".fx-scale", ".fx-colourbar", ".fx-colours", ".fx-sort")
    assert [part for part in of_channels if visit.page.is_visible(part)] == []
    visit.page.locator(".fx-rgb").click()
    assert [part for part in of_channels if not visit.page.is_visible(part)] == []
    visit.page.mouse.move(2, 2)
    assert canvas.screenshot() == before


def test_a_large_channel_comes_in_full_and_lies_over_the_input(visit: Visit) -> None:
    visit.open().choose("U-Net").go("relu_d0c")
    run, _ = of_page(visit)
    assert visit.text(".fx-reduced")  # the mosaic is reduced
    visit.page.locator(".fx-mosaic canvas").dblclick(position={"x": 12, "y": 12})
    visit.page.wait_for_function("() => !document.querySelector('.fx-reduced').textContent")
    visit.press("Escape")  # the unit that the double click held
    picture = visit.page.locator(".fx-view canvas")
    visit.page.mouse.move(2, 2)
    before = picture.screenshot()
    visit.page.locator(".fx-over").click()
    assert picture.screenshot() != before
    # registered: the cell of unit 0 begins where geometry puts it
    cells = run["relu_d0c"].rows.grid
    top = float(cells.start - cells.jump / 2) + 0.5
    shown = visit.page.evaluate("() => document.querySelector('.fx-view canvas').height")
    height = of_page(visit)[1].frames.network.height
    edge = round(top * shown / height)
    assert edge >= 1
    colours = [visit.pixel(".fx-view canvas", 150, y) for y in (max(0, edge - 2), edge + 3)]
    assert colours[0] != colours[1]
    visit.page.locator(".fx-over").click()
    assert picture.screenshot() == before


def test_pins_stay_from_step_to_step_and_lead_back(visit: Visit) -> None:
    visit.open().go("conv2_1")
    visit.page.locator(".fx-mosaic canvas").dblclick(position={"x": 12, "y": 12})
    visit.page.locator(".fx-pin").click()
    visit.press("Escape")
    visit.press("Escape")
    visit.go("pool4")
    assert visit.text(".fx-pins li").split()[0] == "conv2_1"
    run = visit.run
    visit.page.get_by_role("radio", name="FCN-32s", exact=True).click()
    visit.after(run)
    visit.page.locator(".fx-pins li button").first.click()
    visit.page.wait_for_selector(".fx[data-step='conv2_1']")
    assert "channel 0" in visit.text(".fx-channel")
    visit.page.locator(".fx-unpin").click()
    assert not visit.page.locator(".fx-pins").is_visible()


def test_many_channels_scroll_and_only_what_is_in_sight_is_drawn(visit: Visit) -> None:
    """4096 channels, as fc6 has at the paper's width, put into a run on its way to the page."""

    def widen(route: Any) -> None:
        answer = route.fetch()
        run = json.loads(answer.text())
        step = next(s for s in run["steps"] if s["name"] == "pool5")
        maps, channels = step["maps"], 4096
        step["shape"][0] = channels
        maps["min"] = (maps["min"] * channels)[:channels]
        maps["max"] = (maps["max"] * channels)[:channels]
        route.fulfill(response=answer, body=json.dumps(run))

    visit.page.route("**/*.json", widen)
    visit.open()
    visit.page.locator(".fx-net button[title^='pool5 ']").click()
    visit.page.wait_for_selector(".fx[data-step='pool5']")
    sizes = visit.page.evaluate(
        """() => { const pane = document.querySelector('.fx-mosaic'), canvas = pane.querySelector('canvas');
        return [pane.scrollHeight, pane.clientHeight, canvas.clientHeight, pane.clientWidth, pane.scrollWidth] }"""
    )
    assert sizes[0] > 5 * sizes[1]
    assert sizes[2] <= sizes[1] + 1
    assert sizes[4] <= sizes[3]
    visit.page.evaluate("() => { document.querySelector('.fx-mosaic').scrollTop = 1e6 }")
    visit.page.wait_for_timeout(100)
    seen = visit.page.evaluate(ORDER)
    assert max(seen) == 4095
    assert min(seen) > 3000


def test_the_pages_files_are_there(visit: Visit) -> None:
    """Every address that stepping needs answers; none answers with a page instead of a file."""
    visit.open()
    for url in [u for u in visit.requests if "gradio_api/file" in u][:30]:
        with urllib.request.urlopen(url) as answer:
            assert answer.status == 200
            assert "text/html" not in answer.headers["content-type"]
