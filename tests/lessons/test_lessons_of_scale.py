"""What the lessons on shrinking and on parameters say, against arithmetic done here and other computations."""

from __future__ import annotations

from functools import cache
from itertools import pairwise
from math import sqrt

import pytest
import torch
from torch.nn.functional import avg_pool1d, conv1d

from tests.lessons.filling import answered, bundled, measured
from tests.lessons.outside import counted, loaded, rows, trained, vgg

SHRINK, PARAMETERS = "3-shrink", "4-parameters"


# ---- why shrink and grow


def contracting(levels: int, kernel: int = 3, is_pooled: bool = True, size: int = 128) -> dict[str, float]:
    """Two convolutions a level, 16 channels doubled by level: what they cost, counted by hand."""
    channels = [3, *(16 * 2**level for level in range(levels + 1) for _ in range(2))]
    sides = [size // 2**level if is_pooled else size for level in range(levels + 1) for _ in range(2)]
    weights = [kernel**2 * before * after for before, after in pairwise(channels)]
    units = [c * side**2 for c, side in zip(channels[1:], sides, strict=True)]
    pooled = [16 * 2**level * (size // 2 ** (level + 1)) ** 2 for level in range(levels)] if is_pooled else []
    return {
        "parameters": sum(weights) + sum(channels[1:]),
        "macs": sum(count * side**2 for count, side in zip(weights, sides, strict=True)),
        "units": sum(units) + sum(pooled),
        "field": 1 + sum((kernel - 1) * 2 * 2**level for level in range(levels + 1)) + 2**levels - 1,
    }


def test_poolings_see_far(filler):
    lesson = bundled(SHRINK)
    assert measured(filler, lesson, 0)[0] == [214, 320, rows(214)[5], rows(320)[5], 214, 320, vgg()["fc6"][0]]
    assert measured(filler, lesson, 1) == ([2, 5], [contracting(4)["field"], 10, 1 + 2 * 10])
    assert contracting(4)["field"] == 140  # as at U-Net's lowest map, with the same poolings
    assert answered(filler, lesson, 1) == (140, [2])


def test_full_size_costs_more_with_every_level(filler):
    lesson = bundled(SHRINK)
    pooled, full = contracting(4), contracting(4, is_pooled=False)
    times = [full[name] / pooled[name] for name in ("macs", "units")]
    assert measured(filler, lesson, 2)[0] == pytest.approx(times, rel=5e-3)
    pooled, full = contracting(5)["macs"], contracting(5, is_pooled=False)["macs"]
    assert measured(filler, lesson, 2)[1] == pytest.approx([full / pooled, full / 1e9, pooled / 1e9], rel=5e-3)
    assert answered(filler, lesson, 2)[1] == [2]
    assert full / pooled > 2 * times[0]


def test_seeing_as_far_without_poolings(filler):
    lesson = bundled(SHRINK)
    pooled, full = contracting(4), contracting(4, is_pooled=False)
    kernel = next(k for k in range(3, 99, 2) if 1 + 10 * (k - 1) >= pooled["field"])
    layers = next(n for n in range(10, 999) if 1 + 2 * n >= pooled["field"])
    wide = contracting(4, kernel)["parameters"]
    dilated, own, *others = measured(filler, lesson, 3)[1]
    assert (dilated, own) == pytest.approx((full["macs"] / 1e9, pooled["macs"] / 1e9), rel=5e-3)
    assert others == [pooled["parameters"], layers, 10, f"{kernel} × {kernel}", wide]
    value, right = answered(filler, lesson, 3)
    assert (value, right) == (pytest.approx(full["macs"] / pooled["macs"], rel=5e-3), [2])


def test_a_unit_uses_less_than_it_sees(filler):
    whole, used, area = measured(filler, bundled(SHRINK), 4)[0]
    assert whole == round(sqrt(436 * 468), 1)  # an output pixel of FCN-8s reads one or two units of score_fr an axis
    weights, image = loaded(filler)
    pixels = image.clone().requires_grad_()
    middle = weights.module(pixels)[0, :, image.shape[2] // 2, image.shape[3] // 2].sum()
    size = torch.autograd.grad(middle, pixels)[0][0].abs().sum(0)
    count = (size > (1 - 0.9545) * size.max()).sum().item()  # Luo et al. 2016
    assert used == pytest.approx(sqrt(count), abs=0.2)
    assert area == pytest.approx(count / (436 * 468), rel=5e-3)


def test_trainings_decide_the_question_about_poolings(filler):
    lesson = bundled(SHRINK)
    assert trained("scale", "time", "0", "5")[1] == "worse"
    assert answered(filler, lesson, 5) == ("worse", [2])
    before, after = measured(filler, lesson, 5)
    assert before == [45, *(field(count) for count in (5, 0))]
    best, flat, _, verdict, _, _, other, runs = after
    assert flat - best == pytest.approx(trained("scale", "time", "0", "5")[0])
    assert (verdict, other, runs) == ("worse", trained("scale", "time", "dilated", "5")[1], 3)
    ends = measured(filler, lesson, 6)[0]
    assert ends[:3] == [140, 21, pytest.approx(71, abs=0.5)]
    assert 0 < ends[3] < flat


@cache
def field(poolings: int) -> int:
    """Pixels that reach a unit of those U-Nets' last map: six levels, one convolution each, down and up."""
    pixels = torch.zeros(1, 1, 512, dtype=torch.float64, requires_grad=True)
    kernel, kept, made = torch.ones(1, 1, 3, dtype=torch.float64), [], pixels
    for level in range(6):
        made = conv1d(made, kernel, padding=1)
        kept.append(made)
        made = avg_pool1d(made, 2) if level < min(poolings, 5) else made
    for level in reversed(range(5)):
        made = made.repeat_interleave(2, -1) if level < poolings else made
        made = conv1d(made + kept[level], kernel, padding=1)
    found = [torch.autograd.grad(made[0, 0, 256 + i], pixels, retain_graph=True)[0].count_nonzero() for i in range(32)]
    return int(max(found))


# ---- do the parameters depend on the size


def test_a_convolution_has_its_parameters_at_every_size(filler):
    lesson = bundled(PARAMETERS)
    module = loaded(filler)[0].module
    conv = module.get_submodule("conv3_1")
    own = 3 * 3 * conv.in_channels + 1
    (height, width, maps, *units), after = measured(filler, lesson, 0)
    assert (maps, units, after) == (conv.out_channels, [82, 98], [own, conv.in_channels, 82, 98])
    assert answered(filler, lesson, 0) == (own, [0])
    small, large = measured(filler, lesson, 1)
    assert small == [height, width, own * maps, *counted(module, (height, width))]
    assert large == [214, 320, own * maps, *counted(module, (214, 320))]
    assert answered(filler, lesson, 1)[0] == small[2]


def test_keeping_the_size_costs_no_parameters(filler):
    lesson = bundled(PARAMETERS)
    pooled, full = contracting(4), contracting(4, is_pooled=False)
    expected = [pooled["parameters"]] * 2 + [full[name] / pooled[name] for name in ("macs", "units")]
    assert measured(filler, lesson, 2)[1] == pytest.approx(expected, rel=5e-3)
    assert measured(filler, lesson, 2)[1][:2] == expected[:2]
    assert answered(filler, lesson, 2) == (1, [1])


def test_a_fully_connected_layer_depends_on_the_size(filler):
    lesson = bundled(PARAMETERS)
    before, (large, small, own) = measured(filler, lesson, 3)
    assert before == [4096]
    assert [small, large] == [
        torch.nn.Linear(256 * side**2, 4096, device="meta").weight.numel() + 4096 for side in (8, 16)
    ]
    assert own == contracting(4)["parameters"] == contracting(4, size=256)["parameters"]
    assert answered(filler, lesson, 3)[1] == [2]


def test_most_parameters_are_in_fc6(filler):
    lesson = bundled(PARAMETERS)
    module = loaded(filler)[0].module
    fc6 = sum(tensor.numel() for tensor in module.get_submodule("fc6").parameters())
    assert measured(filler, lesson, 4) == ([rows(214)[5], rows(320)[5]], [fc6, counted(module, (64, 64))[0]])
    assert answered(filler, lesson, 4)[1] == [2]
    assert measured(filler, lesson, 5)[0] == [7 * 7 * 512 * 4096 + 4096, 134_489_759]  # the authors' FCN-8s
