"""The shift lab in a real browser: from the first page, one setting changed, the number shown against the call's."""

from __future__ import annotations

from explorer import labs
from explorer.labs.shared import telling
from explorer.labs.walk import network_of
from tests.e2e.conftest import Visit
from tests.e2e.test_labs import ANSWERED, LANGUAGES, numbers, texts


@LANGUAGES
def test_the_shift_lab_from_its_address(visit: Visit) -> None:
    page = visit.open("?view=labs&lab=shift&model=unet&padding=valid").page
    page.wait_for_selector(ANSWERED.format("shift", "values"), timeout=30_000)
    label = texts(visit)["lab.shift.set.shift"]
    box = page.locator(".fx-lab-control", has_text=label).locator("input[type=number]")
    box.fill("4")
    box.press("Enter")
    page.wait_for_function("() => location.search.includes('lab.shift=4')")
    size = page.locator(".fx-lab-control", has_text=texts(visit)["lab.shift.set.window"])
    window = int(size.locator("input[type=number]").input_value())
    layers = labs.layers(network_of("unet", "valid"), (window, window))
    shown = [layers[name] for name in telling(layers)]
    repeating = sum(4 % one.period == 0 for one in shown)
    table = page.locator(".fx-lab:not([hidden]) [data-table=layers] tr[data-row]")
    visit.until(lambda: table.last.locator("td").nth(3).inner_text() == f"{shown[-1].moved((4, 4)).area:,}")
    assert set(numbers(visit, "period", "lab.shift.period.now")) == {"4", str(repeating), str(len(shown))}
    visit.until(lambda: numbers(visit, "equivariance", "lab.shift.moved.exact").count("4") == 1)
    steps = [n for n in numbers(visit, "equivariance", "lab.shift.moved.exact") if n == str(repeating)]
    assert steps
    page.wait_for_selector(".fx-lab:not([hidden]) [data-figure=equivariance] .main-svg", state="attached")
    picture = page.locator(".fx-lab:not([hidden]) [data-picture='labels.differ']")
    visit.until(lambda: picture.evaluate("e => e.complete && e.naturalWidth") == window - 184 - 4)
    table.first.click()  # the layer that is measured at every shift
    page.wait_for_function("() => location.search.includes('lab.step=conv_d0a_b')")


def test_a_sweep_is_asked_for_by_a_button(visit: Visit) -> None:
    page = visit.open("?view=labs&lab=shift&model=unet&padding=valid&lang=en&lab.step=pool_d0c&lab.window=188").page
    page.wait_for_selector(ANSWERED.format("shift", "values"), timeout=30_000)
    page.click(".fx-lab:not([hidden]) [data-ask=sweep]")
    page.wait_for_selector(ANSWERED.format("shift", "sweep"), timeout=30_000)
    assert numbers(visit, "sweep", "lab.shift.sweep.zero") == [", ".join(map(str, range(0, 33, 2)))]
    figure = ".fx-lab:not([hidden]) [data-figure=sweep]"
    page.locator(figure).scroll_into_view_if_needed()
    page.wait_for_selector(f"{figure} .main-svg", state="attached")
