"""The recorded accuracy of the bundled weights: the cards' own figures, whole and in order."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from benchmarks import accuracy
from explorer import cards
from explorer.cards import Card
from explorer.training import report
from tests.training.made import write_nuclei

BUNDLED = cards.available()
ROWS = json.loads((Path(accuracy.__file__).parent / "accuracy.json").read_text())["rows"]


def test_the_table_is_of_all_bundled_weights_and_says_what_their_cards_say() -> None:
    assert [(row["checkpoint"], row["padding"]) for row in ROWS] == [
        (c.name, at) for c in BUNDLED for at in c.geometries
    ]
    for row in ROWS:
        card = cards.find(row["checkpoint"])
        said = card.metrics["validation"]
        assert (row["sha256"], row["images"]) == (card.sha256, said["images"])
        for part in ("figures", "standard_errors"):
            noted = said[part][row["padding"]][card.spec.model]
            assert row[part] == pytest.approx({key: 100 * noted[key] for key in row[part]}, abs=0.1)
        assert list(row["iou"]) == [info.name["en"] for info in card.classes]


def test_finer_skips_are_better() -> None:
    """Long et al. 2015, table 2: FCN-8s above FCN-16s above FCN-32s."""
    found = {(row["checkpoint"], row["padding"]): row["figures"]["mean_iou"] for row in ROWS}
    for padding in ("same", "paper"):
        coarse, middle, fine = (found[f"fcn{n}s-everyday", padding] for n in (32, 16, 8))
        assert coarse < middle < fine


@pytest.mark.parametrize("card", BUNDLED, ids=lambda card: card.name)
def test_cards_have_the_cross_validated_figures_of_every_class(card: Card) -> None:
    unseen = card.metrics["unseen"]
    classes = unseen["classes"]
    assert list(classes) == [re.sub("[^a-z0-9]+", "_", info.name["en"].lower()) for info in card.classes]
    assert all(0 < of["images"] <= unseen["images"] for of in classes.values())
    for padding in card.geometries:
        mean = np.mean([of[padding] for of in classes.values()])
        assert mean == pytest.approx(100 * unseen["figures"][padding][card.spec.model]["mean_iou"], abs=0.06)


def test_it_measures_what_evaluate_measures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place, file = write_nuclei(tmp_path / "nuclei").parent, tmp_path / "table.json"
    arguments = ["--data", str(place), "--weights", "unet-nuclei-thin", "--device", "cpu", "--json", str(file)]
    assert accuracy.main(arguments) == 0
    (row,) = json.loads(file.read_text())["rows"]
    found = report.evaluate(cards.find("unet-nuclei-thin"), place, split="validation")
    of = found["geometries"]["valid"]
    assert row["images"] == found["images"] < 12
    assert row["figures"] == pytest.approx({key: 100 * of["figures"][key] for key in row["figures"]}, abs=0.006)
    assert row["iou"]["nucleus"] == pytest.approx(100 * of["iou"]["nucleus"], abs=0.006)
    assert f"on {row['images']} images" in capsys.readouterr().out
    assert accuracy.main(["--data", str(tmp_path / "nowhere")]) == 2
    assert "is not laid out like a data set" in capsys.readouterr().err
