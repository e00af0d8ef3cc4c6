"""The app in a process of its own that is ended in the middle of its work, and what is left of it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
from pathlib import Path

from tests.ui.serving import fetch

ROOT = Path(__file__).resolve().parents[2]


def started(folder: Path) -> subprocess.Popen[str]:
    """The app, once its page is there and the run that it opens on has begun."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "app.py", "--no-open", "--port", str(port)]
    environment = {**os.environ, "TMPDIR": str(folder), "PYTHONPATH": str(ROOT)}
    app = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True)
    for _ in range(600):
        try:
            fetch(f"http://127.0.0.1:{port}/")
            break
        except urllib.error.URLError:
            time.sleep(0.1)
    time.sleep(1.5)
    return app


def test_what_a_killed_process_leaves_goes_at_the_next_start_and_an_ended_one_leaves_nothing(tmp_path):
    killed = started(tmp_path)
    killed.kill()
    killed.communicate()
    (left,) = tmp_path.iterdir()
    ended = started(tmp_path)
    assert left not in list(tmp_path.iterdir())
    assert len(list(tmp_path.glob("*/public/*"))) > 0
    ended.terminate()
    said = ended.communicate(timeout=30)[1]
    assert (ended.returncode, said) == (0, "")
    assert list(tmp_path.iterdir()) == []
