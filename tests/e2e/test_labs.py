"""The labs in a real browser: from the first page, one setting changed, the number shown against the Python call's."""

from __future__ import annotations

import re

import pytest

from explorer import labs
from explorer.ui.i18n import TEXTS
from tests.e2e.conftest import Visit

LANGUAGES = pytest.mark.parametrize(
    "visit", [{"locale": "en-US"}, {"locale": "ko-KR"}], indirect=True, ids=["en", "ko"]
)
ANSWERED = ".fx-labs[data-answered='{} {}']"


def texts(visit: Visit) -> dict[str, str]:
    return TEXTS[visit.page.evaluate("() => document.documentElement.lang")]


def pattern(text: str) -> str:
    """A text with its places open, for a look at the page; particles are chosen there."""
    text = re.sub(r"\(?[가-힣]\)[가-힣]|[가-힣]\([가-힣]\)", "@", text)
    return re.sub(r"\\\{\w+\\\}", "(.+?)", re.escape(text)).replace("@", ".{1,2}")


def numbers(visit: Visit, slot: str, key: str) -> list[str]:
    """What fills a sentence in a slot of the page, in the order of the language's text."""
    text = texts(visit)[key]
    names = re.findall(r"\{(\w+)\}", text)
    for line in visit.page.locator(f".fx-lab:not([hidden]) [data-facts='{slot}'] p").all_inner_texts():
        if found := re.fullmatch(pattern(text), line):
            return [value for _, value in sorted(zip(names, found.groups(), strict=True))]
    raise AssertionError(f"{key} is not said in {slot}")


@LANGUAGES
def test_the_crop_lab_from_the_bar(visit: Visit) -> None:
    page = visit.open("?model=unet").page
    page.click(".fx-views [data-view=labs]")
    page.click(".fx-lab-choice [data-lab=crop]")
    page.wait_for_selector(ANSWERED.format("crop", "values"))
    page.get_by_role("radio", name=texts(visit)["lab.crop.mode.centre"], exact=True).click()
    for name in ("height", "width"):
        label = texts(visit)[f"lab.crop.set.{name}"]
        box = page.locator(".fx-lab-control", has_text=label).locator("input[type=number]")
        box.fill("500")
        box.press("Enter")
    page.wait_for_function("() => ['height', 'width'].every((n) => location.search.includes(`lab.${n}=500`))")
    table = page.locator(".fx-lab:not([hidden]) [data-table=crops] tr[data-row]").last
    visit.until(lambda: "496 × 496" in table.inner_text())
    crop = labs.crop("unet", "valid", 500, "centre").crops[-1]
    assert numbers(visit, "crop", "lab.crop.cut.off") == [str(crop.rows.misalignment), str(crop.cols.misalignment)]
    cells = page.locator(".fx-lab:not([hidden]) [data-table=crops] tr[data-row]").last.locator("td").all_inner_texts()
    assert cells[2:5] == [str(n) for n in (crop.rows.offset, crop.rows.centre, crop.rows.aligned)]
    picture = page.locator(".fx-lab:not([hidden]) [data-picture=values]")
    visit.until(
        lambda: (
            picture.evaluate("e => e.complete && e.naturalWidth")
            == labs.crop("unet", "valid", 500, "centre").output.shape[1]
        )
    )
    page.wait_for_selector(".fx-lab:not([hidden]) [data-figure=regions] .main-svg", state="attached")
    address = page.evaluate("location.search")
    assert {"view=labs", "lab=crop", "lab.mode=centre", "lab.height=500"} <= set(address[1:].split("&"))
    visit.reload()  # the address is the whole state
    page.wait_for_selector(ANSWERED.format("crop", "values"))
    assert numbers(visit, "crop", "lab.crop.cut.off") == [str(crop.rows.misalignment), str(crop.cols.misalignment)]


@LANGUAGES
def test_the_border_lab_from_the_bar(visit: Visit) -> None:
    page = visit.open("?model=unet").page
    page.click(".fx-views [data-view=labs]")
    page.click(".fx-lab-choice [data-lab=border]")
    page.wait_for_selector(ANSWERED.format("border", "values"))
    margin = [str(int(n)) for n in labs.border("unet", "valid", 572).margin]
    assert numbers(visit, "lost", "lab.border.lost.said") == margin
    pixel = page.locator(".fx-lab-control input[type=text]")
    pixel.fill("40,300")
    pixel.press("Enter")
    page.wait_for_function("() => location.search.includes('lab.pixel=40')")
    lab = labs.border("unet", "valid", 572)
    shown = page.locator(".fx-lab:not([hidden]) [data-facts=reach] p")
    visit.until(lambda: "40" in shown.first.inner_text())
    for one, line in zip((*lab.skips, lab.output), shown.all_inner_texts()[1:-2], strict=True):
        assert re.search(rf"{one.step}\D+{one.count(40, 300):,}\D", line)
    far, middle = numbers(visit, "reach", "lab.border.reach.far")
    assert float(far) == lab.output.farthest(40, 300) < float(middle)


@LANGUAGES
def test_the_tap_lab_from_the_bar(visit: Visit) -> None:
    page = visit.open("?model=fcn8s").page
    page.click(".fx-views [data-view=labs]")
    page.click(".fx-lab-choice [data-lab=tap]")
    page.wait_for_selector(ANSWERED.format("tap", "values"))
    total, score = [float(n.replace("−", "-")) for n in numbers(visit, "terms", "lab.tap.sum")[1:]][::-1]
    assert total == pytest.approx(score, abs=1e-3)
    row = page.locator(".fx-lab:not([hidden]) [data-table=taps] tr", has_text="conv4_3").last
    row.click()
    apart = labs.taps("fcn8s", "paper")[0]["conv4_3", "sub-sample"].apart
    key = texts(visit)["lab.tap.never"]
    visit.until(
        lambda: any(
            re.fullmatch(pattern(key), t)
            for t in page.locator(".fx-lab:not([hidden]) [data-facts=tap] p").all_inner_texts()
        )
    )
    assert numbers(visit, "tap", "lab.tap.never")[0] == str(apart)


def test_settings_that_cannot_be_are_refused_and_the_next_one_holds(visit: Visit) -> None:
    page = visit.open("?view=labs&lab=crop&model=unet&padding=valid&lab.height=60&lang=en").page
    page.wait_for_selector(".fx-message:not([hidden])")
    assert {"60", "188"} <= set(re.findall(r"\d+", page.inner_text(".fx-message p")))
    page.click(".fx-lab-reset")
    page.wait_for_selector(ANSWERED.format("crop", "values"))
    assert page.locator(".fx-message").is_hidden()
    box = page.locator(".fx-lab-control[data-set=height] input[type=number]")
    before, least = box.input_value(), box.get_attribute("min")
    box.fill("7")
    box.press("Enter")
    page.wait_for_selector(".fx-message:not([hidden])")
    assert {"7", least} <= set(re.findall(r"\d+", page.inner_text(".fx-message p")))
    assert box.input_value() == before
    assert "lab.height" not in page.evaluate("location.search")


def test_a_sweep_tells_its_progress_and_is_cancelled(visit: Visit) -> None:
    page = visit.open("?view=labs&lab=crop&model=unet&padding=valid").page
    page.wait_for_selector(ANSWERED.format("crop", "values"))
    page.click(".fx-lab:not([hidden]) [data-ask=sweep]")
    page.wait_for_selector(".fx-progress:visible")
    page.wait_for_timeout(1000)  # the second half of a double click is no cancel
    page.click(".fx-run")
    page.wait_for_selector(".fx-progress", state="hidden")
    page.wait_for_timeout(1500)
    assert page.locator(".fx-labs").get_attribute("data-answered") == "crop values"
    assert page.locator(".fx-lab:not([hidden]) [data-figure=sweep]").is_hidden()
    assert page.locator(".fx-message").is_hidden()


def test_figures_follow_the_theme(visit: Visit) -> None:
    page = visit.open("?view=labs&lab=crop&model=unet&padding=valid").page
    page.wait_for_selector(ANSWERED.format("crop", "values"))
    ink = "() => document.querySelector('[data-figure=regions] .xtick text').style.fill"
    before = page.evaluate(ink)
    page.click(".fx-theme")
    page.wait_for_function("(before) => (%s)() !== before" % ink, arg=before)  # noqa: UP031
