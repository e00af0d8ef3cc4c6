"""FCN and U-Net against a plain re-statement of their layer tables, with the crop offsets typed in.

The re-statement is written from the authors' net.py and prototxts (FCN) and from Fig. 1 and the released prototxt
(U-Net) with torch.nn.functional alone, and makes its own weights. Sizes at the ends of lines are the papers'.
"""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from explorer.models import ModelSpec, build, rename_vgg16
from explorer.trace import CancelledError, trace

Weights = dict[str, Tensor]
HEADS = {  # up-sampling layers, in order: name, stride
    "fcn32s": [("upscore", 32)],
    "fcn16s": [("upscore2", 2), ("upscore16", 16)],
    "fcn8s": [("upscore2", 2), ("upscore_pool4", 2), ("upscore8", 8)],
}
HEADS["fcn8s-atonce"] = HEADS["fcn8s"]


def random_layer(weights: Weights, name: str, out: int, into: int, k: int, gain: float = 2.0) -> None:
    weights[f"{name}.weight"] = torch.randn(out, into, k, k, dtype=torch.float64) * (gain / (into * k * k)) ** 0.5
    weights[f"{name}.bias"] = torch.randn(out, dtype=torch.float64) * 0.1


def fcn_weights(classes: int, c: tuple[int, ...], fc: int) -> Weights:
    """All layers of all four nets; `c` is the number of channels of the five blocks."""
    torch.manual_seed(1)
    weights: Weights = {}
    for name, out, into in (
        ("conv1_1", c[0], 3),
        ("conv1_2", c[0], c[0]),
        ("conv2_1", c[1], c[0]),
        ("conv2_2", c[1], c[1]),
        ("conv3_1", c[2], c[1]),
        ("conv3_2", c[2], c[2]),
        ("conv3_3", c[2], c[2]),
        ("conv4_1", c[3], c[2]),
        ("conv4_2", c[3], c[3]),
        ("conv4_3", c[3], c[3]),
        ("conv5_1", c[4], c[3]),
        ("conv5_2", c[4], c[4]),
        ("conv5_3", c[4], c[4]),
    ):
        random_layer(weights, name, out, into, 3)
    random_layer(weights, "fc6", fc, c[4], 7)
    random_layer(weights, "fc7", fc, fc, 1)
    random_layer(weights, "score_fr", classes, fc, 1, 1.0)
    random_layer(weights, "score_pool4", classes, c[3], 1, 1.0)
    random_layer(weights, "score_pool3", classes, c[2], 1, 1.0)
    return weights


def with_head(model: str, weights: Weights) -> Weights:
    """The weights that one net has; "at once" gets larger scores, which its small scales would hide otherwise."""
    ups = {f"{name}.weight": bilinear(len(weights["score_fr.bias"]), 2 * s) for name, s in HEADS[model]}
    skips = {"fcn32s": (), "fcn16s": ("score_pool4",)}.get(model, ("score_pool4", "score_pool3"))
    own = {k: v for k, v in weights.items() if not k.startswith("score_pool") or k.split(".")[0] in skips}
    if model == "fcn8s-atonce":
        own["score_pool4.weight"] = own["score_pool4.weight"] * 100
        own["score_pool3.weight"] = own["score_pool3.weight"] * 10000
    return own | {k: v.to(weights["fc7.bias"].dtype) for k, v in ups.items()}


def bilinear(classes: int, size: int) -> Tensor:
    weight = torch.zeros(classes, classes, size, size, dtype=torch.float64)
    for i in range(size):
        for j in range(size):
            value = (1 - abs(i - (size - 1) / 2) / (size / 2)) * (1 - abs(j - (size - 1) / 2) / (size / 2))
            weight[range(classes), range(classes), i, j] = value
    return weight


def plain_trunk(w: Weights, x: Tensor, padding: str) -> tuple[Tensor, Tensor, Tensor]:
    """pool3, pool4, score_fr."""

    def conv(name: str, x: Tensor, pad: int) -> Tensor:
        return F.relu(F.conv2d(x, w[name + ".weight"], w[name + ".bias"], padding=pad))

    x = conv("conv1_1", x, 100 if padding == "paper" else 1)  # 698
    x = conv("conv1_2", x, 1)
    x = F.max_pool2d(x, 2, 2, ceil_mode=True)  # 349
    x = conv("conv2_2", conv("conv2_1", x, 1), 1)
    x = F.max_pool2d(x, 2, 2, ceil_mode=True)  # 175
    x = conv("conv3_3", conv("conv3_2", conv("conv3_1", x, 1), 1), 1)
    pool3 = F.max_pool2d(x, 2, 2, ceil_mode=True)  # 88
    x = conv("conv4_3", conv("conv4_2", conv("conv4_1", pool3, 1), 1), 1)
    pool4 = F.max_pool2d(x, 2, 2, ceil_mode=True)  # 44
    x = conv("conv5_3", conv("conv5_2", conv("conv5_1", pool4, 1), 1), 1)
    x = F.max_pool2d(x, 2, 2, ceil_mode=True)  # 22
    x = conv("fc7", conv("fc6", x, 0 if padding == "paper" else 3), 0)  # 16; dropout does nothing in evaluation
    return pool3, pool4, F.conv2d(x, w["score_fr.weight"], w["score_fr.bias"])


def plain_fcn(model: str, w: Weights, trunk: tuple[Tensor, Tensor, Tensor], size: tuple[int, int], padding: str):
    """Paper padding: offsets 19 | 5, 27 | 5, 9, 31. Same padding: 16 | 1, 8 | 1, 1, 4, the up-sampled map cropped."""
    pool3, pool4, x = trunk

    def cut(x: Tensor, offset: int, h: int, w: int) -> Tensor:
        assert offset + h <= x.shape[2]
        assert offset + w <= x.shape[3]
        return x[:, :, offset : offset + h, offset : offset + w]

    def fuse(x: Tensor, skip: Tensor, paper: int, same: int) -> Tensor:
        if padding == "paper":
            return x + cut(skip, paper, *x.shape[2:])
        return cut(x, same, *skip.shape[2:]) + skip

    scale4, scale3 = (0.01, 0.0001) if model == "fcn8s-atonce" else (1, 1)
    if model == "fcn32s":
        up = F.conv_transpose2d(x, w["upscore.weight"], stride=32)  # 544
        return cut(up, 19 if padding == "paper" else 16, *size)
    x = F.conv_transpose2d(x, w["upscore2.weight"], stride=2)  # 34
    x = fuse(x, F.conv2d(pool4 * scale4, w["score_pool4.weight"], w["score_pool4.bias"]), 5, 1)
    if model == "fcn16s":
        up = F.conv_transpose2d(x, w["upscore16.weight"], stride=16)  # 560
        return cut(up, 27 if padding == "paper" else 8, *size)
    x = F.conv_transpose2d(x, w["upscore_pool4.weight"], stride=2)  # 70
    x = fuse(x, F.conv2d(pool3 * scale3, w["score_pool3.weight"], w["score_pool3.bias"]), 9, 1)
    up = F.conv_transpose2d(x, w["upscore8.weight"], stride=8)  # 568
    return cut(up, 31 if padding == "paper" else 4, *size)


def unet_weights(classes: int, into: int, c: tuple[int, ...]) -> Weights:
    torch.manual_seed(2)
    weights: Weights = {}
    for level in range(5):
        random_layer(weights, f"conv_d{level}a_b", c[level], c[level - 1] if level else into, 3)
        random_layer(weights, f"conv_d{level}b_c", c[level], c[level], 3)
    for level in (3, 2, 1, 0):
        up = torch.randn(c[level + 1], c[level], 2, 2, dtype=torch.float64) * c[level + 1] ** -0.5
        weights[f"upconv_u{level}a.weight"] = up
        weights[f"upconv_u{level}a.bias"] = torch.randn(c[level], dtype=torch.float64) * 0.1
        random_layer(weights, f"conv_u{level}b_c", c[level], 2 * c[level], 3)
        random_layer(weights, f"conv_u{level}c_d", c[level], c[level], 3)
    random_layer(weights, "score", classes, c[0], 1, 1.0)
    return weights


def plain_unet(w: Weights, x: Tensor, padding: str) -> Tensor:
    valid, skips = padding == "valid", {}

    def conv(name: str, x: Tensor) -> Tensor:
        return F.relu(F.conv2d(x, w[name + ".weight"], w[name + ".bias"], padding=0 if valid else 1))

    for level in range(4):
        x = conv(f"conv_d{level}b_c", conv(f"conv_d{level}a_b", x))  # 568, 280, 136, 64
        skips[level] = x
        x = F.max_pool2d(x, 2)  # 284, 140, 68, 32
    x = conv("conv_d4b_c", conv("conv_d4a_b", x))  # 28
    for level, offset in ((3, 4), (2, 16), (1, 40), (0, 88)):
        x = F.conv_transpose2d(x, w[f"upconv_u{level}a.weight"], w[f"upconv_u{level}a.bias"], stride=2)
        h, v = x.shape[2:]  # 56, 104, 200, 392
        offset = offset if valid else 0
        x = torch.cat([x, skips[level][:, :, offset : offset + h, offset : offset + v]], 1)
        x = conv(f"conv_u{level}c_d", conv(f"conv_u{level}b_c", x))  # 52, 100, 196, 388
    return F.conv2d(x, w["score.weight"], w["score.bias"])


def loaded(spec: ModelSpec, weights: Weights) -> nn.Module:
    """The module with these very weights: names and shapes strictly the same, and no second copy in memory."""
    with torch.device("meta"):
        network = build(spec)
    network.load_state_dict(weights, strict=True, assign=True)
    return network.requires_grad_(False)


def assert_same(ours: Tensor, plain: Tensor, tolerance: float) -> None:
    assert ours.shape == plain.shape
    assert 0.01 < plain.abs().mean() < 20  # outputs are of order 1, so that an absolute tolerance means something
    assert (ours - plain).abs().max().item() <= tolerance


@pytest.mark.parametrize("padding", ["paper", "same"])
@pytest.mark.parametrize("model", HEADS)
def test_thin_fcn(model, padding):
    weights = with_head(model, fcn_weights(4, (4, 8, 16, 32, 32), 10))
    network = loaded(ModelSpec(model, padding, width=1 / 16, fc_channels=10, in_channels=3, classes=4), weights)
    for size in [(1, 1), (2, 3), (7, 5), (31, 64), (97, 33), (128, 200)]:
        x = torch.randn(2, 3, *size, dtype=torch.float64)
        plain = plain_fcn(model, weights, plain_trunk(weights, x, padding), size, padding)
        assert_same(network(x), plain, 1e-9)


@pytest.mark.parametrize(("padding", "sizes"), [("valid", [(188, 188), (220, 204)]), ("same", [(16, 16), (32, 80)])])
def test_thin_unet(padding, sizes):
    weights = unet_weights(3, 2, (4, 8, 16, 32, 64))
    network = loaded(ModelSpec("unet", padding, width=1 / 16, in_channels=2, classes=3), weights)
    for size in sizes:
        x = torch.randn(2, 2, *size, dtype=torch.float64)
        assert_same(network(x), plain_unet(weights, x, padding), 1e-9)


@pytest.fixture(scope="module")
def full_fcn() -> Weights:
    return fcn_weights(21, (64, 128, 256, 512, 512), 4096)


def test_full_width_fcn_in_double_precision(full_fcn):
    weights = with_head("fcn8s", full_fcn)
    assert sum(w.numel() for w in weights.values()) == 134_489_759
    for padding, size in (("paper", (20, 33)), ("same", (64, 47))):
        x = torch.randn(1, 3, *size, dtype=torch.float64)
        plain = plain_fcn("fcn8s", weights, plain_trunk(weights, x, padding), size, padding)
        assert_same(loaded(ModelSpec("fcn8s", padding), weights)(x), plain, 1e-9)


@pytest.mark.parametrize("padding", ["paper", "same"])
def test_full_width_fcn_in_single_precision(full_fcn, padding):
    shared, size = {name: w.float() for name, w in full_fcn.items()}, (64, 48)
    x = torch.randn(1, 3, *size)
    trunk = plain_trunk(shared, x, padding)
    for model in HEADS if padding == "same" else ("fcn8s",):  # by the thin ones the heads are told apart in both
        weights = with_head(model, shared)
        ours = loaded(ModelSpec(model, padding), weights)(x)
        assert_same(ours, plain_fcn(model, weights, trunk, size, padding), 1e-4)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-9), (torch.float32, 1e-4)])
@pytest.mark.parametrize(("padding", "size"), [("valid", (188, 204)), ("same", (48, 80))])
def test_full_width_unet(padding, size, dtype, tolerance):
    weights = {name: w.to(dtype) for name, w in unet_weights(2, 1, (64, 128, 256, 512, 1024)).items()}
    assert sum(w.numel() for w in weights.values()) == 31_030_658
    network = loaded(ModelSpec("unet", padding, in_channels=1, classes=2), weights)
    x = torch.randn(1, 1, *size, dtype=dtype)
    assert_same(network(x), plain_unet(weights, x, padding), tolerance)


def test_torchvision_vgg16_becomes_the_trunk():
    """relu5_3 and pool5 everywhere; at 224 x 224 the centre of fc6 and fc7 is torchvision's classifier as well."""
    torchvision = pytest.importorskip("torchvision")
    with torch.device("meta"):
        vgg, network = torchvision.models.vgg16(weights=None).eval(), build(ModelSpec("fcn8s", "same"))
    torch.manual_seed(3)
    state = {
        name: torch.randn(p.shape).mul_((2 / p[0].numel()) ** 0.5 if p.ndim > 1 else 0.1)
        for name, p in vgg.state_dict().items()
    }
    vgg.load_state_dict(state, assign=True)
    missing, unexpected = network.load_state_dict(rename_vgg16(state), strict=False, assign=True)
    assert not unexpected
    assert {name.split(".")[0] for name in missing} == {
        *("score_fr", "score_pool4", "score_pool3"),
        *("upscore2", "upscore_pool4", "upscore8"),
    }
    for size in ((64, 96), (224, 224)):
        x, ours = torch.randn(1, 3, *size), {}
        with pytest.raises(CancelledError):  # stop before the scores, which have no weights here
            trace(
                network,
                x,
                keep=False,
                progress=lambda done, total, name: name != "score_fr",
                visit=lambda step, value, ours=ours: ours.update({step.name: value}),
            )
        with torch.inference_mode():
            relu5_3 = vgg.features[:30](x)
            pool5 = vgg.features[30](relu5_3)
            assert torch.allclose(ours["relu5_3"], relu5_3, atol=1e-5)
            assert torch.allclose(ours["pool5"], pool5, atol=1e-5)
            assert pool5.std() > 0.1
    with torch.inference_mode():
        fc7 = vgg.classifier[:5](pool5.flatten(1))
    assert fc7.std() > 0.1
    assert torch.allclose(ours["relu7"][:, :, 3, 3], fc7, atol=1e-4)
