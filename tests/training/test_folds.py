"""Folds: which part of the images validates, and that nothing trained on them is measured on them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from explorer import __main__ as command
from explorer import cards
from explorer.errors import DataError
from explorer.training import data, recipe
from explorer.training.__main__ import main
from explorer.training.data import Sample
from explorer.training.loop import Run
from explorer.training.report import evaluate
from explorer.training.sets import FOLDS
from tests.training.made import write_recipe, write_road_scenes

CPU = torch.device("cpu")


def names(samples: list[Sample]) -> set[str]:
    return {sample.name for sample in samples}


def folds(name: str, samples: list[Sample]) -> list[set[str]]:
    """The names of each fold's validation images, once the sides and rules have been looked at."""
    found, rules = [], set()
    for fold in range(FOLDS):
        train, validation, rule = data.split(name, samples, fold)
        assert not names(train) & names(validation)
        assert names(train) | names(validation) == names(samples)
        rules.add(rule)
        found.append(names(validation))
    assert len(rules) == FOLDS
    assert data.split(name, samples) == data.split(name, samples, 0)
    for i, one in enumerate(found):
        assert not any(one & other for other in found[i + 1 :])
    return found


def test_photographs_stand_in_one_fold_at_most_whatever_else_is_there() -> None:
    blank = np.zeros((4, 4), np.uint8)
    samples = [Sample(f"{i}_s", "photo", np.zeros((4, 4, 3), np.uint8), blank, None) for i in range(2000)]
    found = folds("msrc_v2", samples)
    shares = np.array([len(one) for one in found]) / len(samples)
    np.testing.assert_allclose(shares, 0.18, atol=0.035)  # four standard deviations of 2,000 draws
    part = samples[::-1][:700]
    for fold, whole in enumerate(found):
        assert names(data.split("msrc_v2", part, fold)[1]) == whole & names(part)


def test_nuclei_of_one_look_stand_in_one_fold() -> None:
    def sample(look: int, count: int) -> Sample:
        image = np.full((8, 8, 3), 10 + 4 * look, np.uint8)  # fluorescence, then bright-field from 100 on
        return Sample(f"{look}-{count}", data.kind_of(image), image, np.zeros((8, 8), np.uint8), None, np.zeros((8, 8)))

    samples = [sample(look, count) for look in range(50) for count in range(1 + look % 5)]
    looks = {s.name: data.signature(s) for s in samples}
    assert len(set(looks.values())) == 50
    found = [{looks[name] for name in one} for one in folds("nuclei", samples)]
    for fold, one in enumerate(found):
        assert one  # of every kind a few
        assert {look.split()[0] for look in one} == {"fluorescence", "bright-field"}
        assert not one & {data.signature(s) for s in data.split("nuclei", samples, fold)[0]}


def test_a_published_split_has_no_folds(tmp_path: Path) -> None:
    samples = data.read_all("camvid", write_road_scenes(tmp_path / "camvid"))
    with pytest.raises(DataError, match="camvid is split as published; it has no fold 2"):
        data.split("camvid", samples, 2)


@pytest.mark.parametrize("fold", [-1, FOLDS])
def test_a_fold_that_is_none_is_refused(fold: int, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    path = str(write_recipe(tmp_path / "r.json"))
    assert main([path, "--data", str(photos), "--out", str(tmp_path / "out"), f"--fold={fold}"]) == 2
    assert (
        f"fold: input should be {f'less than {FOLDS}' if fold == FOLDS else 'greater than or equal to 0'}, not {fold}"
        in capsys.readouterr().err
    )


def test_a_card_says_which_fold_it_left_out_and_evaluate_measures_on_that(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    path = str(write_recipe(tmp_path / "r.json", steps=3))
    given = [path, "--data", str(photos), "--out", str(tmp_path / "out"), "--run", str(tmp_path / "run")]
    assert main([*given, "--fold", "3", "--device", "cpu"]) == 0
    (card,) = cards.available(tmp_path / "out")
    train, validation, rule = data.split("msrc_v2", data.read_all("msrc_v2", photos), 3)
    assert card.recipe["fold"] == 3
    assert card.metrics["validation"]["rule"] == rule
    assert (card.metrics["training_images"], card.metrics["validation"]["images"]) == (len(train), len(validation))
    assert "--seed 0 --fold 3 --device cpu" in card.recipe["commands"][0]
    capsys.readouterr()
    arguments = ["evaluate", str(card.file), "--data", str(photos), "--split", "validation", "--json"]
    assert command.main(arguments) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["images"] == len(validation) != len(data.split("msrc_v2", data.read_all("msrc_v2", photos))[1])
    for key, value in card.metrics["validation"]["figures"]["same"]["fcn8s"].items():
        assert found["geometries"]["same"]["figures"][key] == pytest.approx(value, abs=1e-4), key
    scenes = data.read_all("camvid", write_road_scenes(tmp_path / "camvid"))
    published = data.split("camvid", scenes)[1]  # a set that the recipe could only have trained on has its own sides
    found = evaluate(card, tmp_path / "camvid", split="validation", data_set="camvid")
    assert (found["split"], found["images"]) == ("validation", len(published))
    assert main([*given, "--fold", "2", "--device", "cpu"]) == 2
    assert "was begun with other images (fold 3 left out, here it is fold 2)" in capsys.readouterr().err


def test_weights_that_have_seen_the_images_are_no_beginning(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    """Neither a run's state nor published weights: what they were trained on is to validate now."""
    first = str(write_recipe(tmp_path / "first.json", model="fcn32s", coarser={}, steps=2))
    out, runs = tmp_path / "out", tmp_path / "runs"
    assert main([first, "--data", str(photos), "--out", str(out), "--run", str(runs / "first"), "--fold", "1"]) == 0
    then = recipe.read(str(write_recipe(tmp_path / "then.json", model="fcn16s", coarser={}, start="first", steps=2)))
    samples = data.read_all("msrc_v2", photos)
    why = r"left out fold 1 of the images, this run leaves out fold 0, .* train 'first' with --fold 0 first"
    for folder in (runs / "then", tmp_path / "elsewhere/then"):
        with pytest.raises(ValueError, match=why):
            Run(then, samples, folder, CPU, published=(out,))
        run = Run(replace(then, fold=1), samples, folder, CPU, published=(out,))
        assert run.begun_from["recipe"] == "first"
