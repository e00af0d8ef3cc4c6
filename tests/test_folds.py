"""The table of recipes trained anew with other images left out: what it compares, and what it refuses."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path

import numpy as np
import pytest

from benchmarks import folds
from benchmarks.left_out import KEYS
from explorer import cards, metrics
from explorer.cards import CHECKPOINTS, Card
from explorer.errors import ExplorerError
from explorer.training import data
from explorer.training.evaluate import standard_errors
from explorer.training.report import tally_of
from tests.training.made import write_nuclei

NAME = "unet-nuclei-thin"


def left_out(folder: Path, fold: int, name: str = NAME) -> Path:
    """A folder with the bundled weights, their card saying that another fold was left out."""
    raw = json.loads((CHECKPOINTS / f"{name}.json").read_text())
    raw["recipe"]["fold"] = fold
    folder.mkdir()
    (folder / f"{name}.json").write_text(json.dumps(raw))
    shutil.copy(CHECKPOINTS / f"{name}.safetensors", folder)
    return folder


def test_a_fold_counts_only_where_every_recipe_has_it() -> None:
    kinds = {"a": "nuclei", "b": "nuclei", "c": "msrc_v2"}
    found = folds.shared(kinds, {"a": {0, 4, 1, 2}, "b": {2, 3, 4}, "c": {0, 1, 3}})
    assert found == {"nuclei": [2, 4], "msrc_v2": [1, 3]}


def test_each_fold_is_measured_on_the_images_that_it_left_out(tmp_path: Path) -> None:
    place = write_nuclei(tmp_path / "nuclei").parent
    (group,) = folds.table([left_out(tmp_path / "a", 1), left_out(tmp_path / "b", 3)], place)
    samples, card = data.read_all("nuclei", place), cards.find(NAME)
    assert [one["fold"] for one in group["folds"]] == [0, 1, 3]
    expected = {}
    left_out_by_others = []
    for one in group["folds"]:
        validation = data.split("nuclei", samples, one["fold"])[1]
        if one["fold"]:
            left_out_by_others += validation
        shown = [sum(bool((s.target == i).any()) for s in validation) for i in range(3)]
        assert [of["images"] for of in one["classes"].values()] == shown
        tally = tally_of(card, validation, "valid")
        np.testing.assert_allclose(
            [of["valid"] for of in one["classes"].values()], 100 * metrics.iou(tally.matrix), atol=0.06
        )
        values, errors = tally.figures(), standard_errors(tally)
        assert len(one["figures"]["valid"]) == 4
        assert one["groups"] == len({data.signature(sample) for sample in validation})
        for key, pair in one["figures"]["valid"].items():
            expected[one["fold"], key] = 100 * values[key], 100 * errors[key]
            assert pair == pytest.approx(expected[one["fold"], key], abs=0.006)
    assert len({value for (_, key), (value, _) in expected.items() if key == "nucleus_dice"}) == 3
    together = group["unseen"]
    assert together["images"] == len(left_out_by_others)
    tally = tally_of(card, left_out_by_others, "valid")  # the weights of all three are the same here
    values, errors = tally.figures(), standard_errors(tally)
    for key in KEYS:
        pair = 100 * values[key], 100 * errors[key]
        assert together["figures"]["valid"][key] == pytest.approx(pair, abs=0.006)
        (own, own_error), *there = (expected[fold, key] for fold in (0, 1, 3))
        (one, one_error), (other, other_error) = there
        above = (one + other) / 2 - own, math.hypot(one_error / 2, other_error / 2, own_error)
        assert group["points_above_bundled"]["valid"][key] == pytest.approx(above, abs=0.02)
    assert together["classes"]["nucleus"]["images"] == len(left_out_by_others)
    said = folds.noted(card, group).metrics
    assert said["unseen"]["figures"]["valid"]["unet"] == pytest.approx({key: values[key] for key in KEYS}, abs=1e-4)
    assert said["unseen"]["folds"] == [1, 3]
    assert {**said, "unseen": None} == {**card.metrics, "unseen": None}


def test_bundled_weights_may_leave_out_a_fold_that_had_no_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then their own figures are pooled with those of other such folds, and compared with these alone."""
    place = write_nuclei(tmp_path / "nuclei").parent
    monkeypatch.setattr(folds, "CHECKPOINTS", left_out(tmp_path / "bundled", 1))
    first, other = left_out(tmp_path / "a", 0), left_out(tmp_path / "b", 3)
    (group,) = folds.table([first, other], place)
    of = {one["fold"]: one for one in group["folds"]}
    assert list(of) == [0, 1, 3]
    assert group["bundled_fold"] == 1
    assert group["unseen"]["folds"] == [1, 3]
    assert group["unseen"]["images"] == of[1]["images"] + of[3]["images"]
    assert set(group["points_above_bundled"]["valid"]) == set(KEYS)
    for key, (above, error) in group["points_above_bundled"]["valid"].items():
        (ours, off), (theirs, too) = (of[fold]["figures"]["valid"][key] for fold in (1, 3))
        assert (above, error) == pytest.approx((theirs - ours, math.hypot(off, too)), abs=0.011)
    with pytest.raises(ValueError, match="left out the images of the bundled weights"):
        folds.table([left_out(tmp_path / "c", 1)], place)
    another = left_out(tmp_path / "another", 3, "unet-nuclei")
    (folds.CHECKPOINTS / "unet-nuclei.json").write_text((CHECKPOINTS / "unet-nuclei.json").read_text())
    with pytest.raises(ValueError, match="left out fold 1, which not all recipes of its data set have"):
        folds.table([other, another], place)
    (alone,) = folds.table([first], place)  # no other fold without a say: nothing to compare with
    assert alone["unseen"]["folds"] == [1]
    assert alone["points_above_bundled"] == {}


def test_what_an_earlier_table_says_of_weights_that_are_gone_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    place = write_nuclei(tmp_path / "nuclei").parent
    first, gone = left_out(tmp_path / "a", 1), left_out(tmp_path / "b", 3)
    file = tmp_path / "table.json"
    assert folds.main([str(first), str(gone), "--data", str(place), "--json", str(file)]) == 0
    (group,) = json.loads(file.read_text())["rows"]
    former = {NAME: group}
    assert group["unseen"]["sha256"] == [cards.find(NAME).sha256] * 2  # the same weights everywhere here
    assert folds.main(["--kept", str(file), "--data", str(place), "--json", str(tmp_path / "again.json")]) == 0
    assert json.loads((tmp_path / "again.json").read_text())["rows"] == [group]
    monkeypatch.setattr(folds, "measured", None)  # what is in the table is not measured once more
    assert json.loads(json.dumps(folds.table([first], place, former))) == [group]
    monkeypatch.undo()

    stale = json.loads(file.read_text())["rows"][0]
    stale["folds"][1] |= {"sha256": "0" * 64, "figures": {}}  # of other weights that left out fold 1
    stale["unseen"]["figures"]["valid"]["mean_iou"] = [12.3, 4.5]
    (found,) = folds.table([first], place, {NAME: stale})
    written = json.loads(json.dumps(found))
    assert written["folds"] == group["folds"]
    assert written["unseen"] == stale["unseen"]  # cannot be pooled without the weights that are gone
    assert written["points_above_bundled"] == group["points_above_bundled"]
    (found,) = folds.table([first, gone], place, {NAME: stale})
    assert json.loads(json.dumps(found)) == group

    fewer = left_out(tmp_path / "fewer", 3, "unet-nuclei")
    with pytest.raises(ValueError, match=rf"to pool the folds \[3\] of {NAME}, weights are missing that left out: 3"):
        folds.table([first, fewer], place, former)
    (tmp_path / "other.json").write_text('{"rows": [{"name": "x"}]}')
    assert folds.main(["--kept", str(tmp_path / "other.json"), "--data", str(place)]) == 2
    assert "other.json is no earlier table of this benchmark: a row lacks 'folds'" in capsys.readouterr().err
    assert folds.main(["--kept", str(tmp_path / "none.json"), "--data", str(place)]) == 2
    assert "none.json cannot be read as an earlier table" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        folds.main(["--data", str(place)])
    assert "or an earlier table with --kept" in capsys.readouterr().err


def test_pooled_figures_are_kept_with_other_bundled_weights_but_not_with_other_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once weights of fold 0 are bundled, then others, of fold 1."""
    place = write_nuclei(tmp_path / "nuclei").parent
    first, other = left_out(tmp_path / "a", 1), left_out(tmp_path / "b", 3)
    former = json.loads(json.dumps(folds.table([first, other], place)))[0]
    former["folds"][1] |= {"sha256": "0" * 64, "figures": {}}  # of fold 1: another training than the one bundled now
    former["unseen"]["sha256"][0] = "0" * 64
    former["folds"][0]["images"] = former["unseen"]["images"] = 777
    monkeypatch.setattr(folds, "CHECKPOINTS", first)
    (found,) = folds.table([], place, {NAME: former})
    assert (found["bundled_fold"], found["unseen"], found["again"]) == (1, former["unseen"], former["folds"][1])
    (once_more,) = folds.table([], place, {NAME: json.loads(json.dumps(found))})
    assert json.loads(json.dumps(once_more)) == json.loads(json.dumps(found))
    assert [one["images"] for one in found["folds"]] == [777, 2, 2]
    zero, one, three = (each["figures"]["valid"]["nucleus_dice"] for each in found["folds"])
    assert found["points_above_bundled"]["valid"]["nucleus_dice"][0] == pytest.approx(three[0] - one[0], abs=0.011)
    assert found["points_above_deciding"]["valid"]["nucleus_dice"][0] == pytest.approx(
        (one[0] + three[0]) / 2 - zero[0], abs=0.011
    )
    for change in ({"sha256": ["0" * 64, "1" * 64]}, {"sha256": ["1" * 64] * 2}, {"sha256": []}, {"folds": [1]}):
        stale = former | {"unseen": former["unseen"] | change}
        with pytest.raises(ValueError, match=r"to pool the folds \[1, 3\] of .*, weights are missing that left out: 3"):
            folds.table([], place, {NAME: stale})


def test_cards_whose_weights_are_gone_do_with_their_rows(tmp_path: Path) -> None:
    place = write_nuclei(tmp_path / "nuclei").parent
    first = left_out(tmp_path / "a", 1)
    former = json.loads(json.dumps(folds.table([first], place)))[0]
    (first / f"{NAME}.safetensors").unlink()
    assert json.loads(json.dumps(folds.table([first], place, {NAME: former}))) == [former]
    with pytest.raises(ExplorerError, match="has no weights file"):
        folds.table([first], place)


def test_what_cannot_be_compared_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[Card] = []
    monkeypatch.setattr(folds.weights, "write_card", written.append)
    place = str(write_nuclei(tmp_path / "nuclei").parent)
    first, twin, bundled = (left_out(tmp_path / name, fold) for name, fold in (("a", 1), ("b", 1), ("c", 0)))
    own = left_out(tmp_path / "own", 2)
    (own / f"{NAME}.json").rename(own / "mine.json")
    another = left_out(tmp_path / "another", 2, "unet-nuclei")
    (tmp_path / "none").mkdir()
    for given, why in (
        ([first, twin], "left out the same images (fold 1)"),
        ([bundled], "left out the images of the bundled weights"),
        ([own], "has no bundled card of its name"),
        ([first, another], "the recipes of nuclei have no fold in common"),
        ([tmp_path / "none"], "holds no cards"),
    ):
        assert folds.main([*map(str, given), "--data", place]) == 2
        assert why in capsys.readouterr().err
    goal = tmp_path / "table.json"
    assert folds.main([str(first), "--data", place, "--json", str(goal)]) == 0
    assert [one["fold"] for one in json.loads(goal.read_text())["rows"][0]["folds"]] == [0, 1]
    assert not written
    assert folds.main([str(first), "--data", place, "--cards"]) == 0
    (card,) = written
    assert (card.file, card.metrics["unseen"]["folds"]) == (CHECKPOINTS / f"{NAME}.safetensors", [1])
    assert "above bundled" in capsys.readouterr().out
