"""What a lab gives, as plain data for JSON, and that data as text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from fractions import Fraction
from typing import Any

import numpy as np


def plain(value: Any) -> Any:
    """Data of a lab as plain numbers, lists and dictionaries; fractions as numbers."""
    if isinstance(value, Fraction):
        return int(value) if value.denominator == 1 else float(value)
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, np.generic):
        return value.item()
    if is_dataclass(value) and not isinstance(value, type):
        return plain(asdict(value))
    if isinstance(value, Mapping):
        return {str(key): plain(part) for key, part in value.items()}
    return [plain(part) for part in value] if isinstance(value, list | tuple) else value


def text(found: Mapping[str, Any]) -> list[str]:
    """Data as text: facts a line each, then a table for each list of like things. JSON says more."""
    lines = [f"{key}: {_said(value)}" for key, value in found.items() if not _is_table(value)]
    for key, value in found.items():
        if not _is_table(value):
            continue
        if any(map(_is_table, value[0].values())):
            for part in value:
                lines += ["", *text(part)]
        else:
            lines += ["", key, *_table(value)]
    return lines


def _is_table(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict)


def _table(rows: list[dict[str, Any]]) -> list[str]:
    flat = [_flat(row) for row in rows]
    lines = [list(flat[0]), *([_said(row.get(key)) for key in flat[0]] for row in flat)]
    wide = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    return ["  ".join(f"{cell:<{w}}" for cell, w in zip(line, wide, strict=True)).rstrip() for line in lines]


def _flat(row: dict[str, Any]) -> dict[str, Any]:
    """A row of a table: what is nested stands in it under its own names, and columns only where rows say otherwise."""
    found: dict[str, Any] = {}
    for key, value in row.items():
        if key in ("rows", "figures") and isinstance(value, dict):
            found.update(value)
        elif key == "cols" and isinstance(value, dict):
            found.update({f"{name} of columns": part for name, part in value.items() if part != row["rows"][name]})
        else:
            found[key] = value
    return found


def _said(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {_said(part)}" for key, part in value.items())
    if isinstance(value, list):
        return " ".join(map(_said, value)) if value else "-"
    return "-" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)
