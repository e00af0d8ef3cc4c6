"""The command line of the page: `python app.py` in a checkout, `fcn-unet-explorer` where it is installed."""

from __future__ import annotations

import argparse
import gc
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from explorer.files import CHECKPOINTS


def main(arguments: list[str] | None = None) -> None:
    """Start the page and stay until it is stopped. Gradio and torch are imported after the options are read."""
    parser = _options()
    given = parser.parse_args(arguments)

    from explorer.ui import desktop

    if given.window and not desktop.has_windows():
        parser.exit(1, f"{desktop.MISSING}\n")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # so that the temporary files go, as after Ctrl-C
    print("Loading Gradio, PyTorch and the networks. The page is ready in a few seconds.", flush=True)
    page = _started(parser, given)
    if given.window:
        from explorer.ui.app import TITLE

        desktop.show_window(TITLE, page.local_url)
        page.close()
    else:
        page.block_thread()


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Look inside FCN-32s, FCN-16s, FCN-8s and U-Net.")
    parser.add_argument("--host", help="address to listen on (default: this machine only)")
    parser.add_argument("--port", type=int, help="port (default: the first free one from 7860)")
    parser.add_argument("--share", action="store_true", help="make a temporary public link")
    parser.add_argument(
        "--open",
        action=argparse.BooleanOptionalAction,
        help="open the page in the browser (default: where there is a display, and not over ssh)",
    )
    parser.add_argument("--window", action="store_true", help="open a window of its own; closing it stops the server")
    parser.add_argument("--checkpoints", type=Path, default=CHECKPOINTS, help="folder of weights with their cards")
    parser.add_argument("--lessons", type=Path, metavar="FOLDER", help="lessons of one's own, see docs/lessons.md")
    parser.add_argument("--mcp", action="store_true", help="serve the endpoints of docs/api.md as MCP tools, too")
    return parser


def _started(parser: argparse.ArgumentParser, given: argparse.Namespace) -> Any:
    """The page, which is served from now on by a thread."""
    with _without_collections():
        from explorer.ui.process import prepare
        from explorer.ui.state import Files

        files = Files()
        prepare(files.root / "gradio")

        from explorer.ui import desktop, zerogpu  # noqa: F401, I001  # a borrowed card is announced before torch comes
        from explorer.errors import ExplorerError, in_words
        from explorer.ui.app import build_app, launch_settings
        from explorer.ui.questions import MOST_AT_ONCE
        from explorer.ui.session import Workbench

        try:
            bench = Workbench(given.checkpoints, files=files, teaching=[given.lessons] if given.lessons else [])
        except (ExplorerError, OSError) as error:  # of the folders that were named
            parser.exit(1, f"{in_words(error)}\n")
        for mistake in bench.mistakes:
            print(f"lesson left out: {mistake}", file=sys.stderr)
        opens = desktop.has_screen() if given.open is None else given.open
        page = build_app(bench).queue(max_size=MOST_AT_ONCE, api_open=False)
        try:
            page.launch(
                server_name=given.host,
                server_port=given.port,
                share=given.share,
                inbrowser=opens and not given.window,
                mcp_server=given.mcp,
                prevent_thread_lock=True,
                **launch_settings(bench),
            )
        except OSError as error:  # the port is taken
            parser.exit(1, f"{error}\n")
    return page


@contextmanager
def _without_collections() -> Iterator[None]:
    """What is loaded at the start stays: looking through it again and again for garbage takes a sixth of the time."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
