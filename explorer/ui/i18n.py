"""Every string a person reads, by key and language. The tables lie in `texts/`, one JSON file a language."""

from __future__ import annotations

import json
from pathlib import Path

LANGUAGES = ("en", "ko")
TEXTS: dict[str, dict[str, str]] = {
    language: json.loads((Path(__file__).parent / "texts" / f"{language}.json").read_text("utf-8"))
    for language in LANGUAGES
}
