"""What is taken along, opened by other programs: pictures, lines, numbers, a lab's plots, the page without a server."""

from __future__ import annotations

import base64
import csv
import io
import json
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from tests.e2e.conftest import Visit

SVG = "{http://www.w3.org/2000/svg}"
LOOK = "?step=crop_pool4&unit=0,12,12"
TWICE = pytest.mark.parametrize(
    "visit", [{"viewport": {"width": 1366, "height": 768}, "device_scale_factor": 2}], indirect=True, ids=["twice"]
)
DRAWN = """([index, step]) => { const last = document.querySelector('.fx-track input');
    return index === Number(last.max) || document.querySelector('.fx').dataset.step !== step }"""
TEXTS = json.loads((Path(__file__).parents[2] / "explorer/ui/texts/en.json").read_text("utf-8"))


def take(page: Any, selector: str) -> Path:
    with page.expect_download() as download:
        page.click(f"dialog[open] {selector}")
    path = Path(download.value.path())
    page.wait_for_function(
        "name => document.querySelector('dialog[open] .fx-taking-said').textContent.includes(name)",
        arg=download.value.suggested_filename,
    )
    return path


def canvas_of(page: Any, selector: str) -> np.ndarray:
    """A canvas with what is see-through in it, H x W x 4: maps leave gaps."""
    url = page.evaluate("s => document.querySelector(s).toDataURL('image/png')", selector)
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))).convert("RGBA"), int)


def pixels(picture: Any) -> np.ndarray:
    return np.asarray(Image.open(picture).convert("RGB"), int)


def payload(visit: Visit) -> dict[str, Any]:
    return visit.page.evaluate(
        "async name => (await fetch(performance.getEntriesByType('resource').map(r => r.name)"
        ".find(r => r.endsWith(name)))).json()",
        visit.run,
    )


@TWICE
def test_pictures_are_what_the_page_shows_with_lines_for_marks_and_all_numbers(visit: Visit) -> None:
    visit.open(LOOK)
    page = visit.page
    page.wait_for_selector(".fx-held b")  # its arithmetic has come, and what moves it
    page.wait_for_timeout(300)
    maps, picture = canvas_of(page, ".fx-mosaic canvas"), canvas_of(page, ".fx-view canvas")
    page.click(".fx-taking-open")
    for kind, canvas in (("mosaic.png", maps), ("boxes.png", picture)):
        taken = pixels(take(page, f"[data-take='{kind}']"))
        height, width = canvas.shape[:2]
        assert taken.shape[0] > height + 60  # a caption
        apart = np.abs(taken[24 : 24 + height, 24 : 24 + width] - canvas[..., :3]).max(2)
        assert (apart[canvas[..., 3] == 255] > 8).mean() < 0.002, kind
        assert (canvas[..., 3] == 255).mean() > 0.5
        assert taken[24 + height :].std() > 5  # with letters
    assert np.array_equal(maps, canvas_of(page, ".fx-mosaic canvas"))  # the page's own is as it was
    assert np.array_equal(picture, canvas_of(page, ".fx-view canvas"))
    run = payload(visit)
    check_lines(take(page, "[data-take='boxes.svg']"), run, picture)
    rows = list(csv.DictReader(io.StringIO(take(page, "[data-take='numbers.csv']").read_text("utf-8-sig"))))
    assert [row["step"] for row in rows] == [step["name"] for step in run["steps"]]
    for row, step in zip(rows, run["steps"], strict=True):
        axis = run["axes"][step["rows"]]
        assert [float(row[key]) for key in ("jump_rows", "start_rows")] == [axis["jump"], axis["start"]]
        assert [int(row[key]) for key in ("channels", "height", "width", "macs")] == [*step["shape"], step["macs"]]
        assert (float(row["std"]) if row["std"] else None) == (step["stats"] and step["stats"]["std"])


def check_lines(path: Path, run: dict[str, Any], shown: np.ndarray) -> None:
    """An SVG's picture is the page's, and its boxes are those of the run, in one scale."""
    root = ElementTree.fromstring(path.read_text("utf-8"))
    inner = root.find(f"{SVG}svg")
    image = pixels(io.BytesIO(base64.b64decode(inner.find(f"{SVG}image").get("href").partition(",")[2])))
    assert image.shape[:2] == shown.shape[:2]
    assert (np.abs(image - shown[..., :3]).max(2) <= 2).mean() > 0.6  # the same but for its marks
    crop = next(one for one in run["crops"] if one["step"] == "crop_pool4")
    boxes = {}
    for rect in inner.findall(f"{SVG}rect[@data-mark]"):
        boxes.setdefault(rect.get("data-mark"), []).append([float(rect.get(k)) for k in ("x", "y", "width", "height")])
    top, left, bottom, right = crop["stands"]
    stands, sees = boxes["kept"]
    scale = stands[2] / (right - left)
    assert stands[3] / scale == pytest.approx(bottom - top)
    if crop["sees"]:
        assert (sees[0] - stands[0]) / scale == pytest.approx(crop["sees"][1] - left, abs=0.01)
        assert (sees[1] - stands[1]) / scale == pytest.approx(crop["sees"][0] - top, abs=0.01)
    assert inner.find(f"{SVG}path[@data-mark='dropped']").get("fill") == "url(#hatch-dropped)"
    assert {"kept", "field", "light"} <= boxes.keys()
    words = " ".join(text.text for text in root.findall(f"{SVG}text"))
    assert "crop_pool4" in words
    assert "FCN-8s" in words


def test_a_labs_plots_are_taken_with_what_the_lab_says(visit: Visit) -> None:
    visit.open("?view=labs&lab=crop&image=cat.jpg&size=192")
    page = visit.page
    page.wait_for_selector(".fx-labs[data-state=measured] [data-figure=input] .main-svg")
    node = page.locator(".fx-lab:not([hidden]) [data-figure=input]")
    fact = node.locator("xpath=..").locator("[data-facts] p").first.inner_text()
    size = node.evaluate("node => [node.clientWidth, node.clientHeight]")
    page.click(".fx-figures-open")
    drawn = pixels(take(page, "[data-slot=input][data-kind=png]"))
    assert drawn.shape[1] == max(2 * size[0], 1040) + 48
    assert drawn.shape[0] > 2 * size[1] + 100
    root = ElementTree.fromstring(take(page, "[data-slot=input][data-kind=svg]").read_text("utf-8"))
    inner = root.find(f"{SVG}svg")
    plot = inner.find(f"{SVG}svg")
    assert plot.get("viewBox") == f"0 0 {size[0]} {size[1]}"
    assert any("trace" in node.get("class", "") or "shape" in node.get("class", "") for node in plot.iter())
    assert re.sub(r"\s", "", fact) in re.sub(r"\s", "", "".join(text.text for text in root.findall(f"{SVG}text")))


def test_the_page_without_a_server_steps_points_and_marks_as_the_one_with_it(visit: Visit, browser: Any) -> None:
    visit.open(LOOK)
    page = visit.page
    page.click(".fx-taking-open")
    path = take(page, "[data-take=html]")
    saved = path.with_suffix(".html")
    saved.write_bytes(path.read_bytes())
    page.keyboard.press("Escape")
    context = browser.new_context(viewport={"width": 1366, "height": 768}, locale="en-US", offline=True)
    alone = Visit(context.new_page(), saved.as_uri())
    try:
        alone.open()
        assert alone.step == "crop_pool4"
        alone.until(lambda: alone.text(".fx-held").strip().endswith(TEXTS["error.offline"]))
        for there in (visit, alone):
            there.press("Escape")  # lets go of the unit
            there.press("Home")
            there.page.wait_for_selector(".fx[data-step=input]:not(.fx-fetching)")
        seen = set()
        count = int(alone.text(".fx-count").split("/")[1])
        for index in range(count):
            seen.add(step := alone.step)
            if index % 12 == 1:
                visit.go(step)
                compare(visit, alone)
            alone.press("ArrowRight")
            alone.page.wait_for_function(DRAWN, arg=[index, step])
        assert len(seen) == count
        assert not [url for url in alone.requests if not url.startswith(("file:", "data:", "blob:"))]
        assert alone.complaints == []
    finally:
        context.close()


def compare(one: Visit, other: Visit) -> None:
    """Maps, picture, and what is said of a unit at the pointer are the same."""
    said = []
    for there in (one, other):
        box = there.page.locator(".fx-mosaic canvas").bounding_box()
        there.page.mouse.move(box["x"] + box["width"] * 0.3, box["y"] + box["height"] * 0.4)
        there.until(lambda there=there: there.text(".fx-unit") != "")
        said.append((there.step, there.text(".fx-words"), there.text(".fx-unit")))
    assert said[0] == said[1]
    for canvas in (".fx-mosaic canvas", ".fx-view canvas"):  # with the marks of the unit
        assert np.array_equal(one.pixels(canvas), other.pixels(canvas))
