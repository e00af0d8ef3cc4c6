"""A paragraph's inside: **bold**, *italics*, `a name` and {values}; nothing else of Markdown, no HTML, no links."""

from __future__ import annotations

import re

from explorer.lessons.parts import Piece, Value
from explorer.lessons.values import value

INLINE = re.compile(r"\*\*(?P<b>[^*]+)\*\*|\*(?P<i>[^*]+)\*|`(?P<code>[^`]+)`|\{(?P<value>[^{}]*)\}")
HTML = re.compile(r"<[a-zA-Z/!?]|&#?\w+;|javascript:", re.IGNORECASE)
LINK = re.compile(r"!?\[[^\]]*\]\(|https?://")
END = re.compile(r"[.!?。](?=[\s\"'”’)]|$)")

MOST_SENTENCES = 3


def pieces(text: str, line: int, values: list[Value]) -> list[Piece]:
    """The pieces of one paragraph; its values are put into `values`. Raises ValueError with the reason."""
    if found := HTML.search(text):
        raise ValueError(f"HTML is not shown ({found[0]!r}); texts have **bold**, *italics*, `names` and {{values}}")
    if LINK.search(text):
        raise ValueError("links and pictures are not shown")
    made: list[Piece] = []
    last = 0
    for found in INLINE.finditer(text):
        made += [_plain(text[last : found.start()])] if found.start() > last else []
        last = found.end()
        if found["value"] is None:
            kind = next(name for name in ("b", "i", "code") if found[name])
            made.append({kind: found[kind]})
        else:
            values.append(value(found["value"], line))
            made.append({"value": len(values) - 1})
    return [*made, _plain(text[last:])] if last < len(text) else made


def _plain(text: str) -> str:
    for sign in "{}`*":
        if sign in text:
            raise ValueError(f"{sign!r} is not closed")
    return text


def sentences(text: str) -> int:
    """How many sentences a text has."""
    return len(END.findall(text.strip()))
