"""A lesson's values as the page fills them, in Python: of runs and labs of a workbench, without a browser."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any
from urllib.parse import parse_qsl

from explorer import weights
from explorer.lessons import Choice, Lesson, Step, Value, read
from explorer.lessons.parts import Text
from explorer.models import MODELS
from explorer.ui.catalog import first
from explorer.ui.lessons import BUNDLED, typed
from explorer.ui.session import Workbench


class Filler:
    """Asks a workbench for what the page would get, and finds values in it."""

    def __init__(self, bench: Workbench) -> None:
        self.bench = bench
        self.examples = bench.pictures.examples()
        self.start = asdict(first(bench.networks.cards, self.examples))
        self._traces: dict[str, Any] = {}
        self._labs: dict[str, Any] = {}

    def selection(self, at: str) -> dict[str, Any]:
        """What an address selects; weights follow the network and the image, as `complete` of selection.js does."""
        asked = dict(parse_qsl(at))
        chosen = {**self.start, **{key: asked[key] for key in self.start if key in asked}}
        chosen["size"] = int(asked.get("size", MODELS[chosen["model"]].size))
        if "checkpoint" not in asked:
            cards = weights.cards_for(chosen["model"], self.bench.networks.cards)
            domain = next((e["family"] for e in self.examples if e["file"] == chosen["image"]), "")
            chosen["checkpoint"] = next((c for c in cards if c.domain == domain), cards[0]).name
        if chosen["padding"] not in MODELS[chosen["model"]].paddings:
            chosen["padding"] = MODELS[chosen["model"]].paddings[0]
        return chosen

    def trace(self, at: str) -> dict[str, Any]:
        """The run that the page fetches."""
        selection = self.bench.networks.check(self.selection(at))
        key = repr(selection)
        if key not in self._traces:
            run = self.bench.runs.run(selection, lambda *_: None, lambda: False)
            self._traces[key] = json.loads((self.bench.files.folder / run.file).read_text("utf-8"))
        return self._traces[key]

    def lab(self, at: str, run: str = "") -> Iterator[dict[str, dict[str, Any]]]:
        """Facts and tables that a lab fills, one experiment behind the other, as they are asked for."""
        asked = dict(parse_qsl(at))
        settings = {name[4:]: typed(text) for name, text in asked.items() if name.startswith("lab.")}
        for what in filter(None, ("geometry", "values", run)):
            key = repr((asked["lab"], what, self.selection(at), settings))
            if key not in self._labs:
                question = {"lab": asked["lab"], "what": what, "selection": self.selection(at), "settings": settings}
                self._labs[key] = self.bench.labs.answer(question, lambda *_: None, lambda: False)
            yield {"facts": {}, "tables": {}, **self._labs[key]}

    def value(self, step: Step, value: Value, at: str = "") -> Any:
        """A value of a step of a lesson: a number, a share of 1, or a name."""
        own = plain(self._one(step, value, at or step.at))
        if value.other is None:
            return own
        other = plain(self._one(step, value.other, at or step.at))
        return {"/": lambda: own / other, "*": lambda: own * other, "-": lambda: own - other, "+": lambda: own + other}[
            value.then
        ]()

    def _one(self, step: Step, value: Value, at: str) -> Any:
        if value.source == "step":
            return of_step(self.trace(at), *value.parts)
        if value.source == "run":
            return of_run(self.trace(at), *value.parts)
        if value.source not in ("fact", "table"):
            raise AssertionError(f"{value.source} needs the page")
        for found in self.lab(at, step.run):
            try:
                if value.source == "fact":
                    return of_fact(found["facts"], value)
                return of_table(found["tables"], *value.parts)
            except LookupError:
                continue
        raise LookupError(f"no experiment of {at} tells {value.source} {' '.join(value.parts)}")


def plain(piece: Any) -> Any:
    """A piece of a lab's sentence as a number or a text."""
    if isinstance(piece, dict):
        return next(iter(piece.values()))
    if isinstance(piece, list):
        inside = list(piece[1].values())
        return plain(inside[0]) if len(inside) == 1 else piece[0].rpartition(".")[2]
    return piece


def of_step(trace: dict[str, Any], name: str, what: str) -> Any:
    step = next(step for step in trace["steps"] if step["name"] == name)
    channels, height, width = step["shape"]
    rows = None if step["rows"] is None else trace["axes"][step["rows"]]
    sizes = {"height": height, "width": width, "channels": channels, "values": channels * height * width}
    if what in sizes:
        return sizes[what]
    if what in ("jump", "start"):
        return rows[what]
    if what in ("field", "misaligned"):
        return step[what][0]
    return step[what] if what in step else step["stats"][what]


def of_run(trace: dict[str, Any], what: str) -> Any:
    if what in ("height", "width"):
        return trace["frames"]["network"][what == "width"]
    if what in ("class", "share"):
        most = max(trace["shares"])
        return most if what == "share" else trace["classes"][trace["shares"].index(most)]["name"]["en"]
    return {"steps": len(trace["steps"]), "seconds": sum(step["ms"] or 0 for step in trace["steps"]) / 1000}.get(
        what, trace.get(what)
    )


def of_fact(facts: dict[str, Any], value: Value) -> Any:
    key, parameter = value.parts
    for slot in facts.values():
        for said, params in slot:
            if said == key and all(str(plain(params[name])) == wanted for name, wanted in value.where):
                return params[parameter]
    raise LookupError(f"no lab said {key} {dict(value.where)}")


def of_table(tables: dict[str, Any], slot: str, row: str, column: str) -> Any:
    table = tables.get(slot)
    if table is None:
        raise LookupError(f"there is no table {slot}")
    index = next(i for i, head in enumerate(table["head"]) if head[0].rpartition(".")[2] == column)
    if row.isdecimal():
        return table["rows"][int(row)]["cells"][index]
    for line in table["rows"]:
        first = line["cells"][0]
        name = first[0].rpartition(".")[2] if isinstance(first, list) else str(first)
        if name == row:
            return line["cells"][index]
    raise LookupError(f"the table {slot} has no row {row}")


def bundled(name: str, language: str = "en") -> Lesson:
    """A lesson that comes with the page."""
    lesson, problems = read(BUNDLED / language / f"{name}.md", language)
    assert lesson is not None, problems
    return lesson


def measured(filler: Filler, lesson: Lesson, number: int, more: str = "") -> tuple[list[Any], list[Any]]:
    """All values of a step, from 0, before and after the answer, in the order of the text; `more` goes to its address.

    The one by which a question is judged is not among them.
    """
    step = lesson.steps[number]

    def found(text: Text, at: str) -> list[Any]:
        pieces = [piece["value"] for part in text for piece in part if isinstance(piece, dict) and "value" in piece]
        return [filler.value(step, lesson.values[index], at + more) for index in pieces]

    return found(step.say, step.at), found(step.then, step.reveal or step.at)


def _within(choice: Choice, value: Any) -> bool:
    low, high = (value if bound is None else bound for bound in (choice.low, choice.high))
    return bool(low <= value <= high)


def answered(filler: Filler, lesson: Lesson, number: int, more: str = "") -> tuple[Any, list[int]]:
    """What decides a step's question, measured once it is answered; and the choices, from 0, that are then right."""
    step = lesson.steps[number]
    assert step.ask
    assert isinstance(step.ask.measured, int)
    value = filler.value(step, lesson.values[step.ask.measured], (step.reveal or step.at) + more)
    right = [
        index
        for index, choice in enumerate(step.ask.choices)
        if (value == choice.word if choice.word else _within(choice, value))
    ]
    return value, right


def said(filler: Filler, lesson: Any, step: Step) -> str:
    """All that a step says, filled, for a person who writes lessons."""

    def pieces(text: list[Any]) -> str:
        parts = []
        for piece in text:
            if isinstance(piece, str):
                parts.append(piece)
            elif "value" in piece:
                at = step.reveal if text in step.then and step.reveal else step.at
                parts.append(f"⟨{filler.value(step, lesson.values[piece['value']], at)}⟩")
            else:
                parts.append(next(iter(piece.values())))
        return "".join(parts)

    lines = [f"## {step.title}   [{step.at}] ring: {' '.join(step.ring)}", *map(pieces, step.say)]
    if step.ask:
        lines += ["? " + pieces(step.ask.text[0])]
        lines += [f"   - ({c.low}..{c.high} {c.word or ''}) {pieces(c.text)}" for c in step.ask.choices]
        if isinstance(step.ask.measured, int):
            lines += [f"   = {filler.value(step, lesson.values[step.ask.measured], step.reveal)}"]
    return "\n".join([*lines, *map(pieces, step.then)])
