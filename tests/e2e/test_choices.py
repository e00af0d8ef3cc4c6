"""What a visitor chooses: by keyboard, cancelled, gone back to, and what follows from a choice."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from explorer import cards
from explorer.ui.catalog import catalog, first
from tests.e2e.conftest import ROOT, Visit


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
    visit.choose("FCN-32s")
    visit.page.wait_for_function("() => location.search.includes('model=fcn32s')")
    other = visit.run
    visit.page.locator(".fx-views [data-view=compare]").click()
    visit.page.wait_for_function("() => location.search.includes('view=compare')")
    visit.page.go_back()
    visit.page.wait_for_selector(".fx[data-view=explore]")
    assert visit.run == other
    visit.page.go_back()
    visit.page.wait_for_selector(".fx[data-state=ready][data-step=pool3]")  # the first run has a name of its own
    assert visit.page.get_by_role("radio", name="FCN-8s", exact=True).get_attribute("aria-checked") == "true"
    visit.page.go_forward()
    visit.page.wait_for_selector(f".fx[data-run='{other}']")


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


def test_an_address_that_names_no_view_opens_the_first(visit: Visit) -> None:
    """What every object of JavaScript has is no view either."""
    for name in ("constructor", "__proto__", "toString", "nothing"):
        visit.open(f"?view={name}")
        assert visit.page.locator(".fx").get_attribute("data-view") == "explore"
        assert visit.page.locator(".fx-steps").first.is_visible()
