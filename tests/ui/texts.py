"""The tables of both languages, and what the page and its scripts say of their own."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

from explorer import weights
from explorer.ui.i18n import TEXTS
from explorer.ui.stage.bundle import ordered, page

UI = Path(__file__).resolve().parents[2] / "explorer" / "ui"
STAGE = UI / "stage"
EN, KO = TEXTS["en"], TEXTS["ko"]
HANGUL = re.compile(r"[\u1100-\u11ff\u3130-\u318f\uac00-\ud7a3]")
SCRIPTS = ordered(STAGE)
PAGE = page(STAGE)


def placeholders(text: str) -> set[str]:
    return set(re.findall(r"\{(\w+)\}", text))


def without_comments(script: str) -> str:
    script = re.sub(r"/\*.*?\*/", "", script, flags=re.S)
    return re.sub(r"(?<![:'\"`/])//[^\n]*", "", script)


class Attributes(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.keys: set[str] = set()
        self.texts: list[str] = []
        self.labels: list[tuple[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name == "data-t" or name.startswith("data-t-"):
                self.keys.add(value or "")
            if name in ("aria-label", "title", "alt", "placeholder", "aria-description") and value:
                self.labels.append((name, value))

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.texts.append(data.strip())


PARSED = Attributes()
PARSED.feed(PAGE)
WEIGHT_NOTES = {weights.COARSER_THAN_TRAINED, weights.OTHER_GEOMETRY, weights.RESCALED_SKIPS}
DEVICES = {"cuda", "mps", "cpu"}
