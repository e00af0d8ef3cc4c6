"""A graphics card that a Space borrows for each run (ZeroGPU); elsewhere work is simply done.

What is borrowed for runs in a process of its own: the work and what it finds cross its border pickled, once each. So
work is a partial of a module's function, says no progress, and cannot be cancelled once it has begun.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from typing import Any, TypeVar

from explorer.errors import ExplorerError

T = TypeVar("T")

BORROWS = os.environ.get("SPACES_ZERO_GPU", "").lower() in ("1", "t", "true")  # what Hugging Face says by it
OWN = "cpu"  # the device that such a Space has itself
LEAST = 5  # seconds: moving a network, and what is not arithmetic
MACS = 1e12  # multiply-accumulates in a second, a tenth of what the card does
MOST = 60  # seconds; longer ones wait for long

Found = tuple[T | None, ExplorerError | None]


def seconds(macs: float, _work: Callable[[], Any]) -> int:
    """What a call borrows the card for."""
    return min(MOST, LEAST + math.ceil(macs / MACS))


def _done(_macs: float, work: Callable[[], T]) -> Found[T]:
    """What is found, or why not: of an error that is raised there, nothing but its class's name comes back."""
    try:
        return work(), None
    except ExplorerError as error:
        return None, error


REFUSALS: tuple[type[Exception], ...] = ()  # what is raised where no card is lent, or its process ends
if BORROWS:
    import spaces

    _done = spaces.GPU(duration=seconds)(_done)

    from gradio import Error  # after `spaces`, which has to be first

    REFUSALS = (Error,)


def borrows(device: str) -> bool:
    """Whether work on a device ("auto" is the best there is) is done on a borrowed card."""
    return BORROWS and device != OWN


def on_card(macs: float, work: Callable[[], T], device: str) -> T:
    """What `work` finds, on a borrowed card where it is for one. Raises ExplorerError, also where none is lent."""
    if not borrows(device):
        return work()
    try:
        found, error = _done(macs, work)
    except REFUSALS as refusal:
        reason = str(getattr(refusal, "message", refusal)).strip().rstrip(".")
        raise ExplorerError("no_card", f"No graphics card was lent: {reason}.", reason=reason) from refusal
    if error:
        raise error
    return found  # type: ignore[return-value]  # where there is no error, it is what was found
