"""What the tests of the segmenter's page do again and again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from explorer.ui.i18n import TEXTS
from tests.e2e.conftest import Visit

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
