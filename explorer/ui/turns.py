"""One run at a time: each takes the whole machine, so the others wait, and hear how many wait before them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from explorer.trace import CancelledError

OnProgress = Callable[[float, str, dict[str, Any]], None]  # the share done, a key of the texts, what fills the text

PATIENCE = 0.25  # seconds between two looks at whether the person still wants it


class Turns:
    """Who may run now, in one server process."""

    def __init__(self) -> None:
        self._working = threading.Lock()
        self._waiting = 0

    @contextmanager
    def turn(self, progress: OnProgress, cancelled: Callable[[], bool]) -> Iterator[None]:
        """The whole machine for one run: waits until no other is going. Raises CancelledError."""
        self._take(progress, cancelled)
        try:
            yield
        finally:
            self._working.release()

    @contextmanager
    def free(self, patience: float = 0.0) -> Iterator[bool]:
        """Whether the machine is free, or becomes so within `patience` seconds; then it is taken."""
        taken = self._working.acquire(timeout=patience)
        try:
            yield taken
        finally:
            if taken:
                self._working.release()

    def _take(self, progress: OnProgress, cancelled: Callable[[], bool]) -> None:
        if self._working.acquire(blocking=False):
            return
        self._waiting += 1
        try:
            ahead = self._waiting
            while not self._working.acquire(timeout=PATIENCE):
                if cancelled():
                    raise CancelledError("while waiting")
                ahead = min(ahead, self._waiting)
                progress(0.02, "progress.queue", {"ahead": ahead})
        finally:
            self._waiting -= 1
