"""Images at their own size in a browser: the offers, the result's pixels, tiles, files, several images, a truth."""

from __future__ import annotations

import json
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image

from explorer import api
from explorer.inference import RunOptions
from explorer.ui.i18n import TEXTS
from tests.e2e.conftest import Visit, two_sizes

EN = TEXTS["en"]


def photo(path: Path, height: int = 240, width: int = 320, seed: int = 0) -> Path:
    small = np.random.default_rng(seed).integers(0, 256, (height // 20, width // 20, 3), np.uint8)
    Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC).save(path)
    return path


def segmenting(visit: Visit, query: str = "") -> Visit:
    visit.open(f"?view=segment{query}")
    visit.page.wait_for_selector(".fx-offers button")
    return visit.ready()


def give(visit: Visit, *paths: Path) -> None:
    visit.page.set_input_files(".fx-many input", [str(p) for p in paths])
    chosen = f".fx-queue [aria-current] b:text-is('{paths[0].name}')"
    visit.page.wait_for_selector(chosen)
    visit.page.wait_for_selector(".fx-queue [aria-current] small:text-is('ready')")
    visit.ready()


def run(visit: Visit) -> None:
    visit.page.locator(".fx-run").click()
    visit.page.wait_for_selector(".fx-outcome:not([hidden]) .fx-took")
    visit.ready()


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


def test_an_image_is_taken_off_the_list(visit: Visit, tmp_path: Path) -> None:
    segmenting(visit)
    assert visit.page.locator(".fx-off:visible").count() == 0  # the list is never left empty
    give(visit, *(photo(tmp_path / f"{name}.png", 64, 80, seed) for seed, name in enumerate("abc")))
    run(visit)

    def off(name: str) -> list[str]:
        visit.page.get_by_role("button", name=EN["segment.remove"].format(name=f"{name}.png")).click()
        return visit.page.locator(".fx-queue b").all_inner_texts()

    assert off("a") == ["b.png", "c.png"]
    visit.until(lambda: visit.text(".fx-image-name") == "b.png")  # the one that took its place
    assert visit.page.locator(".fx-outcome").is_hidden()
    assert off("c") == ["b.png"]
    assert visit.text(".fx-queue [aria-current] b") == "b.png"
    assert visit.page.locator(".fx-off:visible").count() == 0
    run(visit)


def test_several_images_are_run_one_after_the_other(visit: Visit, tmp_path: Path) -> None:
    paths = [photo(tmp_path / f"{i}.png", 100, 120, i) for i in range(3)]
    broken, worse = tmp_path / "broken.png", tmp_path / "worse.png"
    for path in (broken, worse):
        path.write_bytes(b"no image")
    visit.open()
    visit.page.locator(".fx-image").click()
    visit.page.set_input_files(".fx-sources .fx-file input", [str(p) for p in (*paths[:2], broken, paths[2], worse)])
    visit.page.wait_for_selector(".fx[data-view=segment] .fx-offers button")  # several files: they are segmented
    visit.ready()
    visit.page.locator(".fx-all").click()
    states = "() => [...document.querySelectorAll('.fx-queue li small')].map(e => e.textContent).join()"
    wanted = [EN[f"segment.state.{s}"] for s in ("done", "done", "failed", "done", "failed")]
    visit.page.wait_for_function(f"w => ({states})() === w", arg=",".join(wanted))
    visit.ready()
    assert visit.text(".fx-run") == EN["bar.run"]  # also where the last one failed
    for name, said in (("broken.png", True), ("1.png", False)):
        visit.page.locator(".fx-queue button", has_text=name).click()
        fault = visit.page.locator(".fx-board .fx-fault")
        assert fault.is_visible() == said
        assert fault.inner_text() == (f"{name}: {EN['error.not_an_image']}" if said else "")
        assert visit.page.locator(".fx-desk").is_visible() != said  # no ways to run what cannot be run
        assert visit.page.evaluate("document.activeElement.firstChild.textContent") == name  # it keeps the focus


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


def test_zooming_and_moving_by_wheel_and_keys(visit: Visit) -> None:
    segmenting(visit)
    run(visit)
    canvas = visit.page.locator(".fx-board canvas")
    fitted = canvas.screenshot()
    box = canvas.bounding_box()
    visit.page.mouse.move(box["x"] + box["width"] * 0.4, box["y"] + box["height"] * 0.4)
    here = visit.text(".fx-here")
    visit.page.mouse.wheel(0, -600)
    visit.page.wait_for_timeout(200)
    assert canvas.screenshot() != fitted
    visit.page.mouse.move(box["x"] + box["width"] * 0.4 + 0.3, box["y"] + box["height"] * 0.4)
    places = [[int(n) for n in re.findall(r"\d+", text.split("(")[1])] for text in (here, visit.text(".fx-here"))]
    assert np.abs(np.subtract(*places)).max() <= 1  # the place under the pointer stays
    canvas.focus()
    visit.press("0")
    visit.press("ArrowRight")
    assert visit.text(".fx-here")
    assert visit.step is None or visit.page.get_attribute(".fx", "data-view") == "segment"  # arrows do not step here


def test_the_view_is_in_the_address_and_comes_back(visit: Visit) -> None:
    visit.open()
    visit.page.get_by_role("radio", name=EN["view.segment"]).click()
    visit.page.wait_for_selector(".fx-offers button")
    visit.page.wait_for_function("() => location.search.includes('view=segment')")
    visit.page.reload()
    visit.page.wait_for_selector(".fx-offers button")
    assert not visit.page.is_visible(".fx-main")
    visit.page.get_by_role("radio", name=EN["view.explore"]).click()
    visit.page.wait_for_selector(".fx-main .fx-mosaic canvas", state="visible")
    visit.page.wait_for_function("() => document.querySelector('.fx').dataset.step")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_views_are_accessible(visit: Visit, scheme: str) -> None:
    rules = {
        "runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]},
        "resultTypes": ["violations"],
    }
    segmenting(visit, f"&__theme={scheme}")
    run(visit)
    assert Axe().run(visit.page, ".fx", rules).response["violations"] == []
    visit.page.get_by_role("radio", name=EN["view.compare"]).click()
    assert Axe().run(visit.page, ".fx", rules).response["violations"] == []


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


def test_an_answer_belongs_to_the_file_that_was_asked_about(visit: Visit, tmp_path: Path) -> None:
    """Whatever is clicked while a file is read or run."""
    small, large = photo(tmp_path / "small.png", 120, 160), photo(tmp_path / "large.png", 1000, 1200)
    segmenting(visit)
    give(visit, small)
    visit.page.set_input_files(".fx-many input", str(large))
    visit.page.locator(".fx-queue button", has_text="small.png").click()
    visit.page.wait_for_selector(".fx-queue [aria-current] small:text-is('ready')")
    assert visit.text(".fx-offers span").startswith("120 × 160")
    assert visit.text(".fx-image-name") == "small.png"
    visit.page.locator(".fx-queue button", has_text="large.png").click()
    visit.page.wait_for_selector(".fx-queue [aria-current] small:text-is('ready')")
    assert visit.text(".fx-offers span").startswith("1,000 × 1,200")
    visit.page.locator(".fx-offers button", has_text=EN["segment.way.whole"]).click()
    visit.page.locator(".fx-run").click()
    visit.page.locator(".fx-queue button", has_text="small.png").click()  # the run goes on meanwhile
    visit.page.wait_for_selector(".fx-queue small:text-is('segmented')", timeout=120_000)
    assert visit.page.locator(".fx-outcome").is_hidden()
    visit.page.locator(".fx-queue button", has_text="large.png").click()
    assert "1,000 × 1,200" in visit.text(".fx-outcome")


def test_another_network_keeps_the_results_and_plans_anew(visit: Visit, tmp_path: Path) -> None:
    segmenting(visit)
    give(visit, photo(tmp_path / "own.png", 420, 500))
    run(visit)
    said = visit.text(".fx-outcome")
    assert said.startswith(f"FCN-8s, {EN['padding.paper']}; weights: ")
    visit.page.get_by_role("radio", name="U-Net", exact=True).click()
    visit.page.wait_for_selector(f".fx-offers b:text-is('{EN['segment.way.paper']}')")
    old = visit.text(".fx-outcome")
    assert old.startswith(EN["segment.again"])
    assert old.endswith(said)  # until there is another
    assert visit.text(".fx-queue [aria-current] small") == EN["segment.state.old"]
    assert visit.text(".fx-image-name") == "own.png"
    visit.page.locator(".fx-views [data-view=explore]").click()
    visit.page.get_by_role("radio", name="FCN-8s", exact=True).click()
    visit.page.wait_for_function("() => document.querySelector('.fx').dataset.state === 'ready'")
    visit.page.locator(".fx-views [data-view=segment]").click()
    visit.page.wait_for_selector(f'.fx-offers:not(:has-text("{EN["segment.way.paper"]}")) button')
    visit.page.wait_for_function("() => new URLSearchParams(location.search).get('view') === 'segment'")
    assert "model=fcn8s" in visit.page.url
    visit.until(lambda: visit.text(".fx-outcome") == said)  # the settings are those of the result again


def test_results_of_several_files_are_taken_at_once(visit: Visit, tmp_path: Path) -> None:
    paths = [photo(tmp_path / f"{name}.png", 64, 80, seed) for seed, name in enumerate("ab")]
    segmenting(visit)
    give(visit, *paths)
    visit.page.locator(".fx-all").click()
    visit.page.wait_for_selector(".fx-take-all:not([hidden])")
    assert visit.page.locator(".fx-all").is_disabled()
    with visit.page.expect_download() as packed:
        visit.page.locator(".fx-take-all").click()
    with zipfile.ZipFile(packed.value.path()) as file:
        assert {"a.mask.png", "b.mask.png"} <= set(file.namelist())


def test_nothing_is_pushed_off_the_page_by_the_keyboard(visit: Visit, tmp_path: Path) -> None:
    segmenting(visit)
    give(visit, photo(tmp_path / "own.png"))
    run(visit)
    for _ in range(60):
        visit.press("Tab")
        assert visit.page.evaluate("() => document.querySelector('.fx').scrollTop") == 0


@pytest.mark.parametrize("visit", [{"viewport": {"width": 390, "height": 844}, "has_touch": True}], indirect=True)
def test_a_finger_on_the_picture_scrolls_the_page_until_it_is_enlarged(visit: Visit) -> None:
    segmenting(visit)
    touch = "() => document.querySelector('.fx-board canvas').style.touchAction"
    visit.page.wait_for_function(f"() => ({touch})() === 'pan-y'")
    visit.page.locator(".fx-zoom-in").click()
    visit.page.wait_for_function(f"() => ({touch})() === 'none'")


def test_images_are_pasted_dropped_and_photographed(visit: Visit, tmp_path: Path) -> None:
    data = photo(tmp_path / "own.png", 64, 80).read_bytes()
    segmenting(visit)
    chosen = ".fx-queue [aria-current]:has(small:text-is('ready')) b"
    for way in ("paste", "drop"):
        visit.hand(way, data, f"{way}.png")
        visit.page.wait_for_selector(f"{chosen}:text-is('{way}.png')")
        assert visit.text(".fx-offers span").startswith("64 × 80")
    visit.photograph()
    visit.page.wait_for_selector(f"{chosen}:text-is('{EN['sources.photograph']}')")
    assert visit.text(".fx-offers span").startswith("240 × 320")
    run(visit)


def test_whoever_looks_elsewhere_stays_there_while_the_others_are_run(visit: Visit, tmp_path: Path) -> None:
    paths = [photo(tmp_path / f"{name}.png", 200, 240, seed) for seed, name in enumerate("abc")]
    segmenting(visit)
    give(visit, *paths)
    visit.page.locator(".fx-all").click()
    visit.page.wait_for_selector(".fx-queue li:nth-child(1) small:text-is('segmented')")
    visit.page.locator(".fx-queue button", has_text="a.png").click()
    visit.page.wait_for_selector(".fx-queue li:nth-child(3) small:text-is('segmented')")
    assert visit.text(".fx-queue [aria-current] b") == "a.png"
    assert visit.text(".fx-image-name") == "a.png"
    assert "200 × 240" in visit.text(".fx-outcome")


def test_the_keys_of_the_view_are_listed(visit: Visit) -> None:
    segmenting(visit)
    visit.press("?")
    assert EN["keys.zoom"] in visit.text(".fx-keys")
    assert EN["keys.play"] not in visit.text(".fx-keys")
    visit.press("Escape")
    visit.page.locator(".fx-sheet .fx-help").click()
    assert visit.page.locator(".fx-keys").is_visible()
