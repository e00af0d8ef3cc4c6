"""What a network runs on for an image unless a person chooses something else: as on the command line. No Gradio."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any, Protocol

from explorer import weights
from explorer.images.synthetic import MADE
from explorer.ui.catalog import usual
from explorer.ui.image_store import ImageStore
from explorer.ui.network_cache import NetworkCache


class Place(Protocol):
    """What has images and networks, such as a workbench."""

    @property
    def pictures(self) -> ImageStore: ...

    @property
    def networks(self) -> NetworkCache: ...


FOLLOW = ("checkpoint", "padding")  # what a page may leave to the image


def shows(place: Place, image: str) -> dict[str, Any]:
    """What the page learns of an image: what it shows, where its colours tell, and the usual weights for it."""
    known = {} if image in MADE else usual(place.networks.cards, place.pictures.likely(image))
    return {"domain": place.pictures.domain(image), "usual": known}


def following(raw: Any, follow: Any, place: Place, image: str) -> dict[str, Any]:
    """A page's selection on an image: what it leaves to the image (`follow`, of FOLLOW) becomes what is usual for that.
    Raises ExplorerError."""
    networks = place.networks
    selection = replace(networks.check(raw), image=image)
    wanted = follow if isinstance(follow, list) else []
    if "checkpoint" in wanted:
        known = usual(networks.cards, place.pictures.likely(image))
        selection = replace(selection, checkpoint=known[selection.model])
    if "padding" in wanted:
        card = next(card for card in networks.cards if card.name == selection.checkpoint)
        selection = replace(selection, padding=weights.usual_padding(card, selection.model))
    return asdict(selection)
