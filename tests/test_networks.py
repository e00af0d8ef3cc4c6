"""A shared network stays where it is. torch's meta device, which computes shapes alone, stands for a graphics card."""

from __future__ import annotations

import copy
import gc
import threading
import weakref
from itertools import permutations

import numpy as np
import pytest
import torch
from torch import nn

from explorer import api, inference
from explorer.inference import networks, on_device
from explorer.models import ModelSpec, build
from tests.conftest import randomise

SPEC = ModelSpec("fcn8s", "same", 1 / 64, 8, 3, 4)


@pytest.fixture
def module() -> nn.Module:
    return randomise(build(SPEC))


def places(module: nn.Module) -> set[str]:
    return {tensor.device.type for tensor in module.state_dict().values()}


@pytest.mark.parametrize("order", [*permutations(("cpu", "meta", "cpu", "meta"))][::5], ids="-".join)
def test_one_copy_per_device_in_any_order(module: nn.Module, order: tuple[str, ...]) -> None:
    before = copy.deepcopy(module.state_dict())
    got = [on_device(module, device) for device in order]
    assert [places(one) for one in got] == [{device} for device in order]
    assert len({id(one) for one in got}) == 2
    assert got[order.index("cpu")] is module
    assert places(module) == {"cpu"}
    assert all(torch.equal(tensor, before[name]) for name, tensor in module.state_dict().items())


def test_two_threads_get_one_copy(module: nn.Module, monkeypatch: pytest.MonkeyPatch) -> None:
    made, got, real, gate = [], [], copy.deepcopy, threading.Barrier(2)

    def slow(one: nn.Module) -> nn.Module:
        made.append(one)
        threading.Event().wait(0.2)  # the other thread asks meanwhile
        return real(one)

    def ask() -> None:
        gate.wait()
        got.append(on_device(module, "meta"))

    monkeypatch.setattr(networks.copy, "deepcopy", slow)
    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert made == [module]
    assert got[0] is got[1]


def test_a_copy_goes_with_its_network() -> None:
    module = build(SPEC)
    there = weakref.ref(on_device(module, "meta"))
    gc.collect()
    assert there() is not None
    del module
    gc.collect()
    assert there() is None


def test_a_copy_that_is_first_asked_for_inside_inference_mode_serves_gradients(module: nn.Module) -> None:
    with torch.inference_mode():
        there = on_device(module, "meta")
    assert not any(parameter.is_inference() for parameter in there.parameters())


def test_a_trace_on_another_device_leaves_the_network_for_the_next_one(
    module: nn.Module, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = api.network("fcn8s")
    monkeypatch.setattr(api, "network", lambda *_: loaded)
    monkeypatch.setattr(inference, "pick_device", lambda device: device)
    pixels = np.zeros((40, 50, 3), np.uint8)
    before = api.trace(pixels, device="cpu").final
    assert api.trace(pixels, device="meta").device == "meta"
    assert places(loaded.module) == {"cpu"}
    assert torch.equal(api.trace(pixels, device="cpu").final, before)
