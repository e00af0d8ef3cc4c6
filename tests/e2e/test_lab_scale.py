"""The scale lab in a real browser: one setting changed, both networks run, numbers against the Python call's."""

from __future__ import annotations

from explorer.labs import scaling, scaling_run, unpooled
from explorer.labs.scaling import Design
from tests.e2e.conftest import Visit
from tests.e2e.test_labs import ANSWERED, LANGUAGES, numbers, texts

ROWS = ".fx-lab:not([hidden]) [data-table={}] tbody tr"


def plain(text: str) -> float:
    return float(text.replace(",", ""))


@LANGUAGES
def test_the_scale_lab(visit: Visit) -> None:
    page = visit.open("?view=labs&lab=scale&lab.size=64&lab.width=8").page
    page.wait_for_selector(ANSWERED.format("scale", "values"))
    label = texts(visit)["lab.scale.set.poolings"]
    box = page.locator(".fx-lab-control", has_text=label).locator("input[type=number]")
    box.fill("2")
    box.press("Enter")
    page.wait_for_function("() => location.search.includes('lab.poolings=2')")
    design = Design(poolings=2, width=8, size=64)
    own, full = scaling.layers(design), scaling.full_resolution(design)
    rows = page.locator(ROWS.format("far"))
    visit.until(lambda: rows.first.locator("td").all_inner_texts()[3] == str(own[-1].field))
    said = numbers(visit, "field", "lab.scale.field.said")
    assert set(said) == {str(len(full)), str(own[-1].field), str(full[-1].field)}
    for row, one in zip(rows.all()[2:], unpooled.without_poolings(design), strict=True):
        cells = row.locator("td").all_inner_texts()
        assert plain(cells[3]) == one.layers[-1].field
        assert plain(cells[4]) == sum(layer.parameters for layer in one.layers)
    for name in ("field", "macs", "parameters", "memory"):
        figure = page.locator(f".fx-lab:not([hidden]) [data-figure={name}]")
        figure.scroll_into_view_if_needed()
        page.wait_for_selector(f".fx-lab:not([hidden]) [data-figure={name}] .main-svg", state="attached")
        assert figure.locator(".scatterlayer .trace").count() == 4
    page.click(".fx-lab:not([hidden]) [data-ask=measure]")
    page.wait_for_selector(ANSWERED.format("scale", "measure"))
    measured = [row.locator("td").all_inner_texts() for row in page.locator(ROWS.format("measure")).all()]
    assert len(measured) == 3
    for cells, poolings in zip(measured, (True, False), strict=False):
        assert plain(cells[2]) == float(f"{scaling_run.forecast(design, poolings).activations / 2**20:.3g}")
        assert plain(cells[1]) > 0
    macs = [sum(layer.macs for layer in made) for made in (own, full)]
    assert float(f"{macs[1] / macs[0]:.3g}") in [plain(n) for n in numbers(visit, "measure", "lab.scale.measure.said")]
