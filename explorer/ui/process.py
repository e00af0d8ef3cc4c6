"""What the page's process asks of the system when it starts: handles, memory, a log that stays readable."""

from __future__ import annotations

import ctypes
import logging
import os
import sys
import time
from contextlib import suppress
from pathlib import Path

HANDLES = 65_536  # open files and connections; many systems begin with 1,024 and allow more
ARENAS = -8  # M_ARENA_MAX of glibc's mallopt
MOST_ARENAS = 2  # pools of memory that threads share; by itself the C library makes eight for each core
SILENCE = 60.0  # seconds between two lines of the log that say the same


def prepare(temporary: Path) -> None:
    """To be called before threads begin. `temporary` is what Gradio may write to."""
    os.environ["GRADIO_TEMP_DIR"] = str(temporary)  # else it shares one folder with all copies and users of a machine
    os.environ["TORCHINDUCTOR_CACHE_DIR"] = str(temporary / "torch")  # made empty where torch's compiler is imported
    if sys.platform == "linux":
        with suppress(AttributeError, OSError):  # another C library
            ctypes.CDLL(None).mallopt(ARENAS, MOST_ARENAS)
    _more_handles()
    logging.getLogger("asyncio").addFilter(_Seldom())


def handles() -> int:
    """How many files and connections may be open."""
    try:
        import resource
    except ImportError:  # Windows
        return HANDLES
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return HANDLES if soft == resource.RLIM_INFINITY else soft


def _more_handles() -> None:
    try:
        import resource
    except ImportError:  # Windows
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = HANDLES if hard == resource.RLIM_INFINITY else min(hard, HANDLES)
    if soft != resource.RLIM_INFINITY and soft < most:
        with suppress(ValueError, OSError):  # macOS has a lower limit than it says
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


class _Seldom(logging.Filter):
    """Where handles run out, asyncio says so for every connection that it cannot take, with a traceback each."""

    def __init__(self) -> None:
        super().__init__()
        self.last = -SILENCE

    def filter(self, record: logging.LogRecord) -> bool:
        if "out of system resource" not in record.getMessage():
            return True
        now = time.monotonic()
        if now - self.last < SILENCE:
            return False
        self.last = now
        record.msg, record.args = "no handle is left for another connection; said once a minute", ()
        record.exc_info = record.exc_text = None
        return True
