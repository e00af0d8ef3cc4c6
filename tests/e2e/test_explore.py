"""The main line, as a person goes it: upload, run, step to the end, see the crops; for all four networks."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from explorer import cards
from explorer.commands.accuracy import percent
from explorer.figures.palettes import ROLES
from explorer.geometry import Grid, Window
from explorer.models import MODELS
from tests.e2e.conftest import Visit, two_sizes

STEPS = {"FCN-32s": 42, "FCN-16s": 46, "FCN-8s": 50, "U-Net": 55}  # with argmax
CROPS = {
    "FCN-32s": {"score": 19},
    "FCN-16s": {"crop_pool4": 5, "score": 27},
    "FCN-8s": {"crop_pool4": 5, "crop_pool3": 9, "score": 31},
    "U-Net": {"crop_d3c": 4, "crop_d2c": 16, "crop_d1c": 40, "crop_d0c": 88},
}


@pytest.fixture(scope="module")
def photograph(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A picture nobody ran before: a square of coloured waves, 400 x 400, as a JPEG."""
    y, x = np.mgrid[0:400, 0:400] / 400
    waves = np.stack([np.sin(9 * x + 4 * y), np.cos(7 * y), np.sin(5 * x * y)], -1)
    path = tmp_path_factory.mktemp("photograph") / "waves.jpg"
    Image.fromarray(((waves + 1) * 127).astype(np.uint8)).save(path, quality=92)
    return path


def colour_of(role: str) -> tuple[int, ...]:
    return tuple(int(ROLES[role][i : i + 2], 16) for i in (1, 3, 5))


def is_near(pixel: list[int], colour: tuple[int, ...]) -> bool:
    return all(abs(a - b) <= 40 for a, b in zip(pixel, colour, strict=False))


@pytest.mark.parametrize("network", STEPS)
def test_upload_run_step_to_the_end_and_see_the_crops(visit: Visit, photograph: Path, network: str) -> None:
    visit.open()
    if visit.page.get_by_role("radio", name=network, exact=True).get_attribute("aria-checked") != "true":
        visit.choose(network)
    before = visit.run
    visit.upload(photograph)
    visit.after(before)
    assert visit.text(".fx-image-name") == photograph.name
    seen = visit.walk(".fx-count")
    assert list(seen.values()) == [f"{n} / {STEPS[network]}" for n in range(1, STEPS[network] + 1)]
    assert list(seen)[-2:] == ["score", "argmax"]
    for name, offset in CROPS[network].items():
        visit.go(name)
        assert f"= {offset}." in visit.text(".fx-words")  # the sum of the alignment ends in the offset
        check_boxes(visit, offset)


def check_boxes(visit: Visit, offset: int) -> None:
    """The kept region's outline stands where the offset says, on the skip map's tiles and on the input image."""
    drawn = visit.page.evaluate(
        """() => { const c = document.querySelector('.fx-mosaic canvas'), p = document.querySelector('.fx-view canvas');
        return {mosaic: [c.width, c.height], picture: [p.width, p.height]} }"""
    )
    kept, whole = kept_and_whole(visit.text(".fx-explain"))
    tile = tile_size(visit, whole)
    middle = head_of(visit) + tile[0] * (offset + kept[0] / 2) / whole[0]
    edge = tile[1] * offset / whole[1]
    assert any(is_near(visit.pixel(".fx-mosaic canvas", edge + d, middle), colour_of("kept")) for d in (-1, 0, 1))
    assert drawn["picture"][0] > 0


def kept_and_whole(text: str) -> tuple[list[int], list[int]]:
    """From "Kept: 56 × 56 of 64 × 64 units (...)"."""
    words = text.split("Kept: ")[1].split(" units")[0].replace(",", "")
    return tuple([int(n) for n in part.split(" × ")] for part in words.split(" of "))


def head_of(visit: Visit) -> int:
    """Canvas pixels above the first tile: a class's name, if it has one, is no wider than its letters."""
    return visit.page.evaluate(
        """() => { const c = document.querySelector('.fx-mosaic canvas');
        const d = c.getContext('2d').getImageData(0, 0, c.width, 40);
        const filled = (y) => d.data.filter((v, i) => i % 4 === 3 && Math.floor(i / 4 / c.width) === y && v).length;
        const most = Math.max(...Array.from({ length: 40 }, (_, y) => filled(y)));
        return Array.from({ length: 40 }, (_, y) => y).find((y) => filled(y) === most) }"""
    )


def tile_size(visit: Visit, whole: list[int]) -> tuple[float, float]:
    """Height and width of the first tile in canvas pixels: up to the gap, which is transparent."""
    width = visit.page.evaluate(
        """() => { const c = document.querySelector('.fx-mosaic canvas');
        const d = c.getContext('2d').getImageData(0, 25, c.width, 1).data;
        for (let x = 0; x < c.width; x++) if (!d[4 * x + 3]) return x; return c.width }"""
    )
    return round(width * whole[0] / whole[1]), width


@two_sizes
def test_unets_crop_lies_on_the_input_where_geometry_says(visit: Visit) -> None:
    """U-Net's deepest skip on the first micrograph: cells of the kept units around their centres."""
    visit.open().choose("U-Net").go("crop_d3c")
    visit.page.locator(".fx-opacity input").fill("0")
    grid = Grid()
    for _ in range(3):
        for op in (Window(3), Window(3), Window(2, 2)):
            grid = op.grid(grid)
    for op in (Window(3), Window(3)):
        grid = op.grid(grid)
    rows, columns = (int(n) for n in visit.text(".fx-frame-size").split(" × "))
    kept, _ = kept_and_whole(visit.text(".fx-explain"))
    first = grid.start + grid.jump * 4 - grid.jump / 2 + Fraction(1, 2)  # offset 4: the paper's 64 -> 56
    canvas = visit.page.locator(".fx-view canvas").evaluate("c => [c.width, c.height]")
    zoom = canvas[0] / columns
    middle = zoom * rows / 2
    for edge in (first, first + grid.jump * kept[1]):
        around = [visit.pixel(".fx-view canvas", float(edge) * zoom + d, middle) for d in (-1, 0, 1)]
        assert any(is_near(p, colour_of("kept")) for p in around), (float(edge), around)


def test_arrow_keys_cause_no_request_once_the_maps_are_fetched(visit: Visit) -> None:
    visit.open()
    marked = visit.walk(".fx-list [aria-current] b")
    total = len(marked)
    assert list(marked) == [name.replace("\n", "") for name in marked.values()]  # a long name is broken
    visit.page.wait_for_load_state("networkidle")
    visit.requests.clear()
    for key in ["ArrowLeft"] * (total - 1) + ["ArrowRight"] * 10 + ["End", "Home"]:
        visit.press(key)
    visit.page.wait_for_selector(".fx[data-step=input]")
    visit.page.wait_for_timeout(1000)
    assert visit.requests == []


def test_play_previous_next_and_slider(visit: Visit) -> None:
    visit.open()
    visit.page.locator(".fx-speed select").select_option("160")
    visit.press("Home")
    visit.page.locator(".fx-play").click()
    visit.page.wait_for_function("() => Number(document.querySelector('.fx-count').textContent.split(' ')[0]) > 5")
    visit.page.locator(".fx-play").click()
    at = int(visit.text(".fx-count").split(" ")[0])
    visit.page.wait_for_timeout(500)
    assert int(visit.text(".fx-count").split(" ")[0]) == at
    visit.page.locator(".fx-next").click()
    visit.page.locator(".fx-next").click()
    visit.page.locator(".fx-previous").click()
    assert int(visit.text(".fx-count").split(" ")[0]) == at + 1
    visit.page.locator(".fx-track input").fill("3")
    visit.page.wait_for_selector(".fx[data-step='conv1_2']")


def test_the_address_brings_back_network_image_and_step(visit: Visit) -> None:
    visit.open().choose("U-Net").go("concat_u2b")
    visit.page.wait_for_function("() => location.search.includes('step=concat_u2b')")
    visit.open(visit.page.url.removeprefix(visit.url))
    visit.page.wait_for_selector(".fx[data-step=concat_u2b]")
    assert visit.page.get_by_role("radio", name="U-Net").get_attribute("aria-checked") == "true"


def test_a_step_left_before_its_maps_came_leaves_no_veil(visit: Visit) -> None:
    """Maps on their way are waited for behind a veil; the veil is for those, not for the step that one goes back to."""
    visit.open()
    at_hand, veiled = visit.step, "() => document.querySelector('.fx').classList.contains('fx-fetching')"
    held: list[Any] = []
    visit.page.route(re.compile(r"\.(png|webp)$"), lambda route: held.append(route))
    visit.press("End")  # the labels, which are at hand
    visit.press("ArrowLeft")
    visit.page.wait_for_function(veiled)
    visit.page.locator(f".fx-net button[title^='{at_hand} ']").click()
    visit.page.wait_for_selector(f".fx[data-step='{at_hand}']")
    assert visit.page.locator(".fx-mosaic canvas").evaluate("c => getComputedStyle(c).opacity") == "1"
    for route in held:
        route.continue_()
    visit.page.wait_for_load_state("networkidle")
    assert visit.step == at_hand
    assert not visit.page.evaluate(veiled)


def test_another_padding_or_network_goes_on_at_the_corresponding_step(visit: Visit) -> None:
    visit.open().go("crop_pool3")
    run = visit.run
    visit.set("padding", "same")  # there the other branch is cut
    visit.after(run)
    assert visit.step == "crop_upscore_pool4"
    assert visit.choose("U-Net").step == "crop_d3c"


@pytest.mark.parametrize("name", ["fcn8s-everyday", "unet-nuclei", "unet-nuclei-thin-step1000"])
def test_how_good_the_weights_are_is_one_line_and_a_table_on_demand(visit: Visit, name: str) -> None:
    """As their card has it: cross-validated where the recipe was run with other images left out, else on its own."""
    card = cards.find(name)
    model, padding = card.spec.model, MODELS[card.spec.model].paddings[0]
    visit.open(f"?model={model}")
    if visit.page.locator(".fx-weights select").input_value() != name:
        visit.open(f"?model={model}&checkpoint={name}")
    unseen = card.metrics.get("unseen")
    part = unseen or card.metrics["validation"]
    figures, errors = (part[key][padding][model] for key in ("figures", "standard_errors"))
    main = "nucleus_dice" if figures.get("nucleus_dice") is not None else "mean_iou"
    visit.page.locator(".fx-about-open").click()
    facts = visit.text(".fx-about").replace("\u00a0", " ")
    [line] = [text for text in facts.splitlines() if " of pixels" in text]
    assert f"{percent(figures['pixel_accuracy'])} % of pixels" in line
    assert f"{percent(figures[main])} ± {percent(errors[main])} %" in line
    where = rf"cross-validated on {part['images']} " if unseen else rf"on {part['images']} validation "
    assert re.search(where + r"(photo|micro)graphs", line)
    assert visit.page.locator(".fx-classes").count() == ("classes" in part)
    if "classes" not in part:
        return
    assert not visit.page.locator(".fx-classes").is_visible()
    visit.page.locator(".fx-accuracy button").click()
    rows = visit.page.locator(".fx-classes tr").all_inner_texts()[1:]
    of_classes = [(f"{of[padding]:.1f} %", str(of["images"])) for of in part["classes"].values()]
    assert [tuple(row.replace("\u00a0", " ").split("\t")[1:]) for row in rows] == of_classes
