"""trace(): equal to the module, complete, exact in its counts, and safe when stopped, failing or shared."""

from __future__ import annotations

import gc
import threading
import weakref

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from explorer.geometry import LegalSizes
from explorer.graph import graph_of
from explorer.models import MODELS, ModelSpec, SizeError, build
from explorer.operations import operation_of
from explorer.operations.layers import Add, Concat, Crop, Input
from explorer.trace import CancelledError, Trace, trace

pytestmark = pytest.mark.usefixtures("one_thread")


def image_for(network: nn.Module, batch: int = 1, seed: int = 0) -> torch.Tensor:
    """A small legal, non-square input."""
    sizes: LegalSizes = network.input.sizes
    height = sizes.at_least(9)
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(batch, 3, height, height + 16, generator=generator)


@torch.inference_mode()
def plainly(network: nn.Module, image: torch.Tensor) -> torch.Tensor:
    return network(image)


def hooked(network: nn.Module) -> list[str]:
    return [name for name, m in network.named_modules() if m._forward_hooks or m._forward_pre_hooks]


def test_the_last_step_is_exactly_what_the_module_returns(network):
    image = image_for(network, batch=2)
    run = trace(network, image)
    expected = plainly(network, image)
    assert torch.equal(run.output.value, expected)
    assert torch.equal(run.final, expected)
    assert run.output.shape == tuple(expected.shape)
    assert run.device == "cpu"
    assert expected.std() > 0


def test_every_leaf_is_one_step_and_the_steps_are_the_graph(network):
    run = trace(network, image_for(network))
    leaves = {name: m for name, m in network.named_modules() if not list(m.children())}
    assert {step.name for step in run.steps} == set(leaves)
    seen: set[str] = set()
    for step in run.steps:
        module = leaves[step.name]
        assert run[step.name] is step
        assert step.operation == operation_of(module).kind
        assert set(step.inputs) <= seen  # in order of computation
        assert len(step.inputs) == (
            0 if isinstance(module, Input) else 2 if isinstance(module, Add | Concat | Crop) else 1
        )
        seen.add(step.name)
    read = {name for step in run.steps for name in step.inputs}
    assert seen - read == {run.output.name}  # nothing is computed in vain


def test_replaying_the_graph_step_by_step_gives_the_same_values(network):
    """The inputs of a step are its true operands, in their order."""
    image = image_for(network)
    run = trace(network, image)
    with torch.inference_mode():
        for step in run.steps:
            module, operands = network.get_submodule(step.name), [run[name].value for name in step.inputs] or [image]
            assert torch.equal(module(*operands), step.value), step.name


def test_unet_concatenates_the_up_sampled_map_first(thin):
    run = trace(thin("unet", "valid"), torch.rand(1, 3, 188, 188))
    for level in range(4):
        assert run[f"concat_u{level}b"].inputs == (f"upconv_u{level}a", f"crop_d{level}c")
        assert run[f"crop_d{level}c"].inputs == (f"relu_d{level}c", f"upconv_u{level}a")


def test_no_step_overwrites_another(network):
    """No module or graph node works in place: values recorded early are still right at the end."""
    assert not [name for name, m in network.named_modules() if getattr(m, "inplace", False)]
    for node in graph_of(network).nodes:
        assert node.op in ("placeholder", "call_module", "output")
        assert not str(node.target).endswith("_")
    image, values = image_for(network), {}
    run = trace(network, image, visit=lambda step, value: values.update({step.name: value.clone()}))
    assert torch.equal(image, image_for(network))
    for step in run.steps:
        assert torch.equal(step.value, values[step.name]), step.name
    for step in run.steps:
        if step.operation == "relu":
            assert run[step.inputs[0]].value.min() < 0


def test_statistics_and_settings(network):
    run = trace(network, image_for(network, batch=2))
    for step in run.steps:
        v = step.value.numpy().astype(np.float64)
        assert step.stats.min == v.min()
        assert step.stats.max == v.max()
        assert step.stats.mean == pytest.approx(v.mean(), rel=1e-4, abs=1e-6)
        assert step.stats.std == pytest.approx(v.std(), rel=1e-4, abs=1e-6)
        assert step.stats.zeros == (v == 0).mean()
        assert step.milliseconds >= 0
        assert (len(step.rows), len(step.cols)) == step.shape[2:]
        if step.operation in ("conv", "upconv", "bilinear"):
            module = network.get_submodule(step.name)
            assert step.settings["kernel"] == module.kernel_size
            assert step.settings["channels"] == (run[step.inputs[0]].shape[1], step.shape[1])
        if step.operation == "crop":
            offset, (x, reference) = step.settings["offset"], (run[name] for name in step.inputs)
            assert step.shape[2:] == reference.shape[2:]
            assert torch.equal(step.value[0, 0, 0, 0], x.value[0, 0, offset, offset])
    assert run.parameters == sum(p.numel() for p in network.parameters())


@pytest.mark.parametrize(
    ("model", "channels", "size", "billions"), [("fcn8s", 3, (500, 500), 181), ("unet", 1, (572, 572), 150)]
)
def test_macs_of_the_paper_networks(model, channels, size, billions):
    with torch.device("meta"):
        network = build(ModelSpec(model, in_channels=channels, classes=21 if model == "fcn8s" else 2))
        image = torch.empty(1, channels, *size)
    run = trace(network, image)
    with FlopCounterMode(display=False) as counter:
        network(image)
    assert 2 * run.macs == counter.get_total_flops()
    assert abs(run.macs / 1e9 - billions) < 1
    assert run.device == "meta"
    assert all(step.stats is None and step.value is None and step.milliseconds is None for step in run.steps)
    assert run.parameters == sum(p.numel() for p in network.parameters())


@pytest.mark.parametrize("size", [(37, 200), (188, 16)])
def test_macs_of_every_kind(size):
    for model, entry in MODELS.items():
        for padding in entry.paddings:
            with torch.device("meta"):
                network = build(ModelSpec(model, padding, width=1 / 16, fc_channels=8))
                sizes = network.input.sizes
                image = torch.empty(2, 3, *map(sizes.at_least, size))
            with FlopCounterMode(display=False) as counter:
                network(image)
            assert 2 * trace(network, image).macs == counter.get_total_flops()


def test_values_need_not_be_kept(network):
    image = image_for(network)
    run = trace(network, image, keep=False)
    assert all(step.value is None and step.stats is not None for step in run.steps)
    assert torch.equal(run.final, plainly(network, image))


def test_progress_counts_every_step_and_can_stop(network):
    image, calls = image_for(network), []
    run = trace(network, image, progress=lambda *call: calls.append(call))
    assert calls == [(i, len(run.steps), step.name) for i, step in enumerate(run.steps)]
    with pytest.raises(CancelledError):
        trace(network, image, progress=lambda done, total, name: done < total // 2)
    assert torch.equal(trace(network, image).final, run.final)
    assert not hooked(network)


def test_an_error_in_the_middle_leaves_nothing_behind(network):
    image, before = image_for(network), dict(network.state_dict())

    def fail(step, value):
        if step.operation == "maxpool":
            raise RuntimeError("stop here")

    with pytest.raises(RuntimeError, match=r"^stop here$"):
        trace(network, image, visit=fail)
    assert not hooked(network)
    assert torch.is_grad_enabled()
    assert not torch.is_inference_mode_enabled()
    assert torch.equal(trace(network, image).final, plainly(network, image))
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_illegal_sizes_name_sizes_that_work(network):
    sizes = network.input.sizes
    illegal = [n for n in (1, 100, 187, 200) if n not in sizes]
    assert bool(illegal) == (sizes != LegalSizes(1, 1))
    for n in illegal:
        with pytest.raises(SizeError) as error:
            trace(network, torch.rand(1, 3, n, n))
        with pytest.raises(SizeError) as same:
            network(torch.rand(1, 3, n, n))
        assert str(error.value) == str(same.value)  # torch.fx adds nothing to the words
        assert str(n) in str(error.value)
        for height, width in zip(*error.value.nearest, strict=True):
            assert f"{height}" in str(error.value)
            assert trace(network, torch.rand(1, 3, height, width), keep=False).final.numel()


def test_training_mode_is_refused():
    network = build(ModelSpec("unet", "same", width=1 / 64))
    with pytest.raises(ValueError, match="eval"):
        trace(network.train(), torch.rand(1, 3, 16, 16))


def test_threads_share_a_module_without_a_lock():
    """The first traces of fresh modules run while other threads trace and call them: all agree with the serial run."""
    networks = [build(ModelSpec("fcn8s", "same", 1 / 32, 8)), build(ModelSpec("unet", "same", 1 / 32))]
    for network in networks:
        nn.init.normal_(network.get_submodule("score_fr" if hasattr(network, "score_fr") else "score").weight)
    images = [torch.rand(1, 3, 32, 48) for _ in networks]
    expected = [plainly(network, image) for network, image in zip(networks, images, strict=True)]
    start, errors = threading.Barrier(6), []

    def work(run) -> None:
        start.wait()
        try:
            for _ in range(8):
                for network, image, result in zip(networks, images, expected, strict=True):
                    assert torch.equal(run(network, image), result)
        except Exception as error:
            errors.append(error)

    def traced(network: nn.Module, image: torch.Tensor) -> torch.Tensor:
        return trace(network, image).final

    threads = [threading.Thread(target=work, args=(run,)) for run in (traced, plainly) * 3]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors


class Functional(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 1)

    def forward(self, x):
        return torch.relu(self.conv(x))


class Twice(Functional):
    def forward(self, x):
        return self.conv(self.conv(x))


@pytest.mark.parametrize(("kind", "words"), [(Functional, "relu"), (Twice, "conv is called twice")])
def test_what_cannot_be_a_step_is_refused_instead_of_misread(kind, words):
    with pytest.raises(TypeError, match=words):
        trace(kind().eval(), torch.rand(1, 3, 4, 4))


def test_nested_modules_become_dotted_steps():
    network = nn.Sequential(nn.Sequential(nn.Conv2d(3, 2, 3), nn.ReLU()), nn.MaxPool2d(2)).eval()
    run = trace(network, torch.rand(1, 3, 7, 8))
    assert [(step.name, step.inputs) for step in run.steps] == [("0.0", ()), ("0.1", ("0.0",)), ("1", ("0.1",))]
    assert len(run.output.rows) == 2
    assert (run.output.rows.hi[-1], run.output.cols.hi[-1]) == (5, 7)


def test_a_trace_follows_changes_of_the_module():
    """Labs exchange layers; a graph that was kept would run the old ones."""
    network = build(ModelSpec("unet", "same", 1 / 64))
    image = torch.rand(1, 3, 16, 16)
    trace(network, image)
    network.relu_d0b = nn.Identity()
    run = trace(network, image)
    assert run["relu_d0b"].operation == "identity"
    assert torch.equal(run.final, plainly(network, image))
    gone = weakref.ref(network)
    del network
    gc.collect()
    assert gone() is None  # a trace holds values, not the weights


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
def test_cuda_agrees_with_the_cpu(network):
    image = image_for(network)
    on_cpu: Trace = trace(network, image)
    try:
        on_gpu = trace(network.cuda(), image.cuda())
    finally:
        network.cpu()
    assert on_gpu.device.startswith("cuda")
    for cpu, gpu in zip(on_cpu.steps, on_gpu.steps, strict=True):
        assert (cpu.name, cpu.inputs, cpu.shape, cpu.macs) == (gpu.name, gpu.inputs, gpu.shape, gpu.macs)
        assert (cpu.rows, cpu.cols) == (gpu.rows, gpu.cols)
        scale = cpu.value.abs().max().clamp(min=1)
        assert (cpu.value - gpu.value.cpu()).abs().max() <= 2e-3 * scale, cpu.name  # convolutions may use TF32
        assert gpu.milliseconds > 0
