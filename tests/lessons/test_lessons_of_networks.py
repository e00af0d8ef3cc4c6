"""What the lessons on the networks, taps, shrinking and parameters say, against the papers, arithmetic done here, and
other computations.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from functools import cache
from importlib.resources import files
from itertools import pairwise
from math import ceil, sqrt
from statistics import mean, stdev

import pytest
import torch
from torch.nn.functional import avg_pool1d, conv1d
from torch.utils.flop_counter import FlopCounterMode

from explorer.ui.labs.base import Question
from tests.lessons.filling import answered, bundled, measured

TEN, TAP, SHRINK, PARAMETERS = "1-ten-minutes", "2-tap", "3-shrink", "4-parameters"
SMALL = "&size=192"  # what does not depend on the size is measured where a run is quick
VGG = (2, 2, 3, 3, 3)  # convolutions of 3 x 3 before each pooling of VGG-16
FCN = "model=fcn8s&image=pagoda.jpg"


# ---- what the papers' layers give


@cache
def vgg() -> dict[str, tuple[int, int, float]]:
    """Name -> (field, jump, centre of the first unit): r + (k - 1) j, j s, c + ((k - 1)/2 - p) j; conv1_1 pads 100."""
    field, jump, start = 1, 1, 0.0
    found = {}
    for level, count in enumerate(VGG, 1):
        for i in range(1, count + 1):
            field, start = field + 2 * jump, start + (1 - (100 if (level, i) == (1, 1) else 1)) * jump
            found[f"conv{level}_{i}"] = field, jump, start
        field, start, jump = field + jump, start + jump / 2, 2 * jump
        found[f"pool{level}"] = field, jump, start
    found["fc6"] = field + 6 * jump, jump, start + 3 * jump
    return found


def rows(pixels: int) -> list[int]:
    """Rows of pool1 to pool5, and of fc6."""
    n, found = pixels + 198, []
    for _ in VGG:
        n = ceil(n / 2)
        found.append(n)
    return [*found, n - 6]


def loaded(filler, at):
    """The network of an address, and its input in a lab."""
    bench = filler.bench.labs.bench
    question = Question("tap", "values", bench.networks.check(filler.selection(at)), None)
    return bench.loaded(question), bench.input(question).image


def scores(module, image, *only):
    """The scores with these score layers alone, in another way than by scaling them."""
    layers = [layer for layer in ("score_fr", "score_pool4", "score_pool3") if only and layer not in only]
    hooks = [module.get_submodule(layer).register_forward_hook(lambda *run: 0 * run[2]) for layer in layers]
    with torch.inference_mode():
        made = module(image)
    for hook in hooks:
        hook.remove()
    return made[0]


@cache
def parts(filler, at):
    """All scores, and those of each score layer alone."""
    weights, image = loaded(filler, at)
    layers = ("score_fr", "score_pool4", "score_pool3")
    return scores(weights.module, image), {layer: scores(weights.module, image, layer) for layer in layers}


# ---- FCN and U-Net in ten minutes


def test_what_goes_in_and_comes_out(filler):
    lesson = bundled(TEN)
    (height, width, colours), (out, across, name, share) = measured(filler, lesson, 0)
    assert (height, width, colours) == (round(427 / 2), 320, 3) == (out, across, colours)  # of 427 x 640
    labels = parts(filler, FCN)[0].argmax(0)
    most, count = Counter(labels.flatten().tolist()).most_common(1)[0]
    assert name == loaded(filler, FCN)[0].card.classes[most].name["en"]
    assert share == pytest.approx(count / labels.numel(), abs=1e-4)
    assert answered(filler, lesson, 0) == (1, [2])


def test_down_the_maps_shrink_and_the_fields_grow(filler):
    lesson = bundled(TEN)
    high, wide = rows(214), rows(320)
    before, (height, width, channels, first, last) = measured(filler, lesson, 1)
    assert before[:4] == [214 + 198, 320 + 198, high[0], wide[0]]
    assert (height, width, channels) == (high[4], wide[4], 8 * before[4])
    assert (first, last) == (before[4] * high[0] * wide[0], 8 * before[4] * high[4] * wide[4])
    assert answered(filler, lesson, 1) == (512 / 64, [2])  # channels of VGG-16's pool5 and pool1
    assert measured(filler, lesson, 2) == ([vgg()["conv1_1"][0]], [vgg()["pool5"][0]]) == ([3], [212])
    assert answered(filler, lesson, 2)[0] == 212


def test_scores_are_coarse_and_skips_finer(filler):
    lesson = bundled(TEN)
    (features, classes, height, width, jump), _ = measured(filler, lesson, 3)
    weights, _ = loaded(filler, FCN)
    assert (classes, features) == weights.module.get_submodule("score_fr").weight.shape[:2]
    assert (height, width, jump) == (rows(214)[5], rows(320)[5], 2**5)
    assert measured(filler, lesson, 4, SMALL) == ([2**5], [2**4, 2**3])
    assert answered(filler, lesson, 4, SMALL) == (2**3, [1])


def test_without_the_skips_other_pixels_get_another_class(filler):
    lesson = bundled(TEN)
    whole, alone = parts(filler, FCN)
    same = (whole.argmax(0) == alone["score_fr"].argmax(0)).double().mean().item()
    assert measured(filler, lesson, 5)[1] == [pytest.approx(same, abs=1e-4)]
    assert 0.5 < same < 0.97
    assert answered(filler, lesson, 5)[1] == [1]


def test_unet_concatenates_and_crops(filler):
    lesson = bundled(TEN)
    weights, _ = loaded(filler, "model=unet")
    reads = weights.module.get_submodule("conv_u3b_c").in_channels
    (height, width, deepest), after = measured(filler, lesson, 6, SMALL)
    assert (deepest, after) == (reads, [reads])
    assert answered(filler, lesson, 6, SMALL) == (2, [2])
    before, (begins, kept, below) = measured(filler, lesson, 7, SMALL)
    assert begins == (before[0] - before[1]) / 2 == (568 - 392) / 2  # sizes of the paper's figure 1
    assert kept == below == 2 + begins  # two unpadded convolutions of 3 x 3 have taken two rows at the edge
    (in_high, in_wide, out_high, out_wide, parameters, macs), _ = measured(filler, lesson, 8, SMALL)
    assert (in_high - out_high, in_wide - out_wide) == (572 - 388, 572 - 388)
    assert (parameters, macs) == counted(weights.module, (in_high, in_wide))
    assert (height, width) == ((in_high - 124) / 16, (in_wide - 124) / 16)  # 572 -> 28 in figure 1


def counted(module, size):
    """Parameters, and multiply-accumulates as PyTorch counts them."""
    counter = FlopCounterMode(display=False)
    with counter, torch.inference_mode():
        module(torch.zeros(1, 3, *map(int, size)))
    return sum(tensor.numel() for tensor in module.parameters()), counter.get_total_flops() // 2


# ---- why tap a pooled map


def test_which_taps_stand_on_the_grid(filler):
    lesson = bundled(TAP)
    _, jump, start = vgg()["pool4"]
    assert measured(filler, lesson, 0) == ([jump, start], list(vgg()["conv5_1"][:0:-1]))
    assert answered(filler, lesson, 0) == (vgg()["conv5_1"][2] - start, [0])
    same = [name for name, (_, *grid) in vgg().items() if grid == [jump, start] and name != "pool4"]
    assert measured(filler, lesson, 1)[0] == [2, 5, ", ".join(same)]  # 5: the authors' crop of score_pool4


def test_before_the_pooling_the_grid_is_finer_or_apart(filler):
    lesson = bundled(TAP)
    _, fine, start = vgg()["conv4_3"]
    coarse = vgg()["fc6"]
    enlarged = coarse[2] - 1.5 * coarse[1] / 4 - 2 * fine  # a kernel of 2 x 4, whose middle lies at 3.5
    assert measured(filler, lesson, 2)[1] == [(enlarged - start) / fine, coarse[1] / fine]
    assert answered(filler, lesson, 2) == (coarse[1] / fine, [1])
    off = start - vgg()["pool4"][2]
    assert measured(filler, lesson, 3)[1] == [start, vgg()["pool4"][2], -off]
    assert answered(filler, lesson, 3) == (off, [1])
    assert off % vgg()["pool4"][1], "a crop would undo it"
    assert measured(filler, lesson, 4)[0] == [5]  # its windows are those of pool4


def test_streams_add_up_to_the_score(filler):
    lesson = bundled(TAP)
    whole, alone = parts(filler, FCN)
    (row, column, label, *terms), _ = measured(filler, lesson, 5)
    best = whole[:, row, column].argmax()
    assert label == loaded(filler, FCN)[0].card.classes[best].name
    assert terms == pytest.approx([made[best, row, column].item() for made in alone.values()], abs=1e-3)
    assert measured(filler, lesson, 7)[0][1:4] == terms


def trained(table: str, question: str, row: str, against: str) -> tuple[float, str]:
    """Difference of mean IoU of two rows of a lab's trainings, in points, and what it says at two standard errors."""
    found = json.loads((files("explorer.labs") / "evidence" / f"{table}.json").read_text("utf-8"))
    runs = {
        name: {
            run["seed"]: run["mean_iou"] for run in found["runs"] if (run["question"], run["row"]) == (question, name)
        }
        for name in (row, against)
    }
    apart = [runs[row][seed] - runs[against][seed] for seed in runs[row]]
    error = stdev(apart) / sqrt(len(apart))
    verdict = "undecided" if abs(mean(apart)) < 2 * error else "better" if mean(apart) > 0 else "worse"
    return mean(apart), verdict


def test_trainings_decide_the_question_about_taps(filler):
    lesson = bundled(TAP)
    assert trained("taps", "fcn8s", "conv4_1", "pool3")[1] == "better"
    assert answered(filler, lesson, 6) == ("better", [2])
    unet = trained("taps", "unet", "after pooling", "before pooling")[1]
    _, (_, seeds, verdict, _, other) = measured(filler, lesson, 6)
    assert (seeds, verdict, other) == (3, "better", unet)
    (_, *_, first, second, crop), _ = measured(filler, lesson, 7)
    assert [first, second] == [trained("taps", "fcn16s", name, "pool4")[1] for name in ("conv5_1", "conv5_3")]
    assert crop == 96


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
    weights, image = loaded(filler, FCN)
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
    module = loaded(filler, FCN)[0].module
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
    module = loaded(filler, FCN)[0].module
    fc6 = sum(tensor.numel() for tensor in module.get_submodule("fc6").parameters())
    assert measured(filler, lesson, 4) == ([rows(214)[5], rows(320)[5]], [fc6, counted(module, (64, 64))[0]])
    assert answered(filler, lesson, 4)[1] == [2]
    assert measured(filler, lesson, 5)[0] == [7 * 7 * 512 * 4096 + 4096, 134_489_759]  # the authors' FCN-8s


@pytest.mark.parametrize("name", [TEN, TAP, SHRINK, PARAMETERS])
def test_both_languages_tell_the_same_values(name):
    """Step by step; the order in a sentence is the language's own."""
    told = []
    for language in ("en", "ko"):
        lesson = bundled(name, language)
        lines = [step.line for step in lesson.steps]
        told.append(Counter((sum(value.line >= line for line in lines), bare(value)) for value in lesson.values))
    assert told[0] == told[1]


def bare(value):
    return replace(value, line=0, other=value.other and bare(value.other))
