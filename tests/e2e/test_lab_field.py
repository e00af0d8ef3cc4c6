"""The field lab in a real browser: a place chosen by pressing the picture, the numbers against the Python call's."""

from __future__ import annotations

from explorer import api, images, labs
from explorer.files import EXAMPLES
from explorer.labs.inputs import network_input
from explorer.models import without_weights
from tests.e2e.conftest import Visit
from tests.e2e.test_labs import ANSWERED, LANGUAGES, numbers

ADDRESS = "?view=labs&lab=field&model=unet&checkpoint=unet-nuclei&padding=valid&image=nuclei_crowded.png"


@LANGUAGES
def test_the_field_lab_at_a_place_that_is_pressed(visit: Visit) -> None:
    page = visit.open(ADDRESS).page
    page.wait_for_selector(ANSWERED.format("field", "values"))
    picture = page.locator(".fx-lab:not([hidden]) [data-picture=could]")
    picture.click(position={"x": 60, "y": 70})
    page.wait_for_function("() => location.search.includes('lab.place=')")
    place = page.evaluate("new URLSearchParams(location.search).get('lab.place')")
    row, column = (int(n) for n in place.split(","))
    loaded = api.network("unet", "unet-nuclei", "valid")
    image = network_input(loaded, images.read(EXAMPLES / "nuclei_crowded.png").pixels).image
    height, width = image.shape[2:]
    wide, high = picture.evaluate("e => [e.clientWidth, e.clientHeight]")
    assert (row, column) == (int(70 / high * height), int(60 / wide * width))
    lab = labs.field_of_view("unet", "valid", (height, width), (row, column))
    found = labs.measure(labs.runner(loaded.module, image, without_weights(loaded.spec)), lab, ["score"])["score"]
    seen = found.seen
    whole = [str(n) for n in (*seen.unit, *seen.whole.shape, *seen.inside.shape)]
    visit.until(lambda: set(whole) <= set(numbers(visit, "could", "lab.field.could")))
    said = {f"{found.pixels:,}", f"{found.size:.1f}".removesuffix(".0")}
    visit.until(lambda: set(numbers(visit, "uses", "lab.field.uses")) == said)
    page.wait_for_selector("[data-figure=curve] .main-svg", state="attached")
