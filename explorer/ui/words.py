"""What the page's scripts put into words, for those who ask without the page; in English.

A piece is [key of the texts, what fills it], {"percent": share}, {"count": n}, {"names": by language}, {"t": key}, a
number or plain text: as `telling.js` has it.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from explorer.errors import ExplorerError
from explorer.ui.catalog import told
from explorer.ui.i18n import TEXTS

ENGLISH = TEXTS["en"]
NONE = "–"


def tell(piece: Any) -> str:
    """One piece in words."""
    match piece:
        case None | {"percent": None}:
            return NONE
        case [str(key), dict(params)] if key in ENGLISH:
            return _filled(key, params)
        case [str(key)] if key in ENGLISH:
            return _filled(key, {})
        case {"names": names}:
            return str(names["en"])
        case {"t": key}:
            return ENGLISH[key]
        case {"count": value}:
            return _count(value)
        case {"percent": share}:
            return f"< {_percent(0.001)}" if 0 < share < 0.001 else _percent(share)
        case {"device": device, "name": name}:
            return _filled(
                "device.cpu.one" if (device, name) == ("cpu", 1) else f"device.{device}.name", {"name": name}
            )
        case bool():
            return str(piece)
        case int() | float():
            return number(piece)
    return str(piece)


def plain(piece: Any) -> Any:
    """One piece as data: sentences in words, shares and counts as numbers."""
    match piece:
        case [str(key), dict()] if key in ENGLISH:
            return tell(piece)
        case {"percent": value} | {"count": value}:
            return value
        case {"names": _} | {"t": _}:
            return tell(piece)
        case dict():
            return {key: plain(part) for key, part in piece.items()}
        case list() | tuple():
            return [plain(part) for part in piece]
    return piece


def sentence(error: ExplorerError) -> str:
    """An error as the page says it; a question that makes no sense was not put together by hand, and is told more."""
    said = str(error)
    if f"error.{error.code}" not in ENGLISH or (error.code == "bad_selection" and said != error.code):
        first = said[:1] if re.match(r"[\w.]+:", said) else said[:1].upper()  # "mode: ..." is a field's own name
        return f"{first}{said[1:500].rstrip('.')}."
    return _filled(f"error.{error.code}", told(error.details))


def number(value: float, digits: int = 4) -> str:
    """Whole numbers grouped, others with so many significant digits."""
    rounded = value if float(value).is_integer() else float(f"{value:.{digits}g}")
    whole, _, rest = np.format_float_positional(rounded, trim="-").partition(".")
    text = f"{int(whole):,}" if whole not in ("-0", "0") else whole
    return (f"{text}.{rest}" if rest else text).replace("-", "−")


def _filled(key: str, params: dict[str, Any]) -> str:
    return re.sub(r"\{(\w+)\}", lambda m: tell(params[m[1]]) if m[1] in params else m[0], ENGLISH[key])


def _percent(share: float) -> str:
    return _filled("number.percent", {"value": f"{float(f'{100 * share:.12g}'):.1f}".removesuffix(".0")})


def _count(value: float) -> str:
    for unit in ENGLISH["number.units"].split("|"):
        text, size = unit.split("=")
        if value >= float(size):
            return text.replace("#", number(float(f"{value / float(size):.3g}")))
    return number(value)
