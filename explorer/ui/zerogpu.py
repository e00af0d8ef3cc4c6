"""A graphics card that a Space borrows for each run (ZeroGPU); elsewhere work is simply done.

What is borrowed for runs in a process of its own: the work and what it finds cross its border pickled, once each. So
work is a partial of a module's function, says no progress, and cannot be cancelled once it has begun.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")

BORROWS = os.environ.get("SPACES_ZERO_GPU", "").lower() in ("1", "true")  # what Hugging Face says by it
LEAST = 5  # seconds: moving a network, and what is not arithmetic
MACS = 1e12  # multiply-accumulates in a second, a tenth of what the card does
MOST = 60  # seconds; longer ones wait for long


def seconds(macs: float, _work: Callable[[], Any]) -> int:
    """What a call borrows the card for."""
    return min(MOST, LEAST + math.ceil(macs / MACS))


def _done(_macs: float, work: Callable[[], T]) -> T:
    return work()


if BORROWS:
    import spaces

    _done = spaces.GPU(duration=seconds)(_done)


def on_card(macs: float, work: Callable[[], T]) -> T:
    """What `work` finds, on a borrowed card where there is one."""
    return _done(macs, work) if BORROWS else work()
