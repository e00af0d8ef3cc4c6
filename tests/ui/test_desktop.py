"""Where the page opens by itself: on a person's own screen, and nowhere else. A window of its own, on a display."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import pytest

from explorer.ui import desktop, main

ROOT = Path(__file__).resolve().parents[2]
SCREEN = {"DISPLAY": ":0"}


@pytest.mark.parametrize(
    ("environment", "platform", "opens"),
    [
        (SCREEN, "linux", True),
        ({"WAYLAND_DISPLAY": "wayland-0"}, "linux", True),
        ({}, "linux", False),
        ({"DISPLAY": ""}, "linux", False),
        ({}, "darwin", True),
        ({}, "win32", True),
        (SCREEN | {"SPACE_ID": "someone/explorer"}, "linux", False),
        ({"SPACE_ID": "someone/explorer"}, "darwin", False),
        (SCREEN | {"SSH_CONNECTION": "10.0.0.2 50000 10.0.0.1 22"}, "linux", False),
        ({"SSH_TTY": "/dev/ttys001"}, "darwin", False),
    ],
)
def test_the_page_opens_where_somebody_sits(environment, platform, opens):
    assert desktop.has_screen(environment, platform) is opens


def test_without_pywebview_a_window_is_refused_before_anything_is_loaded(monkeypatch, capsys):
    monkeypatch.setattr(desktop, "find_spec", lambda name: None)
    with pytest.raises(SystemExit) as stopped:
        main.main(["--window"])
    assert stopped.value.code == 1
    assert "requirements-window.txt" in capsys.readouterr().err
    assert (ROOT / "requirements-window.txt").is_file()


@pytest.mark.parametrize("option", ["--checkpoints", "--lessons"])
def test_a_folder_that_the_system_refuses_is_named_with_the_reason(option, capsys, monkeypatch):
    """As one is that may not be looked into; this name is too long for any user, root too."""
    for name in ("GRADIO_TEMP_DIR", "TORCHINDUCTOR_CACHE_DIR"):
        monkeypatch.setenv(name, "")  # set back afterwards, as is what a start asks of the process
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    with pytest.raises(SystemExit) as stopped:
        main.main(["--no-open", option, "n" * 300])
    assert stopped.value.code == 1
    assert capsys.readouterr().err == f"{'n' * 300}: File name too long\n"


CLOSING = """
import time
import webview
from explorer.ui import main

READY = "document.querySelector('.fx[data-state=ready]') !== null"
start = webview.start

def close(window):
    while not window.evaluate_js(READY):
        time.sleep(0.2)
    print("ready:", window.title, window.evaluate_js("location.href"), flush=True)
    window.destroy()

webview.start = lambda **how: start(lambda: close(webview.windows[0]), **how)
main.main(["--window"])
"""


@pytest.mark.skipif(not (find_spec("webview") and shutil.which("Xvfb")), reason="no pywebview, or no Xvfb")
def test_closing_the_window_stops_the_server(tmp_path):
    display = f":{os.getpid() % 1000 + 100}"
    screen = subprocess.Popen(["Xvfb", display, "-screen", "0", "1400x1000x24"], stderr=subprocess.DEVNULL)
    environment = {**os.environ, "DISPLAY": display, "QTWEBENGINE_DISABLE_SANDBOX": "1", "LIBGL_ALWAYS_SOFTWARE": "1"}
    try:
        time.sleep(0.5)
        done = subprocess.run(
            [sys.executable, "-c", CLOSING], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120
        )
    finally:
        screen.terminate()
        screen.wait()
    assert done.returncode == 0, done.stderr[-2000:]
    assert "ready: FCN · U-Net Explorer http://127.0.0.1:" in done.stdout
