"""Questions of a lesson:

::: ask choice
How far apart do the units stand?
- [0] not at all
- [1..10] a few pixels
- [10..] farther
measured: {lab.crop.cut.off:down}
:::
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from explorer.lessons.parts import Ask, Choice
from explorer.lessons.values import value

if TYPE_CHECKING:
    from explorer.lessons.parse import Numbered, Reading

KINDS = ("choice", "number", "place")
PLACES = ("field", "crop")
CHOICE = re.compile(r"- \[([^\]]*)\]\s+(.+)")
NUMBER = r"-?\d+(?:\.\d+)?"
RANGE = re.compile(rf"({NUMBER})?\.\.({NUMBER})?")


def ask_of(reading: Reading, line: int, lines: Numbered) -> Ask | None:
    """The question between two lines ':::', of which `lines` has the first."""
    kind = lines[0][1].removeprefix(":::").strip().removeprefix("ask").strip()
    if kind not in KINDS or not lines[0][1].removeprefix(":::").strip().startswith("ask"):
        reading.wrong(line, f"a question begins with '::: ask KIND', KIND being {', '.join(KINDS)}")
        return None
    text, choices, fields = [], [], {}
    for number, raw in lines[1:]:
        stripped = raw.strip()
        if raw.startswith("- "):
            choices += _choice(reading, number, stripped)
        elif found := re.fullmatch(r"(measured|unit):\s*(.*)", stripped):
            fields[found[1]] = found[2], number
        elif stripped:
            text.append((number, stripped))
    if not text:
        reading.wrong(line, "the question has no text")
    if kind == "choice" and len(choices) < 2:
        reading.wrong(line, "a choice has at least two answers, lines '- [RANGE] text'")
    if kind != "choice" and choices:
        reading.wrong(line, f"answers to choose among belong to 'ask choice', not to 'ask {kind}'")
    said = [reading.pieces(" ".join(part for _, part in text), line)]
    return Ask(kind, said, choices, _measured(reading, kind, fields, line), fields.get("unit", ("", 0))[0], line)


def _measured(reading: Reading, kind: str, fields: dict[str, tuple[str, int]], line: int) -> int | str:
    if "measured" not in fields:
        reading.wrong(line, "the question lacks 'measured: {VALUE}', by which its answer is judged")
        return 0
    text, number = fields["measured"]
    if kind == "place":
        if text not in PLACES:
            reading.wrong(number, f"what is measured of a place is {' or '.join(PLACES)}, not {text!r}")
        return text
    if not re.fullmatch(r"\{[^{}]*\}", text):
        reading.wrong(number, f"measured: is one {{VALUE}}, not {text!r:.60}")
        return 0
    try:
        reading.values.append(value(text[1:-1], number))
    except ValueError as error:
        reading.wrong(number, str(error))
    return len(reading.values) - 1


def _choice(reading: Reading, number: int, line: str) -> list[Choice]:
    found = CHOICE.fullmatch(line)
    if not found:
        reading.wrong(number, "an answer is '- [RANGE] text': a number, LOW..HIGH, LOW.., ..HIGH or a word")
        return []
    pieces, when = reading.pieces(found[2], number), found[1].strip()
    if bounds := RANGE.fullmatch(when):
        low, high = (None if text is None else float(text) for text in bounds.groups())
        if low is None and high is None:
            reading.wrong(number, "'..' has no bound")
        return [Choice(pieces, low, high)]
    if re.fullmatch(NUMBER, when):
        return [Choice(pieces, float(when), float(when))]
    if not when:
        reading.wrong(number, "the brackets say when this is the answer: a number, LOW..HIGH, LOW.., ..HIGH or a word")
    return [Choice(pieces, word=when)]
