"""Values in a lesson's texts: `{step pool4.field}`, `{lab.crop.cut.said:offset}`, `{table crops crop_d3c offset}`.

A value may be set against a second one: `{step relu1_2.macs / step pool1.macs}`.
"""

from __future__ import annotations

import re
from dataclasses import replace

from explorer.lessons.parts import Value

OPERATION = re.compile(r"\s([/*+-])\s")
FACT = re.compile(r"(lab\.[\w.]+)(?:\[([\w=, ]+)\])?:(\w+)")
STEP = re.compile(r"step ([\w]+)\.(\w+)")
PLAIN = re.compile(r"(run|unit)\.(\w+)")
TABLE = re.compile(r"table ([\w.]+) ([\w.]+) ([\w.]+)")


def value(text: str, line: int) -> Value:
    """A placeholder's inside as a value. Raises ValueError with the reason."""
    first, *rest = OPERATION.split(text.strip())
    made = _one(first.strip(), line)
    if not rest:
        return made
    if len(rest) > 2:
        raise ValueError(f"{{{text}}} sets more than two values against each other")
    return replace(made, then=rest[0], other=_one(rest[1].strip(), line))


def _one(text: str, line: int) -> Value:
    if found := STEP.fullmatch(text):
        return Value("step", found.groups(), line=line)
    if found := PLAIN.fullmatch(text):
        return Value(found[1], (found[2],), line=line)
    if found := TABLE.fullmatch(text):
        return Value("table", found.groups(), line=line)
    if found := FACT.fullmatch(text):
        pairs = [pair.strip().split("=") for pair in (found[2] or "").split(",") if pair.strip()]
        if any(len(pair) != 2 for pair in pairs):
            raise ValueError(f"{{{text}}}: in brackets stand pairs NAME=VALUE")
        return Value("fact", (found[1], found[3]), tuple((name, said) for name, said in pairs), line=line)
    raise ValueError(
        f"{{{text}}} names no value: there are {{step NAME.PROPERTY}}, {{run.PROPERTY}}, {{unit.PROPERTY}}, "
        "{KEY:PARAMETER} of a lab's sentence, and {table SLOT ROW COLUMN}"
    )
