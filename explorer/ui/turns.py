"""One run at a time: each takes the whole machine, so the others wait in the order in which they came, and hear how
many are before them."""

from __future__ import annotations

import threading
import time
from bisect import insort
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from explorer.errors import ExplorerError
from explorer.trace import CancelledError

OnProgress = Callable[[float, str, dict[str, Any]], None]  # the share done, a key of the texts, what fills the text

PATIENCE = 0.25  # seconds between two looks at whether the person still wants it
REPEAT = 5.0  # seconds after which a place that is the same is told again
MOST_OF_ONE = 3  # that one visitor, a session at an address, may have waiting
MOST_OF_ADDRESS = 100  # a class behind one router has one address
MOST = 200

_number = count()


@dataclass(frozen=True, order=True)
class Asker:
    """Who asks, by what the server knows of them; `number` says when, among all."""

    number: int = field(default_factory=lambda: next(_number))
    session: str = field(default="", compare=False)
    address: str = field(default="", compare=False)


asker: ContextVar[Asker | None] = ContextVar("asker", default=None)  # of the question that this thread answers


class Turns:
    """Who may go on now, in one server process: as many as there is `room` for, in the order in which they asked.

    `room` counts whatever is short: 1 for the machine, or bytes. `text` is what the page says to those who wait.
    """

    def __init__(self, room: int = 1, text: str = "progress.queue", most_of_one: int = MOST_OF_ONE) -> None:
        self.room, self.text, self.most_of_one = room, text, most_of_one
        self._free = room
        self._changed = threading.Condition()
        self._waiting: list[Asker] = []  # sorted by their numbers
        self._inside: dict[int, int] = {}  # threads that have a turn, and what they took

    @contextmanager
    def turn(self, progress: OnProgress, cancelled: Callable[[], bool], need: int = 1) -> Iterator[None]:
        """Room for one: waits until there is. Who is inside already goes on. Raises CancelledError, and ExplorerError
        ("busy", "busy_yours") where too many wait."""
        me = threading.get_ident()
        if me in self._inside:
            yield
            return
        need = min(need, self.room)
        self._take(need, progress, cancelled)
        self._inside[me] = need
        try:
            yield
        finally:
            self._leave(me)

    @contextmanager
    def free(self, patience: float = 0.0) -> Iterator[bool]:
        """Whether there is room and nobody waits, or becomes so within `patience` seconds; then all of it is taken."""
        me = threading.get_ident()
        with self._changed:
            taken = self._changed.wait_for(lambda: self._free == self.room and not self._waiting, patience)
            if taken:
                self._free = 0
                self._inside[me] = self.room
        try:
            yield taken
        finally:
            if taken:
                self._leave(me)

    @property
    def busy(self) -> bool:
        return bool(self._inside)

    def _leave(self, me: int) -> None:
        with self._changed:
            self._free += self._inside.pop(me)
            self._changed.notify_all()

    def _take(self, need: int, progress: OnProgress, cancelled: Callable[[], bool]) -> None:
        mine = asker.get() or Asker()
        with self._changed:
            if not self._waiting and self._free >= need:
                self._free -= need
                return
            self._admit(mine)
            insort(self._waiting, mine)
        try:
            told, at = -1, 0.0
            while not self._called(mine, need):
                if cancelled():
                    raise CancelledError("while waiting")
                ahead, now = self._ahead(mine), time.monotonic()
                if ahead != told or now - at > REPEAT:
                    told, at = ahead, now
                    progress(0.02, self.text, {"ahead": ahead})
        except BaseException:
            with self._changed:
                self._waiting.remove(mine)
                self._changed.notify_all()
            raise

    def _called(self, mine: Asker, need: int) -> bool:
        """Wait a while; whether it is this one's turn, which is then taken."""
        with self._changed:
            if self._changed.wait_for(lambda: self._waiting[0] is mine and self._free >= need, PATIENCE):
                self._free -= need
                self._waiting.remove(mine)
                self._changed.notify_all()  # there may be room for the next one, too
                return True
            return False

    def _ahead(self, mine: Asker) -> int:
        with self._changed:
            return self._waiting.index(mine) + len(self._inside)

    def _admit(self, mine: Asker) -> None:
        waiting = self._waiting
        if mine.session and sum((w.session, w.address) == (mine.session, mine.address) for w in waiting) >= (
            self.most_of_one
        ):
            raise ExplorerError("busy_yours", most=self.most_of_one)
        if len(waiting) >= MOST or sum(w.address == mine.address for w in waiting) >= MOST_OF_ADDRESS:
            raise ExplorerError("busy")
