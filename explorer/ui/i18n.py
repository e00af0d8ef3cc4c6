"""Every string a person reads, by language and key. The tables lie in `texts/`, one JSON file a language.

A file is all that a further language takes: it says its own name under "language.name", and whatever it lacks is said
in English.
"""

from __future__ import annotations

import json
from pathlib import Path

from explorer.checked import spoken

FOLDER = Path(__file__).parent / "texts"


def read(folder: Path = FOLDER) -> dict[str, dict[str, str]]:
    """The tables of a folder, English first, each with all of English's keys."""
    tables = {path.stem: json.loads(path.read_text("utf-8")) for path in sorted(folder.glob("*.json"))}
    return {language: tables["en"] | tables[language] for language in ("en", *tables)}


TEXTS = read()


def languages() -> list[dict[str, str]]:
    """What a person may choose among."""
    return [{"code": language, "name": texts["language.name"]} for language, texts in TEXTS.items()]


def in_all(text: dict[str, str]) -> dict[str, str]:
    """A card's or an example's text in every language of the page."""
    return {language: spoken(text, language) for language in TEXTS}
