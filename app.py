"""Start the explorer: python app.py [--host ADDRESS] [--port N] [--share] [--open] [--checkpoints FOLDER]."""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path

from explorer.cards import CHECKPOINTS
from explorer.errors import ExplorerError
from explorer.ui.app import build_app, launch_settings
from explorer.ui.session import Workbench


def main() -> None:
    parser = argparse.ArgumentParser(description="Look inside FCN-32s, FCN-16s, FCN-8s and U-Net.")
    parser.add_argument("--host", help="address to listen on (default: this machine only)")
    parser.add_argument("--port", type=int, help="port (default: the first free one from 7860)")
    parser.add_argument("--share", action="store_true", help="make a temporary public link")
    parser.add_argument("--open", action="store_true", help="open the page in a browser")
    parser.add_argument("--checkpoints", type=Path, default=CHECKPOINTS, help="folder of weights with their cards")
    arguments = parser.parse_args()
    try:
        bench = Workbench(arguments.checkpoints)
    except ExplorerError as error:
        parser.exit(1, f"{error}\n")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # so that the temporary files go, as after Ctrl-C
    try:
        build_app(bench).queue(max_size=200).launch(
            server_name=arguments.host,
            server_port=arguments.port,
            share=arguments.share,
            inbrowser=arguments.open,
            **launch_settings(bench),
        )
    except OSError as error:  # the port is taken
        parser.exit(1, f"{error}\n")


if __name__ == "__main__":
    main()
