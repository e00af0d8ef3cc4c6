"""python -m explorer COMMAND: the explorer without its page."""

from __future__ import annotations

import argparse
import sys

from explorer.commands import CommandError, evaluate, info, segment, trace
from explorer.errors import ExplorerError
from explorer.training.data import DataError

COMMANDS = {
    "segment": (segment, "label images, from file to file"),
    "trace": (trace, "the steps of a network on an image"),
    "info": (info, "what is known of weights, and of this machine"),
    "evaluate": (evaluate, "measure a checkpoint on labelled images"),
}


def main(arguments: list[str] | None = None) -> int:
    """Run a command; 0 if it did what was asked, 2 for input that cannot be used (one line on stderr says why)."""
    parser = argparse.ArgumentParser(prog="python -m explorer", description="The explorer without its page.")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, (command, title) in COMMANDS.items():
        command.add(commands.add_parser(name, help=title))
    given = parser.parse_args(arguments)
    try:
        return COMMANDS[given.command][0].run(given)
    except (CommandError, DataError, ExplorerError) as error:
        print(f"error: {error}", file=sys.stderr)
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130
    except OSError as error:
        print(f"error: {error}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
