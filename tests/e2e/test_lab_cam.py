"""Why this class here, in a real browser: a region is drawn, its figures read, and a channel opened in the network."""

from __future__ import annotations

from explorer import api, labs
from explorer.files import EXAMPLES
from explorer.geometry import Box
from explorer.images import read
from explorer.labs.inputs import network_input
from tests.e2e.conftest import Visit
from tests.e2e.test_labs import ANSWERED, LANGUAGES, numbers


@LANGUAGES
def test_a_region_is_drawn_and_a_channel_opened(visit: Visit) -> None:
    page = visit.open("?view=labs&lab=cam&model=fcn8s&padding=same&image=bus.jpg").page
    page.wait_for_selector(ANSWERED.format("cam", "values"))
    image = page.locator(".fx-lab:not([hidden]) [data-picture='cam.labels']")
    box = image.bounding_box()
    assert box
    wide, high = image.evaluate("e => [e.naturalWidth, e.naturalHeight]")
    at = [
        (box["x"] + (x + 0.5) * box["width"] / wide, box["y"] + (y + 0.5) * box["height"] / high)
        for x, y in ((90, 60), (149, 99))
    ]
    page.mouse.move(*at[0])
    page.mouse.down()
    page.mouse.move(*at[1], steps=4)
    page.mouse.up()
    page.wait_for_function("() => location.search.includes('lab.region=60%2C90%2C100%2C150')")
    visit.until(lambda: "2,400" in page.locator(".fx-lab:not([hidden]) [data-facts=cam]").inner_text())
    loaded = api.network("fcn8s", None, "same")
    given = network_input(loaded, read(EXAMPLES / "bus.jpg").pixels)
    step = page.locator(".fx-lab-controls select").first.input_value()
    found = labs.cam(loaded.module, given.image, step, None, Box(60, 90, 100, 150))
    filled = numbers(visit, "cam", "lab.cam.weights")
    assert str(int((found.weights > 0).sum())) in filled
    rows = page.locator(".fx-lab:not([hidden]) [data-table=channels] tbody tr")
    first = int(found.order[0])
    assert rows.first.locator("th").inner_text().endswith(str(first))
    rows.first.click()
    page.wait_for_selector(f".fx[data-view=explore][data-step={found.step}]")
    channel = page.locator(".fx-maps")
    visit.until(lambda: str(first) in channel.inner_text())
