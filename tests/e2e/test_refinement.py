"""The refinement as it is seen: predictions on the way over the image, what changes between them, argmax at the end."""

from __future__ import annotations

import copy
import re
from functools import lru_cache
from typing import Any

import numpy as np
import pytest
import torch

from explorer import cards, images, inference, weights
from explorer.models import MODELS
from explorer.ui.i18n import TEXTS
from explorer.ui.session import EXAMPLES
from tests.e2e.conftest import Visit, two_sizes
from tests.e2e.test_layer import settled

EN = TEXTS["en"]
ZEROED = {  # Long et al. 2015, Fig. 3: what FCN-8s has at each of its score maps
    "score_fr": ("score_pool4", "score_pool3"),
    "fuse_pool4": ("score_pool3",),
    "fuse_pool3": (),
}


@lru_cache
def scores(checkpoint: str, model: str, padding: str, image: str, zeroed: tuple[str, ...] = ()) -> np.ndarray:
    """The output, classes x H x W in the resized frame, of a copy whose layers `zeroed` really are zero."""
    card = cards.find(checkpoint)
    loaded = weights.load(card, model, padding)
    network = copy.deepcopy(loaded.module)
    with torch.no_grad():
        for name in zeroed:
            for parameter in network.get_submodule(name).parameters():
                parameter.zero_()
    prepared = inference.prepare(images.read(EXAMPLES / image).pixels, loaded.spec, MODELS[model].size)
    with torch.inference_mode():
        out = network(inference.normalise(prepared.network, card.preprocessing.mean, card.preprocessing.std))
    frame = prepared.frames.resized
    return out[0, :, : frame.height, : frame.width].numpy()


def labels(visit: Visit, zeroed: tuple[str, ...] = ()) -> np.ndarray:
    at = settled(visit)
    return scores(at["checkpoint"], at["model"], at["padding"], at["image"], zeroed).argmax(0)


def colours(visit: Visit) -> np.ndarray:
    return np.array(cards.find(settled(visit)["checkpoint"]).colours)


def over_the_image(visit: Visit) -> np.ndarray:
    """The picture's colours at the middle of every pixel of the resized image, with the overlay opaque."""
    rows, columns = (int(n) for n in visit.text(".fx-frame-size").split(" × "))
    seen = visit.pixels(".fx-view canvas").astype(int)
    ys = ((np.arange(rows) + 0.5) / rows * seen.shape[0]).astype(int)
    xs = ((np.arange(columns) + 0.5) / columns * seen.shape[1]).astype(int)
    return seen[np.ix_(ys, xs)]


def alike(visit: Visit, wanted: np.ndarray) -> float:
    """Share of the pixels of their class's colour, but for a rim where a crop's outline runs. Where two classes meet
    the screen blends them."""
    near = np.abs(over_the_image(visit) - colours(visit)[wanted]).max(-1) <= 2
    return float(near[8:-8, 8:-8].mean())


def show(visit: Visit, kind: str) -> None:
    visit.page.get_by_role("radio", name=EN["picture.resized"]).click()
    visit.page.locator(".fx-opacity input").fill("100")
    visit.page.select_option(".fx-shown select", kind)
    visit.page.mouse.move(5, 5)


def said(visit: Visit, text: str) -> None:
    visit.page.wait_for_function("t => document.querySelector('.fx-under').textContent.includes(t)", arg=text)


def shares(visit: Visit) -> dict[str, float]:
    """The legend's, in per cent."""
    found = {}
    for text in visit.page.locator(".fx-legend button").all_inner_texts():
        name, share = re.match(r"(.+?)\s*(?:< )?([\d.]+) %", text).groups()
        found[name] = float(share)
    return found


@two_sizes
@pytest.mark.parametrize("padding", ["paper", "same"])
def test_at_each_score_map_lies_what_the_network_predicts_there(visit: Visit, padding: str) -> None:
    visit.open(f"?padding={padding}")
    show(visit, "stage")
    for step, zeroed in ZEROED.items():
        visit.go(step)
        said(visit, " and ".join(sorted(zeroed, reverse=True)) if zeroed else EN["stage.last"].format(step=step))
        wanted = labels(visit, zeroed)
        assert alike(visit, wanted) > 0.985, step
        card = cards.find(settled(visit)["checkpoint"])
        told = shares(visit)
        for index, info in enumerate(card.classes):
            share = 100 * (wanted == index).mean()
            assert (info.name["en"] in told) == (share > 0)
            assert told.get(info.name["en"], 0) == pytest.approx(share, abs=0.1)
    visit.go("score")  # the network's output: as its last sum
    assert alike(visit, labels(visit)) > 0.985


def test_between_two_score_maps_the_last_one_holds_and_before_the_first_nothing(visit: Visit) -> None:
    visit.open()
    show(visit, "stage")
    visit.go("pool4")
    said(visit, EN["stage.none"].format(step="score_fr"))
    assert visit.page.locator(".fx-legend button").count() == 0
    visit.page.locator(".fx-opacity input").fill("0")
    bare = over_the_image(visit)
    visit.page.locator(".fx-opacity input").fill("100")
    np.testing.assert_array_equal(over_the_image(visit), bare)  # nothing lies over the image
    box = visit.page.locator(".fx-view canvas").bounding_box()
    visit.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    said(visit, ": –")
    assert not visit.page.is_visible(".fx-chances")  # the probabilities would tell
    visit.page.mouse.move(5, 5)
    for step, like in (("score_pool4", "score_fr"), ("crop_pool4", "score_fr"), ("upscore_pool4", "fuse_pool4")):
        visit.go(step)
        said(visit, " and ".join(ZEROED[like]))
        assert alike(visit, labels(visit, ZEROED[like])) > 0.985


@pytest.mark.parametrize("step", ["score_fr", "fuse_pool4"])
def test_what_changes_to_the_next_prediction(visit: Visit, step: str) -> None:
    visit.open()
    show(visit, "changes")
    visit.go(step)
    order = list(ZEROED)
    after = order[order.index(step) + 1]
    before, then = labels(visit, ZEROED[step]), labels(visit, ZEROED[after])
    changed = before != then
    assert 0.005 < changed.mean() < 0.5
    said(visit, f"{changed.sum():,} pixels ({100 * changed.mean():.1f} %)")
    said(visit, after)
    seen = over_the_image(visit)
    fits = np.abs(seen - colours(visit)[then]).max(-1) <= 2
    assert fits[changed].mean() > 0.85  # thin lines, whose edges are blended
    assert sum(shares(visit).values()) == pytest.approx(100 * changed.mean(), abs=0.5)
    row, column = np.argwhere(changed)[changed.sum() // 2]
    box, (height, width) = visit.page.locator(".fx-view canvas").bounding_box(), changed.shape
    visit.page.mouse.move(
        box["x"] + (column + 0.5) / width * box["width"], box["y"] + (row + 0.5) / height * box["height"]
    )
    names = [info.name["en"] for info in cards.find(settled(visit)["checkpoint"]).classes]
    said(visit, f"{names[before[row, column]]} → {names[then[row, column]]}")
    visit.page.mouse.move(5, 5)
    visit.page.select_option(".fx-shown select", "prediction")
    visit.page.locator(".fx-opacity input").fill("0")
    assert seen[~changed].mean() < 0.6 * over_the_image(visit)[~changed].mean()  # what stays is dimmed


def test_what_is_chosen_is_remembered_and_offered_only_where_there_is_something_to_refine(visit: Visit) -> None:
    visit.open()
    choices = "() => [...document.querySelector('.fx-shown select').options].map((o) => o.value)"
    assert visit.page.evaluate(choices) == ["prediction", "stage", "changes", "confidence", "entropy"]
    visit.page.select_option(".fx-shown select", "changes")
    visit.choose("U-Net").go("relu_d4c")
    assert visit.page.evaluate(choices) == ["prediction", "stage", "confidence", "entropy"]
    assert visit.page.locator(".fx-shown select").input_value() == "stage"
    said(visit, EN["stage.none"].format(step="score"))
    visit.go("score")
    said(visit, EN["stage.only"].format(step="score"))
    visit.choose("FCN-16s")
    assert visit.page.locator(".fx-shown select").input_value() == "changes"
    settled(visit)
    visit.page.wait_for_function("() => location.search.includes('model=fcn16s')")
    visit.reload()
    assert visit.page.locator(".fx-shown select").input_value() == "changes"


def test_the_prediction_is_never_shown_before_it_is_reached(visit: Visit) -> None:
    """Not while labels are on their way, nor when another run comes."""
    visit.open()
    show(visit, "stage")
    visit.go("pool1")
    held: list[Any] = []
    visit.page.route(re.compile(r"\.png$"), lambda route: held.append(route))
    bare = over_the_image(visit)
    visit.page.locator(".fx-list button:has(b:text-is('score_fr'))").click()
    visit.page.wait_for_timeout(300)
    assert held
    np.testing.assert_array_equal(over_the_image(visit), bare)
    for route in held:
        route.continue_()
    visit.page.unroute(re.compile(r"\.png$"))
    visit.page.wait_for_selector(".fx[data-step=score_fr]")
    said(visit, "score_pool4 and score_pool3")
    before = visit.run
    visit.go("pool1").set("size", "192")
    visit.page.wait_for_function(  # what is drawn over the image in any frame until the other run is shown
        "b => document.querySelector('.fx').dataset.run !== b || document.querySelector('.fx-legend button') !== null",
        arg=before,
    )
    assert visit.page.locator(".fx-legend button").count() == 0


@pytest.mark.parametrize("query", ["", "?model=unet"])
def test_argmax_is_a_step_and_its_map_the_classes(visit: Visit, query: str) -> None:
    visit.open(query)
    visit.press("End")
    visit.page.wait_for_selector(".fx[data-step=argmax]")
    at = settled(visit)
    wanted = scores(at["checkpoint"], at["model"], at["padding"], at["image"])
    height, width = wanted.shape[1:]
    card = cards.find(at["checkpoint"])
    assert str(len(card.classes)) in visit.text(".fx-words")
    seen = visit.pixels(".fx-mosaic canvas").astype(int)
    tall, wide = (int(n.replace(",", "")) for n in visit.text(".fx-chips b").split(" × ")[:2])
    rows, columns = np.meshgrid(np.arange(10, height, 12), np.arange(10, width, 12), indexing="ij")
    colour = seen[
        ((rows + 0.5) / tall * seen.shape[0]).astype(int), ((columns + 0.5) / wide * seen.shape[1]).astype(int)
    ]
    alike = np.abs(colour - np.array(card.colours)[wanted.argmax(0)[rows, columns]]).max(-1) <= 2
    assert alike.mean() > 0.97
    assert not visit.page.is_visible(".fx-colourbar")  # classes have no scale
    canvas = visit.page.locator(".fx-mosaic canvas")
    box = canvas.bounding_box()
    row, column = height // 2, width // 3
    visit.page.mouse.click(
        box["x"] + (column + 0.5) / wide * box["width"], box["y"] + (row + 0.5) / tall * box["height"]
    )
    visit.page.wait_for_selector(".fx-scores")
    row, column = (int(n) for n in re.search(r"\((\d+), (\d+)\)", visit.text(".fx-held h3")).groups())
    here = wanted[:, row, column]
    order = np.argsort(-here, kind="stable")[:5]
    names, values = (visit.page.locator(f".fx-scores li {part}").all_text_contents() for part in ("span", "b"))
    assert [name.strip() for name in names] == [card.classes[i].name["en"] for i in order]
    told = [float(value.replace("−", "-").replace(",", "")) for value in values]
    assert told == pytest.approx(here[order].tolist(), rel=1e-3, abs=1e-3)
    assert visit.text(".fx-held b").strip() == card.classes[order[0]].name["en"]
    assert card.classes[order[0]].name["en"] in visit.text(".fx-unit")
    visit.page.wait_for_selector(".fx-heat-ramp")  # the field of the score that wins


@pytest.mark.parametrize("visit", [{"locale": "ko-KR"}], indirect=True)
def test_in_korean(visit: Visit) -> None:
    visit.open()
    visit.page.select_option(".fx-shown select", "stage")
    visit.go("fuse_pool4")
    said(visit, TEXTS["ko"]["stage.zeroed"].format(layers="score_pool3", stride=16))
