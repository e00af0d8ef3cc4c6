"""lessons: whether a folder of lessons can be shown, and what is wrong with it."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from explorer.cards import with_snapshots
from explorer.files import CHECKPOINTS
from explorer.ui import lessons


def add(parser: argparse.ArgumentParser) -> None:
    parser.description = "Lessons are files FOLDER/en/*.md and FOLDER/ko/*.md; docs/lessons.md has the format."
    commands = parser.add_subparsers(dest="lessons", required=True)
    check = commands.add_parser("check", help="name every mistake by file and line")
    check.add_argument("folder", type=Path, help="folder with a folder for each language")
    check.add_argument("--checkpoints", type=Path, default=CHECKPOINTS, help="folder of weights with their cards")


def run(given: argparse.Namespace) -> int:
    """One line a mistake; 2 if there is any."""
    about = lessons.known([card.name for card in with_snapshots(given.checkpoints)], lessons.example_files())
    made, problems = lessons.gather([given.folder], about)
    for problem in problems:
        print(f"error: {problem}", file=sys.stderr)
    for spoken in made:
        first = next(iter(spoken.values()))
        print(f"{first.key}: {first.title}, {len(first.steps)} steps, in {', '.join(spoken)}")
    return 2 if problems else 0
