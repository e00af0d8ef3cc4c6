"""Workbenches on small checkpoints of random weights."""

from __future__ import annotations

import pytest

from explorer.ui.session import Workbench
from tests.ui.made import encoded, fill, noise


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory):
    return fill(tmp_path_factory.mktemp("checkpoints"))


@pytest.fixture(scope="module")
def bench(checkpoints):
    return Workbench(checkpoints)


@pytest.fixture
def segmenter(bench):
    return bench.segmenter


@pytest.fixture
def fresh(checkpoints):
    """A workbench of one's own, for tests that count."""
    return Workbench(checkpoints)


@pytest.fixture
def secret(tmp_path):
    path = tmp_path / "secret.png"
    path.write_bytes(encoded(noise(50, 50)))
    return path
