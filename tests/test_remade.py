"""The table of checkpoints made again: of one recipe and seed, beside the cards that are bundled now."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks import remade
from explorer import cards, weights
from explorer.cards import CHECKPOINTS
from explorer.training import data
from explorer.training.evaluate import standard_errors
from explorer.training.report import tally_of
from tests.training.made import write_nuclei

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
    bundled = {card.name: card.sha256 for card in cards.available()}
    assert TABLE["rows"]
    for row in TABLE["rows"]:
        assert row["bundled"]["sha256"] == bundled[row["name"]]
        assert row["again"] != row["bundled"]  # minutes at least differ
        if row["again"]["sha256"] == row["bundled"]["sha256"]:
            assert row["tensors_that_differ"] == 0
        card = cards.find(row["name"])
        for geometry, of in row["standard_error_of_bundled"].items():
            noted = card.metrics["validation"]["standard_errors"][geometry][card.spec.model]
            assert of == pytest.approx({key: 100 * noted[key] for key in of}, abs=0.0051)


def test_differences_are_in_points(tmp_path: Path) -> None:
    metrics = json.loads((CHECKPOINTS / f"{NAME}.json").read_text())["metrics"]
    metrics["validation"]["figures"]["valid"]["unet"]["mean_iou"] += 0.0123
    (row,) = remade.table([changed(tmp_path / "a", metrics=metrics)])
    points = row["points_above_bundled"]["valid"]
    assert points["mean_iou"] == pytest.approx(1.23)
    assert points["nucleus_dice"] == points["object_f1"] == 0


def test_a_difference_comes_with_what_the_images_leave_uncertain(tmp_path: Path) -> None:
    judge = remade.Judge(write_nuclei(tmp_path / "nuclei").parent)
    (unknown,) = remade.table([changed(tmp_path / "alone", note={"en": "again", "ko": "다시"})], judge)
    assert "standard_error_of_points" not in unknown  # the weights are not at hand
    loaded = weights.load(cards.read_card(CHECKPOINTS / f"{NAME}.json"))
    twin = weights.save(tmp_path / f"twin/{NAME}.safetensors", loaded.module, loaded.card, torch.float16)
    with torch.no_grad():
        for parameter in loaded.module.parameters():
            parameter.mul_(1 + 0.1 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(0)))
    weights.save(tmp_path / f"other/{NAME}.safetensors", loaded.module, loaded.card, torch.float16)
    same, other = remade.table([tmp_path / "twin", tmp_path / "other"], judge)
    assert twin.sha256 == same["again"]["sha256"] != other["again"]["sha256"]
    assert "tensors" not in unknown
    assert same["tensors"] == other["tensors"] == other["tensors_that_differ"] == len(loaded.module.state_dict())
    assert same["tensors_that_differ"] == 0
    assert set(same["standard_error_of_points"]["valid"].values()) == {0}
    assert other["standard_error_of_points"]["valid"]["mean_iou"] > 0
    for row in (unknown, same, other):
        assert row["standard_error_of_bundled"] == unknown["standard_error_of_bundled"]
        assert row["standard_error_of_bundled"]["valid"]["mean_iou"] > 0


def test_weights_are_compared_on_the_fold_that_the_bundled_ones_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = write_nuclei(tmp_path / "nuclei").parent
    recipe = json.loads((CHECKPOINTS / f"{NAME}.json").read_text())["recipe"]
    first, other = (changed(tmp_path / str(fold), recipe=recipe | {"fold": fold}) for fold in (1, 0))
    for folder in (first, other):
        shutil.copy(CHECKPOINTS / f"{NAME}.safetensors", folder)
    monkeypatch.setattr(remade, "CHECKPOINTS", first)
    (row,) = remade.table([first], remade.Judge(place))
    card = cards.read_card(first / f"{NAME}.json")
    errors = {}
    for fold in (0, 1):
        validation = data.split("nuclei", data.read_all("nuclei", place), fold)[1]
        errors[fold] = standard_errors(tally_of(card, validation, "valid"))["nucleus_dice"]
    assert errors[0] != pytest.approx(errors[1], abs=1e-3)
    assert row["standard_error_of_bundled"]["valid"]["nucleus_dice"] == pytest.approx(100 * errors[1], abs=0.006)
    with pytest.raises(ValueError, match="was trained on other images"):
        remade.table([other])


def test_rows_of_cards_that_are_gone_stay_as_long_as_the_bundled_one_is_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    again = changed(tmp_path / "again", sha256="1" * 64)
    file = tmp_path / "table.json"
    assert remade.main([str(again), "--json", str(file)]) == 0
    (row,) = json.loads(file.read_text())["rows"]
    gone = row | {"again": {"sha256": "2" * 64}, "figures": {}}
    of_former = row | {"bundled": {"sha256": "3" * 64}, "again": {"sha256": "4" * 64}}
    stale = row | {"figures": {}}
    file.write_text(json.dumps({"rows": [gone, of_former, stale]}))
    assert remade.main([str(again), "--kept", str(file), "--json", str(file)]) == 0
    assert json.loads(file.read_text())["rows"] == [row, gone]
    assert f"left out: {NAME} made again, of weights that are not bundled any more" in capsys.readouterr().err
    assert remade.main(["--kept", str(file), "--json", str(file)]) == 0
    assert json.loads(file.read_text())["rows"] == [row, gone]
    file.write_text('{"rows": [{"name": "x"}]}')
    assert remade.main(["--kept", str(file)]) == 2
    assert "table.json is no earlier table of this benchmark: a row lacks 'bundled'" in capsys.readouterr().err


def test_one_bit_of_one_number_is_a_difference(tmp_path: Path) -> None:
    loaded = weights.load(cards.read_card(CHECKPOINTS / f"{NAME}.json"))
    with torch.no_grad():
        first = loaded.module.state_dict()["conv_d0a_b.bias"]
        first[0] = torch.nextafter(first[0].half(), torch.tensor(torch.inf, dtype=torch.float16))
    weights.save(tmp_path / f"{NAME}.safetensors", loaded.module, loaded.card, torch.float16)
    (row,) = remade.table([tmp_path])
    assert row["tensors_that_differ"] == 1


def test_a_single_image_leaves_no_figure_that_json_does_not_know(tmp_path: Path) -> None:
    judge = remade.Judge(write_nuclei(tmp_path / "nuclei", count=2).parent)  # one of them is for validation
    rows = remade.table([changed(tmp_path / "again")], judge)
    assert "standard_error_of_bundled" in rows[0]
    json.dumps(rows, allow_nan=False)


def test_what_cannot_be_compared_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    recipe = json.loads((CHECKPOINTS / f"{NAME}.json").read_text())["recipe"]
    longer = changed(tmp_path / "longer", recipe=recipe | {"steps": 9})
    sown = changed(tmp_path / "sown", seed=5)
    folded = changed(tmp_path / "folded", recipe=recipe | {"fold": 2})
    (tmp_path / "none").mkdir()
    (tmp_path / "own").mkdir()
    shutil.copy(CHECKPOINTS / f"{NAME}.json", tmp_path / "own/mine.json")
    older = changed(tmp_path / "older", metrics={"figures": {}, "split": ""})
    said = {
        older: f"{NAME}.safetensors has a card without figures of validation images",
        longer: f"{NAME}.safetensors was made with other settings than the bundled one: steps",
        sown: "was made with seed 5, the bundled one with 0",
        folded: "was trained on other images (fold 2 left out): see benchmarks/folds.py",
        tmp_path / "none": "holds no cards (NAME.json); train a recipe with --out",
        tmp_path / "own": "mine.safetensors has no bundled card of its name",
    }
    for folder, why in said.items():
        assert remade.main([str(folder)]) == 2
        assert why in capsys.readouterr().err
