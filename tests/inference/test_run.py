"""Labels, confidence and progress of a run against the plain module."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torchvision.transforms import functional as vision

from explorer.inference import prepare, trace_and_label
from explorer.models import build
from explorer.trace import CancelledError
from tests.conftest import VARIANTS
from tests.inference.made import spec_of
from tests.ui.made import FCN, MEAN, STD, UNET, noise, random_network


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
