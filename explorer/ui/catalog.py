"""What the page has on offer: networks, weights, examples, sizes, devices, colours and texts; and what it opens on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import torch

from explorer import images, inference, weights
from explorer.cards import Card, series
from explorer.figures import palettes
from explorer.models import MODELS, ModelSpec, shown, without_weights
from explorer.ui import i18n
from explorer.ui.i18n import in_all
from explorer.ui.state import Selection

SIZES = (192, 256, 320, 388, 500, 640, 800, 1000)  # working sizes: the resized image's longer side


def catalog(cards: Iterable[Card], examples: list[dict[str, Any]]) -> dict[str, Any]:
    """Plain data. `examples` are listed with their thumbnails."""
    cards = tuple(cards)
    trainings = {card.name: last for last, made in series(cards).items() for card in made}
    return {
        "models": [
            {
                "key": key,
                "title": MODELS[key].title,
                "family": MODELS[key].family,
                "paddings": MODELS[key].paddings,
                "size": MODELS[key].size,
                "cards": [card.name for card in weights.cards_for(key, cards)],
            }
            for key in shown()
        ],
        "cards": [
            {
                "name": card.name,
                "title": in_all(card.title),
                "family": card.family,
                "data": card.recipe.get("data_set", ""),
                "examples": card.domain,
                "paddings": _paddings(card),
                "licence": in_all(card.licence),
                "note": in_all(card.note),
                "width": _width(card.spec),
                "widths": " ".join(map(str, card.widths)),
                "unseen": card.metrics.get("unseen"),
                "validation": card.metrics.get("validation"),
                "fold": card.fold,
                "series": trainings.get(card.name),
                "steps": card.steps_made,
            }
            for card in cards
        ],
        "examples": [{**one, "usual": usual(cards, one["family"])} if one["family"] else one for one in examples],
        "sizes": SIZES,
        "devices": ("auto", *inference.devices()),
        "mostBytes": images.MAX_BYTES,
        "colours": {
            "sequential": {n.lower(): palettes.lookup_table(n).tolist() for n in palettes.SEQUENTIAL},
            "diverging": palettes.lookup_table(palettes.DIVERGING).tolist(),
            "divergingName": palettes.DIVERGING,
            "heat": palettes.lookup_table(palettes.HEAT).tolist(),
            "roles": palettes.PAGE,
        },
        "languages": i18n.languages(),
        "texts": i18n.TEXTS,
    }


def _paddings(card: Card) -> dict[str, str]:
    """By network, the padding that it runs in on these weights unless another is chosen."""
    return {key: weights.usual_padding(card, key) for key in shown() if MODELS[key].family == card.family}


def _width(spec: ModelSpec) -> dict[str, Any] | None:
    """How a network is narrower than the paper's: share of the channels, channels of fc6 and fc7 where it has them,
    and the parameters that each network of its family, which may run on these weights, would have there."""
    paper = replace(spec, width=1.0, fc_channels=ModelSpec.fc_channels)
    has_fc = _parameters(replace(spec, fc_channels=paper.fc_channels)) != _parameters(spec)
    if spec.width == paper.width and not has_fc:
        return None
    return {
        "share": spec.width,
        "fc": spec.fc_channels if has_fc else None,
        "fcWhole": paper.fc_channels,
        "whole": {
            key: _parameters(replace(paper, model=key))
            for key in shown()
            if MODELS[key].family == MODELS[spec.model].family
        },
    }


def _parameters(spec: ModelSpec) -> int:
    return sum(tensor.numel() for tensor in without_weights(spec).parameters())


def usual(cards: Sequence[Card], likely: str | None) -> dict[str, str]:
    """By network, the name of the usual weights for an image that most likely shows `likely` (`images.likely`)."""
    fitting = {model: weights.cards_for(model, cards) for model in shown()}
    return {m: weights.usual_card(some, likely or MODELS[m].domain).name for m, some in fitting.items() if some}


def first(cards: Iterable[Card], examples: list[dict[str, Any]]) -> Selection:
    """FCN-8s on the first everyday photograph, or whatever there is."""
    cards = tuple(cards)
    model = next(key for key in ("fcn8s", *shown()) if weights.cards_for(key, cards))
    card = weights.cards_for(model, cards)[0]
    example = next((e for e in examples if e["family"] == card.domain), examples[0])
    return Selection(model, card.name, weights.usual_padding(card, model), example["file"], MODELS[model].size, "auto")


def legend(card: Card) -> list[dict[str, Any]]:
    """The classes of a card, by index, for the page."""
    return [{"id": c.id, "name": in_all(c.name), "colour": c.colour} for c in card.classes]


def network_notes(loaded: weights.Loaded) -> list[dict[str, Any]]:
    """What a person should know about weights that run in another way than they were trained, for the page."""
    card, spec = loaded.card, loaded.spec
    details = {
        "trained": MODELS[card.spec.model].title,
        "model": MODELS[spec.model].title,
        "geometries": card.geometries,
        "padding": spec.padding,
    }
    return [{"code": code, "details": details} for code in loaded.notes]


def image_notes(notes: Iterable[images.Note]) -> list[dict[str, Any]]:
    """What was done to an image on reading, for the page."""
    return [{"code": f"image.{note.code}", "details": note.details} for note in notes]


def told(details: dict[str, Any]) -> dict[str, Any]:
    """Details of an error or a remark for the page, which says a device's name in its own language."""
    device = details.get("device")
    if device not in inference.devices():
        return details
    return {**details, "device": {"device": device, "name": device_words(device)}}


def device_words(device: str) -> str | int:
    """What the sentence "device.<device>.name" is filled with: the device's name, or how many threads the CPU runs."""
    return torch.get_num_threads() if device == "cpu" else inference.device_name(device)
