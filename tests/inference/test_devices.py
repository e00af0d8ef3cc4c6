"""Devices: their names, which one is taken, what is said when its memory is full."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from explorer import inference
from explorer.errors import ExplorerError
from explorer.inference import pick_device, prepare, trace_and_label
from tests.conftest import VARIANTS
from tests.inference.made import spec_of
from tests.ui.made import FCN, MEAN, STD, noise, random_network


@pytest.mark.parametrize("cuda", [False, True])
@pytest.mark.parametrize("mps", [False, True])
def test_devices_are_those_of_the_machine_the_best_first(monkeypatch, cuda, mps):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
    there = inference.devices()
    assert there == ("cuda",) * cuda + ("mps",) * mps + ("cpu",)
    assert pick_device("auto") == pick_device() == there[0]
    for wish in ("cuda", "mps", "cpu"):
        if wish in there:
            assert pick_device(wish) == wish
            continue
        with pytest.raises(ExplorerError) as caught:
            pick_device(wish)
        assert caught.value.code == "no_device"
        assert caught.value.details == {"device": wish}
        assert wish.upper() in str(caught.value)
        assert "cpu" in str(caught.value)  # what would do instead


@pytest.mark.parametrize("wish", ["", "CUDA", "cuda:7", "tpu", "gpu", "auto ", "meta"])
def test_other_names_are_refused(wish):
    with pytest.raises(ExplorerError) as caught:
        pick_device(wish)
    assert caught.value.code == "no_device"


def test_the_cpu_has_a_name():
    assert "CPU" in inference.device_name("cpu")


def test_one_thread_is_no_plural(monkeypatch: pytest.MonkeyPatch) -> None:
    for threads, name in ((1, "CPU (1 thread)"), (4, "CPU (4 threads)")):
        monkeypatch.setattr(torch, "get_num_threads", lambda n=threads: n)
        assert inference.device_name("cpu") == name


def real_cpu_error() -> Exception:
    try:
        torch.empty(10**15)
    except RuntimeError as error:
        return error
    raise AssertionError("a petabyte was there")


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
        RuntimeError("MPS backend out of memory (MPS allocated: 8.88 GB)"),
        MemoryError(),
        real_cpu_error(),
    ],
    ids=["cuda", "mps", "python", "cpu"],
)
def test_out_of_memory_is_said(monkeypatch, error):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr(inference.run, "trace", fail)
    with pytest.raises(ExplorerError) as caught:
        trace_and_label(random_network(FCN), prepare(noise(20, 20), FCN, 20), MEAN, STD)
    assert caught.value.code == "out_of_memory"
    assert caught.value.__cause__ is error
    assert "smaller working size" in str(caught.value)


@pytest.mark.parametrize("error", [RuntimeError("mat1 and mat2 shapes cannot be multiplied"), ValueError("x")])
def test_other_errors_are_not_taken_for_it(monkeypatch, error):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr(inference.run, "trace", fail)
    with pytest.raises(type(error), match=str(error)) as caught:
        trace_and_label(random_network(FCN), prepare(noise(20, 20), FCN, 20), MEAN, STD)
    assert caught.value is error


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize(("model", "padding"), VARIANTS)
def test_cuda_agrees_with_the_cpu(model, padding):
    spec = spec_of(model, padding)
    module, prepared = random_network(spec), prepare(noise(90, 120), spec, 120)
    cpu, gpu = (trace_and_label(module, prepared, MEAN, STD, device) for device in ("cpu", "cuda"))
    module.cpu()
    assert gpu.device == "cuda"
    np.testing.assert_allclose(gpu.confidence, cpu.confidence, atol=5e-3)  # TF32 in cuDNN's convolutions
    assert (gpu.labels == cpu.labels).mean() > 0.99
