"""Cards: which are read, which are refused and why, which of them fit a network."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from explorer import cards, weights
from explorer.cards import SNAPSHOTS, Card, ClassInfo, series
from explorer.errors import ExplorerError
from tests.weights.made import FCN8S, UNET, card_of, network


def test_a_card_without_weights_is_left_out_and_refused(saved: Card) -> None:
    saved.file.unlink()
    with pytest.warns(UserWarning, match=r"mine\.json has no weights file"):
        assert cards.available(saved.folder) == ()
    with pytest.raises(ExplorerError) as caught:
        weights.load(saved)
    assert caught.value.code == "no_weights"


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"classes": []}, "0 classes for a network of 4"),
        ({"classes": [{"id": "a", "name": {"en": "a"}, "colour": [0, 0, 0]}] * 4}, "two of its classes have one id"),
        ({"classes": [{"id": "A b", "name": {"en": "a"}, "colour": [0, 0, 0]}]}, r"classes\.0\.id"),
        ({"classes": [{"id": "a", "name": {"en": "a"}, "colour": [0, 0, 256]}]}, r"classes\.0\.colour\.2"),
        ({"classes": [{"name": {"en": "a"}, "colour": [0, 0, 0]}]}, r"'classes\.0\.id' is missing"),
        ({"title": {"ko": "한국어만"}}, "title: 'en' is missing"),
        ({"geometries": ["same", "wide"]}, "'wide' is unknown"),
        ({"geometries": ["paper"]}, "not among those trained in"),
        ({"preprocessing": {"mean": [0, 0, 0], "std": [1, 0, 1]}}, "preprocessing"),
        ({"spec": {"model": "fcn8s", "depth": 5}}, "depth"),
        ({"spec": {"model": "vgg"}}, "'vgg' is unknown"),
        ({"sha256": ""}, "'sha256' is missing"),
        ({"licence": None}, "licence: input should be a valid dictionary, not None"),
        ({"trained_side": 0}, "trained_side: input should be greater than 0, not 0"),
        ({"recipe": {"fold": [1]}}, r"recipe"),
        ({"recipe": {"fold": "x"}}, r"recipe"),
        ({"recipe": {"name": ["a"], "steps_made": 3}}, r"recipe"),
        ({"recipe": {"augmentation": {"scale": []}}}, r"recipe"),
        ({"metrics": {"unseen": 3}}, r"metrics"),
        ({"spec": {"model": "fcn8s", "padding": "same", "classes": 4, "width": 10**30}}, r"width and channels"),
        ({"spec": {"model": "fcn8s", "padding": "same", "classes": 4, "fc_channels": -1}}, r"width and channels"),
        ({"trained_side": "320"}, "trained_side: input should be a valid integer, not '320'"),
    ],
)
def test_a_broken_card_is_refused(fcn8s: Card, change: dict, why: str) -> None:
    path = fcn8s.file.with_suffix(".json")
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(ExplorerError, match=why) as caught:
        cards.read_card(path)
    assert caught.value.code == "bad_card"


def test_what_a_class_is_called_decides_nothing() -> None:
    called = {"en": "background", "ko": "배경"}
    classes = tuple(ClassInfo(key, called, (0, 0, 0)) for key in ("touching_border", "nucleus", "sky", "background"))
    card = replace(card_of(FCN8S), classes=classes)
    assert (card.background, card.objects) == (3, (1, 0))
    named_alone = replace(card, classes=tuple(replace(info, id=f"c{i}") for i, info in enumerate(classes)))
    assert (named_alone.background, named_alone.objects) == (None, None)


def test_a_card_without_a_trained_size_is_read(fcn8s: Card) -> None:
    path = fcn8s.file.with_suffix(".json")
    raw = json.loads(path.read_text())
    del raw["trained_side"]
    path.write_text(json.dumps(raw))
    card = cards.read_card(path)
    assert card.trained_side is None
    assert not card.is_too_large((9000, 9000))


def test_a_card_that_is_no_json_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("{")
    with pytest.raises(ExplorerError, match=r"x\.json"):
        cards.read_card(tmp_path / "x.json")


def test_cards_for_a_family(tmp_path: Path) -> None:
    for name, spec in (("b", FCN8S), ("a", UNET), ("c", replace(FCN8S, model="fcn32s"))):
        weights.save(tmp_path / f"{name}.safetensors", network(spec), card_of(spec))
    known = cards.available(tmp_path)
    assert [card.name for card in known] == ["a", "b", "c"]
    assert [card.name for card in weights.cards_for("fcn16s", known)] == ["b"]  # a 32s has no score_pool4
    assert [card.name for card in weights.cards_for("fcn32s", known)] == ["c", "b"]  # its own come first
    assert [card.name for card in weights.cards_for("unet", known)] == ["a"]


def test_finished_weights_on_the_data_of_the_networks_paper_come_first(tmp_path: Path) -> None:
    for name, domain in (("a", "everyday"), ("b", "nuclei"), (f"{SNAPSHOTS}/a", "nuclei")):
        path = tmp_path / f"{name}.safetensors"
        path.parent.mkdir(exist_ok=True)
        weights.save(path, network(UNET), replace(card_of(UNET), domain=domain))
    known = cards.available(tmp_path / SNAPSHOTS) + cards.available(tmp_path)
    found = [(card.is_snapshot, card.name) for card in weights.cards_for("unet", known)]
    assert found == [(False, "b"), (False, "a"), (True, "a")]


def moment(name: str, steps: int, snapshot: bool = True, **more: object) -> Card:
    recipe = {"name": "thin", "steps_made": steps, **{k: more.pop(k) for k in ("fold",) if k in more}}
    folder = Path(SNAPSHOTS) if snapshot else Path("checkpoints")
    return replace(card_of(FCN8S), name=name, recipe=recipe, folder=folder, **more)


def test_weights_of_one_training_belong_together_in_the_order_of_its_steps() -> None:
    late, early, last = moment("b", 100), moment("c", 0), moment("z", 5000, snapshot=False)
    alone = replace(card_of(UNET), name="u", recipe={"name": "other", "steps_made": 9})
    assert series([late, alone, last, early]) == {"z": (early, late, last)}
    assert series([late, early]) == {"b": (early, late)}  # the last ones are not there
    assert series([last, alone, card_of(UNET)]) == {}


@pytest.mark.parametrize("change", [{"seed": 1}, {"fold": 2}, {"spec": replace(FCN8S, width=0.5)}])
def test_another_seed_fold_or_network_is_another_training(change: dict[str, object]) -> None:
    last = moment("z", 5000, snapshot=False)
    assert series([moment("a", 0, **change), last]) == {}
    assert series([moment("a", 0), last]) == {"z": (moment("a", 0), last)}


def test_two_finished_trainings_are_not_one() -> None:
    """The same recipe once longer: neither is on the way of the other."""
    assert series([moment("y", 4000, snapshot=False), moment("z", 5000, snapshot=False)]) == {}


def test_the_bundled_snapshots_belong_to_bundled_weights() -> None:
    known = cards.with_snapshots()
    found = series(known)
    assert {name: [card.steps_made for card in made] for name, made in found.items()} == {
        "fcn8s-everyday-thin": [0, 100, 1000, 12000],
        "unet-nuclei-thin": [0, 100, 1000, 5000],
    }
    assert {card for card in known if card.is_snapshot} == {card for made in found.values() for card in made[:-1]}
