"""What the server keeps between events: images, networks and finished runs, each bounded in bytes or number.

A session itself holds nothing but ids and a `Selection`. Files that the page fetches are written once under names
that are keyed hashes of their content (a plain hash of a private image could be guessed from the image), and are
counted: a file shared by two runs goes when the last of them does.
"""

from __future__ import annotations

import atexit
import hashlib
import hmac
import os
import secrets
import shutil
import tempfile
import threading
from collections import Counter, OrderedDict
from collections.abc import Callable, Hashable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import filelock
from pydantic import StrictInt, StrictStr

T = TypeVar("T")


@dataclass(frozen=True)
class Selection:
    """What is being looked at, as a page sends it; small and hashable.

    image    an example's file name or the id of an upload
    altered  what is changed in the run, see `probing`
    against  "" or what its maps are shown as the difference from, unaltered: "plain", the run itself; "@" and the name
             of other weights; or another image
    """

    model: StrictStr
    checkpoint: StrictStr
    padding: StrictStr
    image: StrictStr
    size: StrictInt
    device: StrictStr
    altered: StrictStr = ""
    against: StrictStr = ""


class Bounded(Generic[T]):
    """Least-recently-used store bounded by the sum of its items' sizes in bytes. Safe to share between threads."""

    def __init__(self, most_bytes: int, dropped: Callable[[T], None] | None = None) -> None:
        self.most_bytes, self.dropped, self.bytes = most_bytes, dropped, 0
        self._items: OrderedDict[Hashable, tuple[T, int]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable) -> T | None:
        with self._lock:
            if key not in self._items:
                return None
            self._items.move_to_end(key)
            return self._items[key][0]

    def put(self, key: Hashable, item: T, size: int) -> None:
        gone = []
        with self._lock:
            if key in self._items:
                old, old_size = self._items.pop(key)
                self.bytes -= old_size
                gone.append(old)
            self._items[key] = (item, size)
            self.bytes += size
            while self.bytes > self.most_bytes and len(self._items) > 1:
                _, (old, old_size) = self._items.popitem(last=False)
                self.bytes -= old_size
                gone.append(old)
        for old in gone:
            if self.dropped:
                self.dropped(old)

    def grow(self, key: Hashable, more: int) -> None:
        """An item has become larger by so many bytes; nothing is dropped before the next one comes."""
        with self._lock:
            if key in self._items:
                item, size = self._items[key]
                self._items[key] = (item, size + more)
                self.bytes += more

    def __len__(self) -> int:
        return len(self._items)


PREFIX = "fcn-unet-explorer-"
LOCK = "lock"  # held by the process that a folder belongs to, wherever it runs: a number of it means nothing elsewhere


def sweep() -> None:
    """Delete the folders of processes that are gone: a killed one cannot clean up behind itself."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with suppress(filelock.Timeout, OSError):  # another person's may not even be looked into
            if (folder / LOCK).is_file():
                with filelock.FileLock(folder / LOCK, timeout=0):
                    _delete(folder)


def own_folder() -> tuple[Path, filelock.BaseFileLock]:
    """A new folder that only this process's user may look into, and its lock; it is deleted when the process ends.

    It gets its name once the lock is held, so that no sweep finds it without.
    """
    sweep()
    made = Path(tempfile.mkdtemp(prefix=f".{PREFIX}"))
    lock = filelock.FileLock(made / LOCK)
    lock.acquire(timeout=0)
    folder = made.rename(made.with_name(made.name[1:]))
    atexit.register(_delete, folder)
    return folder, lock


def _delete(folder: Path) -> None:
    """Under another name, so that nothing is written to it meanwhile, and its lock goes last: a folder without one is
    nobody's, and no sweep would delete it."""
    with suppress(OSError):
        folder = folder.rename(folder.with_name(f"{folder.name}-ended"))
    for path in folder.iterdir() if folder.is_dir() else ():
        if path.name != LOCK:
            shutil.rmtree(path, ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)


class Unwritten:
    """Files that a process without this one's folder has made: their contents by the names that they will have."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self.contents: dict[str, bytes] = {}

    def add(self, content: bytes, suffix: str) -> str:
        name = _name(self._key, content) + suffix
        self.contents[name] = content
        return name


def _name(key: bytes, content: bytes) -> str:
    return hmac.new(key, content, hashlib.sha256).hexdigest()[:32]


class Files:
    """A folder of public files, each written once and counted. Beside it lies what is not for everyone. It goes with
    the process, or as a context earlier."""

    def __init__(self) -> None:
        self.root, self._lock_file = own_folder()
        self.folder = self.root / "public"
        self.folder.mkdir(mode=0o700)
        self._key = secrets.token_bytes(32)
        self._uses: Counter[str] = Counter()
        self._lock = threading.Lock()
        self.coming: set[str] = set()  # names whose files are being made; who asks for one waits

    def promise(self, suffix: str) -> str:
        """A name for a file that is still to be made: it is `keep`t, or its name leaves `coming`."""
        name = secrets.token_hex(16) + suffix
        self.coming.add(name)
        return name

    def keep(self, name: str, content: bytes) -> None:
        """Make a file that was promised. It stays as long as this process."""
        self._write(name, content)
        self.hold([name])

    def __enter__(self) -> Files:
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self.root, ignore_errors=True)

    def name(self, content: bytes) -> str:
        """An unguessable name for a content, the same within this process."""
        return _name(self._key, content)

    def unwritten(self) -> Unwritten:
        """Where another process puts what it makes for this one."""
        return Unwritten(self._key)

    def add(self, content: bytes, suffix: str) -> str:
        """Write `content` (readers never see half a file) and count one use; returns the file's name."""
        name = self.name(content) + suffix
        with self._lock:
            if not self._uses[name]:
                self._write(name, content)
            self._uses[name] += 1  # not before the file is there: the disk may be full
        return name

    def _write(self, name: str, content: bytes) -> None:
        temporary = self.folder / f".{secrets.token_hex(8)}"
        try:
            temporary.write_bytes(content)
            os.replace(temporary, self.folder / name)
        finally:
            temporary.unlink(missing_ok=True)

    def hold(self, names: list[str]) -> None:
        """Count one more use of files that are there."""
        with self._lock:
            self._uses.update(names)

    def release(self, names: list[str]) -> None:
        """Take back one use of each name and delete the files that nobody uses any more."""
        with self._lock:
            for name in names:
                self._uses[name] -= 1
                if self._uses[name] <= 0:
                    del self._uses[name]
                    (self.folder / name).unlink(missing_ok=True)

    def bytes(self, names: list[str]) -> int:
        return sum((self.folder / name).stat().st_size for name in set(names))
