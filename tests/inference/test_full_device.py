"""A device whose memory or numbers do not suffice: the run is finished otherwise, and says so."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch

from explorer import inference
from explorer.errors import ExplorerError
from explorer.inference import Outputs, Plan, RunOptions, label, plan, trace_and_label
from explorer.inference.label import _Run
from explorer.operations.windows import Sliding
from tests.inference.made import MEAN, STD, canvas_of, network, picture, run, untiled


def failing(after: int, times: int):
    """A window of a step that finds the memory full, `times` times after `after` calls."""
    real, calls = Sliding.padded, [0]

    def window(*args, **more):
        calls[0] += 1
        if after < calls[0] <= after + times:
            raise RuntimeError("[enforce fail at alloc_cpu.cpp:114] DefaultCPUAllocator: can't allocate memory")
        return real(*args, **more)

    return window


def test_a_full_device_gets_smaller_tiles_and_nothing_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    spec, module = network("unet", "same")
    pixels = picture(200, 333)
    whole = untiled(spec, module, pixels)
    monkeypatch.setattr(Sliding, "padded", failing(25, 3))
    done = run(spec, module, pixels, RunOptions("cpu", way="tiles", side=160))
    assert [remark.code for remark in done.remarks] == ["smaller_tiles"]
    assert len(done.tiles) > 6
    np.testing.assert_allclose(done.outputs.scores, whole, rtol=0, atol=1e-4)
    covered = np.zeros(pixels.shape[:2], int)
    for tile in done.tiles:
        covered[slice(*tile.output.rows), slice(*tile.output.cols)] += 1
    assert (covered == 1).all()


def test_a_device_that_never_has_room_hands_the_rest_to_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """`cpu:0` stands for a device of its own: torch takes it for the CPU, the run for another one than "cpu".

    The network was looked into before, on a device that stands for a graphics card, and is on the CPU all the same.
    """
    spec, module = network("unet", "same")
    pixels = picture(150, 260)
    with pytest.raises(NotImplementedError):  # it has no values to give back
        trace_and_label(module, inference.prepare(pixels, spec, 260), MEAN, STD, "meta")
    whole = untiled(spec, module, pixels)
    devices, calls = [], [0]
    move, window = _Run._move, Sliding.padded

    def moved(self: _Run, device: str, precision: str) -> None:
        devices.append(device)
        move(self, device, precision)

    def full(*args, **more):
        calls[0] += 1
        if devices[-1] != "cpu" and calls[0] > 25:  # after the first tile
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return window(*args, **more)

    monkeypatch.setattr(_Run, "_move", moved)
    monkeypatch.setattr(Sliding, "padded", full)
    made = plan(spec, pixels.shape[:2], RunOptions("cpu", way="tiles", side=130))
    outputs = Outputs.in_memory(pixels.shape[:2], spec.classes, scores=True)
    done = label(module, canvas_of(spec, pixels), Plan(**{**vars(made), "device": "cpu:0"}), outputs)
    assert devices == ["cpu:0", "cpu"]
    assert done.device == "cpu"
    assert [(r.code, r.details["device"]) for r in done.remarks] == [
        ("smaller_tiles", "cpu:0"), ("moved_to_cpu", "cpu:0")
    ]  # fmt: skip
    np.testing.assert_allclose(outputs.scores, whole, rtol=0, atol=1e-4)
    assert (outputs.labels == whole.argmax(0)).mean() > 0.9999


def test_numbers_too_large_for_float16_are_computed_in_float32() -> None:
    spec, module = network("unet", "same")
    module = copy.deepcopy(module)
    with torch.no_grad():
        module.get_parameter(next(name for name, p in module.named_parameters() if p.ndim == 4)).mul_(1e6)
    pixels = picture(96, 112)
    made = plan(spec, pixels.shape[:2], RunOptions("cpu"))
    found = []
    for precision in ("float16", "float32"):
        outputs = Outputs.in_memory(pixels.shape[:2], spec.classes, scores=True)
        done = label(module, canvas_of(spec, pixels), Plan(**{**vars(made), "precision": precision}), outputs)
        found.append((outputs.scores, [remark.code for remark in done.remarks]))
        assert done.precision == "float32"  # that of the end is told
    assert [codes for _, codes in found] == [["not_finite"], []]
    np.testing.assert_array_equal(found[0][0], found[1][0])


def test_memory_that_never_suffices_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    spec, module = network("unet", "same")
    monkeypatch.setattr(Sliding, "padded", failing(0, 10**9))
    with pytest.raises(ExplorerError) as caught:
        run(spec, module, picture(100, 100), RunOptions("cpu"))
    assert caught.value.code == "out_of_memory"


def test_other_errors_are_not_taken_for_a_full_device(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args, **more):
        raise RuntimeError("something else")

    spec, module = network("unet", "same")
    monkeypatch.setattr(Sliding, "padded", broken)
    with pytest.raises(RuntimeError, match="something else"):
        run(spec, module, picture(50, 50), RunOptions("cpu"))
