"""Lessons: Markdown files that lead a person through the page, and what reads and checks them. `docs/lessons.md` has
the format; `known.Known` is what the page tells of itself, so that a check needs no page.
"""

from explorer.lessons.check import check
from explorer.lessons.known import Known, LabKnown
from explorer.lessons.parse import read
from explorer.lessons.parts import Ask, Choice, Lesson, Problem, Step, Value

__all__ = ["Ask", "Choice", "Known", "LabKnown", "Lesson", "Problem", "Step", "Value", "check", "read"]
