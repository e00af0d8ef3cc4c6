"""Frames, mirror padding and labels against hand-written reflection, plain modules and the facts of the papers."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import nn
from torchvision.transforms import functional as vision

from explorer import inference
from explorer.errors import ExplorerError
from explorer.inference import Frame, Frames, normalise, pick_device, placement, prepare, trace_and_label
from explorer.models import MODELS, ModelSpec, build
from explorer.trace import CancelledError
from tests.ui.made import FCN, MEAN, STD, UNET, noise, random_network

VARIANTS = [(model, padding) for model, entry in MODELS.items() for padding in entry.paddings]


def spec_of(model: str, padding: str, **more) -> ModelSpec:
    base = UNET if model == "unet" else FCN
    return ModelSpec(**{**base.dict(), "model": model, "padding": padding, **more})


# ---- placement


@pytest.mark.parametrize(("model", "padding"), VARIANTS)
def test_reach_is_that_of_the_papers(model, padding):
    far = placement(spec_of(model, padding))
    assert (far.margin, far.shrink) == ((92, 184) if (model, padding) == ("unet", "valid") else (0, 0))
    smallest, period = {"valid": (188, 16), "same": (16, 16)}[padding] if model == "unet" else (1, 1)
    assert (far.sizes.minimum, far.sizes.period) == (smallest, period)


def test_placement_does_not_depend_on_width_or_classes():
    assert placement(spec_of("unet", "valid", width=1.0, classes=2, in_channels=1)) == placement(
        spec_of("unet", "valid")
    )
    assert placement(ModelSpec("unet", "")) == placement(spec_of("unet", "valid"))  # "" is the paper's


# ---- prepare


def mirror(position: int, n: int) -> int:
    """Source pixel of a mirrored position: 2 1 | 0 1 2 ... n-1 | n-2, back and forth for ever."""
    if n == 1:
        return 0
    around = position % (2 * (n - 1))
    return around if around < n else 2 * (n - 1) - around


@pytest.mark.parametrize("size", [(388, 388), (200, 130), (93, 92), (50, 64), (16, 33), (17, 40)])
def test_the_border_is_the_mirrored_image(size):
    """Also where the image is smaller than the 92 pixels of the border: then it is mirrored again."""
    pixels = noise(*size)
    done = prepare(pixels, UNET, max(size))
    np.testing.assert_array_equal(done.resized, pixels)
    height, width = done.network.shape[:2]
    rows = [mirror(y - 92, size[0]) for y in range(height)]
    cols = [mirror(x - 92, size[1]) for x in range(width)]
    np.testing.assert_array_equal(done.network, pixels[rows][:, cols])


def test_the_border_is_torchvisions_reflection():
    pixels = noise(230, 301)
    done = prepare(pixels, UNET, 301)
    height, width = done.network.shape[:2]
    sides = [92, 92, width - 301 - 92, height - 230 - 92]  # left, top, right, bottom
    padded = vision.pad(torch.from_numpy(pixels).permute(2, 0, 1), sides, padding_mode="reflect")
    np.testing.assert_array_equal(done.network, padded.permute(1, 2, 0).numpy())


def test_one_row_can_be_mirrored():
    done = prepare(noise(1, 40), spec_of("unet", "same"), 40)
    assert done.network.shape == (16, 48, 3)
    assert (done.network == done.network[:1]).all()


def test_the_papers_tile():
    """388 pixels of an image make the paper's 572 of input, 92 mirrored on every side."""
    done = prepare(noise(388, 388), UNET, 388)
    assert done.frames == Frames(
        Frame("original", 388, 388), Frame("resized", 388, 388), Frame("network", 572, 572), 92, 92
    )


def test_fcn_needs_no_border():
    for padding in ("paper", "same"):
        done = prepare(noise(77, 33), spec_of("fcn8s", padding), 77)
        assert (done.frames.top, done.frames.left) == (0, 0)
        assert done.frames.network == Frame("network", 77, 33)
        np.testing.assert_array_equal(done.network, done.resized)


@settings(deadline=None, max_examples=200)
@given(
    height=st.integers(1, 300),
    width=st.integers(1, 300),
    longest=st.integers(1, 260),
    variant=st.sampled_from([("unet", "valid"), ("unet", "same"), ("fcn8s", "paper"), ("fcn32s", "same")]),
)
@example(1, 1, 1, ("unet", "valid"))
@example(300, 16, 192, ("unet", "valid"))
@example(4, 4, 4, ("unet", "valid"))
@example(5, 5, 5, ("unet", "valid"))
def test_any_image_becomes_a_legal_input(height, width, longest, variant):
    spec = spec_of(*variant)
    pixels = np.zeros((height, width, 3), np.uint8)
    done = prepare(pixels, spec, longest)
    frames = done.frames
    assert frames.original == Frame("original", height, width)
    assert done.resized.shape == (frames.resized.height, frames.resized.width, 3)
    assert done.network.shape == (frames.network.height, frames.network.width, 3)
    assert done.network.dtype == np.uint8
    assert done.network.flags.c_contiguous
    assert max(done.resized.shape[:2]) == min(longest, max(height, width))
    margin = 92 if variant == ("unet", "valid") else 0
    assert frames.top == frames.left == margin
    for n, whole in ((frames.resized.height, frames.network.height), (frames.resized.width, frames.network.width)):
        rest = whole - n - 2 * margin
        if variant[0] == "unet":
            assert 0 <= rest < (188 if n < 4 else 16)
            assert (whole - 12) % 16 == 0 if margin else whole % 16 == 0
            assert whole >= (188 if margin else 16)
        else:
            assert rest == 0


def test_a_read_only_image_stays_as_it_is():
    pixels = noise(60, 70)
    pixels.setflags(write=False)
    before = pixels.copy()
    done = prepare(pixels, UNET, 64)
    np.testing.assert_array_equal(pixels, before)
    assert done.resized.shape == (55, 64, 3)


# ---- normalise


def test_normalise_is_torchvisions():
    pixels = noise(12, 17)
    want = vision.normalize(vision.to_tensor(pixels), MEAN, STD)[None]
    got = normalise(pixels, MEAN, STD)
    assert got.dtype == torch.float32
    torch.testing.assert_close(got, want, rtol=1e-6, atol=1e-6)


def test_one_channel_takes_the_grey_value():
    pixels = noise(5, 6)
    got = normalise(pixels, (0.25,), (0.5,))
    want = (pixels.astype(np.float64).mean(2) / 255 - 0.25) / 0.5
    assert got.shape == (1, 1, 5, 6)
    np.testing.assert_allclose(got[0, 0], want, rtol=1e-5, atol=1e-6)


# ---- trace and label


@pytest.mark.parametrize(
    ("model", "padding", "size"),
    [(*variant, (70, 51)) for variant in VARIANTS] + [("unet", "valid", (37, 16)), ("fcn8s", "same", (16, 37))],
)
def test_labels_are_the_argmax_of_the_plain_module(model, padding, size):
    spec = spec_of(model, padding)
    module = random_network(spec, seed=3)
    prepared = prepare(noise(*size), spec, 200)
    image = (vision.to_tensor(prepared.network) - torch.tensor(MEAN)[:, None, None]) / torch.tensor(STD)[:, None, None]
    with torch.no_grad():
        last = module.get_submodule("score" if model == "unet" else "score_fr")
        last.bias -= module(image[None])[0].mean((1, 2))  # so that no class wins everywhere
        scores = module(image[None])[0].double()
    done = trace_and_label(module, prepared, MEAN, STD)
    assert done.labels.shape == done.confidence.shape == size
    assert done.labels.dtype == np.uint8
    probabilities = scores.softmax(0)[:, : size[0], : size[1]].numpy()
    assert len(np.unique(done.labels)) > 1  # else nothing was tested
    first, second = np.sort(probabilities, 0)[[-1, -2]]
    clear = first - second > 1e-5
    np.testing.assert_array_equal(done.labels[clear], probabilities.argmax(0)[clear])
    np.testing.assert_allclose(done.confidence, first, atol=1e-5)
    assert done.frames == prepared.frames
    assert done.device == "cpu"
    assert done.seconds > 0
    assert all(step.value is None for step in done.trace.steps)


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("size", [(60, 45)])
def test_every_label_lies_on_its_pixel(padding, size):
    """A U-Net that hands the red value through its finest skip by centre taps alone: label = red above a half.

    So the label at p comes from the input pixel p + 92, whatever is done about the border: no other pixel is read.
    """
    spec = spec_of("unet", padding, classes=2)
    module = build(spec)
    with torch.no_grad():
        for part in module.modules():
            if isinstance(part, nn.Conv2d | nn.ConvTranspose2d):
                part.weight.zero_()
                part.bias.zero_()
        skip = module.get_submodule("conv_u0b_c").in_channels // 2  # [up, skip]
        for name, at in (("conv_d0a_b", 0), ("conv_d0b_c", 0), ("conv_u0b_c", skip), ("conv_u0c_d", 0)):
            module.get_submodule(name).weight[0, at, 1, 1] = 1
        module.score.weight[1, 0] = 1
        module.score.bias[0] = 0.5
    pixels = noise(*size, seed=7)
    done = trace_and_label(module, prepare(pixels, spec, 130), (0.0,) * 3, (1.0,) * 3)
    np.testing.assert_array_equal(done.labels, pixels[:, :, 0] > 127)


def test_progress_and_visit_are_told_every_step_and_can_stop_it():
    module, prepared = random_network(FCN), prepare(noise(32, 32), FCN, 32)
    heard, seen = [], []
    done = trace_and_label(
        module,
        prepared,
        MEAN,
        STD,
        progress=lambda *news: heard.append(news),
        visit=lambda step, value: seen.append((step.name, tuple(value.shape) == step.shape)),
    )
    total = len(done.trace.steps)
    assert [(i, n) for i, n, _ in heard] == [(i, total) for i in range(total)]
    assert seen == [(step.name, True) for step in done.trace.steps]
    with pytest.raises(CancelledError):
        trace_and_label(module, prepared, MEAN, STD, progress=lambda i, *_: i < 3)
    assert len(trace_and_label(module, prepared, MEAN, STD).trace.steps) == total  # the module is none the worse


def test_half_a_second_time_is_the_same():
    module, prepared = random_network(UNET), prepare(noise(40, 40), UNET, 40)
    a, b = (trace_and_label(module, prepared, MEAN, STD) for _ in range(2))
    np.testing.assert_array_equal(a.labels, b.labels)
    np.testing.assert_array_equal(a.confidence, b.confidence)


# ---- devices


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
