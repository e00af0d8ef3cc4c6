"""From a file's lines to a lesson. Every mistake is a `Problem`; a file with one gives no lesson."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from explorer.lessons import words
from explorer.lessons.asks import ask_of
from explorer.lessons.parts import Ask, Lesson, Piece, Problem, Step, Text, Value

MOST_BYTES = 64 * 1024  # of a file
MOST_STEPS = 20
HEAD = ("title", "summary", "minutes", "only")
LINES = ("at", "reveal", "ring", "run")  # of a step
FIELD = re.compile(r"(\w+):\s*(.*)")


@dataclass
class Reading:
    """One file on its way to a lesson."""

    file: str
    problems: list[Problem] = field(default_factory=list)
    values: list[Value] = field(default_factory=list)

    def wrong(self, line: int, reason: str) -> None:
        self.problems.append(Problem(self.file, line, reason))

    def pieces(self, text: str, line: int) -> list[Piece]:
        try:
            return words.pieces(text, line, self.values)
        except ValueError as error:
            self.wrong(line, str(error))
            return []


def read(path: Path, language: str) -> tuple[Lesson | None, list[Problem]]:
    """The lesson in a file, or None, and what is wrong with it."""
    reading = Reading(f"{language}/{path.name}")
    try:
        if path.stat().st_size > MOST_BYTES:
            reading.wrong(
                0, f"a lesson has at most {MOST_BYTES // 1024} KiB; this file has {path.stat().st_size} bytes"
            )
            return None, reading.problems
        lines = path.read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reading.wrong(0, f"the file cannot be read as text in UTF-8 ({type(error).__name__})")
        return None, reading.problems
    lesson = _lesson(reading, path.stem, language, lines)
    return (None if reading.problems else lesson), reading.problems


def _lesson(reading: Reading, key: str, language: str, lines: list[str]) -> Lesson:
    head, first = _head(reading, lines)
    steps = [_step(reading, *part) for part in _parts(reading, lines, first)]
    if not 1 <= len(steps) <= MOST_STEPS:
        reading.wrong(
            0, f"a lesson has 1 to {MOST_STEPS} steps, each under a line '## TITLE'; this one has {len(steps)}"
        )
    minutes = head.get("minutes", ("0", 0))
    if not re.fullmatch(r"[1-9]\d?", minutes[0]):
        reading.wrong(minutes[1], f"minutes: is a number from 1 to 99, not {minutes[0]!r}")
        minutes = ("1", 0)
    title, summary, only = (head.get(name, ("", 0))[0] for name in ("title", "summary", "only"))
    return Lesson(key, language, title, summary, int(minutes[0]), steps, reading.values, only)


def _head(reading: Reading, lines: list[str]) -> tuple[dict[str, tuple[str, int]], int]:
    """The front matter, name -> (text, line), and the index of the line behind it."""
    if not lines or lines[0].strip() != "---":
        reading.wrong(1, "a lesson begins with its front matter: a line '---', then title:, summary: and minutes:")
        return {}, 0
    head: dict[str, tuple[str, int]] = {}
    for i, line in enumerate(lines[1:], 1):
        if line.strip() == "---":
            for name in ("title", "summary", "minutes"):
                if name not in head:
                    reading.wrong(1, f"the front matter lacks {name}:")
            return head, i + 1
        found = FIELD.fullmatch(line.strip())
        if not found or found[1] not in HEAD:
            reading.wrong(
                i + 1, f"the front matter has lines 'NAME: text' with {', '.join(HEAD)}, not {line.strip()!r:.60}"
            )
        else:
            reading.pieces(found[2], i + 1)  # no HTML here either
            head[found[1]] = found[2], i + 1
    reading.wrong(1, "the front matter is not closed: a line '---' is missing")
    return head, len(lines)


def _parts(reading: Reading, lines: list[str], first: int) -> list[tuple[str, int, list[tuple[int, str]]]]:
    """Steps: title, its line, and the numbered lines below it."""
    parts: list[tuple[str, int, list[tuple[int, str]]]] = []
    for number, line in enumerate(lines[first:], first + 1):
        if line.startswith("## "):
            parts.append((line[3:].strip(), number, []))
        elif line.startswith("#"):
            reading.wrong(number, "a step begins with '## TITLE'; there are no other headings")
        elif parts:
            parts[-1][2].append((number, line.rstrip()))
        elif line.strip():
            reading.wrong(number, "text stands before the first step: a step begins with '## TITLE'")
    return parts


def _step(reading: Reading, title: str, line: int, lines: list[tuple[int, str]]) -> Step:
    reading.pieces(title, line)
    fields: dict[str, str] = {}
    while lines and (found := FIELD.fullmatch(lines[0][1])) and found[1] in LINES:
        fields[found[1]] = found[2].strip()
        lines = lines[1:]
    if "at" not in fields:
        reading.wrong(line, "the step lacks its line 'at: ADDRESS' right below its title")
    before, inside, after, ask_line = _fenced(reading, lines)
    ask: Ask | None = ask_of(reading, ask_line, inside) if ask_line else None
    say, then = _paragraphs(reading, before), _paragraphs(reading, after)
    if not say:
        reading.wrong(line, "the step says nothing")
    ring = tuple(fields.get("ring", "").split())
    at, reveal = (fields.get(name, "").lstrip("?") for name in ("at", "reveal"))
    return Step(title, at, reveal, ring, fields.get("run", ""), say, ask, then, line)


Numbered = list[tuple[int, str]]


def _fenced(reading: Reading, lines: Numbered) -> tuple[Numbered, Numbered, Numbered, int]:
    """The lines before, within (with its first line) and behind the question; and the question's line, or 0."""
    marks = [i for i, (_, line) in enumerate(lines) if line.startswith(":::")]
    if not marks:
        return lines, [], [], 0
    first = marks[0]
    number = lines[first][0]
    if len(marks) == 1:
        reading.wrong(number, "the question is not closed: a line ':::' is missing")
        return lines[:first], lines[first:], [], number
    if len(marks) > 2:
        reading.wrong(lines[marks[2]][0], "a step asks one question")
    return lines[:first], lines[first : marks[1]], lines[marks[1] + 1 :], number


def _paragraphs(reading: Reading, lines: Numbered) -> Text:
    made: Text = []
    for number, text in joined(lines):
        if FIELD.fullmatch(text) and text.split(":")[0] in LINES:
            reading.wrong(number, f"{text.split(':')[0]}: belongs right below the title")
        made.append(reading.pieces(text, number))
    count = sum(words.sentences(text) for _, text in joined(lines))
    if count > words.MOST_SENTENCES:
        reading.wrong(lines[0][0], f"a step says at most {words.MOST_SENTENCES} sentences at once; here are {count}")
    return made


def joined(lines: Numbered) -> Numbered:
    """Paragraphs: what empty lines part, each with the number of its first line."""
    made: Numbered = []
    is_open = False
    for number, line in lines:
        if not line.strip():
            is_open = False
        elif is_open:
            made[-1] = (made[-1][0], f"{made[-1][1]} {line.strip()}")
        else:
            made.append((number, line.strip()))
            is_open = True
    return made
