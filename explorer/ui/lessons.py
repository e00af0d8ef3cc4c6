"""Lessons for the page: the bundled ones and a teacher's own, checked against what this page has."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, fields
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, get_origin, get_type_hints

from explorer import lessons
from explorer.errors import ExplorerError
from explorer.files import EXAMPLES
from explorer.graph import graph_of
from explorer.images.synthetic import MADE
from explorer.labs.walk import network_of
from explorer.lessons import Known, LabKnown, Lesson, Problem
from explorer.models import MODELS, shown
from explorer.ui.asked import asked
from explorer.ui.catalog import SIZES
from explorer.ui.i18n import TEXTS
from explorer.ui.labs import LABS
from explorer.ui.labs.base import Value, nested
from explorer.ui.state import Selection

BUNDLED = Path(lessons.__file__).parent
LAB_PAGES = Path(__file__).parent / "stage" / "labs"
KINDS = ("facts", "figure", "table", "picture")
LOOK = ("channel", "unit", "crop", "order", "scale", "shown", "pins")  # of a step: stage/explore/looked.js
STANDARD = "fcn8s"  # the network that the page opens on
PLACEHOLDER = re.compile(r"\{(\w+)\}")


def example_files(folder: Path = EXAMPLES) -> list[str]:
    """Names of the images that the page offers."""
    return [*(example["file"] for example in json.loads((folder / "examples.json").read_text("utf-8"))), *MADE]


def known(checkpoints: Iterable[str], examples: Iterable[str]) -> Known:
    """What lessons may name on a page that offers these weights and these examples."""
    choices: dict[str, frozenset[str] | None] = dict.fromkeys(
        (*(field.name for field in fields(Selection)), *LOOK, "lang")
    )
    choices |= {
        "model": frozenset(shown()),
        "padding": frozenset(name for key in shown() for name in MODELS[key].paddings),
        "checkpoint": frozenset(checkpoints),
        "image": frozenset(examples),
        "size": frozenset(map(str, SIZES)),
        "crop": frozenset({"whole", "cut"}),
        "scale": frozenset({"channel", "layer", "fixed"}),
        "lang": frozenset(TEXTS),
    }
    return Known(
        languages=tuple(TEXTS),
        views=frozenset({"explore", "segment", "compare", "labs"}),
        labs={name: _lab(name) for name in LABS},
        choices=choices,
        steps=_steps,
        facts={key: _filled(key) for key in TEXTS["en"] if key.startswith("lab.")},
        model=STANDARD,
        columns={name: _columns(name) for name in LABS},
    )


@cache
def _steps(model: str, padding: str) -> frozenset[str]:
    """Names of a network's steps, as a trace has them; none of a network that there is not."""
    if model not in MODELS or (padding and padding not in MODELS[model].paddings):
        return frozenset()
    nodes = graph_of(network_of(model, padding)).nodes
    return frozenset({"input", "argmax", *(node.name for node in nodes if node.op == "call_module")})


def _filled(key: str) -> frozenset[str]:
    return frozenset(PLACEHOLDER.findall(TEXTS["en"][key]))


def _columns(lab: str) -> frozenset[str]:
    """Columns of the tables of a lab, by the keys of their heads."""
    heads = (key for key in TEXTS["en"] if re.match(rf"lab\.({lab}|evidence)\.(\w+\.)?head\.", key))
    return frozenset(key.rpartition(".")[2] for key in heads)


class _Slots(HTMLParser):
    """The slots of a lab's page: elements with data-facts, data-figure, data-table and data-picture."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: dict[str, set[str]] = {kind: set() for kind in KINDS}
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if (kind := name.removeprefix("data-")) in self.found and value:
                self.found[kind].add(value)


def _lab(name: str) -> LabKnown:
    settings = LABS[name].Settings
    slots = _Slots((LAB_PAGES / f"{name}.html").read_text("utf-8")).found
    hints = get_type_hints(settings)

    def refuse(given: Mapping[str, str]) -> str:
        try:
            asked(settings, nested({key: typed(text) for key, text in given.items()}))
        except ExplorerError as error:
            return str(error)
        return ""

    several = {field.name for field in fields(settings) if get_origin(hints[field.name]) is dict}
    single = {field.name for field in fields(settings)} - several
    return LabKnown(
        slots={kind: frozenset(names) for kind, names in slots.items()},
        runs=frozenset(LABS[name].RUNS),
        settings=frozenset(single | several),
        refuse=refuse,
    )


def typed(text: str) -> Value:
    """A setting of an address as the page sends it; see `typed` of labs.js."""
    if re.fullmatch(r"-?\d+", text):
        return int(text)
    if re.fullmatch(r"-?\d+\.\d+", text):
        return float(text)
    return {"true": True, "false": False}.get(text, text)


def gather(folders: Iterable[Path], about: Known) -> tuple[list[dict[str, Lesson]], list[Problem]]:
    """The lessons of several folders, each by language, one behind the other; and what is wrong with others.

    A lesson named as one of an earlier folder has another key: both are shown.
    """
    made: list[dict[str, Lesson]] = []
    problems: list[Problem] = []
    for folder in folders:
        found, wrong = lessons.check(folder, about)
        made += found.values()
        problems += wrong
    return made, problems


def offered(made: Iterable[dict[str, Lesson]]) -> list[dict[str, Any]]:
    """Lessons as the page lists them; `key` tells them apart, in the address, too."""
    listed: list[dict[str, Any]] = []
    times: Counter[str] = Counter()
    for spoken in made:
        key = next(iter(spoken.values())).key
        times[key] += 1
        listed.append(
            {
                "key": key if times[key] == 1 else f"{key}-{times[key]}",
                "minutes": next(iter(spoken.values())).minutes,
                "steps": len(next(iter(spoken.values())).steps),
                "title": {language: _in(spoken, language).title for language in TEXTS},
                "summary": {language: _in(spoken, language).summary for language in TEXTS},
            }
        )
    return listed


def _in(spoken: dict[str, Lesson], language: str) -> Lesson:
    """The lesson in a language, or in the first that it is written in."""
    return spoken.get(language) or next(iter(spoken.values()))


def payload(made: Iterable[dict[str, Lesson]]) -> bytes:
    """What the page fetches when a lesson is opened: all of them, in the order in which they are listed."""
    whole = [{language: asdict(lesson) for language, lesson in spoken.items()} for spoken in made]
    return json.dumps(whole, ensure_ascii=False, separators=(",", ":")).encode("utf-8")
