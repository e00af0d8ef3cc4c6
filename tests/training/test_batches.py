"""What a step is trained on: which images at which share, in which padding."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from explorer import cards
from explorer.training import data, recipe
from explorer.training.__main__ import main
from explorer.training.batches import Batches, chances_of
from tests.training.made import write_recipe, write_road_scenes


@pytest.mark.parametrize("workers", [0, 2])
def test_a_batch_follows_from_its_step(photos: Path, tmp_path: Path, workers: int) -> None:
    chosen = recipe.read(str(write_recipe(tmp_path / "r.json")))
    batches = Batches(chosen, data.read_all("msrc_v2", photos))
    stream = list(batches.ahead(3, 6, workers))
    assert len(stream) == 3
    for step, batch in enumerate(stream, 3):
        assert batch[0] == batches(step)[0]
        for a, b in zip(batch[1:], batches(step)[1:], strict=True):
            assert torch.equal(a, b)
    assert not torch.equal(stream[0][1], stream[1][1])


def test_other_data_is_drawn_at_its_share(photos: Path, tmp_path: Path) -> None:
    write_road_scenes(tmp_path / "data/camvid")
    shutil.copytree(photos, tmp_path / "data/msrc_v2")
    chosen = recipe.read(str(write_recipe(tmp_path / "r.json", extra={"camvid": 0.25})))
    extra = {"camvid": data.split("camvid", data.read_all("camvid", tmp_path / "data"))[0]}
    own = data.read_all("msrc_v2", tmp_path / "data")
    batches = Batches(chosen, own, extra)
    assert batches.chance[: len(own)].sum() == pytest.approx(0.75)
    assert batches.chance[len(own) :].tolist() == pytest.approx([0.25 / 3] * 3)
    out = tmp_path / "out"
    path = str(write_recipe(tmp_path / "r.json", extra={"camvid": 0.25}, steps=2))
    assert main([path, "--data", str(tmp_path / "data"), "--out", str(out), "--run", str(tmp_path / "run")]) == 0
    (card,) = cards.available(out)
    assert "MSRC" in card.data["en"]
    assert "CamVid" in card.data["ko"]
    assert "CamVid" in card.licence["en"]


def test_rare_kinds_and_rare_experiments_are_drawn_more_often(tmp_path: Path) -> None:
    def shot(kind: str, middle: int) -> data.Sample:
        image = np.full((16, 16, 3), middle, np.uint8)
        return data.Sample("", kind, image, np.zeros((16, 16), np.uint8), None)

    # fluorescence: an experiment of 9 images, one of 1; stained: one of 4
    samples = [shot("fluorescence", 8)] * 9 + [shot("fluorescence", 40)] + [shot("stained", 200)] * 4
    chosen = recipe.read(str(write_recipe(tmp_path / "r.json")))
    assert chances_of(samples, chosen).tolist() == pytest.approx([1 / 14] * 14)
    by_kind = chances_of(samples, replace(chosen, kinds_balance=0.5))
    assert by_kind[:10].sum() / by_kind[10:].sum() == pytest.approx((10 / 4) ** 0.5)
    assert by_kind[9] == pytest.approx(by_kind[0])
    both = chances_of(samples, replace(chosen, kinds_balance=0.5, groups_balance=0.5))
    assert both[:10].sum() / both[10:].sum() == pytest.approx((10 / 4) ** 0.5)
    assert both[9] / both[:9].sum() == pytest.approx((1 / 9) ** 0.5)
    assert both.sum() == pytest.approx(1)


def test_a_padding_begins_when_the_recipe_says(photos: Path, tmp_path: Path) -> None:
    geometries = {
        "same": {"share": 1, "batch": 1, "crop": [24, 28]},
        "paper": {"share": 9, "batch": 1, "crop": [24, 24], "begins": 0.5},
    }
    chosen = recipe.read(str(write_recipe(tmp_path / "r.json", geometries=geometries)))
    batches = Batches(chosen, data.read_all("msrc_v2", photos))
    drawn = [batches(step)[0] for step in range(40)]
    assert set(drawn[:20]) == {"same"}
    assert drawn[20:].count("paper") > 10


def test_a_crop_that_does_not_fit_is_refused(nuclei: Path, tmp_path: Path) -> None:
    geometries = {"valid": {"share": 1, "batch": 1, "crop": [200, 204]}}
    chosen = recipe.read(
        str(write_recipe(tmp_path / "r.json", data_set="nuclei", model="unet", coarser={}, geometries=geometries))
    )
    with pytest.raises(ValueError, match=r"a crop of 200 pixels does not fit .* take 188 or 204"):
        Batches(chosen, data.read_all("nuclei", nuclei))
