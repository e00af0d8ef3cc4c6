"""The networks as modules: geometry of their layers, weights, refusals, and what a forward pass holds."""

from __future__ import annotations

import weakref

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from explorer.models import FCN, MODELS, ModelSpec, UNet, build, rename_vgg16
from explorer.operations import along
from explorer.operations.layers import BilinearUp

RECTANGULAR = [
    nn.Conv2d(1, 1, (3, 2), (1, 2), (0, 1), (2, 1)),
    nn.ConvTranspose2d(1, 1, (3, 4), (2, 3), (1, 0), (1, 2), dilation=(2, 1)),
    nn.MaxPool2d((3, 2), (2, 1), (1, 0), (1, 2), ceil_mode=True),
    nn.AvgPool2d((3, 2), (2, 3), (1, 0), ceil_mode=True),
    nn.MaxPool2d(3),
    nn.BatchNorm2d(1).eval(),
]


@pytest.mark.parametrize("module", RECTANGULAR, ids=lambda m: type(m).__name__)
@pytest.mark.parametrize("size", [(9, 12), (14, 7), (6, 6)])
def test_rows_and_columns_are_not_mixed_up(module, size):
    out = module(torch.zeros(1, 1, *size)).shape[2:]
    assert tuple(along(module, axis).size(size[axis]) for axis in (0, 1)) == tuple(out)


def test_unknown_modules_have_no_geometry():
    with pytest.raises(TypeError, match="PixelShuffle"):
        along(nn.PixelShuffle(2), 0)


COUNTS = {
    "fcn32s": (136_152_917, 33),
    "fcn16s": (134_815_994, 36),
    "fcn8s": (134_489_759, 39),
    "fcn8s-atonce": (134_489_759, 39),
}


@pytest.mark.parametrize("padding", ["paper", "same"])
@pytest.mark.parametrize(("model", "counts"), COUNTS.items())
def test_fcn_parameters(model, counts, padding):
    with torch.device("meta"):
        network = build(ModelSpec(model, padding))
    state = network.state_dict()
    assert (sum(p.numel() for p in state.values()), len(state)) == counts
    fixed = {name for name, p in network.named_parameters() if not p.requires_grad}
    assert fixed == {name for name in state if name.startswith("upscore")}


@pytest.mark.parametrize("padding", ["valid", "same"])
def test_unet_parameters(padding):
    with torch.device("meta"):
        network = UNet(padding)
    assert sum(p.numel() for p in network.parameters()) == 31_030_658
    assert len(network.state_dict()) == 46
    assert sum(isinstance(m, nn.Conv2d | nn.ConvTranspose2d) for m in network.modules()) == 23


def upsample_filt(size: int) -> np.ndarray:
    """surgery.py of the authors' repository, written anew."""
    factor = (size + 1) // 2
    centre = factor - 1.0 if size % 2 == 1 else factor - 0.5
    row, column = np.ogrid[:size, :size]
    return (1 - abs(row - centre) / factor) * (1 - abs(column - centre) / factor)


@pytest.mark.parametrize("stride", [2, 4, 8, 16, 32])
def test_bilinear_filters(stride):
    up = BilinearUp(3, stride).double()
    up.reset_parameters()
    expected = np.zeros((3, 3, 2 * stride, 2 * stride))
    expected[range(3), range(3)] = upsample_filt(2 * stride)
    assert np.array_equal(up.weight.numpy(), expected)
    x = torch.rand(1, 3, 6, 5, dtype=torch.float64)
    ours = up(x)
    half = stride // 2  # our map is larger by s/2 units on every side
    theirs = F.interpolate(x, scale_factor=stride, mode="bilinear", align_corners=False)
    ours = ours[:, :, half:-half, half:-half]
    assert ours.shape == theirs.shape
    inner = (..., slice(half, -half), slice(half, -half))
    assert torch.allclose(ours[inner], theirs[inner], rtol=0, atol=1e-14)


def test_initial_weights():
    """Scores and biases zero, bilinear filters in place, the rest N(0, sqrt(2 / fan_in))."""
    torch.manual_seed(0)
    network = FCN(8, width=0.5, fc_channels=64, classes=5)
    for name, p in network.named_parameters():
        if name.endswith("bias") or name.startswith("score_"):
            assert not p.any(), name
        elif not name.startswith("upscore"):
            assert p.std().item() == pytest.approx((2 / p[0].numel()) ** 0.5, rel=0.1), name
    assert not network.eval()(torch.rand(1, 3, 9, 9)).any()  # zero scores at first
    up = UNet(width=0.5).upconv_u3a.weight  # kernel = stride: each output unit reads one unit of every input channel
    assert up.std().item() == pytest.approx((2 / up.shape[0]) ** 0.5, rel=0.1)


def test_same_weights_fit_both_paddings(thin):
    for model, entry in MODELS.items():
        first, second = (thin(model, padding) for padding in entry.paddings)
        assert {k: v.shape for k, v in first.state_dict().items()} == {
            k: v.shape for k, v in second.state_dict().items()
        }


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: FCN(4), "32, 16 or 8, not 4"),
        (lambda: FCN(8, padding="valid"), "paper, same, not 'valid'"),
        (lambda: FCN(16, at_once=True), "FCN-8s"),
        (lambda: UNet("paper"), "valid, same, not 'paper'"),
        (lambda: build(ModelSpec("segnet")), "'segnet'; known: fcn32s"),
    ],
)
def test_unknown_choices_are_refused(make, words):
    with pytest.raises(ValueError, match=words):
        make()


@pytest.mark.parametrize("shape", [(1, 1, 32, 32), (3, 32, 32), (1, 4, 32, 32)])
def test_wrong_channels_are_refused(network, shape):
    with pytest.raises(ValueError, match="N x 3 x H x W"):
        network(torch.zeros(shape))


def test_a_plain_forward_pass_holds_only_what_is_still_needed(thin):
    """conv1 maps of a 500 x 500 image weigh 125 MB each: they must be gone when the scores are computed."""
    network, maps, alive = thin("fcn8s", "paper"), {}, []
    hooks = [
        module.register_forward_hook(lambda _, __, value, name=name: maps.update({name: weakref.ref(value)}))
        for name, module in network.named_children()
        if name.startswith(("conv", "relu", "pool"))
    ]
    hooks.append(
        network.score_fr.register_forward_hook(
            lambda *_: alive.extend(name for name, value in maps.items() if value() is not None)
        )
    )
    try:
        with torch.inference_mode():
            network(torch.rand(1, 3, 8, 8))
    finally:
        for hook in hooks:
            hook.remove()
    assert not [name for name in alive if name not in ("pool3", "pool4", "relu7")]


def test_vgg16_bn_is_refused():
    torchvision = pytest.importorskip("torchvision")
    with torch.device("meta"):
        state = torchvision.models.vgg16_bn(weights=None).state_dict()
    with pytest.raises(ValueError, match="not torchvision's VGG16"):
        rename_vgg16(state)
