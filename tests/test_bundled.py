"""The bundled weights: what their cards say of them, and that they run wherever they are offered."""

from __future__ import annotations

import re

import pytest
import torch

from explorer import cards, weights
from explorer.cards import Card, with_snapshots
from explorer.models import MODELS
from explorer.trace import trace
from explorer.training import recipe
from explorer.training.sets import SETS

BUNDLED = cards.available()


def test_weights_on_the_way_are_found_by_name_and_come_in_order() -> None:
    """Of a thin network of each family: the start, two early moments and the end; what is learned shows in figures."""
    for last, key in (("unet-nuclei-thin", "nucleus_dice"), ("fcn8s-everyday-thin", "pixel_accuracy")):
        found = [cards.find(name) for name in (*(f"{last}-step{n}" for n in (0, 100, 1000)), last)]
        steps = [card.recipe["steps_made"] for card in found]
        assert steps == [0, 100, 1000, found[-1].recipe["steps"]]
        geometry, model = found[-1].spec.padding, found[-1].spec.model
        figures = [card.metrics["validation"]["figures"][geometry][model][key] for card in found]
        assert figures == sorted(figures)
        assert figures[0] < 0.3 < 0.6 < figures[-1]


def test_the_bundled_weights_that_are_taken_without_a_word() -> None:
    """U-Net's own subject is cells, FCN's are photographs; both can do the other."""
    taken = {model: weights.cards_for(model, BUNDLED)[0].name for model in ("fcn32s", "fcn16s", "fcn8s", "unet")}
    assert taken == {f"fcn{n}s": f"fcn{n}s-everyday" for n in (32, 16, 8)} | {"unet": "unet-nuclei"}


def test_the_bundled_weights_are_there() -> None:
    assert {"fcn8s-everyday", "unet-nuclei"} <= {card.name for card in BUNDLED}
    size = sum(path.stat().st_size for path in cards.CHECKPOINTS.iterdir())
    assert size < 45 * 2**20
    listed = {path.stem for path in cards.CHECKPOINTS.glob("*.safetensors")}
    assert listed == {card.name for card in BUNDLED}


def test_cards_know_their_classes_and_their_domain_as_the_data_set_does() -> None:
    for card in with_snapshots():
        data_set = SETS[card.recipe["data_set"]]
        assert card.classes == data_set.classes
        assert card.domain == data_set.domain


@pytest.mark.parametrize("part", ["unseen", "validation"])
def test_everyday_cards_are_good_with_both_paddings_and_better_with_finer_skips(part: str) -> None:
    """Of the figures on the cards: paddings at most 2 points apart; Long et al. 2015, table 2: 32s < 16s < 8s."""
    measured = {n: cards.find(f"fcn{n}s-everyday").metrics[part]["figures"] for n in (32, 16, 8)}
    for key in ("pixel_accuracy", "mean_iou"):
        values = {(n, at): measured[n][at][f"fcn{n}s"][key] for n in measured for at in ("same", "paper")}
        for n in measured:
            assert abs(values[n, "same"] - values[n, "paper"]) <= 0.02
        for at in ("same", "paper"):
            assert values[32, at] < values[16, at] < values[8, at]
            assert values[8, at] >= {"pixel_accuracy": 0.80, "mean_iou": 0.55}[key]


@pytest.mark.parametrize("part", ["unseen", "validation"])
def test_the_nuclei_card_reaches_what_was_asked_of_it_in_either_geometry(part: str) -> None:
    """Floors of the figures on the card: 0.90 Dice (mean over images), 0.80 object F1 at IoU 0.5."""
    measured = cards.find("unet-nuclei").metrics[part]["figures"]
    assert measured.keys() == {"valid", "same"}
    for figures in measured.values():
        assert figures["unet"]["nucleus_dice"] >= 0.90
        assert figures["unet"]["object_f1"] >= 0.80


OFFERED = [
    (card, model, padding)
    for model in MODELS
    for card in weights.cards_for(model, BUNDLED)
    for padding in MODELS[model].paddings
]


@pytest.mark.parametrize(("card", "model", "padding"), OFFERED, ids=lambda v: v.name if isinstance(v, Card) else v)
def test_every_bundled_checkpoint_runs_wherever_it_is_offered(card: Card, model: str, padding: str) -> None:
    loaded = weights.load(card, model, padding)
    size = (188, 204) if padding == "valid" else (64, 48)
    run = trace(loaded.module, torch.rand(1, card.spec.in_channels, *size), keep=False)
    assert run.output.shape[1] == len(card.classes)
    assert run.output.stats is not None
    assert run.output.stats.std > 0.01
    assert (weights.OTHER_GEOMETRY in loaded.notes) == (padding not in card.geometries)


@pytest.mark.parametrize("card", with_snapshots(), ids=lambda card: card.name)
def test_bundled_weights_leave_out_the_fold_that_their_recipe_names(card: Card) -> None:
    named = recipe.read(card.recipe["name"])
    assert (card.fold, card.seed) == (named.fold, named.seed)
    said = re.findall(r"--fold (\d)", " ".join(card.recipe["commands"]))
    if "fold" in card.recipe:
        assert said == [str(card.fold)] * len(card.recipe["commands"])
    else:  # made before commands said it
        assert not said
    if "sha256" in card.recipe.get("begun_from", {}):
        assert f" --run runs/from-published/{card.name} " in card.recipe["commands"][-1]


def test_images_that_the_fcns_are_measured_on_had_no_say_in_their_recipes() -> None:
    """All on the same fold; the recipes of the U-Nets were chosen by theirs, as docs/evaluation.md says."""
    found = {family: {c.fold for c in BUNDLED if c.spec.model.startswith(family)} for family in ("fcn", "unet")}
    assert found == {"fcn": {1}, "unet": {0}}


@pytest.mark.parametrize("card", BUNDLED, ids=lambda card: card.name)
def test_bundled_cards_are_whole(card: Card) -> None:
    assert len({c.colour for c in card.classes}) == len(card.classes)
    for text in (card.title, card.data, card.licence, *(c.name for c in card.classes)):
        assert text["en"]
        assert any("가" <= letter <= "힣" for letter in text["ko"]), text
    validation = card.metrics["validation"]
    assert validation["rule"]
    assert set(validation["figures"]) == set(card.geometries)
    for geometry, by in validation["figures"].items():
        for model, figures in by.items():
            errors = validation["standard_errors"][geometry][model]
            assert set(errors) == set(figures)
            most = 0.1 if model == card.spec.model else 0.15  # FCN-32s finds small nuclei of few groups, others not
            assert all(0 <= error < most for error in errors.values() if error is not None)
    made = card.recipe  # elsewhere another precision would be taken, and other weights come of it
    assert made["commands"][-1].endswith(f"--precision {made['precision']}")
