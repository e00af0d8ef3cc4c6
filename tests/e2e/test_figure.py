"""The papers' figures: the numbers are the run's, U-Net's at 572 are the paper's, and every derivation adds up."""

from __future__ import annotations

import re
from fractions import Fraction
from math import ceil, floor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from explorer.ui.i18n import TEXTS
from tests.e2e.conftest import Visit, two_sizes
from tests.e2e.test_layer import of_page

EN = TEXTS["en"]
# Ronneberger et al. (2015), Figure 1, from left to right: channels at full width, side of the map
PAPER = [
    *((1, 572), (64, 570), (64, 568)),
    *((64, 284), (128, 282), (128, 280)),
    *((128, 140), (256, 138), (256, 136)),
    *((256, 68), (512, 66), (512, 64)),
    *((512, 32), (1024, 30), (1024, 28)),
    *((1024, 56), (512, 54), (512, 52)),
    *((512, 104), (256, 102), (256, 100)),
    *((256, 200), (128, 198), (128, 196)),
    *((128, 392), (64, 390), (64, 388)),
    (2, 388),
]


def numbers(visit: Visit) -> list[tuple[str, str, str]]:
    """(step, which, text) of every number in the figure, in the order in which they stand."""
    return visit.page.evaluate(
        "() => [...document.querySelectorAll('.fx-figure [data-number]')]"
        ".map((n) => [n.dataset.of, n.dataset.number, n.textContent])"
    )


def value(formula: str) -> tuple[int, Fraction]:
    """Both sides of a derivation's line."""
    left, right = re.sub(r", rounded (up|down)$", "", formula).split(" = ")
    right = right.replace("·", "*").replace("−", "-")
    right = re.sub(r"(\d+)", r"Fraction(\1)", right)
    found = eval(right, {"Fraction": Fraction})
    if formula.endswith("down"):
        found = floor(found)
    return int(left), ceil(found) if formula.endswith("up") else found


ARROWS = """() => [...document.querySelectorAll('.fx-figure g[data-step]:has(.fx-arrow)')]
    .map((g) => [g.querySelector('.fx-arrow').classList[1].replace('fx-arrow-', ''), g.dataset.step])"""
SHOWN_AS = {  # an arrow's colour -> what its step may do
    "conv": ("conv",),
    "conv1": ("conv",),
    "pool": ("maxpool",),
    "up": ("upconv", "bilinear"),
    "copy": ("crop", "add", "concat"),
}


def check(visit: Visit, lines: list[str], size: int, run: Any) -> None:
    """Every line's arithmetic holds, the chain begins with the size asked for and ends with the input."""
    assert lines[-1] == EN["derive.input"].format(size=lines[-1].split(":")[0])
    before = size
    for line in lines[:-1]:
        if "=" not in line:  # as in two maps
            assert int(line.split(",")[0]) == before
        elif " before " in line:  # a crop: the reference's size, and what is cut off
            left, whole, front, behind = map(int, re.findall(r"(?<![a-z_])\d+(?= |$)", line.replace("= size of", "")))
            assert left == before == whole - front - behind
            before = whole if "size of input" in line else before  # else the reference's chain goes on
        else:
            left, right = value(line)
            assert left == right == before
            before = int(re.search(r"= \(*(\d+)", line)[1])  # what it was made of comes next


@pytest.mark.parametrize(
    "query", ["", "?model=fcn32s&padding=same", "?model=fcn16s", "?model=fcn16s&padding=same", "?model=unet"]
)
def test_every_number_is_the_runs_and_its_derivation_adds_up(visit: Visit, query: str) -> None:
    visit.open(query)
    run, _ = of_page(visit)
    visit.page.locator(".fx-figure-open").click()
    found = numbers(visit)
    assert {step for step, _, _ in found} >= {
        s.name for s in run.steps if s.operation in ("input", "maxpool", "add", "concat")
    }
    arrows = visit.page.evaluate(ARROWS)
    assert all(run[step].operation in SHOWN_AS[kind] for kind, step in arrows), arrows
    ups = [s.name for s in run.steps if s.operation in ("bilinear", "upconv")]
    assert sorted(step for kind, step in arrows if kind == "up") == sorted(ups)
    sums = [s for s in run.steps if s.operation in ("add", "concat")]  # each takes a skip
    assert sum(kind == "copy" for kind, _ in arrows) == len(sums)
    for step, which, text in found:
        shape = run[step].shape
        assert text == (str(shape[1]) if which == "channels" else f"{shape[2]} × {shape[3]}")
        if which == "channels":
            continue
        visit.page.locator(f"[data-of='{step}'][data-number=size]").dispatch_event("click")
        lists = visit.page.evaluate(
            "() => [...document.querySelectorAll('.fx-derivation ol')]"
            ".map((l) => [...l.querySelectorAll('code')].map((c) => c.textContent))"
        )
        for lines, size in zip(lists, dict.fromkeys(shape[2:]), strict=True):
            check(visit, lines, size, run)
            assert int(lines[-1].split(":")[0]) == run["input"].shape[2 if size == shape[2] else 3]


def test_at_572_the_figure_of_the_unet_is_the_papers(visit: Visit, tmp_path: Path) -> None:
    Image.fromarray(np.full((388, 388, 3), 90, np.uint8)).save(tmp_path / "square.png")
    visit.open("?model=unet")
    before = visit.run
    visit.upload(tmp_path / "square.png")
    visit.after(before)
    visit.page.locator(".fx-figure-open").click()
    found = numbers(visit)
    sizes = [text for _, which, text in found if which == "size"]
    channels = [int(text) for _, which, text in found if which == "channels"]
    assert sizes == [f"{side} × {side}" for _, side in PAPER]
    width = PAPER[1][0] / channels[1]
    assert [c * width for c in channels[1:-1]] == [c for c, _ in PAPER[1:-1]]


@two_sizes
def test_boxes_arrows_and_keys_of_the_figure_lead_to_steps(visit: Visit) -> None:
    visit.open()
    visit.page.locator(".fx-figure-open").click()
    visit.page.locator(".fx-figure g[data-step=pool4] rect").first.click(force=True)
    visit.page.wait_for_selector(".fx[data-step=pool4]")
    assert not visit.page.is_visible(".fx-figure")
    visit.page.locator(".fx-figure-open").click()
    assert visit.page.locator(".fx-figure g[aria-current=step]").get_attribute("data-step") == "pool4"
    visit.page.locator(".fx-figure g[data-step=crop_pool4]").focus()
    visit.press("Enter")
    visit.page.wait_for_selector(".fx[data-step=crop_pool4]")
    visit.page.locator(".fx-figure-open").click()
    number = visit.page.locator("[data-of=score_fr][data-number=channels]")
    number.focus()
    visit.press("Enter")
    run, _ = of_page(visit)
    said = EN["derive.filters"].format(
        channels=run["score_fr"].shape[1], step="score_fr", **{"in": run["drop7"].shape[1]}
    )
    assert visit.text(".fx-figure-said") == said
