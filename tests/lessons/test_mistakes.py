"""What is wrong with a lesson is named by file, line and reason; nothing in a lesson is ever run."""

from __future__ import annotations

import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from explorer.lessons import Known, check
from explorer.ui import lessons

GOOD = """---
title: A crop
summary: Where it cuts.
minutes: 5
---

## The maps
at: model=unet&padding=valid&image=pagoda.jpg&step=crop_d0c
ring: maps

The kept map has {step relu_d0c.height} rows. **Bold**, *italics*, `a name`.

## The table
at: view=labs&lab=crop&model=unet
ring: table crops

The table says where.

::: ask choice
How far from the middle?
- [0] not at all
- [1..] some rows
measured: {table crops crop_d0c offset - table crops crop_d0c centre}
:::

It begins at {lab.crop.cut.said:offset}.
"""


@cache
def what_is_known() -> Known:
    return lessons.known(["unet-everyday"], lessons.example_files())


@pytest.fixture(scope="session")
def known() -> Known:
    return what_is_known()


def written(folder: Path, en: str, ko: str | None = "") -> Path:
    """A folder with one lesson; `ko` "" is as in English, None not there."""
    for language, text in (("en", en), ("ko", en if ko == "" else ko)):
        if text is not None:
            (folder / language).mkdir(exist_ok=True)
            (folder / language / "one.md").write_text(text, "utf-8")
    return folder


def test_a_good_lesson_has_no_mistakes(tmp_path, known):
    found, problems = check(written(tmp_path, GOOD), known)
    assert problems == []
    lesson = found["one"]["ko"]
    assert [step.title for step in lesson.steps] == ["The maps", "The table"]
    assert lesson.steps[1].ask.choices[1].low == 1
    assert [value.source for value in lesson.values] == ["step", "table", "fact"]
    said = lesson.steps[0].say[0]
    assert [piece for piece in said if isinstance(piece, dict)] == [
        {"value": 0},
        {"b": "Bold"},
        {"i": "italics"},
        {"code": "a name"},
    ]


MISTAKES = {  # what is changed, into what; the line that is named; a word of the reason
    "no step of that name": ("step=crop_d0c", "step=crop_d9", 7, "crop_d9"),
    "no view": ("view=labs", "view=maps", 13, "no view 'maps'"),
    "no lab": ("lab=crop", "lab=cut", 13, "no lab 'cut'"),
    "no setting": ("lab=crop&", "lab=crop&lab.depth=3&", 13, "no setting 'depth'"),
    "no such value": ("lab=crop&", "lab=crop&lab.height=tall&", 13, "height"),
    "no network": ("model=unet&padding", "model=vnet&padding", 7, "no model 'vnet'"),
    "no image": ("pagoda.jpg", "tower.jpg", 7, "no image 'tower.jpg'"),
    "no word of an address": ("image=", "picture=", 7, "no 'picture'"),
    "no kind of place": ("ring: maps", "ring: arrow", 7, "no 'arrow'"),
    "no slot": ("ring: table crops", "ring: table cuts", 13, "no table 'cuts'"),
    "no property": ("relu_d0c.height", "relu_d0c.tallness", 11, "no 'tallness'"),
    "no step in a value": ("{step relu_d0c", "{step relu_x", 11, "no step 'relu_x'"),
    "no sentence": ("lab.crop.cut.said:offset", "lab.crop.cut.sung:offset", 26, "lab.crop.cut.sung"),
    "nothing in a sentence": ("cut.said:offset", "cut.said:depth", 26, "no 'depth'"),
    "no value": ("{step relu_d0c.height}", "{height}", 11, "names no value"),
    "unclosed question": ("}\n:::\n", "}\n", 19, "not closed"),
    "two questions": ("}\n:::\n", "}\n:::\n::: ask choice\n:::\n", 25, "one question"),
    "nothing measured": ("measured: {", "weighed: {", 19, "measured"),
    "no kind of question": ("ask choice", "ask riddle", 19, "ask KIND"),
    "a choice without a range": ("- [0] not", "- not", 21, "RANGE"),
    "one choice": ("- [1..] some rows\n", "", 19, "two answers"),
    "an experiment that is not there": ("ring: table crops", "ring: table crops\nrun: magic", 13, "magic"),
    "no address": ("at: view=labs&lab=crop&model=unet\n", "", 13, "at: ADDRESS"),
    "HTML": ("The table says", "The <b>table</b> says", 17, "HTML"),
    "a script": ("The table says", "<script>alert(1)</script> says", 17, "HTML"),
    "an entity": ("The table says", "&lt;script says", 17, "HTML"),
    "a link": ("The table says", "[The table](http://a.b) says", 17, "links"),
    "HTML in the title": ("title: A crop", "title: A <img src=x onerror=alert(1)> crop", 2, "HTML"),
    "HTML in a choice": ("some rows", "some <i>rows</i>", 22, "HTML"),
    "unclosed bold": ("**Bold**", "**Bold", 11, "not closed"),
    "no title": ("title: A crop\n", "", 1, "lacks title"),
    "no minutes": ("minutes: 5", "minutes: five", 4, "minutes"),
    "no front matter": ("---\ntitle", "title", 1, "front matter"),
    "too long a text": ("The table says where.", "One. Two. Three. Four.", 16, "at most 3 sentences"),
    "another heading": ("## The table", "### The table", 13, "## TITLE"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_named_by_file_line_and_reason(tmp_path, known, mistake):
    before, after, line, word = MISTAKES[mistake]
    assert GOOD.count(before) >= 1
    found, problems = check(written(tmp_path, GOOD.replace(before, after, 1), GOOD), known)
    assert found == {}
    assert any(p.file == "en/one.md" and p.line == line and word in p.reason for p in problems), [*map(str, problems)]


def test_a_missing_language_is_named_unless_it_is_meant(tmp_path, known):
    found, problems = check(written(tmp_path, GOOD, None), known)
    assert (found, [p.file for p in problems]) == ({}, ["ko/one.md"])
    found, problems = check(written(tmp_path, GOOD.replace("minutes: 5", "minutes: 5\nonly: en"), None), known)
    assert problems == []
    assert list(found) == ["one"]


@pytest.mark.parametrize(
    ("before", "after"),
    [("ring: table crops\n", ""), ("step=crop_d0c", "step=relu_d0c"), ("- [1..] some rows\n", "- [1..] a\n- [9] b\n")],
)
def test_the_languages_lead_to_the_same_places(tmp_path, known, before, after):
    found, problems = check(written(tmp_path, GOOD, GOOD.replace(before, after)), known)
    assert found == {}
    assert [p.file for p in problems] == ["ko/one.md"]


@pytest.mark.parametrize("raw", [b"x" * 2**20, b"\xff\xfe\x00bad", b""], ids=["a megabyte", "no text", "empty"])
def test_a_file_that_is_no_lesson_is_refused(tmp_path, known, raw):
    written(tmp_path, GOOD)
    (tmp_path / "en" / "one.md").write_bytes(raw)
    found, problems = check(tmp_path, known)
    assert found == {}
    assert {p.file for p in problems} == {"en/one.md"}


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_is_cut_out_or_put_in_raises_nothing(tmp_path, data):
    known = what_is_known()
    a, b = sorted(data.draw(st.tuples(*[st.integers(0, len(GOOD))] * 2)))
    put = "".join(
        data.draw(st.lists(st.sampled_from([*":-[]{}*`#\n.<&=| ", "::: ask", "---", "at:", "가"]), max_size=9))
    )
    text = GOOD[:a] + put + GOOD[b:]
    found, problems = check(written(tmp_path, text, text), known)
    assert bool(found) != bool(problems)
    assert all(0 <= p.line <= text.count("\n") + 1 and p.reason for p in problems)


def test_the_command_names_mistakes_and_fails(tmp_path):
    written(tmp_path, GOOD.replace("lab=crop", "lab=cut"))
    command = [sys.executable, "-m", "explorer", "lessons", "check", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("error: en/one.md:13: there is no lab 'cut'")
    assert "Traceback" not in done.stderr
