"""What a lesson consists of: plain data, as the page gets it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

# A piece of a text: plain words, {"b": words} in bold, {"i": words} in italics, {"code": a name}, or {"value": number
# of the value in the lesson's list}: what was measured takes its place.
Piece = str | dict[str, Any]
Text = list[list[Piece]]  # paragraphs


@dataclass(frozen=True)
class Problem:
    """A mistake in a file; `line` counts from 1, 0 is the file as a whole."""

    file: str
    line: int
    reason: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.reason}" if self.line else f"{self.file}: {self.reason}"


@dataclass(frozen=True)
class Value:
    """A number or name that is measured when the page shows it.

    source   "step" (of a run: name, property), "run" (property), "unit" (property), "fact" (key, parameter, and what
             else the sentence must say: pairs) or "table" (slot, row, column)
    parts    what names it there
    where    pairs that a fact must have
    then     "", or an operation with another value: "/", "*", "-" or "+"
    """

    source: str
    parts: tuple[str, ...]
    where: tuple[tuple[str, str], ...] = ()
    then: str = ""
    other: Value | None = None
    line: int = 0


@dataclass(frozen=True)
class Choice:
    """One answer; it is the measured one if the value lies within low..high (None: no bound), or is the word `word`."""

    text: list[Piece]
    low: float | None = None
    high: float | None = None
    word: str | None = None


@dataclass(frozen=True)
class Ask:
    """A question before what is measured is shown. kind: "choice", "number" (`unit` behind it) or "place" (on the
    picture; `measured` is then "field", of the unit held, or "crop", the region that is kept)."""

    kind: str
    text: Text
    choices: list[Choice]
    measured: int | str
    unit: str
    line: int


@dataclass(frozen=True)
class Step:
    """at, reveal  addresses of the page (their queries), before and after the answer; reveal "" stays
    ring   what is pointed at: a kind of place and its name, or empty
    run    an experiment of the lab that is asked for once the rest is shown, or ""
    say, then  texts before and after the answer; without a question all is in `say`
    """

    title: str
    at: str
    reveal: str
    ring: tuple[str, ...]
    run: str
    say: Text
    ask: Ask | None
    then: Text
    line: int


@dataclass(frozen=True)
class Lesson:
    """`key` is the file's name without its ending; `only` that it is written in one language on purpose."""

    key: str
    language: str
    title: str
    summary: str
    minutes: int
    steps: list[Step]
    values: list[Value] = field(default_factory=list)
    only: str = ""
