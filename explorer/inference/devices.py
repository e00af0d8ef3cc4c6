"""What a network can run on: devices, their memory, number formats; and what can go wrong there."""

from __future__ import annotations

import ctypes
import sys
import threading
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

import torch

from explorer.errors import ExplorerError


def devices() -> tuple[str, ...]:
    """Devices this machine can run on, the best first."""
    found = []
    if torch.cuda.is_available():
        found.append("cuda")
    if torch.backends.mps.is_available():
        found.append("mps")
    return (*found, "cpu")


def pick_device(wish: str = "auto") -> str:
    """ "auto" is the best device there is. Raises ExplorerError for one this machine lacks."""
    there = devices()
    if wish == "auto":
        return there[0]
    if wish not in there:
        raise ExplorerError(
            "no_device", f"this machine has no {wish.upper()} device; choose one of {', '.join(there)}", device=wish
        )
    return wish


def device_name(device: str) -> str:
    """A name to show: the graphics card's where there is one."""
    if device == "cuda":
        return torch.cuda.get_device_name()
    threads = torch.get_num_threads()
    return {"cpu": f"CPU ({threads} {'thread' if threads == 1 else 'threads'})", "mps": "Apple GPU (MPS)"}[device]


def is_out_of_memory(error: Exception) -> bool:
    """Only CUDA raises a class of its own; the CPU and MPS allocators raise a plain RuntimeError."""
    kinds = (torch.OutOfMemoryError, MemoryError)
    return isinstance(error, kinds) or any(w in str(error) for w in ("can't allocate memory", "out of memory"))


def out_of_memory(device: str) -> ExplorerError:
    """The error to raise when a device's memory does not suffice."""
    return ExplorerError(
        "out_of_memory",
        f"the memory of {device_name(device)} is too small for this run; choose a smaller working size or the CPU",
        device=device,
    )


@lru_cache(maxsize=4)
def has_bfloat16(device: str) -> bool:
    """Whether a device multiplies bfloat16 in hardware (elsewhere it is slower than float32)."""
    if device == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device == "mps":
        return False
    try:
        flags = Path("/proc/cpuinfo").read_text("ascii", "replace")
    except OSError:
        return False
    return "avx512_bf16" in flags or "amx_bf16" in flags


DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def precisions(device: str) -> tuple[str, ...]:
    """Number formats that a device computes with in hardware, the most exact first."""
    half = ("float16",) if device in ("cuda", "mps") else ()
    return ("float32", *(("bfloat16",) if has_bfloat16(device) else ()), *half)


def pick_precision(wish: str, device: str) -> str:
    """Raises ExplorerError for a number format that the device has no hardware for."""
    there = precisions(device)
    if wish not in there:
        raise ExplorerError(
            "no_precision",
            f"{device_name(device)} does not compute with {wish}; choose one of {', '.join(there)}",
            precision=wish,
            device=device,
            choices=", ".join(there),
        )
    return wish


def free_memory(device: str) -> int | None:
    """Bytes that a run may take on a device now; None where this cannot be found out."""
    if device == "cuda":
        return torch.cuda.mem_get_info()[0] + torch.cuda.memory_reserved() - torch.cuda.memory_allocated()
    if device == "mps":
        return torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory()
    try:
        import psutil
    except ImportError:  # the core runs without it, and then plans without a limit
        return None
    return min(int(psutil.virtual_memory().available), *_group_limits())


def _group_limits() -> list[int]:
    """What the control groups of a container leave, which the machine's own figures do not know (Linux)."""
    limits = []
    for folder, most, used, cache in (
        ("/sys/fs/cgroup", "memory.max", "memory.current", "inactive_file"),
        ("/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
    ):
        try:
            stat = dict(line.split() for line in Path(folder, "memory.stat").read_text().splitlines())
            held = int(Path(folder, used).read_text()) - int(stat[cache])  # copies of files give way
            limits.append(int(Path(folder, most).read_text()) - held)
        except (OSError, ValueError, KeyError):  # no such group, or "max"
            continue
    return limits or [2**62]


def resident() -> int | None:
    """Bytes of memory that this process holds; None if that cannot be looked at."""
    try:
        import psutil
    except ImportError:  # the core runs without it
        return None
    return int(psutil.Process().memory_info().rss)


def give_back() -> None:
    """Hand freed memory that the C library holds on to back to the system (glibc; elsewhere it does so itself)."""
    if sys.platform == "linux":
        with suppress(AttributeError, OSError):  # another C library
            ctypes.CDLL(None).malloc_trim(0)


class PeakMemory:
    """Most bytes that a device holds while the block runs, beyond what it held before; `bytes` afterwards.

    Of the CPU it is the process's resident memory, looked at every few milliseconds; None if it cannot be looked at.
    """

    def __init__(self, device: str) -> None:
        self.device = device
        self.bytes: int | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> PeakMemory:
        if self.device == "cuda":
            torch.cuda.reset_peak_memory_stats()
            self._before = torch.cuda.memory_allocated()
        else:
            self._begin()
        return self

    def __exit__(self, *_: object) -> None:
        if self.device == "cuda":
            self.bytes = torch.cuda.max_memory_allocated() - self._before
        elif self._thread:
            self._done.set()
            self._thread.join()
            self.bytes = self._most - self._before

    def _begin(self) -> None:
        give_back()  # else the block takes what others have freed, and the process does not grow by it
        before = resident()
        if before is None:
            return
        self._before = self._most = before
        self._done = threading.Event()

        def look() -> None:
            while not self._done.wait(0.005):
                self._most = max(self._most, resident() or 0)

        self._thread = threading.Thread(target=look, daemon=True)
        self._thread.start()
