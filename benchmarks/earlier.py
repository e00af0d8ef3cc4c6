"""What an earlier table of a benchmark says, for weights and cards that are not at hand any more."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def rows(file: Path | None, *keys: str) -> list[dict[str, Any]]:
    """The rows of a benchmark's JSON file; none without a file. Raises ValueError that names the file if it cannot be
    read, or one of its rows lacks one of the keys."""
    if file is None:
        return []
    try:
        found: list[dict[str, Any]] = json.loads(file.read_text("utf-8"))["rows"]
        lacking = [key for one in found for key in keys if key not in one]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{file} cannot be read as an earlier table ({type(error).__name__}: {error})") from error
    if lacking:
        raise ValueError(f"{file} is no earlier table of this benchmark: a row lacks {lacking[0]!r}")
    return found
