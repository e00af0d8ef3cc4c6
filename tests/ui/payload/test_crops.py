"""The papers' crops as the page gets them."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from explorer import geometry
from explorer.geometry import Grid

OFFSETS = {
    "fcn8s-paper": {"crop_pool4": 5, "crop_pool3": 9, "score": 31},
    "fcn16s-paper": {"crop_pool4": 5, "score": 27},
    "fcn32s-paper": {"score": 19},
    "fcn8s-same": [1, 1, 4],
    "fcn16s-same": [1, 8],
    "fcn32s-same": [16],
    "unet-valid": {"crop_d3c": 4, "crop_d2c": 16, "crop_d1c": 40, "crop_d0c": 88},
    "unet-same": [0, 0, 0, 0],
}


@pytest.mark.parametrize("name", OFFSETS)
def test_offsets_are_those_of_the_papers(payloads, name):
    crops, want = payloads(name).data["crops"], OFFSETS[name]
    if isinstance(want, dict):
        assert {crop["step"]: crop["offset"] for crop in crops} == want
    else:
        assert [crop["offset"] for crop in crops] == want
    assert all(crop["dropsNothing"] for crop in crops) == (name == "unet-same")


def test_what_the_kept_skips_of_the_papers_tile_see(payloads):
    crops = {crop["step"]: crop for crop in payloads("unet-valid").data["crops"]}
    facts = {  # name: (first and last pixel seen, units kept, units before)
        "crop_d3c": (32, 539, 56, 64),
        "crop_d2c": (64, 507, 104, 136),
        "crop_d1c": (80, 491, 200, 280),
        "crop_d0c": (88, 483, 392, 568),
    }
    assert set(crops) == set(facts)
    for name, (first, last, kept, before) in facts.items():
        crop = crops[name]
        assert crop["sees"] == [first, first, last + 1, last + 1]
        assert crop["kept"] == [kept, kept]
        steps = {s["name"]: s for s in payloads("unet-valid").data["steps"]}
        assert steps[crop["source"]]["shape"][1:] == [before, before]
        share = {"crop_d3c": 77, "crop_d2c": 58, "crop_d1c": 51, "crop_d0c": 48}[name]
        assert round(100 * kept**2 / before**2) == share


def test_where_kept_units_stand(payloads):
    """Unit i is a cell of jump x jump around its centre; d3's kept units 4..59 begin at 65.5 - 4 + 0.5 = 62."""
    crops = {crop["step"]: crop for crop in payloads("unet-valid").data["crops"]}
    assert crops["crop_d3c"]["stands"] == [62, 62, 510, 510]
    assert crops["crop_d3c"]["standsWhole"] == [30, 30, 542, 542]
    assert crops["crop_d0c"]["stands"] == [90, 90, 482, 482]
    assert crops["crop_d0c"]["standsWhole"] == [2, 2, 570, 570]


def test_cells_and_references_hold_for_every_crop(case):
    steps = {step["name"]: step for step in case.data["steps"]}
    axes = case.data["axes"]
    for crop in case.data["crops"]:
        step, source, reference = (steps[crop[key]] for key in ("step", "source", "reference"))
        assert crop["kept"] == step["shape"][1:] == reference["shape"][1:]
        grids = [[axes[s[key]] for key in ("rows", "cols")] for s in (source, reference)]
        for axis in (0, 1):
            from_, to = grids[0][axis], grids[1][axis]
            jump, half = from_["jump"], from_["jump"] / 2
            first = from_["start"] + crop["offset"] * jump
            assert first == to["start"]  # the cut map stands on the reference's places
            want = first - half + 0.5, first + (crop["kept"][axis] - 1) * jump + half + 0.5
            assert (crop["stands"][axis], crop["stands"][axis + 2]) == want
            n = source["shape"][1 + axis]
            whole = from_["start"] - half + 0.5, from_["start"] + (n - 1) * jump + half + 0.5
            assert (crop["standsWhole"][axis], crop["standsWhole"][axis + 2]) == whole
            units = range(crop["offset"], crop["offset"] + crop["kept"][axis])
            seen = [(from_["lo"][u], from_["hi"][u]) for u in units if from_["lo"][u] <= from_["hi"][u]]
            assert crop["sees"][axis] == min(lo for lo, _ in seen)
            assert crop["sees"][axis + 2] == max(hi for _, hi in seen) + 1
    assert {c["step"] for c in case.data["crops"]} == {s["name"] for s in case.data["steps"] if s["op"] == "crop"}


def test_a_crop_that_sees_nothing_says_so():
    from explorer.ui.stage.payload import _crop

    blind = geometry.Axis(Grid(), np.full(3, geometry.EMPTY[0]), np.full(3, geometry.EMPTY[1]))
    step = SimpleNamespace(
        name="c", inputs=("a", "b"), settings={"offset": 1}, shape=(1, 1, 3, 3), rows=blind, cols=blind
    )
    source = SimpleNamespace(shape=(1, 1, 5, 5), rows=blind, cols=blind)
    assert _crop(step, source)["sees"] is None
