"""How fast each network runs here: measured once for a device and a precision, and again by every longer run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from explorer import api, inference
from explorer.inference import Labelling, RunOptions, Speed
from explorer.ui import zerogpu
from explorer.ui.state import Bounded
from explorer.ui.turns import Turns
from explorer.weights import Loaded

ENDING = 3.0  # seconds that a question which was cancelled may still take to end
MOST = 200  # speeds that are remembered, each a number per step
TELLING = 0.25  # seconds that a run takes, at least, to be a better sample than the one before


class Speeds:
    """The speeds of one server process."""

    def __init__(self, turns: Turns) -> None:
        self.turns = turns
        self._known: Bounded[Speed] = Bounded(MOST)

    def known(self, loaded: Loaded, options: RunOptions) -> Speed | None:
        return self._known.get(_key(loaded, inference.pick_device(options.device), options.precision))

    def measured(self, loaded: Loaded, options: RunOptions, cancelled: Callable[[], bool]) -> Speed | None:
        """The speed of a network; None where it is not known and a run has the machine, which would falsify it.

        Raises CancelledError when cancelled, ExplorerError for options that cannot be met.
        """
        found = self.known(loaded, options)
        if found or zerogpu.borrows(options.device):  # a card is not borrowed to learn its speed
            return found
        with self.turns.free(ENDING) as free:
            if not free:
                return None
            speed = inference.calibrate(loaded.module, loaded.spec, options, lambda _: not cancelled())
        self._known.put(_key(loaded, inference.pick_device(options.device), options.precision), speed, 1)
        return speed

    def learn(self, result: api.Result) -> None:
        """A run that went as planned says how fast the next one will go."""
        run: Labelling = result.labelling
        planned = (run.plan.device, run.plan.precision)
        if (run.device, run.precision) == planned and run.seconds >= TELLING:
            key = _key(result.loaded, *planned)
            before = self._known.get(key)
            speed = replace(inference.speed_of(run), fixed=before.fixed if before else 0.0)
            self._known.put(key, speed, 1)


def _key(loaded: Loaded, device: str, precision: str) -> tuple[str, ...]:
    return loaded.card.name, loaded.card.sha256, loaded.spec.model, loaded.spec.padding, device, precision
