"""Where weights, examples and the icon lie: in the installed package, else in the checkout around it."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
DATA = PACKAGE / "_data" if (PACKAGE / "_data").is_dir() else PACKAGE.parent

CHECKPOINTS = DATA / "checkpoints"
EXAMPLES = DATA / "assets" / "examples"
ICON = DATA / "assets" / "icon.svg"


def listed(folder: Path, suffixes: Collection[str]) -> list[Path]:
    """The files of a folder with these endings (lower case), by name. Hidden ones are left out: what macOS leaves
    beside every file on a foreign disk (._NAME) has its ending, too. Raises OSError."""
    there = (path for path in folder.iterdir() if not path.name.startswith(".") and path.suffix.lower() in suffixes)
    return sorted(path for path in there if path.is_file())
