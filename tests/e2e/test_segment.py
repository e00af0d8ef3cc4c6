"""Images at their own size in a browser: the offers, the result's pixels, tiles, files, a truth."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

from explorer import api
from explorer.inference import RunOptions
from tests.e2e.conftest import Visit, two_sizes
from tests.e2e.segmenting import EN, give, photo, run, segmenting


@two_sizes
def test_an_own_image_is_segmented_as_the_api_does_it(visit: Visit, tmp_path: Path) -> None:
    path = photo(tmp_path / "own.png")
    segmenting(visit)
    give(visit, path)
    assert visit.page.get_attribute(".fx-offers [aria-checked=true]", "data-offer") == "0"
    run(visit)
    visit.page.locator(".fx-sheet .fx-see input").fill("100")
    found = api.segment(path, "fcn8s", padding="paper", options=RunOptions("cpu"))
    colours = np.array([c.colour for c in found.card.classes])
    box = visit.page.evaluate(
        "() => { const c = document.querySelector('.fx-board canvas'); return [c.width, c.height] }"
    )
    scale = min(box[0] / 320, box[1] / 240)
    left, top = (box[0] - 320 * scale) / 2, (box[1] - 240 * scale) / 2
    right = 0
    places = [(r, c) for r in range(10, 240, 23) for c in range(10, 320, 29)]
    visit.page.wait_for_timeout(200)
    for row, column in places:
        seen = visit.pixel(".fx-board canvas", left + (column + 0.5) * scale, top + (row + 0.5) * scale)[:3]
        right += int(np.abs(colours[found.labels[row, column]] - seen).max() <= 3)
    assert right >= 0.97 * len(places)  # a pixel beside a boundary may be its neighbour's
    areas = visit.page.eval_on_selector_all(".fx-areas li", "l => l.map(e => e.querySelector('span').textContent)")
    largest = sorted(found.areas, key=lambda a: -a.pixels)
    assert areas == [a.name_en for a in largest if a.pixels][:8]
    assert visit.complaints == []


def test_a_photograph_larger_than_those_trained_on_is_run_as_a_copy(visit: Visit, tmp_path: Path) -> None:
    card = api.network("fcn8s").card
    path = photo(tmp_path / "large.png", 300, int(card.usual_side) + 24)
    segmenting(visit)
    give(visit, path)
    taken = ".fx-offers [aria-checked=true]"
    assert visit.text(f"{taken} b") == EN["segment.way.trained"]
    assert visit.text(f"{taken} span").endswith(f"{card.trained_side} px")
    assert f"{card.trained_side} px" in visit.text(".fx-trained")
    run(visit)
    warned = visit.page.locator(".fx-outcome .fx-note", has_text="as large as in the photographs")
    assert warned.count() == 0
    visit.page.locator(".fx-offers button", has_text=EN["segment.way.whole"]).click()
    assert visit.text(".fx-outcome").startswith(EN["segment.again"])
    visit.page.locator(".fx-run").click()
    warned.wait_for()
    give(visit, photo(tmp_path / "small.png"))
    assert visit.text(f"{taken} b") == EN["segment.way.whole"]
    assert visit.page.locator(".fx-trained").is_hidden()
    assert visit.complaints == []


def test_files_can_be_taken_along(visit: Visit, tmp_path: Path) -> None:
    path = photo(tmp_path / "own.png")
    segmenting(visit)
    give(visit, path)
    run(visit)
    found = api.segment(path, "fcn8s", padding="paper", options=RunOptions("cpu"))
    with visit.page.expect_download() as mask:
        visit.page.get_by_role("button", name=EN["file.mask"]).click()
    assert mask.value.suggested_filename == "own.mask.png"
    labels = np.asarray(Image.open(mask.value.path()))
    assert (labels == found.labels).mean() > 0.9999
    with visit.page.expect_download() as packed:
        visit.page.get_by_role("button", name=EN["file.zip"]).click()
    with zipfile.ZipFile(packed.value.path()) as file:
        assert {"own.mask.png", "own.overlay.png", "own.areas.csv"} <= set(file.namelist())
        assert json.loads(file.read("own.coco.json"))["images"][0]["width"] == 320


def test_tiles_are_drawn_with_the_window_that_they_read(visit: Visit, tmp_path: Path) -> None:
    path = photo(tmp_path / "large.png", 600, 900)
    segmenting(visit, "&model=unet")
    give(visit, path)
    tiles = visit.page.locator(".fx-offers button", has_text=EN["segment.way.tiles"])
    assert tiles.locator("span").inner_text() == "2 tiles, ≤ 600 × 768 px"  # none has 768 x 768
    tiles.click()
    run(visit)
    visit.page.locator(".fx-grid").click()
    box = visit.page.locator(".fx-board canvas").bounding_box()
    before = visit.page.locator(".fx-board canvas").screenshot()
    visit.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    visit.page.wait_for_timeout(200)
    assert visit.page.locator(".fx-board canvas").screenshot() != before
    assert visit.text(".fx-here")
    said = visit.text(".fx-outcome")
    visit.page.locator(".fx-offers button", has_text=EN["segment.way.whole"]).click()
    assert visit.text(".fx-outcome").startswith(EN["segment.again"])  # it was run in another way
    assert visit.text(".fx-queue [aria-current] small") == EN["segment.state.old"]
    tiles.click()
    assert visit.text(".fx-outcome") == said


def test_true_labels_give_a_matrix_and_the_errors(visit: Visit, tmp_path: Path) -> None:
    path = photo(tmp_path / "own.png")
    labels = api.segment(path, "fcn8s", padding="paper", options=RunOptions("cpu")).labels.copy()
    labels[:24] = (labels[:24] + 1) % 21
    Image.fromarray(labels).save(tmp_path / "truth.png")
    segmenting(visit)
    give(visit, path)
    run(visit)
    visit.page.set_input_files(".fx-truth input", str(tmp_path / "truth.png"))
    visit.page.wait_for_selector(".fx-confusion")
    assert "90 %" in visit.text(".fx-outcome")
    assert visit.page.locator(".fx-layer select").input_value() == "errors"
    Image.fromarray(labels[:50]).save(tmp_path / "small.png")
    visit.page.set_input_files(".fx-truth input", str(tmp_path / "small.png"))
    visit.page.wait_for_selector(".fx-message:not([hidden])")
    assert "small.png" not in visit.text(".fx-message") or "240" in visit.text(".fx-message")
    assert visit.page.locator(".fx-confusion").count() == 0  # the figures were of other labels
    assert "truth.png" not in visit.text(".fx-outcome")
    visit.page.set_input_files(".fx-truth input", str(tmp_path / "truth.png"))
    visit.page.wait_for_selector(".fx-confusion")
    assert visit.page.locator(".fx-message").is_hidden()  # the message was of other labels
    assert EN["segment.judged.by"].format(name="truth.png") in visit.text(".fx-outcome")
    assert "--padding paper" in visit.text(".fx-command")


def test_a_judgement_goes_with_its_result(visit: Visit, tmp_path: Path) -> None:
    path = photo(tmp_path / "own.png", 120, 160)
    segmenting(visit)
    give(visit, path)
    run(visit)
    labels = tmp_path / "labels.png"
    Image.fromarray(np.zeros((120, 160), np.uint8)).save(labels)
    visit.page.set_input_files(".fx-truth input", str(labels))
    visit.page.wait_for_selector(".fx-confusion")
    assert "errors" in visit.page.eval_on_selector_all(".fx-layer option", "l => l.map(e => e.value)")
    assert EN["segment.key.wrong"] in visit.text(".fx-sheet-key")
    visit.page.locator(".fx-offers button", has_text=EN["segment.way.tiles"]).click()
    visit.page.wait_for_timeout(700)  # the button takes no second click within half a second of a question
    visit.page.locator(".fx-run").click()
    visit.page.wait_for_selector(".fx-confusion", state="detached")
    assert "errors" not in visit.page.eval_on_selector_all(".fx-layer option", "l => l.map(e => e.value)")
