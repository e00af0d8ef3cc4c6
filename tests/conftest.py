"""Thin networks shared by the tests: the paper's layers, a few channels each, random weights."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import cache

import pytest
import torch
from torch import nn

from explorer.models import MODELS, ModelSpec, build

if os.environ.get("PYTEST_XDIST_WORKER"):  # as many processes as cores: threads would only wait for each other
    torch.set_num_threads(1)
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # of what the tests start: the app, its commands

VARIANTS = [(model, padding) for model, entry in MODELS.items() for padding in entry.paddings]


def randomise(network: nn.Module, seed: int = 0) -> nn.Module:
    """Random biases, and random score layers (FCN's are zero at first); the other weights are random already."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if name.endswith("bias"):
                parameter.normal_(std=0.1, generator=generator)
            elif name.startswith("score"):
                parameter.normal_(std=parameter[0].numel() ** -0.5, generator=generator)
    return network


def thin_spec(model: str, padding: str) -> ModelSpec:
    width = 1 / 32 if model == "unet" else 1 / 64
    return ModelSpec(model, padding, width=width, fc_channels=8, in_channels=3, classes=4)


@cache
def _thin(model: str, padding: str) -> nn.Module:
    torch.manual_seed(0)
    return randomise(build(thin_spec(model, padding)))


@pytest.fixture(scope="session")
def thin() -> Callable[[str, str], nn.Module]:
    """thin(model, padding): one shared network of every kind, in eval mode. Do not change its weights."""
    return _thin


@pytest.fixture(params=VARIANTS, ids=lambda variant: "-".join(variant))
def network(request: pytest.FixtureRequest) -> nn.Module:
    """Each network in both paddings in turn, thin; shared, so do not change its weights."""
    return _thin(*request.param)


@pytest.fixture
def one_thread() -> Iterator[None]:
    """For many small operations: threads would mostly wait for each other on a busy machine."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
