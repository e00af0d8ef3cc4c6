"""Training as a slider: the weights on the way of one training are one entry; what is looked at stays."""

from __future__ import annotations

import re

import pytest

from explorer import cards, images, inference, weights
from explorer.models import MODELS
from explorer.trace import trace
from explorer.ui.session import EXAMPLES
from tests.e2e.conftest import Visit
from tests.e2e.test_held import hold

THIN = {
    "fcn8s": ("fcn8s-everyday-thin", "pool3"),
    "unet": ("unet-nuclei-thin", "relu_d2c"),
}


def slide(visit: Visit, to: int) -> Visit:
    before = visit.run
    visit.page.locator(".fx-training input").fill(str(to))
    return visit.after(before)


@pytest.mark.parametrize("model", THIN)
def test_one_entry_with_a_slider_over_the_steps(visit: Visit, model: str) -> None:
    last, _ = THIN[model]
    steps = sorted(card.steps_made for card in cards.with_snapshots() if card.recipe["name"] == last)
    assert steps[:3] == [0, 100, 1000]
    visit.open(f"?model={model}")
    slider = visit.page.locator(".fx-training input")
    assert not slider.is_visible()
    entries = visit.page.evaluate("() => [...document.querySelector('.fx-weights select').options].map((o) => o.value)")
    assert last in entries
    assert not [name for name in entries if "-step" in name]
    high = visit.page.locator(".fx-bar").bounding_box()
    before = visit.run
    visit.set("weights", last)
    visit.after(before)
    assert slider.is_visible()
    assert visit.page.locator(".fx-bar").bounding_box() == high
    assert (slider.get_attribute("max"), slider.input_value()) == ("3", "3")
    for at, step in reversed(list(enumerate(steps[:-1]))):
        slide(visit, at)
        assert visit.text(".fx-training output") == f"after {step:,} steps"
        assert slider.get_attribute("aria-valuetext") == f"after {step:,} steps"
        assert visit.page.locator(".fx-weights select").input_value() == last
        visit.page.wait_for_function(
            "name => new URLSearchParams(location.search).get('checkpoint') === name", arg=f"{last}-step{step}"
        )
        assert visit.page.locator(".fx-bar").bounding_box() == high


@pytest.mark.parametrize("model", THIN)
def test_step_channel_and_place_stay(visit: Visit, model: str) -> None:
    """A held unit's value is, after each move, that of the same unit in the network of that moment."""
    last, step = THIN[model]
    visit.open(f"?model={model}&checkpoint={last}&step={step}")
    visit.page.wait_for_selector(f".fx[data-step={step}]")
    channel, row, column = hold(visit, 0.03, 0.05)
    title = visit.text(".fx-held h3")
    visit.page.mouse.move(5, 5)
    seen = []
    for at, made in ((2, 1000), (0, 0)):
        slide(visit, at)
        visit.page.wait_for_selector(f".fx[data-step={step}] .fx-held b")
        assert visit.text(".fx-held h3") == title
        said = re.search(r"value (\S+)", visit.text(".fx-held"))[1]
        card = cards.find(f"{last}-step{made}")
        loaded = weights.load(card, model, MODELS[model].paddings[0])
        image = images.read(EXAMPLES / visit.page.evaluate("() => new URLSearchParams(location.search).get('image')"))
        prepared = inference.prepare(image.pixels, loaded.spec, MODELS[model].size)
        pixels = inference.normalise(prepared.network, card.preprocessing.mean, card.preprocessing.std)
        value = float(trace(loaded.module, pixels)[step].value[0, channel, row, column])
        assert float(said.replace("−", "-").replace(",", "")) == pytest.approx(value, rel=1e-3, abs=1e-5)
        seen.append(said)
    assert seen[0] != seen[1]


def test_the_crops_view_and_the_large_channel_stay(visit: Visit) -> None:
    visit.open("?checkpoint=fcn8s-everyday-thin&step=crop_pool3")
    visit.page.wait_for_selector(".fx[data-step=crop_pool3]")
    visit.cut()
    box = visit.page.locator(".fx-mosaic canvas").bounding_box()
    visit.page.mouse.click(box["x"] + 30, box["y"] + 30)
    visit.page.locator(".fx-channel").click()
    large = visit.text(".fx-channel")
    slide(visit, 1)
    assert visit.step == "crop_pool3"
    assert visit.page.get_attribute("[data-cropview=cut]", "aria-checked") == "true"
    assert visit.text(".fx-channel") == large
    assert visit.page.get_attribute(".fx-channel", "aria-pressed") == "true"


def test_after_the_pointer_the_arrows_step_and_reached_by_tab_they_slide(visit: Visit) -> None:
    visit.open("?checkpoint=fcn8s-everyday-thin&step=pool3")
    visit.page.wait_for_selector(".fx[data-step=pool3]")
    box = visit.page.locator(".fx-training input").bounding_box()
    before = visit.run
    visit.page.mouse.click(box["x"] + 0.34 * box["width"], box["y"] + box["height"] / 2)
    visit.after(before)
    run = visit.run
    visit.press("ArrowRight")
    visit.page.wait_for_selector(".fx[data-step=conv4_1]")
    assert visit.run == run
    visit.press("Tab")
    visit.press("Shift+Tab")  # back to the slider, by the keyboard
    at = int(visit.page.locator(".fx-training input").input_value())
    visit.press("ArrowLeft")
    visit.after(run)
    assert int(visit.page.locator(".fx-training input").input_value()) == at - 1
    assert visit.step == "conv4_1"


def test_other_weights_let_the_unit_go(visit: Visit) -> None:
    """Channel 5 of another training is another feature."""
    visit.open("?checkpoint=fcn8s-everyday-thin&step=pool3")
    visit.page.wait_for_selector(".fx[data-step=pool3]")
    box = visit.page.locator(".fx-mosaic canvas").bounding_box()
    visit.page.mouse.click(box["x"] + 30, box["y"] + 30)
    visit.page.wait_for_selector(".fx-holding")
    before = visit.run
    visit.set("weights", "fcn8s-everyday")
    visit.after(before)
    assert visit.step == "pool3"
    assert visit.page.locator(".fx-holding").count() == 0
    assert not visit.page.is_visible(".fx-training")


@pytest.mark.parametrize("visit", [{"viewport": {"width": 1024, "height": 768}}], indirect=True)
def test_there_is_room_for_it_on_a_small_screen(visit: Visit) -> None:
    visit.open("?checkpoint=fcn8s-everyday-thin-step1000")
    field, more = (visit.page.locator(s).bounding_box() for s in (".fx-training", ".fx-more"))
    assert field["x"] + field["width"] <= more["x"]
    out = visit.page.locator(".fx-training output")
    assert out.evaluate("e => e.scrollWidth <= e.clientWidth")
    assert visit.page.locator(".fx-bar").bounding_box()["width"] == 1024
    assert visit.page.evaluate("() => document.documentElement.scrollWidth") == 1024
