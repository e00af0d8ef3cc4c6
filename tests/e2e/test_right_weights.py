"""The right weights for the image, in a browser: noticed, said, and taken with one click; a size without room."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from explorer.ui.i18n import TEXTS
from tests.e2e.conftest import ROOT, Visit

EN = TEXTS["en"]
WEIGHTS = ".fx-weights select"


@pytest.fixture
def micrograph(tmp_path: Path) -> Path:
    """Pixels that the page has not seen: a part of an example, turned."""
    with Image.open(ROOT / "assets/examples/nuclei_purple.png") as image:
        part = image.convert("RGB").crop((16, 8, image.width - 40, image.height - 24)).rotate(180)
    part.save(tmp_path / "slide.png")
    return tmp_path / "slide.png"


def boxes(visit: Visit) -> list[Any]:
    """Where the panes lie."""
    names = [".fx-bar", ".fx-run", ".fx-list", ".fx-maps", ".fx-picture", ".fx-steps"]
    return [visit.page.locator(name).first.bounding_box() for name in names]


def given(visit: Visit, path: Path) -> Visit:
    visit.open()
    before = visit.run
    visit.upload(path)
    return visit.after(before)


def test_weights_follow_a_micrograph_and_one_click_takes_others(visit: Visit, micrograph: Path) -> None:
    given(visit, micrograph)
    notice = visit.page.locator(".fx-notice")
    notice.wait_for()
    assert visit.page.locator(WEIGHTS).input_value() == "fcn8s-nuclei"
    title = visit.page.inner_text(f"{WEIGHTS} option[value='fcn8s-nuclei']")
    assert visit.text(".fx-notice p") == EN["notice.taken"].format(weights=title)
    before = visit.run
    visit.page.locator(".fx-notice-take").click()  # back to those before: chosen as such, and noticed
    visit.after(before)
    assert visit.text(".fx-notice p") == EN["notice.nuclei"]
    assert visit.page.locator(WEIGHTS).input_value() == "fcn8s-everyday"
    before, placed = visit.run, boxes(visit)
    visit.page.get_by_role("button", name=EN["notice.take.nuclei"]).click()
    visit.after(before)
    assert visit.page.locator(WEIGHTS).input_value() == "fcn8s-nuclei"
    assert visit.text(".fx-image-name") == "slide.png"
    assert notice.is_hidden()
    assert boxes(visit) == placed  # it lay over the page


def test_the_notice_stands_below_the_weights_and_stays_away_once_closed(visit: Visit, micrograph: Path) -> None:
    given(visit, micrograph)
    visit.page.locator(".fx-notice").wait_for()
    notice, weights = (visit.page.locator(name).bounding_box() for name in (".fx-notice", ".fx-weights"))
    assert 0 < notice["y"] - (weights["y"] + weights["height"]) < 16
    assert notice["x"] <= weights["x"] + 20 <= notice["x"] + notice["width"]
    visit.page.locator(".fx-notice-close").click()
    before = visit.run
    visit.set("size", "192")
    visit.after(before)
    assert visit.page.locator(".fx-notice").is_hidden()


def test_choosing_unet_for_a_micrograph_picks_nuclei(visit: Visit, micrograph: Path) -> None:
    given(visit, micrograph).choose("U-Net")
    assert visit.page.locator(WEIGHTS).input_value() == "unet-nuclei"
    assert visit.page.locator(".fx-notice").is_hidden()
    before = visit.run
    visit.page.locator(WEIGHTS).select_option("unet-everyday")  # chosen as such: said, and left
    visit.after(before)
    assert visit.text(".fx-image-name") == "slide.png"
    assert visit.text(".fx-notice p") == EN["notice.nuclei"]


@pytest.mark.parametrize("visit", [{"locale": "ko-KR"}], indirect=True)
def test_weights_follow_a_photograph_where_it_is_segmented(visit: Visit, tmp_path: Path) -> None:
    with Image.open(ROOT / "assets/examples/flower.jpg") as image:
        image.convert("RGB").resize((300, 200)).save(tmp_path / "mine.png")
    visit.open("?view=segment&model=unet&checkpoint=unet-nuclei&image=nuclei_pink.png")
    visit.page.wait_for_selector(".fx-offers button")
    assert visit.page.locator(".fx-notice").is_hidden()
    visit.page.set_input_files(".fx-many input", str(tmp_path / "mine.png"))
    visit.page.locator(".fx-notice").wait_for()
    title = visit.page.inner_text(f"{WEIGHTS} option[value='unet-everyday']")
    said = TEXTS["ko"]["notice.taken"].format(weights=title)
    assert visit.text(".fx-notice p") == said.replace("을(를)", "를")
    visit.page.locator(".fx-notice-take").click()
    visit.until(lambda: visit.page.locator(WEIGHTS).input_value() == "unet-nuclei")
    assert visit.text(".fx-notice p") == TEXTS["ko"]["notice.everyday"]
    visit.page.get_by_role("button", name=TEXTS["ko"]["notice.take.everyday"]).click()
    visit.until(lambda: visit.page.locator(WEIGHTS).input_value() == "unet-everyday")
    assert visit.page.locator(".fx-notice").is_hidden()
    assert visit.text(".fx-image-name") == "mine.png"


def test_run_is_loud_only_where_nothing_ran_by_itself(visit: Visit) -> None:
    style = "() => getComputedStyle(document.querySelector('.fx-run')).backgroundColor"
    visit.open()
    quiet = visit.page.evaluate(style)
    assert quiet == "rgba(0, 0, 0, 0)"
    for view in ("segment", "compare"):
        visit.page.locator(f".fx-views [data-view={view}]").click()
        visit.page.wait_for_selector(f".fx[data-view={view}]")
        assert visit.page.evaluate(style) != quiet
    visit.page.locator(".fx-views [data-view=explore]").click()
    assert visit.page.evaluate(style) == quiet


def test_a_size_that_memory_had_no_room_for_is_said_at_the_size(visit: Visit) -> None:
    """The server's memory is not the test's to fill: its answer is given the note that it then has."""
    details = {"wanted": 320, "size": 192, "needed": 700, "free": 500}

    def with_note(route: Any) -> None:
        answer = route.fetch()
        run = answer.json()
        run["notes"].append({"code": "smaller_for_room", "details": details})
        route.fulfill(response=answer, body=json.dumps(run))

    visit.open()
    visit.page.route("**/*.json", with_note)
    before = visit.run
    visit.set("size", "192")
    visit.after(before)
    said = EN["note.smaller_for_room"].format(**details)
    assert visit.text(".fx-notice p") == said
    visit.page.locator(".fx-more").click()
    assert visit.text(".fx-size-said") == said
    visit.page.unroute("**/*.json")
    before = visit.run
    visit.page.locator(".fx-size select").select_option("256")
    visit.after(before)
    assert visit.page.locator(".fx-notice").is_hidden()
    assert visit.page.locator(".fx-size-said").is_hidden()
