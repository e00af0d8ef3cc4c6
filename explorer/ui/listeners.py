"""Who still listens: an answer that nobody is there to hear is not worked for."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from explorer.ui.state import Bounded

GRACE = 5.0  # seconds until a page that has asked listens, or listens again


class Listeners:
    """Sessions whose streams of messages are open."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: Counter[str] = Counter()
        self._left: Bounded[float] = Bounded(5000)  # when each session's last stream was closed

    @contextmanager
    def listening(self, session: str) -> Iterator[None]:
        with self._lock:
            self._open[session] += 1
        try:
            yield
        finally:
            self._left.put(session, time.monotonic(), 1)
            with self._lock:
                self._open[session] -= 1
                if not self._open[session]:
                    del self._open[session]

    def gone(self, session: str, since: float) -> bool:
        """Whether nobody has listened for the grace, of a question that was asked at `since` (monotonic seconds)."""
        if self._open[session]:
            return False
        return time.monotonic() - max(since, self._left.get(session) or 0.0) > GRACE
