"""What the server keeps: a bounded store against a plain model, and counted files that readers never see half of."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from explorer.ui.state import Bounded, Files, Selection

ROOT = Path(__file__).resolve().parents[2]


# ---- Bounded


class BoundedMachine(RuleBasedStateMachine):
    """The same calls on the store and on a list of (key, item, size), the least recently used first."""

    @initialize(most=st.integers(0, 40))
    def begin(self, most):
        self.most, self.model, self.serial = most, [], 0
        self.dropped, self.gone = [], []
        self.store = Bounded(most, self.dropped.append)

    @rule(key=st.integers(0, 6), size=st.integers(0, 25))
    def put(self, key, size):
        self.serial += 1
        item = f"item {self.serial}"
        self.gone += [old for k, old, _ in self.model if k == key]
        self.model = [entry for entry in self.model if entry[0] != key] + [(key, item, size)]
        while sum(s for _, _, s in self.model) > self.most and len(self.model) > 1:
            self.gone.append(self.model.pop(0)[1])
        self.store.put(key, item, size)

    @rule(key=st.integers(0, 7))
    def get(self, key):
        held = next((entry for entry in self.model if entry[0] == key), None)
        if held:
            self.model.remove(held)
            self.model.append(held)
        assert self.store.get(key) == (held[1] if held else None)

    @invariant()
    def agrees(self):
        if not hasattr(self, "store"):
            return
        assert self.store.bytes == sum(size for _, _, size in self.model)
        assert len(self.store) == len(self.model)
        assert self.store.bytes <= self.most or len(self.store) == 1
        assert self.dropped == self.gone


TestBounded = BoundedMachine.TestCase
TestBounded.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)


def test_what_was_looked_at_last_stays():
    store = Bounded(10)
    for key in "abc":
        store.put(key, key.upper(), 4)  # the third puts the first out
    assert [store.get(k) for k in "abc"] == [None, "B", "C"]
    store.get("b")
    store.put("d", "D", 4)
    assert [store.get(k) for k in "bcd"] == ["B", None, "D"]


def test_one_item_above_the_bound_is_held_alone():
    """A single run that is larger than the bound can still be looked at; the next one puts it out."""
    gone = []
    store = Bounded(10, gone.append)
    store.put("small", 1, 3)
    store.put("large", 2, 100)
    assert (store.get("small"), store.get("large"), gone) == (None, 2, [1])
    store.put("next", 3, 3)
    assert (store.get("large"), store.get("next"), store.bytes) == (None, 3, 3)


def test_dropping_may_use_the_store_again():
    """The callback runs outside of the lock; inside it this would hang."""
    store: Bounded[int] = Bounded(1, lambda item: seen.append((item, store.get("b"))))
    seen: list[tuple[int, int | None]] = []
    worker = threading.Thread(target=lambda: [store.put(k, i, 1) for i, k in enumerate("ab")], daemon=True)
    worker.start()
    worker.join(5)
    assert not worker.is_alive()
    assert seen == [(0, 1)]


def test_threads_leave_the_sums_right():
    dropped: list[int] = []
    store: Bounded[int] = Bounded(500, dropped.append)
    puts = 400

    def work(seed):
        for i in range(puts):
            store.put((seed * i * 7919) % 97, seed * puts + i, i % 23)
            store.get(i % 97)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(1, 7)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.bytes <= 500
    assert store.bytes == sum(size for _, size in store._items.values())
    assert len(dropped) == len(set(dropped)) == 6 * puts - len(store)  # everything is dropped once or still there


def test_a_selection_is_a_key():
    a = Selection("unet", "c", "valid", "i", 388, "cpu")
    assert {a: 1}[Selection("unet", "c", "valid", "i", 388, "cpu")] == 1
    with pytest.raises(AttributeError):
        a.size = 3


# ---- Files


@pytest.fixture
def files():
    return Files()


def test_a_file_holds_its_content_under_a_name_of_its_own(files):
    a, b = files.add(b"one", ".png"), files.add(b"two", ".json")
    assert a != b
    assert a.endswith(".png")
    assert (files.folder / a).read_bytes() == b"one"
    assert (files.folder / b).read_bytes() == b"two"
    assert {p.name for p in files.folder.iterdir()} == {a, b}  # no temporary file is left
    assert files.bytes([a, b, a]) == 6


def test_a_shared_file_goes_with_its_last_user(files):
    names = [files.add(b"same", ".png") for _ in range(3)]
    assert len(set(names)) == 1
    path = files.folder / names[0]
    files.release(names[:1])
    assert path.exists()
    files.release(names[:1])
    assert path.exists()
    files.release(names[:1])
    assert not path.exists()
    again = files.add(b"same", ".png")
    assert again == names[0]
    assert path.read_bytes() == b"same"


@settings(deadline=None, max_examples=40)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 4)), max_size=40))
def test_files_agree_with_a_counter(steps):
    files, model, names = Files(), Counter(), {}
    for is_add, which in steps:
        if is_add:
            names[which] = files.add(b"content %d" % which, ".x")
            model[which] += 1
        elif model[which]:
            files.release([names[which]])
            model[which] -= 1
        assert {p.name for p in files.folder.iterdir()} == {names[w] for w, n in model.items() if n}
    files.release([names[w] for w, n in model.items() for _ in range(n)])
    assert not list(files.folder.iterdir())


def test_a_file_is_written_once(files, monkeypatch):
    name = files.add(b"x", ".png")
    before = (files.folder / name).stat()
    monkeypatch.setattr(Path, "write_bytes", lambda *_: pytest.fail("written twice"))
    files.add(b"x", ".png")
    after = (files.folder / name).stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


def test_a_reader_never_sees_half_a_file(files, monkeypatch):
    """The name appears when everything is written: until then the content has another one."""
    content = b"0123456789" * 1000
    seen = []

    def slowly(path, data):
        with open(path, "wb") as file:
            for part in (data[:5000], data[5000:]):
                file.write(part)
                file.flush()
                seen.append({p.name for p in files.folder.iterdir() if not p.name.startswith(".")})

    monkeypatch.setattr(Path, "write_bytes", slowly)
    name = files.add(content, ".png")
    assert seen == [set(), set()]
    assert (files.folder / name).read_bytes() == content


def test_a_full_disk_leaves_nothing_and_is_tried_again(files, monkeypatch):
    def full(path, data):
        path.touch()
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", full)
        with pytest.raises(OSError, match="No space"):
            files.add(b"x", ".png")
    assert not list(files.folder.iterdir())
    name = files.add(b"x", ".png")
    assert (files.folder / name).read_bytes() == b"x"
    files.release([name])
    assert not list(files.folder.iterdir())


def test_a_name_cannot_be_guessed_from_the_content(files):
    """Nobody who has the image can find out whether another person had uploaded it."""
    content = b"a private image"
    name = files.name(content)
    assert len(name) >= 32  # 128 bits
    for algorithm in hashlib.algorithms_guaranteed - {"shake_128", "shake_256"}:
        plain = hashlib.new(algorithm, content).hexdigest()
        assert name not in plain
        assert plain not in name
    assert Files().name(content) != name
    assert files.name(content) == name


def in_another_process(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    return done.stdout.strip()


def test_every_process_has_names_of_its_own_and_takes_its_folder_with_it(files):
    code = "from explorer.ui.state import Files; f = Files(); print(f.add(b'x', '.y'), f.folder, f.folder.exists())"
    name, folder, existed = in_another_process(code).split()
    assert existed == "True"
    assert name != files.add(b"x", ".y")
    assert Path(folder) != files.folder
    assert not Path(folder).exists()


def test_the_folder_is_closed_to_other_users(files):
    assert files.folder.stat().st_mode & 0o077 == 0


def test_threads_count_together(files):
    contents = [b"%d" % i for i in range(10)]

    def work():
        for _ in range(20):
            names = [files.add(c, ".p") for c in contents]
            for name, content in zip(names, contents, strict=True):
                if (files.folder / name).read_bytes() != content:
                    wrong.append(name)
            files.release(names)

    wrong: list[str] = []
    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert not list(files.folder.iterdir())
    assert not +files._uses
