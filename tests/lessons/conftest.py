"""One workbench for all lessons: what a step has measured, another one finds."""

from __future__ import annotations

import pytest

from explorer.ui.session import Workbench
from tests.lessons.filling import Filler


@pytest.fixture(scope="session")
def filler():
    return Filler(Workbench())
