"""The table of checkpoints made again: of one recipe and seed, beside the cards that are bundled now."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from benchmarks import remade
from explorer import weights
from explorer.cards import CHECKPOINTS

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"
TABLE = json.loads((BENCHMARKS / "remade.json").read_text())
NAME = "unet-nuclei-thin"


def changed(folder: Path, **changes: Any) -> Path:
    """A folder with the bundled card, some of it changed."""
    raw = json.loads((CHECKPOINTS / f"{NAME}.json").read_text()) | changes
    folder.mkdir()
    (folder / f"{NAME}.json").write_text(json.dumps(raw))
    return folder


def test_the_table_is_of_the_bundled_checkpoints_and_of_others_made_alike() -> None:
    bundled = {card.name: card.sha256 for card in weights.available()}
    assert TABLE["rows"]
    for row in TABLE["rows"]:
        assert row["bundled"]["sha256"] == bundled[row["name"]] != row["again"]["sha256"]


def test_differences_are_in_points(tmp_path: Path) -> None:
    metrics = json.loads((CHECKPOINTS / f"{NAME}.json").read_text())["metrics"]
    metrics["figures"]["valid"]["unet"]["mean_iou"] += 0.0123
    (row,) = remade.table([changed(tmp_path / "a", metrics=metrics)])
    points = row["points_above_bundled"]["valid"]
    assert points["mean_iou"] == pytest.approx(1.23)
    assert points["nucleus_dice"] == points["object_f1"] == 0


def test_what_cannot_be_compared_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    recipe = json.loads((CHECKPOINTS / f"{NAME}.json").read_text())["recipe"]
    longer = changed(tmp_path / "longer", recipe=recipe | {"steps": 9})
    sown = changed(tmp_path / "sown", seed=5)
    (tmp_path / "none").mkdir()
    (tmp_path / "own").mkdir()
    shutil.copy(CHECKPOINTS / f"{NAME}.json", tmp_path / "own/mine.json")
    said = {
        longer: f"{NAME}.safetensors was made with other settings than the bundled one: steps",
        sown: "was made with seed 5, the bundled one with 0",
        tmp_path / "none": "holds no cards (NAME.json); train a recipe with --out",
        tmp_path / "own": "mine.safetensors has no bundled card of its name",
    }
    for folder, why in said.items():
        assert remade.main([str(folder)]) == 2
        assert why in capsys.readouterr().err
