"""Reading values: the unit and the pixel under the pointer, one channel, one class, a crop, units that meet."""

from __future__ import annotations

import re

import pytest

from explorer import geometry
from explorer.geometry import Window
from explorer.ui.i18n import TEXTS
from tests.e2e.conftest import Visit, two_sizes


@two_sizes
def test_pointing_at_a_unit_draws_its_receptive_field_without_a_request(visit: Visit) -> None:
    visit.open().choose("U-Net").go("relu_d1c")
    visit.page.wait_for_load_state("networkidle")
    requests = len(visit.requests)
    box = visit.page.locator(".fx-mosaic canvas").bounding_box()
    visit.page.mouse.move(box["x"] + 20, box["y"] + 20)
    text = visit.text(".fx-unit")
    assert visit.page.locator(".fx-mosaic canvas").bounding_box() == box  # nothing moves under the pointer
    found = re.search(r"unit \((\d+), (\d+)\).*rows (\d+)–(\d+), columns (\d+)–(\d+)", text)
    assert found, text
    row, column, top, bottom, left, right = map(int, found.groups())
    shape = [int(n) for n in visit.text(".fx-frame-size").split(" × ")]
    for unit, n, ends in ((row, shape[0], (top, bottom)), (column, shape[1], (left, right))):
        axis = geometry.source(n)
        for op in (Window(3), Window(3), Window(2, 2), Window(3), Window(3)):
            axis = axis.through(op)
        assert (axis.lo[unit], axis.hi[unit]) == ends
    assert len(visit.requests) == requests


def test_one_channel_large_and_one_class_alone(visit: Visit) -> None:
    visit.open().choose("U-Net").go("relu_d1c")
    canvas = visit.page.locator(".fx-mosaic canvas")
    canvas.dblclick(position={"x": 20, "y": 20})
    large = visit.page.evaluate("() => document.querySelector('.fx-mosaic canvas').getBoundingClientRect().width")
    assert large > 300
    assert re.fullmatch(r"-?[\d.]+", visit.text(".fx-low"))
    visit.press("Escape")  # lets go of the unit
    visit.press("Escape")  # back to all channels
    assert visit.text(".fx-low").startswith(TEXTS["en"]["maps.low"].format(low=""))
    rarest = visit.page.locator(".fx-legend button").last
    light = visit.pixels(".fx-view canvas").mean()
    rarest.click()
    assert visit.pixels(".fx-view canvas").mean() < 0.7 * light  # the rest is dimmed
    assert rarest.get_attribute("aria-pressed") == "true"


def test_the_map_at_a_crop_is_shown_before_and_after(visit: Visit) -> None:
    visit.open().choose("U-Net").go("crop_d2c")
    before = visit.text(".fx-reduced")
    assert "relu_d2c" in before
    visit.page.get_by_role("radio", name=TEXTS["en"]["maps.crop.after"], exact=True).click()
    visit.page.wait_for_function("t => document.querySelector('.fx-reduced').textContent !== t", arg=before)
    assert visit.step == "crop_d2c"
    visit.go("concat_u2b")
    assert visit.page.locator(".fx-cropview").is_hidden()


def test_the_pixel_under_the_pointer_is_named_in_the_frame_shown(visit: Visit) -> None:
    visit.open().choose("U-Net")
    box = visit.page.locator(".fx-view canvas").bounding_box()
    network = [int(n) for n in visit.text(".fx-frame-size").split(" × ")]
    y, x = box["height"] * 0.6, box["width"] * 0.4
    visit.page.mouse.move(box["x"] + x, box["y"] + y)
    row, column = map(int, re.search(r"row (\d+), column (\d+):", visit.text(".fx-under")).groups())
    assert abs(row - network[0] * 0.6) <= 2
    assert abs(column - network[1] * 0.4) <= 2


def test_the_padding_share_is_that_of_the_unclipped_field(visit: Visit) -> None:
    """conv1_1 .. pool2 with pad 100: at the map's corner most of a field of 16 x 16 lies outside the image."""
    visit.open().go("pool2")
    box = visit.page.locator(".fx-mosaic canvas").bounding_box()
    seen = set()
    for step in range(2, 60, 3):
        visit.page.mouse.move(box["x"] + step, box["y"] + step)
        text = visit.text(".fx-unit")
        place = re.search(r"\((\d+), (\d+)\)", text)
        spans = re.search(r"rows (\d+)–(\d+), columns (\d+)–(\d+)", text)
        said = re.search(r"([\d.]+) % of its field", text)
        if not spans:
            continue
        top, bottom, left, right = map(int, spans.groups())
        row, column = map(int, place.groups())
        height, width = (int(n) for n in visit.text(".fx-frame-size").split(" × "))
        whole = [(-105 + 4 * u, -105 + 4 * u + 15) for u in (row, column)]  # centre -97.5 + 4u, field 16
        clipped = [(max(0, a), min(n - 1, b)) for (a, b), n in zip(whole, (height, width), strict=True)]
        assert (top, bottom, left, right) == (*clipped[0], *clipped[1])
        share = 100 * (1 - (bottom - top + 1) * (right - left + 1) / 256)
        assert float(said[1]) == pytest.approx(share, abs=0.06) if said else share == 0
        seen.add(bool(said))
    assert seen == {True, False}


@two_sizes
@pytest.mark.parametrize("step", ["crop_d1c", "concat_u1b"])
def test_units_that_meet_are_drawn_and_stand_together(visit: Visit, step: str) -> None:
    visit.open().choose("U-Net").go(step)
    text = visit.text(".fx-grids")
    found = re.search(r"relu_d1c has jump (\S+) and start (\S+), upconv_u1a has jump (\S+) and start (\S+)\.", text)
    jump, start, other_jump, other_start = (float(v) for v in found.groups())
    assert (jump, other_jump) == (2, 2)
    assert (other_start - start) / 2 == 40  # the paper's offset at this level
    assert "stand 0 input pixels apart" in text
    assert "own centres lie up to 7 pixels apart" in text  # a 2 x 2 block of up-sampled units has the same field
    visit.page.mouse.move(2, 2)
    bare = visit.page.locator(".fx-view canvas").screenshot()
    box = visit.page.locator(".fx-mosaic canvas").bounding_box()
    visit.page.mouse.move(box["x"] + 44, box["y"] + 36)
    met = visit.page.evaluate(
        """() => { const c = document.querySelector('.fx-view canvas'); let n = 0;
        const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
        for (let i = 0; i < d.length; i += 4) n += d[i] === 204 && d[i + 1] === 121 && d[i + 2] === 167;
        return n }"""
    )
    assert met > 15  # the dashed frame in the skips' colour, #CC79A7
    visit.page.mouse.move(2, 2)
    assert visit.page.locator(".fx-view canvas").screenshot() == bare
