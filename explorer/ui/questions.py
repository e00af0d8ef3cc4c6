"""The questions that are open in one server process: how many there may be, and whether each is still waited for."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from explorer.errors import ExplorerError
from explorer.ui.listeners import Listeners
from explorer.ui.turns import Asker, asker

MOST_AT_ONCE = 1000  # questions that are told where they stand: their order is the workbench's, not Gradio's
MOST_OF_ONE = 16  # questions of one page; it has a few that wait for each other


class Questions:
    """Counted by session and address."""

    def __init__(self, listeners: Listeners) -> None:
        self.listeners = listeners
        self._open: Counter[tuple[str, str]] = Counter()

    @contextmanager
    def one(self, session: str, address: str) -> Iterator[Callable[[], bool]]:
        """Room for a question: gives what says whether nobody hears its answer any more. Raises ExplorerError."""
        who, since = (session, address), time.monotonic()
        if self._open[who] >= MOST_OF_ONE or self._open.total() >= MOST_AT_ONCE:
            raise ExplorerError("busy")
        asker.set(Asker(session=session, address=address))
        self._open[who] += 1
        try:
            yield lambda: self.listeners.gone(session, since)
        finally:
            self._open[who] -= 1
            if not self._open[who]:
                del self._open[who]
