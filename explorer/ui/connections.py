"""Connections that nothing goes on at are closed: the server itself waits for their requests for ever."""

from __future__ import annotations

import time
from collections.abc import Collection
from typing import Any

IDLE = 20.0  # seconds that a connection may have no request under way
STUCK = 60.0  # seconds in which it may take nothing of the answer that it asked for
MOST_IDLE = 1000  # connections without a request; of more, those that have waited longest are closed at once
LOOK = 1.0  # seconds between two looks at them


class Connections:
    """Those of one server, looked at again and again. `most` may be idle."""

    def __init__(self, most: int = MOST_IDLE) -> None:
        self.most = most
        self._seen: dict[Any, tuple[tuple[Any, int] | None, float]] = {}  # what each was at, and since when

    def close_idle(self, there: Collection[Any]) -> None:
        """Of the open ones, as uvicorn keeps them. Streams of events and uploads are under way, however long."""
        now, seen = time.monotonic(), {}
        for one in there:
            state, was = _state(one), self._seen.get(one)
            seen[one] = was if was and was[0] == state else (state, now)
        self._seen = seen
        stuck = [one for one, (state, since) in seen.items() if state and state[1] and now - since > STUCK]
        idle = sorted((since, i, one) for i, (one, (state, since)) in enumerate(seen.items()) if state and not state[1])
        too_many = len(idle) - self.most
        late = [one for place, (since, _, one) in enumerate(idle) if now - since > IDLE or place < too_many]
        for one in stuck + late:
            one.transport.abort()


def _state(connection: Any) -> tuple[Any, int] | None:
    """What stays the same while nothing goes on, the last of it the bytes of an answer that are still to be taken; None
    while a request is under way."""
    cycle = getattr(connection, "cycle", connection)  # of its last request; what has none is no HTTP
    if cycle is None or getattr(cycle, "response_complete", False):
        return cycle, 0
    left = connection.transport.get_write_buffer_size()
    return (cycle, left) if left else None
