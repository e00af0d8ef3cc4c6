"""Images are made smaller without aliasing; the examples are whole and credited."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from explorer.images import read, resize
from tests.images.made import scene

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "assets" / "examples"

SHAPES = [(400, 600, 300, False, (200, 300)), (600, 400, 300, False, (300, 200)), (400, 600, 600, False, (400, 600))]
SHAPES += [(400, 600, 900, False, (400, 600)), (400, 600, 900, True, (600, 900)), (427, 640, 512, False, (342, 512))]
SHAPES += [(16, 500, 10, False, (1, 10)), (33, 33, 1, False, (1, 1))]


@pytest.mark.parametrize(("height", "width", "longest", "enlarge", "expected"), SHAPES)
def test_resized_shapes(height: int, width: int, longest: int, enlarge: bool, expected: tuple[int, int]) -> None:
    pixels = resize(scene(height, width), longest, enlarge=enlarge)
    assert pixels.shape == (*expected, 3)
    assert pixels.dtype == np.uint8
    assert pixels.flags.c_contiguous
    assert pixels.flags.writeable


def test_resizing_is_antialiased_and_leaves_the_original_alone() -> None:
    stripes = np.zeros((512, 512, 3), np.uint8)
    stripes[:, ::2] = 255
    stripes.setflags(write=False)
    small = resize(stripes, 100)
    assert np.abs(small[2:-2, 2:-2].astype(int) - 127).max() <= 3  # nearer to the border the filter is cut
    same = resize(stripes, 512)
    same[:] = 7
    assert stripes.max() == 255
    flat = np.full((100, 150, 3), 201, np.uint8)
    assert (resize(flat, 40) == 201).all()


def test_examples_are_listed_credited_and_readable() -> None:
    listed = json.loads((EXAMPLES / "examples.json").read_text(encoding="utf-8"))
    credits = (ROOT / "assets" / "CREDITS.md").read_text(encoding="utf-8")
    assert {entry["file"] for entry in listed} == {path.name for path in EXAMPLES.iterdir()} - {"examples.json"}
    assert len({entry["file"] for entry in listed}) == len(listed)
    for entry in listed:
        photograph = read(EXAMPLES / entry["file"])
        assert max(photograph.size) <= 700
        assert (EXAMPLES / entry["file"]).stat().st_size < 300_000
        assert entry["family"] in ("everyday", "nuclei")
        assert entry["title"]["en"]
        assert any("가" <= letter <= "힣" for letter in entry["title"]["ko"])
        assert entry["credit"]
        assert entry["licence"]
        assert entry["source"].startswith("http")
        assert f"`{entry['file']}`" in credits
        assert entry["source"] in credits
    assert {entry["family"] for entry in listed} == {"everyday", "nuclei"}
    assert sum(path.stat().st_size for path in EXAMPLES.iterdir()) < 2.5 * 2**20


def test_true_labels_of_examples_fit_them() -> None:
    with_truth = [e for e in json.loads((EXAMPLES / "examples.json").read_text("utf-8")) if "truth" in e]
    assert {e["truth"] for e in with_truth} == {path.name for path in (ROOT / "assets" / "truth").iterdir()} != set()
    for entry in with_truth:
        labels = np.asarray(Image.open(ROOT / "assets" / "truth" / entry["truth"]))
        assert labels.shape == read(EXAMPLES / entry["file"]).pixels.shape[:2]
        assert set(np.unique(labels)) == set(range(len(entry["classes"])))
