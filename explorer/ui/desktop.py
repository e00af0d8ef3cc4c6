"""The page on a person's own screen: in their browser, or in a window of its own. Knows no Gradio."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from importlib.util import find_spec

WINDOW = 1366, 900
MISSING = (
    'A window of its own needs pywebview: pip install "fcn-unet-explorer[window]", or in a checkout '
    "pip install -r requirements-window.txt. Without --window the page opens in the browser."
)


def has_screen(environment: Mapping[str, str] = os.environ, platform: str = sys.platform) -> bool:
    """Whether somebody sits before this process: it is no Space, nobody came over ssh, and there is a display."""
    if any(environment.get(name) for name in ("SPACE_ID", "SSH_CONNECTION", "SSH_TTY", "SSH_CLIENT")):
        return False
    return not platform.startswith("linux") or any(environment.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))


def has_windows() -> bool:
    """Whether what shows a window is installed."""
    return find_spec("webview") is not None


def show_window(title: str, address: str) -> None:
    """Show the page in a window of its own, until it is closed. To be called in the main thread."""
    import webview

    webview.create_window(title, address, width=WINDOW[0], height=WINDOW[1])
    webview.start(gui="qt" if sys.platform.startswith("linux") else None)
