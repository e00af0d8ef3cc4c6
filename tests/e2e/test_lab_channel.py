"""The channel lab in a real browser: a layer chosen in the table, its numbers against the Python calls'."""

from __future__ import annotations

from explorer import api, images, labs
from explorer.files import EXAMPLES
from explorer.labs.inputs import network_input
from explorer.models import without_weights
from tests.e2e.conftest import Visit
from tests.e2e.test_labs import ANSWERED, LANGUAGES, numbers

ADDRESS = "?view=labs&lab=channel&model=fcn8s&checkpoint=fcn8s-everyday&padding=same&image=cat.jpg"


NAMES = sorted(("output", "count", "products", "bias", "total", "score", "rest"))


@LANGUAGES
def test_the_channel_lab_with_another_layer(visit: Visit) -> None:
    page = visit.open(ADDRESS).page
    page.wait_for_selector(ANSWERED.format("channel", "values"))
    page.locator("[data-table=mixers] tr", has_text="score_pool3").click()
    page.wait_for_function("() => location.search.includes('lab.layer=score_pool3')")
    loaded = api.network("fcn8s", "fcn8s-everyday", "same")
    image = network_input(loaded, images.read(EXAMPLES / "cat.jpg").pixels).image
    lab = labs.channels(loaded.spec, tuple(image.shape[2:]))
    mixer = lab["score_pool3"]
    counts = {f"{n:,}" for n in (mixer.wide_parameters, mixer.parameters)}
    visit.until(lambda: counts <= set(numbers(visit, "spared", "lab.channel.spared.parameters")))
    page.wait_for_selector(ANSWERED.format("channel", "values"))
    unit = labs.field_of_view("fcn8s", "same", lab.size)["score_pool3"].unit
    made = labs.products(labs.runner(loaded.module, image, without_weights(loaded.spec)), "score_pool3", *unit)

    def said() -> float:
        shown = dict(zip(NAMES, numbers(visit, "sum", "lab.channel.sum.said"), strict=True))
        return float(shown["total"].replace("−", "-"))

    visit.until(lambda: abs(said() - made.total(0)) < 1e-3)
    levels = page.locator("[data-table=levels] tbody tr").all_inner_texts()
    assert len(levels) == len(lab.levels)
    for line, level in zip(levels, lab.levels, strict=True):
        assert all(f"{n:,}" in line for n in (level.activations, level.parameters, level.macs))
    page.wait_for_selector("[data-figure=mixing] .main-svg", state="attached")
