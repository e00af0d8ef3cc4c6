"""The weights on offer, and the networks made of them, each loaded once. They lie on the CPU and never move."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable
from typing import Any

from explorer import inference, weights
from explorer.cards import Card
from explorer.errors import ExplorerError
from explorer.models import MODELS, shown
from explorer.ui import alterations
from explorer.ui.asked import asked
from explorer.ui.catalog import SIZES
from explorer.ui.state import Bounded, Selection
from explorer.weights import Loaded

log = logging.getLogger(__name__)

MOST = 8  # networks in memory


class NetworkCache:
    """Networks by selection. `cards` are the weights on offer."""

    def __init__(self, cards: Iterable[Card]) -> None:
        self.cards = tuple(cards)
        self._loaded: Bounded[Loaded] = Bounded(MOST)
        self._lock = threading.Lock()

    def check(self, raw: Any) -> Selection:
        """A selection out of what a page sent. Raises ExplorerError for anything that is not on offer."""
        selection = raw if isinstance(raw, Selection) else asked(Selection, raw)
        model = MODELS.get(selection.model)
        cards = {card.name: card for card in weights.cards_for(selection.model, self.cards)} if model else {}
        if not (
            model
            and selection.model in shown()
            and selection.padding in model.paddings
            and selection.checkpoint in cards
            and selection.size in SIZES
            and selection.device in ("auto", *inference.devices())
        ):
            raise ExplorerError("bad_selection", f"{selection} is not on offer")
        alterations.parse(selection.altered)
        other = alterations.other_weights(selection)
        if other is not None and (other not in cards or cards[other].widths != cards[selection.checkpoint].widths):
            raise ExplorerError("difference_weights", f"{other!r} is not on offer, or of other widths", name=other)
        return selection

    def keep(self, loaded: Loaded) -> None:
        """Take a network that is at hand."""
        self._loaded.put((loaded.card.name, loaded.spec.model, loaded.spec.padding), loaded, 1)

    def get(self, selection: Selection) -> Loaded:
        """The network of a selection that was checked. Raises ExplorerError."""
        key = selection.checkpoint, selection.model, selection.padding
        with self._lock:
            loaded = self._loaded.get(key)
            if loaded is None:
                card = next(card for card in self.cards if card.name == selection.checkpoint)
                loaded = _load(card, selection.model, selection.padding)
                self._loaded.put(key, loaded, 1)
            return loaded


def _load(card: Card, model: str, padding: str) -> Loaded:
    """Raises ExplorerError in a person's terms; what is wrong with a file is for the log."""
    try:
        loaded = weights.load(card, model, padding)
    except ExplorerError as error:
        log.warning("%s", error)
        titles = {"model": MODELS[model].title, "trained": MODELS[card.spec.model].title, "name": card.name}
        raise ExplorerError("too_coarse" if error.code == "too_coarse" else "weights", str(error), **titles) from error
    loaded.module.requires_grad_(False)  # questions about a unit need gradients of the input alone
    return loaded
