"""Where weights, examples and the icon lie: in the installed package, else in the checkout around it."""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
DATA = PACKAGE / "_data" if (PACKAGE / "_data").is_dir() else PACKAGE.parent

CHECKPOINTS = DATA / "checkpoints"
EXAMPLES = DATA / "assets" / "examples"
ICON = DATA / "assets" / "icon.svg"
