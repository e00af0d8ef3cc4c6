"""Holding a unit: the numbers on the page are those of the network, and the page stays as it was."""

from __future__ import annotations

import re

import pytest

from explorer import cards, images, inference, unit, weights
from explorer.cards import CHECKPOINTS
from explorer.local import WindowRunner
from explorer.models import MODELS
from explorer.trace import trace
from explorer.ui.i18n import TEXTS
from explorer.ui.session import EXAMPLES
from tests.e2e.conftest import Visit, two_sizes
from tests.e2e.test_layer import settled

EN = TEXTS["en"]


def numbers(text: str) -> list[float]:
    return [float(n.replace(",", "").replace("−", "-")) for n in re.findall(r"[-−]?\d[\d,]*\.?\d*(?:e-?\d+)?", text)]


def hold(visit: Visit, across: float, down: float) -> tuple[int, int, int]:
    """Click into the maps; channel, row and column as the page names them."""
    box = visit.page.locator(".fx-mosaic canvas").bounding_box()
    visit.page.mouse.click(box["x"] + box["width"] * across, box["y"] + box["height"] * down)
    title = visit.page.locator(".fx-held h3")
    title.wait_for()
    visit.page.wait_for_function(
        "said => { const t = document.querySelector('.fx-held').textContent; return t && !t.includes(said) }",
        arg=EN["held.computing"],
    )
    channel, row, column = map(int, re.search(r"channel (\d+) · \((\d+), (\d+)\)", title.inner_text()).groups())
    return channel, row, column


@pytest.mark.parametrize("step", ["conv2_2", "pool3", "relu4_2", "fuse_pool3"])
def test_the_held_units_numbers_are_the_networks(visit: Visit, step: str) -> None:
    visit.open().go(step)
    channel, row, column = hold(visit, 0.03, 0.05)
    selection = settled(visit)
    card = next(
        c for c in cards.available(CHECKPOINTS) if c.name == selection.get("checkpoint", c.name) and c.family == "fcn"
    )
    padding = selection.get("padding", "paper")
    loaded = weights.load(card, "fcn8s", padding)
    image = images.read(EXAMPLES / selection.get("image", "pagoda.jpg"))
    prepared = inference.prepare(image.pixels, loaded.spec, MODELS["fcn8s"].size)
    pixels = inference.normalise(prepared.network, card.preprocessing.mean, card.preprocessing.std)
    run = trace(loaded.module, pixels)
    value = float(run[step].value[0, channel, row, column])
    text = visit.text(".fx-held")
    said = re.search(r"value (\S+)", text)[1]
    assert f" = {said} " in visit.text(".fx-unit")  # one value, not another one of the shrunk map's
    visit.page.mouse.move(5, 5)
    assert f" = {said} " in visit.text(".fx-unit")
    shown = numbers(said)[0]
    assert shown == pytest.approx(value, rel=1e-4, abs=1e-5)
    local = WindowRunner(loaded.module, pixels, {s.name: s.shape for s in run.steps})
    found = unit.arithmetic(local, step, channel, row, column)
    if found.kind == "sum":
        if step == "fuse_pool3":
            said = re.search(r"(\S+) \(\w+\) \+ (\S+) \(\w+\) = (\S+)", text)
        else:
            said = re.search(r"add up to (\S+); with the bias of (\S+): (\S+)", text)
        a, b, total = (numbers(part)[0] for part in said.groups())
        assert a + b == pytest.approx(total, abs=2e-5)
        assert total == shown
    field = unit.effective_field(local, step, channel, row, column)
    if field.silent:
        assert EN["held.silent" if field.heat.size else "held.silent.padding"] in text
    else:
        dotted = numbers(re.search(r"dotted window of (\d+ × \d+)", text)[1])
        assert dotted == [field.core.bottom - field.core.top, field.core.right - field.core.left]
        half, share95, most, share, size = numbers(re.search(r"Half.*", text)[0])[:5]
        assert share95 == 95
        assert most == pytest.approx(field.most, rel=0.02, abs=2)
        assert half == pytest.approx(field.half, rel=0.02, abs=2)
        assert size == field.heat.size
        assert share == pytest.approx(100 * most / size, abs=0.06)


@two_sizes
def test_bars_are_as_long_as_their_shares_and_stay_in_their_place(visit: Visit) -> None:
    """Also where the sum of all other channels is more than any one."""
    visit.open().go("conv4_2")
    hold(visit, 0.03, 0.02)
    bars = visit.page.eval_on_selector_all(
        ".fx-shares li",
        """lines => lines.map((line) => {
          const [label, bar, value] = [...line.children].map((part) => part.getBoundingClientRect());
          const gaps = [bar.left - label.right, value.left - bar.right];
          return { long: bar.width, gaps, said: line.lastChild.textContent };
        })""",
    )
    values = [abs(numbers(bar["said"])[0]) for bar in bars]
    assert values[-1] > max(values[:-1])  # the others
    for bar, value in zip(bars, values, strict=True):
        assert min(bar["gaps"]) >= 0
        assert bar["long"] == pytest.approx(bars[-1]["long"] * value / values[-1], abs=0.6)


def test_letting_go_brings_the_prediction_back(visit: Visit) -> None:
    visit.open().go("conv3_1")
    before = visit.page.locator(".fx-view canvas").screenshot()
    hold(visit, 0.03, 0.05)
    visit.page.mouse.move(5, 5)
    held = visit.page.locator(".fx-view canvas").screenshot()
    assert held != before
    assert not visit.page.locator(".fx-facts").is_visible()
    visit.press("Escape")
    assert visit.page.locator(".fx-view canvas").screenshot() == before
    assert visit.page.locator(".fx-facts").is_visible()
    hold(visit, 0.03, 0.05)
    visit.page.locator(".fx-held button").click()
    assert not visit.page.locator(".fx-held").is_visible()
    hold(visit, 0.03, 0.05)
    visit.press("ArrowRight")
    visit.page.wait_for_selector(".fx[data-step='relu3_1']")
    assert visit.text(".fx-held h3").startswith("relu3_1 · channel")  # what is held stays from step to step


def test_the_held_unit_speaks_korean_at_once(visit: Visit) -> None:
    visit.open().go("conv3_1")
    hold(visit, 0.03, 0.05)
    visit.page.get_by_role("radio", name="한국어").click()
    visit.page.wait_for_function("() => document.querySelector('.fx-held').textContent.includes('유효 수용 영역')")


def test_u_and_o_keep_the_place_in_the_input(visit: Visit) -> None:
    visit.open().go("conv2_2")
    hold(visit, 0.03, 0.05)
    box = "() => document.querySelector('.fx-held h3').textContent"
    names = ["conv2_2", "relu2_2", "pool2", "conv3_1"]
    places = []
    for name in names:
        visit.page.wait_for_selector(f".fx[data-step='{name}']")
        visit.page.wait_for_function(f"() => document.querySelector('.fx-held h3').textContent.startsWith('{name} ')")
        row, column = map(int, re.search(r"\((\d+), (\d+)\)", visit.page.evaluate(box)).groups())
        places.append((row, column))
        visit.press("o")
    # VGG16 with pad 100: the same pixels within half a jump
    grids = [(2, -98.5), (2, -98.5), (4, -97.5), (4, -97.5)]
    inputs = [[start + jump * unit for unit in place] for (jump, start), place in zip(grids, places, strict=True)]
    for found, (jump, _) in zip(inputs[1:], grids[1:], strict=True):
        assert abs(found[0] - inputs[0][0]) <= jump / 2
        assert abs(found[1] - inputs[0][1]) <= jump / 2
    visit.page.wait_for_selector(".fx[data-step='relu3_1']")
    visit.press("u")
    visit.page.wait_for_function("() => document.querySelector('.fx-held h3').textContent.startsWith('conv3_1 ')")


def test_on_a_phone_the_held_units_panel_is_one_tap_away(visit: Visit) -> None:
    """The panes are stacked there: the panel lies below the screen until it is called."""
    visit.page.set_viewport_size({"width": 390, "height": 844})
    visit.open().go("conv2_2")
    jump = visit.page.locator(".fx-to-held")
    assert not jump.is_visible()  # nothing is held
    visit.page.evaluate("() => scrollTo(0, 0)")
    hold(visit, 0.03, 0.05)
    jump.click()
    jump.wait_for(state="hidden")
    box = visit.page.locator(".fx-held").bounding_box()
    assert box["y"] >= 0
    assert box["y"] + min(box["height"], 400) <= 844
    visit.page.set_viewport_size({"width": 1366, "height": 768})
    assert not jump.is_visible()
