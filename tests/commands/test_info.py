"""python -m explorer info: what the cards say, and how good the weights are."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from explorer import cards, inference
from tests.commands.made import run
from tests.ui.made import UNET, save_random


def test_info_says_what_the_cards_say(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("info", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert [card["name"] for card in found["weights"]] == [card.name for card in cards.with_snapshots()]
    assert found["devices"].keys() == set(inference.devices())
    unet = next(
        card for card in found["weights"] if card["spec"]["model"] == "unet" and card["spec"]["padding"] == "valid"
    )
    assert unet["legal_inputs"] == {"least": 188, "step": 16}
    assert unet["receptive_field"] == [188, 204]
    assert unet["margin"] == 92
    assert run("info") == 0
    assert "receptive field 188 or 204" in capsys.readouterr().out


@pytest.mark.parametrize("card", cards.available(), ids=lambda card: card.name)
def test_info_says_in_a_line_how_good_the_weights_are(card: cards.Card, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("info", card.name) == 0
    said = capsys.readouterr().out
    unseen = card.metrics["unseen"]
    for geometry in card.geometries:
        of, off = (unseen[key][geometry][card.spec.model] for key in ("figures", "standard_errors"))
        (line,) = re.findall(rf"^  accuracy +{geometry}: (.*)$", said, re.MULTILINE)
        kind = "micrographs" if "nuclei" in card.name else "photographs"
        assert line.endswith(f", cross-validated on {unseen['images']} {kind}")
        main, name = ("nucleus_dice", "Dice") if "nuclei" in card.name else ("mean_iou", "mean IoU")
        value, error = map(float, re.findall(rf"{name} ([\d.]+) ± ([\d.]+),", line)[0])
        assert (value, error) == pytest.approx((100 * of[main], 100 * off[main]), abs=0.0501)
        pixels = float(re.findall(r"([\d.]+) % of pixels", line)[0])
        assert pixels == pytest.approx(100 * of["pixel_accuracy"], abs=0.0501)


def test_info_has_a_table_of_classes_for_weights_that_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    card = cards.find("fcn8s-everyday")
    assert run("info", card.name) == 0
    rows = re.findall(r"^  (\w+) +(\d+) +([\d.]+) +([\d.]+)$", capsys.readouterr().out, re.MULTILINE)
    assert [row[0] for row in rows] == [info.name["en"] for info in card.classes]
    for name, *cells in rows:
        assert list(map(float, cells)) == [
            card.metrics["unseen"]["classes"][name][key] for key in ("images", "same", "paper")
        ]
    assert run("info") == 0
    assert "bicycle  " not in capsys.readouterr().out


def test_info_rounds_and_counts_as_the_page_does(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """To the larger of two that are as near (66.7 of 66.6 and 66.7 for 66.65), whatever binary makes of it: there
    100 * 0.6665 is less than 66.65, and 83.55 no middle. What no image says is left out."""
    of, off = {"pixel_accuracy": 0.8355, "mean_iou": 0.6665}, {"pixel_accuracy": 0.0185, "mean_iou": 0.1}
    part = {"figures": {"valid": {"unet": of}}, "standard_errors": {"valid": {"unet": off}}}
    gaps = {"pixel_accuracy": None, "mean_iou": 0.5, "nucleus_dice": None}
    empty = {
        "images": 1,
        "figures": {"valid": {"unet": gaps}, "same": {"fcn8s": of}},
        "standard_errors": {"valid": {"unet": {"mean_iou": None}}},
    }
    save_random(tmp_path, "mine", UNET)
    card = tmp_path / "mine.json"
    for metrics, said in (
        (
            {"validation": {**part, "images": 1234}},
            "83.6 % of pixels, mean IoU 66.7 ± 10.0, on 1,234 validation photographs",
        ),
        ({"unseen": {**part, "images": 1}}, "83.6 % of pixels, mean IoU 66.7 ± 10.0, cross-validated on 1 photograph"),
        ({"validation": empty}, "mean IoU 50.0, on 1 validation photograph"),
    ):
        card.write_text(json.dumps(json.loads(card.read_text()) | {"metrics": metrics}))
        assert run("info", tmp_path / "mine.safetensors") == 0
        lines = [line.strip() for line in capsys.readouterr().out.splitlines() if "accuracy" in line]
        assert lines == [f"accuracy     valid: {said}"]


def test_info_of_weights_without_figures_leaves_them_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save_random(tmp_path, "mine", UNET)
    assert run("info", tmp_path / "mine.safetensors") == 0
    said = capsys.readouterr().out
    assert "receptive field" in said
    assert "accuracy  " not in said


@pytest.mark.parametrize(
    "metrics",
    [
        {"validation": {"images": 3}},
        {"unseen": {"figures": {}}},
    ],
)
def test_info_says_what_it_can_of_a_card_that_lacks_parts(
    metrics: dict, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save_random(tmp_path, "mine", UNET)
    card = tmp_path / "mine.json"
    card.write_text(json.dumps(json.loads(card.read_text()) | {"metrics": metrics}))
    assert run("info", tmp_path / "mine.safetensors") == 0
    said = capsys.readouterr().out
    assert "receptive field" in said
    assert "%" not in said
