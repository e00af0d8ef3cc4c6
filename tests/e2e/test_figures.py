"""The pictures of a comparison have the picture's shape, and the figures stand in a table."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from explorer import api, compare, metrics
from explorer.inference import RunOptions
from explorer.ui.i18n import TEXTS
from tests.e2e.conftest import Visit
from tests.e2e.segmenting import photo

EN = TEXTS["en"]
RIVALS = ("fcn16s", "fcn8s")


def chosen(visit: Visit, *titles: str) -> None:
    for button in visit.page.locator(".fx-rivals button").all():
        if (button.inner_text() in titles) != (button.get_attribute("aria-pressed") == "true"):
            button.click()


def compared(visit: Visit, path: Path, *titles: str) -> Visit:
    visit.open("?view=compare&padding=same")
    chosen(visit, *titles)
    visit.hand("drop", path.read_bytes(), path.name)
    visit.page.wait_for_selector(".fx-take:not([hidden])")
    return visit.ready()


def shares(visit: Visit, size: tuple[int, int]) -> list[float]:
    """Of each board's box, how much the picture fills."""
    boxes = [canvas.bounding_box() for canvas in visit.page.locator(".fx-boards canvas").all()]
    fits = [min(box["width"] / size[1], box["height"] / size[0]) for box in boxes]
    return [fit**2 * size[0] * size[1] / (b["width"] * b["height"]) for fit, b in zip(fits, boxes, strict=True)]


@pytest.mark.parametrize(("height", "width"), [(183, 162), (120, 300), (300, 100)])
def test_boards_fit_the_pictures(visit: Visit, tmp_path: Path, height: int, width: int) -> None:
    compared(visit, photo(tmp_path / "own.png", height, width), "FCN-32s", "FCN-16s", "FCN-8s", "U-Net")
    for mode, count in (("beside", 4), ("wipe", 1), ("differ", 1)):
        visit.page.locator(f".fx-modes [data-mode={mode}]").click()
        assert visit.page.locator(".fx-boards canvas").count() == count
        visit.until(lambda: min(shares(visit, (height, width))) >= 0.97)
        for canvas in visit.page.locator(".fx-boards canvas").all():
            box = canvas.bounding_box()
            assert box["y"] + box["height"] < 768
            assert box["x"] + box["width"] < 1366


def figure(visit: Visit, row: int, column: int) -> str:
    return visit.page.locator(f".fx-figures tbody tr:nth-child({row + 1}) td:nth-of-type({column + 1})").inner_text()


def results(path: Path) -> list[Any]:
    return [api.segment(path, model, padding="same", options=RunOptions("cpu")) for model in RIVALS]


def test_the_table_has_the_figures_of_each_network(visit: Visit, tmp_path: Path) -> None:
    path = photo(tmp_path / "own.png", 160, 240)
    a, b = found = results(path)
    compared(visit, path, "FCN-16s", "FCN-8s")
    for row, result in enumerate(found):
        parameters = sum(tensor.numel() for tensor in result.loaded.module.parameters())
        assert figure(visit, row, 1) == f"{float(f'{parameters / 1e6:.3g}'):g} M"
        assert figure(visit, row, 2) == f"{float(f'{result.labelling.plan.forecast.macs / 1e9:.3g}'):g} G"
        assert figure(visit, row, 4 + (1 - row)) == f"{100 * compare.agreement(a.labels, b.labels):.1f} %"
        assert figure(visit, row, 4 + row) == "–"
    truth = a.labels.copy()
    truth[:30] = 255
    truth[30:40] = (truth[30:40] + 1) % 21
    Image.fromarray(truth).save(tmp_path / "truth.png")
    visit.page.set_input_files(".fx-take input", str(tmp_path / "truth.png"))
    visit.page.wait_for_selector(f".fx-figures th:text-is('{EN['compare.column.iou']}')")
    for row, result in enumerate(found):
        matrix = metrics.confusion(truth, result.labels, 21)
        for column, share in ((4, metrics.pixel_accuracy(matrix)), (5, metrics.mean_iou(matrix))):
            assert float(figure(visit, row, column).removesuffix(" %")) == pytest.approx(100 * share, abs=0.06)
    aligned = "l => l.every((e) => getComputedStyle(e).textAlign === 'right')"
    assert visit.page.eval_on_selector_all(".fx-figures td", aligned)


def test_a_comparison_is_taken_along(visit: Visit, tmp_path: Path) -> None:
    path = photo(tmp_path / "own.png", 120, 160)
    found = results(path)
    compared(visit, path, "FCN-16s", "FCN-8s")
    with visit.page.expect_download() as table:
        visit.page.get_by_role("button", name=EN["compare.take.csv"]).click()
    rows = list(csv.DictReader(io.StringIO(Path(table.value.path()).read_text())))
    assert [row["model"] for row in rows] == list(RIVALS)
    same = compare.agreement(found[0].labels, found[1].labels)
    assert float(rows[0]["same_as_fcn8s"]) == pytest.approx(same, abs=1e-4)
    with visit.page.expect_download() as data:
        visit.page.get_by_role("button", name=EN["compare.take.json"]).click()
    assert [one["model"] for one in json.loads(Path(data.value.path()).read_text())] == list(RIVALS)
    with visit.page.expect_download() as mask:
        visit.page.locator(".fx-row-files [data-kind=mask]").nth(1).click()
    assert (np.asarray(Image.open(mask.value.path())) == found[1].labels).mean() > 0.9999
    with visit.page.expect_download() as packed:
        visit.page.get_by_role("button", name=EN["file.zip"]).click()
    with zipfile.ZipFile(packed.value.path()) as file:
        assert {"own-fcn16s.overlay.png", "own-fcn8s.overlay.png"} <= set(file.namelist())
    for name in ("csv", "json", "zip"):
        box = visit.page.locator(f".fx-take [data-take={name}]").bounding_box()
        assert box["y"] + box["height"] <= 768


def test_the_time_of_all_is_said_before_they_are_run(visit: Visit) -> None:
    visit.open("?view=compare&padding=same")
    chosen(visit, "FCN-16s", "FCN-8s")
    visit.page.wait_for_function("() => document.querySelectorAll('.fx-figures tbody tr').length === 2")
    assert visit.page.locator(".fx-figures tbody th").evaluate_all("l => l.map(e => e.firstChild.data)") == [
        "FCN-16s",
        "FCN-8s",
    ]
    head, tail = EN["compare.takes"].split("{time}")
    said = visit.text(".fx-compare .fx-hint")
    assert said.startswith(head)
    assert said.endswith(f"{tail} {EN['compare.begin']}")
    assert [figure(visit, row, 0)[0] for row in (0, 1)] == ["≈", "≈"]
    forecast = [figure(visit, row, 2) for row in (0, 1)]
    visit.page.locator(".fx-run").click()
    visit.page.wait_for_selector(".fx-take:not([hidden])")
    assert [figure(visit, row, 2) for row in (0, 1)] == forecast  # the same multiply-adds were run
    assert not figure(visit, 0, 0).startswith("≈")
