"""Weights saved into a folder of the test's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from explorer import weights
from explorer.cards import Card
from tests.weights.made import FCN8S, UNET, card_of, network


@pytest.fixture(params=[FCN8S, UNET], ids=["fcn8s", "unet"])
def saved(request: pytest.FixtureRequest, tmp_path: Path) -> Card:
    return weights.save(tmp_path / "mine.safetensors", network(request.param), card_of(request.param))


@pytest.fixture
def fcn8s(tmp_path: Path) -> Card:
    return weights.save(tmp_path / "mine.safetensors", network(FCN8S), card_of(FCN8S))
