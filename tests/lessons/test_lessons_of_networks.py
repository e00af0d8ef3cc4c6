"""What the lessons on the two networks and on their taps say, against the papers and other computations."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from functools import cache

import pytest
import torch

from tests.lessons.filling import answered, bundled, measured
from tests.lessons.outside import FCN, counted, loaded, rows, trained, vgg

TEN, TAP = "1-ten-minutes", "2-tap"
SMALL = "&size=192"  # what does not depend on the size is measured where a run is quick
HIGH, WIDE = 128, 192  # of 427 x 640


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
    (height, width, colours), (out, across, name, share) = measured(filler, lesson, 0, SMALL)
    assert (height, width, colours) == (HIGH, WIDE, 3) == (out, across, colours)
    weights, image = loaded(filler, FCN, WIDE)
    labels = scores(weights.module, image).argmax(0)
    most, count = Counter(labels.flatten().tolist()).most_common(1)[0]
    assert name == weights.card.classes[most].name["en"]
    assert share == pytest.approx(count / labels.numel(), abs=1e-4)
    assert answered(filler, lesson, 0, SMALL) == (1, [2])


def test_down_the_maps_shrink_and_the_fields_grow(filler):
    lesson = bundled(TEN)
    high, wide = rows(HIGH), rows(WIDE)
    before, (height, width, channels, first, last) = measured(filler, lesson, 1, SMALL)
    assert before[:4] == [HIGH + 198, WIDE + 198, high[0], wide[0]]
    assert (height, width, channels) == (high[4], wide[4], 8 * before[4])
    assert (first, last) == (before[4] * high[0] * wide[0], 8 * before[4] * high[4] * wide[4])
    assert answered(filler, lesson, 1, SMALL) == (512 / 64, [2])  # channels of VGG-16's pool5 and pool1
    assert measured(filler, lesson, 2, SMALL) == ([vgg()["conv1_1"][0]], [vgg()["pool5"][0]]) == ([3], [212])
    assert answered(filler, lesson, 2, SMALL)[0] == 212


def test_scores_are_coarse_and_skips_finer(filler):
    lesson = bundled(TEN)
    (features, classes, height, width, jump), _ = measured(filler, lesson, 3, SMALL)
    weights, _ = loaded(filler)
    assert (classes, features) == weights.module.get_submodule("score_fr").weight.shape[:2]
    assert (height, width, jump) == (rows(HIGH)[5], rows(WIDE)[5], 2**5)
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


# ---- why tap a pooled map


def test_which_taps_stand_on_the_grid(filler):
    lesson = bundled(TAP)
    _, jump, start = vgg()["pool4"]
    assert measured(filler, lesson, 0, SMALL) == ([jump, start], list(vgg()["conv5_1"][:0:-1]))
    assert answered(filler, lesson, 0, SMALL) == (vgg()["conv5_1"][2] - start, [0])
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
    assert label == loaded(filler)[0].card.classes[best].name
    assert terms == pytest.approx([made[best, row, column].item() for made in alone.values()], abs=1e-3)
    assert measured(filler, lesson, 7)[0][1:4] == terms


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


@pytest.mark.parametrize("name", [TEN, TAP, "3-shrink", "4-parameters"])
def test_both_languages_tell_the_same_values(name):
    """Step by step, and judge answers alike; the order in a sentence is the language's own."""
    told = []
    for language in ("en", "ko"):
        lesson = bundled(name, language)
        lines = [step.line for step in lesson.steps]
        values = Counter((sum(value.line >= line for line in lines), bare(value)) for value in lesson.values)
        choices = [replace(choice, text=[]) for step in lesson.steps if step.ask for choice in step.ask.choices]
        told.append((values, choices))
    assert told[0] == told[1]


def bare(value):
    return replace(value, line=0, other=value.other and bare(value.other))
