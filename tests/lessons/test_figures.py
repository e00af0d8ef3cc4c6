"""No figure is typed into a bundled lesson: what is measured is a value, and digits belong to names alone."""

from __future__ import annotations

import re

import pytest

from explorer.lessons import check, read
from explorer.ui import lessons

NAMES = re.compile(r"FCN-\d+s|VGG-?16|\d+ ?[×x] ?\d+|(?:pool|conv|fc)\d\w*|\b20\d\d\b|10억|\d+분의 \d")
FILES = sorted(lessons.BUNDLED.glob("*/*.md"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_no_figure_is_typed_in(path):
    lesson, problems = read(path, path.parent.name)
    assert problems == []
    assert 5 <= len(lesson.steps) <= 9
    for step in lesson.steps:
        texts = [*step.say, *step.then]
        texts += [] if step.ask is None else [*step.ask.text, *(choice.text for choice in step.ask.choices)]
        plain = [piece for text in texts for piece in text if isinstance(piece, str)]
        assert not re.search(r"\d", NAMES.sub("", " ".join([step.title, *plain]))), step.title


def test_the_bundled_lessons_are_eight_in_both_languages_without_a_mistake():
    from explorer.cards import with_snapshots

    known = lessons.known([card.name for card in with_snapshots()], lessons.example_files())
    found, problems = check(lessons.BUNDLED, known)
    assert problems == []
    assert [set(spoken) for spoken in found.values()] == [{"en", "ko"}] * 8
