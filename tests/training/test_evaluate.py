"""`python -m explorer evaluate`: figures against scikit-learn's, on the predictions that the app makes."""

from __future__ import annotations

import json
import math
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.stats import bootstrap
from sklearn.metrics import accuracy_score, confusion_matrix, jaccard_score

from explorer import __main__ as command
from explorer import cards, images, inference, weights
from explorer.metrics import IGNORE
from explorer.training import data
from explorer.training.__main__ import main as train
from explorer.training.evaluate import Tally, standard_errors
from tests.training.made import write_nuclei, write_recipe


@pytest.fixture(scope="module")
def checkpoint(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    chosen = write_recipe(folder / "tiny.json", steps=10)
    assert train([str(chosen), "--data", str(photos), "--out", str(folder), "--run", str(folder / "run")]) == 0
    return folder / "tiny.safetensors"


def test_figures_agree_with_another_library_on_the_apps_own_prediction(
    checkpoint: Path, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.main(["evaluate", str(checkpoint), "--data", str(photos), "--json", "--device", "cpu"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["images"] == 14
    assert found["data_set"] == "msrc_v2"
    card = cards.read_card(checkpoint.with_suffix(".json"))
    loaded = weights.load(card)
    truths, guesses = [], []
    for sample in data.read_all("msrc_v2", photos):
        pixels = images.read(photos / f"images/{sample.name}.jpg").pixels
        prepared = inference.prepare(pixels, loaded.spec, max(pixels.shape))
        labels = inference.trace_and_label(
            loaded.module, prepared, card.preprocessing.mean, card.preprocessing.std
        ).labels
        judged = sample.target != IGNORE
        truths.append(sample.target[judged])
        guesses.append(labels[judged])
    truth, guess = np.concatenate(truths), np.concatenate(guesses)
    same = found["geometries"]["same"]
    assert same["figures"]["pixel_accuracy"] == pytest.approx(accuracy_score(truth, guess))
    present = np.union1d(truth, guess)
    assert same["figures"]["mean_iou"] == pytest.approx(jaccard_score(truth, guess, labels=present, average="macro"))
    assert same["confusion"]["pixels"] == confusion_matrix(truth, guess, labels=range(21)).tolist()
    assert same["iou"]["cow"] is None or 3 in present


def test_card_figures_are_those_that_evaluate_prints(
    checkpoint: Path, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["evaluate", str(checkpoint.with_suffix(".json")), "--data", str(photos), "--split", "validation"]
    assert command.main([*arguments, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    card = cards.read_card(checkpoint.with_suffix(".json"))
    assert found["images"] == card.metrics["validation"]["images"]
    for key, value in card.metrics["validation"]["figures"]["same"]["fcn8s"].items():
        assert found["geometries"]["same"]["figures"][key] == pytest.approx(value, abs=1e-4), key
    assert command.main([*arguments, "--model", "fcn32s", "--geometry", "same", "--geometry", "paper"]) == 0
    text = capsys.readouterr().out
    assert "FCN-32s" in text
    for geometry in ("same", "paper"):
        words = rf"^{geometry}: [\d.]+ % of pixels, mean IoU [\d.]+ ± [\d.]+, on {found['images']} photographs$"
        assert re.search(words, text, re.MULTILINE)
    assert re.search(r"^class +same +paper$", text, re.MULTILINE)
    assert re.search(r"^grass( +(-|[\d.]+)){2}$", text, re.MULTILINE)


def test_nuclei_get_dice_and_objects(nuclei: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["evaluate", "unet-nuclei", "--data", str(nuclei), "--geometry", "valid", "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)["geometries"].values()
    assert 0 <= found["figures"]["nucleus_dice"] <= 1
    counts = found["objects"]
    assert counts["right"] + counts["missed"] == 24  # two nuclei in each of twelve images
    pooled = 2 * counts["right"] / (2 * counts["right"] + counts["invented"] + counts["missed"])
    assert found["figures"]["object_f1_pooled"] == pytest.approx(pooled)


def test_micrographs_of_one_look_have_no_standard_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write_nuclei(tmp_path, count=3)  # each of another look
    arguments = ["evaluate", "unet-nuclei", "--data", str(folder), "--geometry", "same"]
    figure = r"[\d.]+( ± [\d.]+)?"
    whole = f"with the touching border {figure}"
    words = rf"^same: Dice {figure}, {whole}, object F1 {figure}, [\d.]+ % of pixels, on 3 micrographs$"

    def errors() -> list[bool]:
        assert command.main(arguments) == 0
        (found,) = re.finditer(words, capsys.readouterr().out, re.MULTILINE)
        return [group is not None for group in found.groups()]

    assert errors() == [True, True, True]
    for number in (1, 2):
        shutil.copy(folder / "images/n0.png", folder / f"images/n{number}.png")
    assert errors() == [False, False, False]
    assert command.main(arguments) == 0
    assert data.ONE_SESSION in capsys.readouterr().err


def test_what_there_is_nothing_to_measure_on_is_null(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write_nuclei(tmp_path, count=1)
    for part, mode in (("images", "RGB"), ("instances16", "I;16")):
        Image.new(mode, (60, 64)).save(folder / part / "n0.png")  # darkness, and no nucleus in it
    arguments = ["evaluate", "unet-nuclei", "--data", str(folder), "--geometry", "same"]
    assert command.main([*arguments, "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)["geometries"].values()
    assert found["figures"]["object_f1"] is None
    assert found["figures"]["pixel_accuracy"] == 1
    assert set(found["standard_errors"].values()) == {None}  # of one image
    assert command.main(arguments) == 0
    assert "nan" not in capsys.readouterr().out


def segmented(wrong: np.ndarray, seed: int, alike: int = 1) -> tuple[Tally, list[tuple[np.ndarray, np.ndarray]]]:
    """Images of two nuclei each, of which a share of the pixels is labelled wrong, so many after one another of one
    look; their (true, found) labels too."""
    rng, tally, pairs = np.random.default_rng(seed), Tally(3), []
    for number, share in enumerate(wrong):
        image = np.full((24, 24, 3), 4 * (number // alike), np.uint8)
        instances = np.zeros((24, 24), np.int32)
        instances[2 : 10 + number % 9, 2:10] = 1
        instances[4:20, 13:20] = 2
        target = (instances > 0).astype(np.uint8)
        found = np.where(rng.random(target.shape) < share, rng.integers(0, 3, target.shape), target).astype(np.uint8)
        tally.add(data.Sample("n", "stained", image, target, None, instances), found)
        pairs.append((target, found))
    return tally, pairs


def test_standard_errors_are_those_of_other_libraries() -> None:
    wrong = np.random.default_rng(1).random(30)
    tally, pairs = segmented(wrong, 2)
    found = standard_errors(tally)
    assert found["nucleus_dice"] == pytest.approx(np.std(tally.dices) / np.sqrt(30), rel=0.1)

    def mean_iou(drawn: np.ndarray) -> float:
        truth, guess = (np.concatenate([pairs[i][side].ravel() for i in drawn]) for side in (0, 1))
        return jaccard_score(truth, guess, average="macro")

    theirs = bootstrap((np.arange(30),), mean_iou, vectorized=False, n_resamples=500, method="basic", rng=3)
    assert found["mean_iou"] == pytest.approx(theirs.standard_error, rel=0.15)


def test_similar_images_are_resampled_together() -> None:
    """Groups of as many images each: the standard error of a mean is that of the groups' means (any textbook)."""
    wrong = np.random.default_rng(1).random(12).repeat(5)  # each experiment as hard in all of its fields
    tally, pairs = segmented(wrong, 2, alike=5)
    found, alone = standard_errors(tally), standard_errors(segmented(wrong, 2)[0])
    means = np.array(tally.dices).reshape(12, 5).mean(1)
    assert found["nucleus_dice"] == pytest.approx(np.std(means) / np.sqrt(12), rel=0.1)
    assert found["nucleus_dice"] > 1.8 * alone["nucleus_dice"]  # about the root of 5

    def mean_iou(drawn: np.ndarray) -> float:
        images = (drawn[:, None] * 5 + np.arange(5)).ravel()
        truth, guess = (np.concatenate([pairs[i][side].ravel() for i in images]) for side in (0, 1))
        return jaccard_score(truth, guess, average="macro")

    theirs = bootstrap((np.arange(12),), mean_iou, vectorized=False, n_resamples=500, method="basic", rng=3)
    assert found["mean_iou"] == pytest.approx(theirs.standard_error, rel=0.15)
    assert math.isnan(standard_errors(segmented(wrong[:5], 2, alike=5)[0])["nucleus_dice"])  # one group: unknown


def test_photographs_are_resampled_one_by_one() -> None:
    """Even of one look, as Efron's bootstrap does: of a share over images of one size, the textbook's error."""
    rng, tally = np.random.default_rng(4), Tally(2)
    target = np.zeros((8, 8), np.uint8)
    same = [data.Sample(str(i), "photo", np.zeros((8, 8, 3), np.uint8), target, None) for i in range(40)]
    right = rng.random(40)
    for sample, share in zip(same, right, strict=True):
        tally.add(sample, (rng.random((8, 8)) > share).astype(np.uint8))
    shares = np.array([matrix[0, 0] / matrix.sum() for matrix in tally.matrices])
    assert standard_errors(tally)["pixel_accuracy"] == pytest.approx(np.std(shares) / np.sqrt(40), rel=0.1)
    assert data.group_of(same[0]) != data.group_of(same[1])
    assert data.group_of(replace(same[0], part=1)) != data.group_of(same[0])  # published parts may share names
    frames = [replace(sample, film=film) for sample, film in zip(same, ("a", "a", "b"), strict=False)]
    assert [data.group_of(one) == data.group_of(frames[0]) for one in frames] == [True, True, False]
    micrographs = [replace(sample, instances=np.zeros((8, 8), np.int32)) for sample in same]
    assert data.group_of(micrographs[0]) == data.group_of(micrographs[1])


def test_the_difference_of_two_networks_is_judged_on_the_same_images() -> None:
    wrong = np.random.default_rng(1).random(30)
    one, other = (segmented(wrong, seed)[0] for seed in (2, 3))  # hard images are hard for both
    assert max(standard_errors(one, one).values()) == 0
    apart, alone = standard_errors(one, other), standard_errors(one)
    assert 0 < apart["nucleus_dice"] < alone["nucleus_dice"] / 2
    each = np.array(one.dices) - np.array(other.dices)
    assert apart["nucleus_dice"] == pytest.approx(np.std(each) / np.sqrt(30), rel=0.1)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["no-such-thing", "--data", "{photos}"], "no checkpoint 'no-such-thing'"),
        (["{checkpoint}", "--data", "{photos}/images"], "needs images/ and masks/"),
        (["{checkpoint}", "--data", "/nowhere"], "is not laid out like"),
        (["unet-nuclei", "--data", "{photos}"], "needs images/ and instances16/"),
        (["{checkpoint}", "--data", "{photos}", "--geometry", "valid"], "padding 'valid'"),
        (["{checkpoint}", "--data", "{photos}", "--model", "unet"], "same family"),
        (["{checkpoint}", "--data", "{photos}", "--device", "abacus"], "no ABACUS device"),
        (["unet-nuclei", "--data", "{photos}", "--data-set", "msrc_v2"], "unet-nuclei has other classes than msrc_v2"),
    ],
)
def test_what_cannot_be_evaluated_is_said_in_one_line(
    arguments: list[str], said: str, checkpoint: Path, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    filled = [part.format(photos=photos, checkpoint=checkpoint) for part in arguments]
    assert command.main(["evaluate", *filled]) == 2
    err = capsys.readouterr().err
    assert said in err
    assert err.count("\n") == 1
