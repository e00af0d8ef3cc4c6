"""What the lessons on channels, crops and the border say, against the papers, arithmetic done here, and other
computations.
"""

from __future__ import annotations

import json
from importlib.resources import files
from itertools import pairwise
from statistics import mean

import numpy as np
import pytest
import torch

from explorer import labs
from explorer.ui.labs import border
from tests.lessons.filling import answered, bundled, measured
from tests.lessons.unet import OFFSETS, PAPER, UNET, fields, loaded, maps

CHANNELS, CROP, BORDER = "6-channels", "7-crop", "8-border"
SMALL, LITTLE = "&size=192", 252  # what does not depend on the size is measured where a run is quick


# ---- the border, by intervals


def seeing(name, pixel):
    """The units along an axis that see a pixel."""
    lo, hi = fields(PAPER)[name]
    return np.flatnonzero((lo <= pixel) & (pixel <= hi))


def unreached(name):
    """Share of the pixels that no unit of a square map sees; the fields of its units leave no gap."""
    lo, hi = fields(PAPER)[name]
    return 1 - ((hi.max() - lo.min() + 1) / PAPER) ** 2


# ---- channels


def layer(level, first, rows, columns=None):
    """Activations, parameters and multiply-accumulates of U-Net's last convolution on a level, of `first` channels."""
    channels = first * 2**level
    places = rows * (columns or rows)
    return places * channels, 9 * channels**2 + channels, places * 9 * channels**2


def test_one_level_down(filler):
    lesson = bundled(CHANNELS)
    (channels, doubled), (lower, upper, ratio) = measured(filler, lesson, 0, SMALL)
    rows, columns = filler.trace(UNET + SMALL)["frames"]["network"]
    above = layer(0, channels, rows - 4, columns - 4)
    below = layer(1, channels, (rows - 4) // 2 - 4, (columns - 4) // 2 - 4)
    assert (doubled, upper, lower) == (2 * channels, above[0], below[0])
    ratios = [one / other for one, other in zip(below, above, strict=True)]
    assert [answered(filler, lesson, number, SMALL) for number in range(3)] == [
        (pytest.approx(ratio), [right]) for ratio, right in zip(ratios, (1, 2, 1), strict=True)
    ]
    assert ratio == pytest.approx(ratios[0])


def test_the_costs_in_the_paper(filler):
    lesson = bundled(CHANNELS)
    down = [layer(level, 64, rows) for level, rows in enumerate((568, 280, 136, 64, 28))]  # Fig. 1
    up = [layer(level, 64, rows) for level, rows in ((3, 52), (2, 100), (1, 196), (0, 388))]
    means = [mean(b / a for a, b in pairwise(kind)) for kind in zip(*down, strict=True)]
    found = measured(filler, lesson, 3)[0]
    assert found[:6] == [PAPER, PAPER, 4, *(pytest.approx(value, rel=2e-3) for value in means)]
    assert found[6:] == list(down[0][:2])
    times = mean((b / a) ** 2 for a, b in pairwise((52, 100, 196, 388)))
    assert answered(filler, lesson, 4)[0] == pytest.approx(times, rel=2e-3)
    before, after = measured(filler, lesson, 4)
    assert before == [512, 64, 512]
    assert after[1:] == [up[0][2], up[3][2]]


def test_one_by_one_and_the_sum(filler):
    lesson = bundled(CHANNELS)
    (name, classes, channels), (wide, own, wide_parameters, parameters) = measured(filler, lesson, 5)
    assert (wide, wide_parameters) == (9 * own, 9 * channels * classes + classes)
    assert parameters == channels * classes + classes
    assert answered(filler, lesson, 5) == (9, [2])
    bench, question, weights = loaded(filler, "channel")
    assert (name, classes, channels) == ("score", len(weights.card.classes), weights.module.score.in_channels)
    found = maps(weights.module, bench.input(question).image)
    row, column = (n // 2 for n in found["score"].shape[1:])  # of the unit that stands nearest to the middle
    products = found["relu_u0d"][:, row, column] * weights.module.score.weight[0, :, 0, 0]
    *_, count, total, bias, _, score = measured(filler, lesson, 6)[0]
    assert count == len(products)
    assert (total, bias) == pytest.approx((float(products.sum()), float(weights.module.score.bias[0])), rel=1e-4)
    assert score == pytest.approx(float(found["score"][0, row, column]), rel=1e-4)


def test_the_runs_that_were_trained(filler):
    lesson = bundled(CHANNELS)
    kept = json.loads(files("explorer.labs").joinpath("evidence", "channels.json").read_text("utf-8"))
    runs = {row: [run["mean_iou"] for run in kept["runs"] if run["row"] == row] for row in ("doubling", "constant")}
    double, constant = (mean(values) for values in runs.values())
    said = measured(filler, lesson, 7)[1]
    assert said[:4] == [pytest.approx(double), pytest.approx(constant), *map(len, runs.values())]
    assert said[5:] == [kept["rows"][row]["parameters"] for row in runs]
    value, right = answered(filler, lesson, 7)
    assert value == pytest.approx(double - constant)
    assert right == ([0] if double > constant else [1])
    assert measured(filler, lesson, 8)[0][-1] == len(loaded(filler, "channel")[2].card.classes)


# ---- crops


def test_where_the_crops_begin(filler):
    lesson = bundled(CROP)
    before, after = measured(filler, lesson, 1)
    sizes = {name: len(lo) for name, (lo, _) in fields(PAPER).items()}
    assert before == [sizes["upconv_u0a"], sizes["conv_d0b_c"]]
    centre = {level: (sizes[f"conv_d{level}b_c"] - sizes[f"upconv_u{level}a"]) // 2 for level in OFFSETS}
    assert centre == OFFSETS
    assert after == [OFFSETS[0], centre[0], OFFSETS[1], OFFSETS[2], OFFSETS[3]]
    assert answered(filler, lesson, 1) == (0, [0])


def test_what_meets_at_n_m(filler):
    lesson = bundled(CROP)
    wide, narrow = (fields(PAPER)[name] for name in ("upconv_u0a", "crop_d0c"))
    least = int((wide[1] - wide[0]).min()) + 1
    assert measured(filler, lesson, 2, SMALL)[1] == [5, least, 90, 90, 1, 1, 0]  # Fig. 1: 5 px; 188 or 204
    assert answered(filler, lesson, 2, SMALL) == (least - 5, [1])
    row, column, *seen, apart = measured(filler, lesson, 3)[0]
    assert seen == [narrow[0][row], narrow[1][row], wide[0][row], wide[1][row]]
    assert row == column
    assert abs(apart) == abs(sum(seen[:2]) - sum(seen[2:])) / 2


def test_a_crop_that_is_moved(filler):
    lesson = bundled(CROP)
    assert answered(filler, lesson, 4)[0] == 5 * 4  # five units, two poolings
    assert measured(filler, lesson, 4)[1] == [20, OFFSETS[2] + 5, OFFSETS[2]]
    bench, question, weights = loaded(filler, "crop")
    image = bench.input(question, (LITTLE, LITTLE)).image

    def moved(_, given, made):
        first, (height, width) = OFFSETS[2] + 5, made.shape[2:]
        return given[0][:, :, first : first + height, first : first + width]

    with torch.inference_mode():
        before = weights.module(image).argmax(1)
        hook = weights.module.crop_d2c.register_forward_hook(moved)
        after = weights.module(image).argmax(1)
        hook.remove()
    small = f"&lab.height={LITTLE}&lab.width={LITTLE}"
    share, right = answered(filler, lesson, 5, small)
    assert share == pytest.approx(float((before == after).double().mean()), abs=1e-4)
    assert right == [1]
    assert measured(filler, lesson, 7, small)[0] == [20, share]


def test_the_middle_is_not_always_right(filler):
    lesson = bundled(CROP)
    sizes = {name: len(lo) for name, (lo, _) in fields(500).items()}
    centre = (sizes["conv_d0b_c"] - sizes["upconv_u0a"]) // 2
    assert answered(filler, lesson, 6) == (centre - OFFSETS[0], [1])
    (size, nearest), (aligned, middle, apart, step) = measured(filler, lesson, 6)
    assert (size, nearest) == (500, "492, 508")  # 16 m + 12
    assert (aligned, middle, apart, step) == (OFFSETS[0], centre, centre - OFFSETS[0], "pool_d3c")


# ---- the border


def test_pixels_without_a_label(filler):
    lesson = bundled(BORDER)
    lost = (PAPER - len(fields(PAPER)["score"][0])) // 2
    assert answered(filler, lesson, 0)[0] == lost == 92  # 572 to 388
    assert measured(filler, lesson, 0)[1] == [lost] * 4


def test_the_corner_stays_at_the_border(filler):
    lesson = bundled(BORDER)
    units = seeing("score", 0)
    assert answered(filler, lesson, 1) == (len(units) ** 2, [1])
    assert measured(filler, lesson, 1)[1] == [len(units) ** 2, 0]
    far, middle = 92 + units.max(), PAPER / 2 - 0.5
    assert answered(filler, lesson, 2) == (pytest.approx(far / middle), [0])
    assert measured(filler, lesson, 2) == ([middle], [far])
    skips = [unreached(name) for name in ("crop_d3c", "crop_d0c")]
    assert measured(filler, lesson, 3)[0] == [0, 0, *map(pytest.approx, skips)]
    assert not any(len(seeing(name, 0)) for name in ("crop_d3c", "crop_d0c"))
    assert measured(filler, lesson, 8)[0] == [len(units) ** 2, far, middle]


def test_mirrored_or_padded(filler):
    lesson = bundled(BORDER)
    assert answered(filler, lesson, 4) == (0, [1])
    pixels, whole, lost = measured(filler, lesson, 4)[1]
    assert pixels == lost == 92
    assert whole % 16 == 12  # a size that U-Net takes
    assert whole - 184 >= PAPER > whole - 184 - 16
    lo, hi = fields(560, pad=True)["score"]
    free = int(((lo >= 0) & (hi < 560)).sum())
    assert answered(filler, lesson, 5) == (pytest.approx((free / 560) ** 2), [2])
    assert measured(filler, lesson, 5)[1][:2] == [free**2, 560**2]


def test_what_sees_padding_alone_in_fcn(filler):
    lesson = bundled(BORDER)
    first = [32 * i - 189 for i in range(17)]  # pool5 of FCN: 212 px from there on (Long et al. 2015; pad 100)
    blind = sum(left + 211 < 0 or left >= 320 for left in first)
    free = sum(left >= 0 and left + 211 < 320 for left in first)
    step, *counts, layer, middle, least = measured(filler, lesson, 6)[1]
    assert (step, counts) == ("pool5", [17**2 - (17 - blind) ** 2, 17**2, free**2])
    assert answered(filler, lesson, 6) == (counts[0], [1])
    assert (layer, middle) == ("score_fr", 1)
    assert least == pytest.approx(0.61**2, abs=0.005)  # of the bilinear filters, in the corner


def test_what_the_output_depends_on(filler, monkeypatch):
    lesson, given = bundled(BORDER), []
    estimate = labs.dependence

    def fewer(module, image, *rest, **named):
        given.append((module, image))
        return estimate(module, image, *rest, vectors=4, **named)

    monkeypatch.setattr(labs, "dependence", fewer)
    monkeypatch.setattr(border, "SIDE", LITTLE)
    share, right = answered(filler, lesson, 7)
    edge, middle, vectors = measured(filler, lesson, 7)[1]
    ((module, image),) = given
    image = image.clone().requires_grad_()
    scores = module(image)
    ours = torch.zeros(image.shape[2:])
    for seed in range(vectors):  # others than the lab's
        signs = torch.randint(0, 2, scores.shape, generator=torch.Generator().manual_seed(100 + seed)) * 2.0 - 1
        ours += torch.autograd.grad(scores, image, signs, retain_graph=True)[0].square().sum((0, 1)) / vectors
    root, half = ours.sqrt(), min(image.shape[2:]) // 4
    around = torch.cat([root[0], root[-1], root[1:-1, 0], root[1:-1, -1]]).mean()
    inner = root[half:-half, half:-half].mean()
    assert (float(edge), float(middle)) == pytest.approx((float(around), float(inner)), rel=0.2)
    assert share == pytest.approx(float(edge) / float(middle), rel=0.01)
    assert right == ([0] if around < inner / 2 else [1])
