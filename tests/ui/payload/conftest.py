"""One run of each case, shared by all tests of this folder."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from tests.ui.payload.made import CASES, made


@pytest.fixture(scope="session")
def payloads():
    made_already: dict[str, SimpleNamespace] = {}

    def get(case: str) -> SimpleNamespace:
        if case not in made_already:
            made_already[case] = made(*CASES[case])
        return made_already[case]

    return get


@pytest.fixture(params=CASES)
def case(request, payloads):
    return payloads(request.param)
