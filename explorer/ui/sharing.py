"""The address of what is shown, as a QR code for the telephones of a class."""

from __future__ import annotations

import io
from typing import Any
from urllib.parse import urlsplit

import segno

from explorer.errors import ExplorerError

LONGEST = 2000  # characters; a denser code is not read from the last row


def code(address: Any) -> dict[str, Any]:
    """The code as SVG text. Raises ExplorerError ("bad_selection") for what is no address of a page."""
    made = io.BytesIO()
    try:
        if not isinstance(address, str) or len(address) > LONGEST or urlsplit(address).scheme not in ("http", "https"):
            raise ValueError("another kind of address")
        drawn = segno.make(address, error="l", micro=False)
        drawn.save(made, kind="svg", xmldecl=False, scale=4, border=4, light="white")
    except ValueError as error:
        raise ExplorerError("bad_selection", "what is to be shared is no address of a page") from error
    return {"kind": "code", "svg": made.getvalue().decode("utf-8")}
