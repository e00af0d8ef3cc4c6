"""What the lesson on invariance says, against the network run here on windows that are shifted."""

from __future__ import annotations

from itertools import pairwise
from math import floor
from statistics import mean

import numpy as np
import pytest

from tests.lessons.filling import answered, bundled, measured
from tests.lessons.unet import fields, loaded, maps, size

LESSON = "5-invariance"
WINDOW, MOST = 252, 32  # pixels of a small window, and by how many the image can be shifted under it
SHIFTED = f"&lab.window={WINDOW}"
JUMPS = {name: 2 ** int(name.partition("_")[2][1]) for name in fields(WINDOW) if name != "score"}
JUMPS |= {f"pool_d{level}c": 2 ** (level + 1) for level in range(4)} | {"score": 1}


@pytest.fixture(scope="module")
def shifted(filler):
    """Maps of the window, by how far the image was moved down and right; "other" are those of the unrelated image."""
    bench, question, weights = loaded(filler, "shift")
    canvas = (WINDOW + MOST, WINDOW + MOST)
    image = bench.input(question, canvas).image

    def at(by, image=image):
        first = MOST - by
        return maps(weights.module, image[:, :, first : first + WINDOW, first : first + WINDOW])

    other = bench.input(question, canvas, "bus.jpg").image
    return {by: at(by) for by in (0, 1, 2, 8, 16)} | {"other": at(0, other)}


def errors(shifted, by):
    """Step -> how far the moved map and that of the moved image differ, over units that see the same both times; where
    the jump does not divide the shift, the map is moved by the nearest number of units."""
    found = {}
    for name, (lo, hi) in fields(WINDOW).items():
        if name.startswith("crop"):
            continue
        further = floor(by / JUMPS[name] + 0.5)
        count = len(lo) - further
        own = np.flatnonzero((lo[:count] >= 0) & (hi[:count] < WINDOW - by) & (lo[further:] >= by))
        before = shifted[0][name][:, own][:, :, own]
        after = shifted[by][name][:, own + further][:, :, own + further]
        found[name] = float((before - after).norm() / before.norm())
    return found


# ---- what is invariant


def test_which_maps_move_along(filler, shifted):
    lesson, found = bundled(LESSON), errors(shifted, 8)
    moving = [name for name, error in found.items() if error < 1e-5]
    (by,), (steps, _, others, worst, error, *_) = measured(filler, lesson, 0, SHIFTED)
    assert (by, steps, others) == (8, len(moving), len(found) - len(moving))
    assert (worst, error) == (max(found, key=found.get), pytest.approx(max(found.values()), rel=1e-3))
    assert answered(filler, lesson, 0, SHIFTED) == (pytest.approx(len(moving) / len(found)), [1])


def test_all_do_at_multiples_of_the_period(filler, shifted):
    lesson, found = bundled(LESSON), errors(shifted, 16)
    _, (by, moving, steps, _, last, jump, period) = measured(filler, lesson, 1, SHIFTED)
    assert by == period == 2**4 == answered(filler, lesson, 1, SHIFTED)[0]  # four poolings
    assert moving == steps == len(found)
    assert max(found.values()) < 1e-5
    assert (last, jump) == ("score", 1)


def test_a_single_pixel_flips_labels(filler, shifted):
    lesson = bundled(LESSON)
    (before, after), (lo, hi) = (shifted[by]["score"].argmax(0).numpy() for by in (0, 1)), fields(WINDOW)["score"]
    own = np.flatnonzero((hi[:-1] < WINDOW - 1) & (lo[1:] >= 1))
    flipped = before[np.ix_(own, own)] != after[np.ix_(own + 1, own + 1)]
    share, right = answered(filler, lesson, 2, SHIFTED)
    assert share == pytest.approx(float(flipped.mean()), abs=2 / flipped.size)
    assert 0 < share < 0.5
    assert right == [1]
    assert measured(filler, lesson, 2, SHIFTED)[1][0] == flipped.size


def changed(shifted, name, by):
    """How much a map changes where it stands, as a share of what the other image changes there."""
    lo, hi = fields(WINDOW)[name]
    still = np.flatnonzero((lo >= by) & (hi < WINDOW - by))
    first, moved, other = (shifted[which][name][:, still][:, :, still] for which in (0, by, "other"))
    return float((moved - first).norm() / (other - first).norm())


@pytest.mark.parametrize(("number", "by"), [(3, 1), (4, 8)])
def test_no_map_stays_and_which_changes_least(filler, shifted, number, by):
    lesson = bundled(LESSON)
    shares = {n: changed(shifted, n, by) for n in fields(WINDOW) if n.startswith(("conv", "pool", "upconv", "concat"))}
    shares["score"] = changed(shifted, "score", by)
    least, most = min(shares, key=shares.get), max(shares, key=shares.get)
    said = measured(filler, lesson, number, SHIFTED)[1]
    if number == 3:
        assert said == [least, pytest.approx(shares[least], rel=1e-3), most, pytest.approx(shares[most], rel=1e-3)]
        assert answered(filler, lesson, 3, SHIFTED) == (pytest.approx(shares[least], rel=1e-3), [1])
        return
    wide, narrow = size(least), size(most)
    assert said[:6] == [least, pytest.approx(by / wide), wide, most, pytest.approx(min(1, by / narrow)), narrow]
    assert answered(filler, lesson, 4, SHIFTED) == (wide - narrow, [0])
    rank = np.corrcoef([ranks([size(name) for name in shares]), ranks(list(shares.values()))])[0, 1]
    assert float(said[6].replace("−", "-")) == pytest.approx(rank, abs=0.01)


def ranks(values):
    """Equal values share their mean rank."""
    return [mean(i for i, other in enumerate(sorted(values)) if other == value) for value in values]


def test_the_pooled_unit_moves_on(filler, shifted):
    lesson = bundled(LESSON)
    kept, *_, by, value, first = measured(filler, lesson, 5, SHIFTED)[1]
    pooled = [shifted[n]["pool_d0c"] for n in (0, 2)]
    row = pooled[0].shape[1] // 2
    channel = int(pooled[0][:, row, row].argmax())
    assert by == 2
    assert float(first) == pytest.approx(float(pooled[0][channel, row, row]), rel=1e-3)
    assert float(value) == pytest.approx(float(pooled[1][channel, row + 1, row + 1]), rel=1e-3)
    steps = [shifted[n]["pool_d0c"][channel, row, row] for n in (0, 1, 2)]
    assert kept >= sum(a == b for a, b in pairwise(steps))
    assert answered(filler, lesson, 5, SHIFTED) == (kept, [0])
