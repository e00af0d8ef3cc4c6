"""The table of how long each recipe took: what the bundled cards say, and runs of recipes as they are now."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from benchmarks import minutes
from explorer import cards
from explorer.cards import CHECKPOINTS
from explorer.training import recipe

TABLE = json.loads((Path(__file__).resolve().parents[1] / "benchmarks" / "minutes.json").read_text())["rows"]
NAME = "unet-nuclei-thin"


def test_the_table_holds_what_the_bundled_cards_say() -> None:
    for card in cards.available():
        assert minutes.row(card) in TABLE


def test_whole_runs_end_within_three_hours() -> None:
    for row in TABLE:
        assert row["steps"] == recipe.read(row["recipe"]).steps
        assert 0 < row["minutes"] <= 180


def test_runs_from_elsewhere_come_beside_the_bundled_ones(tmp_path: Path) -> None:
    raw = json.loads((CHECKPOINTS / f"{NAME}.json").read_text())
    raw["recipe"] |= {"minutes": 999.5, "device": "an abacus"}
    (tmp_path / f"{NAME}.json").write_text(json.dumps(raw))
    rows = minutes.table([tmp_path])
    assert len(rows) == len(cards.available()) + 1
    ours, theirs = (row for row in rows if row["recipe"] == NAME)
    assert theirs == {**ours, "minutes": 999.5, "device": "an abacus"}


def test_runs_whose_cards_are_gone_stay_in_the_table(tmp_path: Path) -> None:
    (own,) = (minutes.row(card) for card in cards.available() if card.name == NAME)
    gone = own | {"minutes": 999.5}
    file = tmp_path / "table.json"
    file.write_text(json.dumps({"rows": [gone, own]}))
    for _ in range(2):
        assert minutes.main(["--kept", str(file), "--json", str(file)]) == 0
        rows = json.loads(file.read_text())["rows"]
        assert len(rows) == len(cards.available()) + 1
        assert [row for row in rows if row["recipe"] == NAME] == [own, gone]


def test_what_says_nothing_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "none").mkdir()
    assert minutes.main([str(tmp_path / "none")]) == 2
    assert "holds no cards" in capsys.readouterr().err
    raw = json.loads((CHECKPOINTS / f"{NAME}.json").read_text())
    del raw["recipe"]["minutes"]
    (tmp_path / f"{NAME}.json").write_text(json.dumps(raw))
    assert minutes.main([str(tmp_path)]) == 2
    assert "does not say how long" in capsys.readouterr().err
    shutil.copy(CHECKPOINTS / f"{NAME}.json", tmp_path)
    goal = tmp_path / "none/table.json"
    assert minutes.main([str(tmp_path), "--json", str(goal)]) == 0
    assert len(json.loads(goal.read_text())["rows"]) == len(cards.available()) + 1
