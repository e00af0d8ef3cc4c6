"""Files that people send: private, bounded, and gone when they are read, forgotten or their process has ended."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from explorer.errors import ExplorerError
from explorer.ui import state, uploads
from explorer.ui.uploads import Uploads


@pytest.fixture
def those(tmp_path):
    return Uploads(tmp_path / "uploads", most_bytes=100)


def code(those, size):
    with pytest.raises(ExplorerError) as caught, those.room(size):
        pass
    return caught.value.code


def test_all_together_have_a_quota(those):
    with those.room(60) as came:
        assert code(those, 101) == "uploads_full"
        came(35)
        came(25)
        assert code(those, 41) == "uploads_full"
        name = those.put(io.BytesIO(b"x" * 60))
    assert code(those, 41) == "uploads_full"
    those.forget(those.path(name))
    with those.room(100):
        pass


def test_what_is_only_announced_takes_no_room_from_others(those):
    with those.room(90), those.room(90) as came:
        came(80)
        with pytest.raises(ExplorerError) as caught:
            came(11)  # more than announced
        assert caught.value.code == "upload"
        assert code(those, 21) == "uploads_full"
    with those.room(100):
        pass


def test_what_nobody_asks_about_goes_and_what_is_waited_for_stays(those, monkeypatch):
    left, wanted = (those.path(those.put(io.BytesIO(b"x"))) for _ in "ab")
    monkeypatch.setattr(uploads, "LIFE", -1.0)
    with those.wanted(wanted):
        those.sweep()
        assert (left.exists(), wanted.exists()) == (False, True)
    those.sweep()
    assert not wanted.exists()


def test_only_what_was_taken_in_is_deleted(those):
    strange = those.folder / ("0" * 32)
    strange.write_bytes(b"not sent by anyone")
    those.forget(those.path(strange.name))
    assert strange.exists()


KEPT = """
import sys, tempfile
tempfile.tempdir = sys.argv[1]
from explorer.ui.state import Files
files = Files()
print(files.root, flush=True)
sys.stdin.read()
"""


def test_folders_of_processes_that_were_killed_are_swept_and_those_of_living_ones_stay(tmp_path, monkeypatch):
    """Whatever their numbers are: a process in another container has one that means nothing here."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    foreign = tmp_path / f"{state.PREFIX}999999999-x"
    foreign.mkdir()  # it has no lock: nobody knows whose it is
    command = [sys.executable, "-c", KEPT, str(tmp_path)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    root = Path(process.stdout.readline().strip())
    other = root.rename(root.with_name(f"{state.PREFIX}1-x"))  # that is no process's number either
    state.sweep()
    assert (other / "public").is_dir()
    process.kill()
    process.wait()
    state.sweep()
    assert not other.exists()
    assert foreign.is_dir()


@pytest.fixture
def shared(monkeypatch):
    """A temporary folder that several people write to, as /tmp is; who is root becomes somebody else meanwhile."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o1777)
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield folder
    shutil.rmtree(folder)


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="no users as on Unix")
def test_the_folder_of_another_person_is_no_hindrance(shared):
    theirs = shared / f"{state.PREFIX}theirs"
    theirs.mkdir()
    (theirs / state.LOCK).touch()
    theirs.chmod(0)  # of the same person it may not be looked into either
    was = os.geteuid()
    try:
        if was == 0:
            os.seteuid(65534)
        root, lock = state.own_folder()
        assert [path.name for path in root.iterdir()] == [state.LOCK]
        lock.release()
        state.sweep()
        assert not root.exists()
    finally:
        os.seteuid(was)
        theirs.chmod(0o700)
    assert (theirs / state.LOCK).exists()
