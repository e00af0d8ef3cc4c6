"""The command line of the page: `python app.py` in a checkout, `fcn-unet-explorer` where it is installed."""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path

from explorer.files import CHECKPOINTS


def main(arguments: list[str] | None = None) -> None:
    """Start the page and stay until it is stopped. Gradio and torch are imported after the options are read."""
    parser = argparse.ArgumentParser(description="Look inside FCN-32s, FCN-16s, FCN-8s and U-Net.")
    parser.add_argument("--host", help="address to listen on (default: this machine only)")
    parser.add_argument("--port", type=int, help="port (default: the first free one from 7860)")
    parser.add_argument("--share", action="store_true", help="make a temporary public link")
    parser.add_argument("--open", action="store_true", help="open the page in a browser")
    parser.add_argument("--checkpoints", type=Path, default=CHECKPOINTS, help="folder of weights with their cards")
    parser.add_argument("--lessons", type=Path, metavar="FOLDER", help="lessons of one's own, see docs/lessons.md")
    parser.add_argument("--mcp", action="store_true", help="serve the endpoints of docs/api.md as MCP tools, too")
    given = parser.parse_args(arguments)

    from explorer.ui.process import prepare
    from explorer.ui.state import Files

    files = Files()
    prepare(files.root / "gradio")

    from explorer.errors import ExplorerError
    from explorer.ui.app import build_app, launch_settings
    from explorer.ui.questions import MOST_AT_ONCE
    from explorer.ui.session import Workbench

    try:
        bench = Workbench(given.checkpoints, files=files, teaching=[given.lessons] if given.lessons else [])
    except ExplorerError as error:
        parser.exit(1, f"{error}\n")
    for mistake in bench.mistakes:
        print(f"lesson left out: {mistake}", file=sys.stderr)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # so that the temporary files go, as after Ctrl-C
    try:
        build_app(bench).queue(max_size=MOST_AT_ONCE, api_open=False).launch(
            server_name=given.host,
            server_port=given.port,
            share=given.share,
            inbrowser=given.open,
            mcp_server=given.mcp,
            **launch_settings(bench),
        )
    except OSError as error:  # the port is taken
        parser.exit(1, f"{error}\n")
