"""Files that people sent, until they are read: in a folder of this process, under names that only the sender knows."""

from __future__ import annotations

import re
import secrets
import shutil
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from explorer.errors import ExplorerError

MOST_BYTES = 512 * 2**20  # of all that wait to be read
LIFE = 600.0  # seconds that a file which nobody asks about is kept

TOKEN = re.compile(r"[0-9a-f]{32}")


class Uploads:
    """The files of one server process. One is deleted once it is read, or is not asked about any more."""

    def __init__(self, folder: Path, most_bytes: int = MOST_BYTES) -> None:
        self.folder, self.most_bytes = folder, most_bytes
        folder.mkdir(mode=0o700)
        self._lock = threading.Lock()
        self._kept: dict[str, tuple[int, float]] = {}  # size, and when it was last wanted
        self._wanted: Counter[str] = Counter()  # by questions that are waiting or being answered
        self._coming = 0  # bytes that are being sent

    @contextmanager
    def room(self, size: int) -> Iterator[Callable[[int], None]]:
        """For a file of at most `size` bytes while it comes in; gives what is told the bytes that have come, since what
        is only announced takes no room from others. Both raise ExplorerError ("uploads_full", "upload")."""
        mine = 0

        def came(more: int) -> None:
            nonlocal mine
            if mine + more > size:
                raise ExplorerError("upload")
            with self._lock:
                self._check(more)
                self._coming += more
                mine += more

        with self._lock:
            self._sweep()
            self._check(size)
        try:
            yield came
        finally:
            with self._lock:
                self._coming -= mine

    def _check(self, more: int) -> None:
        if self._coming + more + sum(kept for kept, _ in self._kept.values()) > self.most_bytes:
            raise ExplorerError("uploads_full")

    def put(self, file: BinaryIO) -> str:
        """Keep what a file holds; the name that it is known by. Raises OSError where the disk is full."""
        name = secrets.token_hex(16)
        path = self.folder / name
        try:
            with path.open("xb") as out:
                shutil.copyfileobj(file, out)
        except OSError:
            path.unlink(missing_ok=True)
            raise
        with self._lock:
            self._kept[name] = path.stat().st_size, time.monotonic()
        return name

    def path(self, name: Any) -> Path:
        """Where a file lies, or lay before it was read. Raises ExplorerError for what is no name of one."""
        if not isinstance(name, str) or not TOKEN.fullmatch(name):
            raise ExplorerError("upload")
        return self.folder / name

    @contextmanager
    def wanted(self, path: Path) -> Iterator[None]:
        """While a question about a file waits for its turn, it is kept."""
        with self._lock:
            self._wanted[path.name] += 1
        try:
            yield
        finally:
            with self._lock:
                self._wanted[path.name] -= 1
                if not self._wanted[path.name]:
                    del self._wanted[path.name]
                if path.name in self._kept:
                    self._kept[path.name] = self._kept[path.name][0], time.monotonic()

    def forget(self, path: Path) -> None:
        """Delete a file once it is read: it is the person's own."""
        with self._lock:
            self._drop(path.name)

    def sweep(self) -> None:
        """Delete what nobody has asked about for long."""
        with self._lock:
            self._sweep()

    def _sweep(self) -> None:
        old = time.monotonic() - LIFE
        for name in [name for name, (_, since) in self._kept.items() if since <= old and name not in self._wanted]:
            self._drop(name)

    def _drop(self, name: str) -> None:
        if self._kept.pop(name, None):
            with suppress(OSError):  # gone already
                (self.folder / name).unlink()
