"""Work in threads, which ends before the process does: PyTorch aborts where a thread is torn down in the middle of it,
and what is still written then would stay behind."""

from __future__ import annotations

import atexit
import threading
import time
from collections.abc import Callable
from weakref import WeakSet

PATIENCE = 5.0  # seconds that the process waits for its work to end
_ending = threading.Event()
_threads: WeakSet[threading.Thread] = WeakSet()


def is_near() -> bool:
    """Whether work should stop, as if it were cancelled."""
    return _ending.is_set()


def start(work: Callable[[], None]) -> None:
    """Do something in a thread of its own."""
    thread = threading.Thread(target=work, daemon=True)
    _threads.add(thread)
    thread.start()


@atexit.register
def _end() -> None:
    _ending.set()
    until = time.monotonic() + PATIENCE
    for thread in list(_threads):
        thread.join(max(0.0, until - time.monotonic()))
