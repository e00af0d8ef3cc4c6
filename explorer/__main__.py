"""python -m explorer COMMAND: the explorer without its page."""

from __future__ import annotations

import argparse
import sys
from importlib import import_module

COMMANDS = {
    "segment": "label images, from file to file",
    "trace": "the steps of a network on an image",
    "lab": "one experiment on a network: its crops, its border, its taps",
    "info": "what is known of weights, and of this machine",
    "evaluate": "measure a checkpoint on labelled images",
    "lessons": "check a folder of lessons",
}


def main(arguments: list[str] | None = None) -> int:
    """Run a command; 0 if it did what was asked, 2 for input that cannot be used (one line on stderr says why). Only
    the command that was named is imported: help comes without torch."""
    words = sys.argv[1:] if arguments is None else arguments
    parser = argparse.ArgumentParser(prog="python -m explorer", description="The explorer without its page.")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, title in COMMANDS.items():
        command = commands.add_parser(name, help=title)
        if name in words[:1]:
            import_module(f"explorer.commands.{name}").add(command)
    return _run(parser.parse_args(words))


def _run(given: argparse.Namespace) -> int:
    from explorer.commands import CommandError
    from explorer.errors import DataError, ExplorerError, in_words

    try:
        return int(import_module(f"explorer.commands.{given.command}").run(given))
    except (CommandError, DataError, ExplorerError, OSError) as error:
        print(f"error: {in_words(error)}", file=sys.stderr)
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130
    return 2


if __name__ == "__main__":
    sys.exit(main())
