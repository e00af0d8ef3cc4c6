"""Probing in a real browser: a skip taken out and its difference, made images, and a brush on the image."""

from __future__ import annotations

import json

from tests.e2e.conftest import Visit
from tests.e2e.test_labs import LANGUAGES, texts


def payload(visit: Visit) -> dict:
    run = visit.page.evaluate("() => document.querySelector('.fx').dataset.run")
    at = visit.page.evaluate(
        "() => performance.getEntriesByType('resource').map((e) => e.name).filter((n) => n.includes('.json'))"
    )
    address = next(name for name in reversed(at) if name.endswith(run))
    return json.loads(visit.page.evaluate("(a) => fetch(a).then((r) => r.text())", address))


@LANGUAGES
def test_a_skip_is_taken_out_and_its_difference_shown(visit: Visit) -> None:
    page = visit.open("?model=fcn8s&checkpoint=fcn8s-everyday-thin&padding=same&step=score_pool4").page
    page.wait_for_selector(".fx[data-run][data-state=ready][data-step=score_pool4]")
    page.click(".fx-probe-open")
    assert page.locator(".fx-probe-step").input_value() == "score_pool4"
    before = page.evaluate("() => document.querySelector('.fx').dataset.run")
    page.click(".fx-probe-add")
    changed = f"() => document.querySelector('.fx').dataset.run !== {before!r}"
    page.wait_for_function(changed)
    assert (
        page.locator(".fx-probe-list li")
        .inner_text()
        .startswith(texts(visit)["note.altered.scale"].format(step="score_pool4", factor=0))
    )
    after = page.evaluate("() => document.querySelector('.fx').dataset.run")
    page.select_option(".fx-probe-against", "plain")
    page.wait_for_function(f"() => document.querySelector('.fx').dataset.run !== {after!r}")
    page.click(".fx-probe form button")
    said = texts(visit)["probe.difference"]
    assert page.locator(".fx-probe-open").inner_text() == said
    page.wait_for_function(
        "() => location.search.includes('altered=score_pool4*0') && location.search.includes('against=plain')"
    )
    steps = {step["name"]: step["stats"] for step in payload(visit)["steps"][:-1]}
    assert steps["pool4"]["zeros"] == 1  # before the change nothing differs
    assert steps["score_pool4"]["zeros"] < 1
    assert steps["fuse_pool4"]["std"] > 0
    visit.reload()  # the address is the whole state
    page.wait_for_function(f"() => document.querySelector('.fx-probe-open')?.textContent === {said!r}")
    visit.ready()
    run = visit.run
    page.click(".fx-probe-open")
    page.select_option(".fx-probe-against", "@fcn8s-everyday-thin-step0")  # weights before any training
    visit.after(run)
    page.wait_for_function("() => new URLSearchParams(location.search).get('against')?.endsWith('-step0')")
    steps = {step["name"]: step["stats"] for step in payload(visit)["steps"][:-1]}
    assert steps["conv1_1"]["zeros"] < 0.1


def test_the_brush_changes_the_image_and_the_difference_stays_where_it_was(visit: Visit) -> None:
    page = visit.open("?model=unet&padding=same&image=cat.jpg&size=192&step=relu_d0b").page
    page.wait_for_selector(".fx[data-run][data-state=ready][data-step=relu_d0b]")
    before = page.evaluate("() => document.querySelector('.fx').dataset.run")
    page.click(".fx-probe-open")
    canvas = page.locator(".fx-brush")
    visit.until(lambda: canvas.evaluate("e => e.width") == 192)
    page.click(".fx-brush-use")
    assert page.locator(".fx-brush-said").inner_text() == texts(visit)["brush.unchanged"]
    page.click("[data-brush=impulse]")
    box = canvas.bounding_box()
    assert box
    page.mouse.click(box["x"] + 60.5 * box["width"] / 192, box["y"] + 40.5 * box["width"] / 192)
    page.click(".fx-brush-use")
    page.wait_for_function(f"() => document.querySelector('.fx').dataset.run !== {before!r}")
    found = payload(visit)
    first = next(step for step in found["steps"] if step["name"] == "conv_d0a_b")
    height, width = first["shape"][1:]
    assert first["stats"]["zeros"] >= 1 - 9 / (height * width)  # a 3 x 3 convolution: at most nine units see the pixel
    assert first["stats"]["zeros"] < 1
    assert "against" not in page.evaluate("location.search") or "cat.jpg" in page.evaluate("location.search")


def test_made_images_are_on_offer(visit: Visit) -> None:
    page = visit.open("?model=fcn32s&padding=same&size=192").page
    page.click(".fx-image")
    page.click(".fx-examples-made [data-file=made-ramp]")
    page.wait_for_function("() => location.search.includes('image=made-ramp')")
    visit.until(lambda: page.evaluate("() => document.querySelector('.fx').dataset.state") == "ready")
    assert payload(visit)["frames"]["original"] == [320, 320]
