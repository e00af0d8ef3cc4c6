"""geometry.py alone: each operation against torch, random networks against autograd, and its refusals."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor

from explorer import geometry as g
from explorer.geometry import Axis, Grid, Window

LIMIT = 40  # units along an axis, to keep random networks small
TINY = 1e-12  # every path in a random network weighs more than 1e-10; rounding leaves less than 1e-15


def hulls(reads: np.ndarray) -> tuple[list[int], list[int]]:
    """First and last pixel read by each unit (units x pixels); EMPTY where none is."""
    seen = [np.flatnonzero(row) for row in reads]
    return [int(s[0]) if len(s) else g.EMPTY[0] for s in seen], [int(s[-1]) if len(s) else g.EMPTY[1] for s in seen]


def assert_agrees(axis: Axis, output: Tensor, image: Tensor) -> None:
    """The intervals are what autograd finds. Both tensors are 1 x 1 x n x 1."""
    units = output.shape[2]
    assert len(axis) == units
    basis = torch.eye(units, dtype=torch.float64).view(units, 1, 1, units, 1)
    (jacobian,) = torch.autograd.grad(output, image, basis, is_grads_batched=True)
    assert (axis.lo.tolist(), axis.hi.tolist()) == hulls((jacobian[:, 0, 0, :, 0] > TINY).numpy())


# Every operation twice: as geometry, and as torch code along rows, with positive weights that sum to 1.


def kernel(size: int) -> Tensor:
    return torch.full((1, 1, size, 1), 1 / size, dtype=torch.float64)


@st.composite
def convolution(draw):
    k, s, p, d = (draw(st.integers(*limits)) for limits in ((1, 4), (1, 3), (0, 4), (1, 3)))
    return Window(k, s, p, d), lambda x: F.conv2d(x, kernel(k), None, (s, 1), (p, 0), (d, 1))


@st.composite
def pooling(draw):
    k, s, ceil = draw(st.integers(1, 4)), draw(st.integers(1, 4)), draw(st.booleans())
    p = draw(st.integers(0, k // 2))  # torch's own limit
    return Window(k, s, p, ceil=ceil), lambda x: F.avg_pool2d(x, (k, 1), (s, 1), (p, 0), ceil)


@st.composite
def transposed(draw):
    k, s, p, d = (draw(st.integers(*limits)) for limits in ((1, 4), (1, 3), (0, 2), (1, 2)))
    more = draw(st.integers(0, max(s, d) - 1))  # torch's own limit
    return g.Transposed(k, s, p, more, d), lambda x: F.conv_transpose2d(
        x, kernel(k), None, (s, 1), (p, 0), (more, 0), 1, (d, 1)
    )


@st.composite
def bilinear(draw):
    factor = draw(st.integers(1, 5))
    return g.Bilinear(factor), lambda x: F.interpolate(x, scale_factor=(factor, 1), mode="bilinear")


@st.composite
def crop(draw):
    offset, length = draw(st.integers(0, 3)), draw(st.integers(1, 12))
    return g.Crop(offset, length), lambda x: x[:, :, offset : offset + length]


@st.composite
def padding(draw):
    before, after = draw(st.integers(0, 3)), draw(st.integers(0, 3))
    return g.Pad(before, after), lambda x: F.pad(x, (0, 0, before, after))


SINGLE = st.one_of(convolution(), pooling(), transposed(), bilinear(), crop(), padding())


def fits(op, axis: Axis) -> bool:
    """Whether the operation leaves between 1 and LIMIT units."""
    try:
        return 1 <= op.size(len(axis)) <= LIMIT
    except g.GeometryError:
        return False


def branches(draw, axis: Axis, value: Tensor) -> tuple[Axis, Tensor]:
    """Two convolutions of one map, cropped to each other, then added or concatenated; the map itself if misaligned."""
    stride, ends = draw(st.integers(1, 2)), []
    for _ in range(2):
        k, p, d = draw(st.integers(1, 4)), draw(st.integers(0, 3)), draw(st.integers(1, 2))
        op = Window(k, stride, p, d)
        if not fits(op, axis):
            return axis, value
        ends.append((axis.through(op), F.conv2d(value, kernel(k), None, (stride, 1), (p, 0), (d, 1))))
    (one, a), (two, b) = ends
    apart = (two.grid.start - one.grid.start) / one.grid.jump
    if apart.denominator != 1:
        with pytest.raises(g.MisalignedError, match=f"{abs(two.grid.start - one.grid.start)} input pixels"):
            g.join([one, two])
        return axis, value
    offset = g.crop_offset(one.grid, two.grid)
    assert offset == apart
    first, second = max(offset, 0), max(-offset, 0)
    length = min(len(one) - first, len(two) - second)
    if length < 1:
        return axis, value
    if offset:
        with pytest.raises(g.MisalignedError, match=f"{abs(offset * one.grid.jump)} input pixels"):
            g.join([one, two])
    joined = g.join([one.through(g.Crop(first, length)), two.through(g.Crop(second, length))])
    a, b = a.narrow(2, first, length), b.narrow(2, second, length)
    return joined, (a + b) / 2 if draw(st.booleans()) else torch.cat((a, b), 1).mean(1, keepdim=True)


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_random_networks_agree_with_autograd(data):
    n = data.draw(st.integers(1, 24), label="pixels")
    image = torch.ones(1, 1, n, 1, dtype=torch.float64, requires_grad=True)
    axis, value = g.source(n), image * 1
    for _ in range(data.draw(st.integers(1, 6), label="steps")):
        if data.draw(st.integers(0, 4)) == 0:
            axis, value = branches(data.draw, axis, value)
            continue
        op, run = data.draw(SINGLE)
        if fits(op, axis):
            axis, value = axis.through(op), run(value)
            assert len(axis) == value.shape[2]
    assert_agrees(axis, value, image)


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 30), st.integers(1, 5), st.integers(1, 5), st.integers(0, 2), st.integers(1, 3), st.booleans())
def test_max_pooling_reads_what_torch_reads(n, kernel, stride, padding, dilation, ceil):
    """With dilation, which average pooling lacks. A maximum over one-hot maps shows which window holds the one."""
    padding = min(padding, kernel // 2)
    op = Window(kernel, stride, padding, dilation, ceil)
    onehot = torch.eye(n).unsqueeze(1)
    try:
        out = F.max_pool1d(onehot, kernel, stride, padding, dilation, ceil_mode=ceil)
    except RuntimeError:
        assert op.size(n) < 1
        return
    assert op.size(n) == out.shape[2]
    axis = g.source(n).through(op)
    assert (axis.lo.tolist(), axis.hi.tolist()) == hulls((out[:, 0].T > 0).numpy())
    assert g.covered(op, n).tolist() == (out[:, 0] > 0).any(1).tolist()


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_grid_is_the_centre_of_every_unclipped_field(data):
    """Without up-sampling the field is start + jump * i +- (r - 1)/2, r from the closed form (Araujo et al. 2019)."""
    n = data.draw(st.integers(1, 120))
    axis, jump, field = g.source(n), 1, 1
    for _ in range(data.draw(st.integers(1, 6))):
        op = data.draw(
            st.one_of(
                st.builds(Window, *map(st.integers, (1, 1, 0, 1), (5, 3, 3, 2)), st.booleans()),
                st.builds(g.Pad, st.integers(0, 3), st.integers(0, 3)),
                st.builds(g.Crop, st.integers(0, 3)),
            )
        )
        if op.size(len(axis)) < 1:
            continue
        axis = axis.through(op)
        if isinstance(op, Window):
            field, jump = field + (op.extent - 1) * jump, jump * op.stride
    assert axis.grid.jump == jump
    whole = axis.extents == field
    assert (axis.extents <= field).all()
    for unit in np.flatnonzero(whole):
        assert Fraction(int(axis.lo[unit] + axis.hi[unit]), 2) == axis.grid.centre(int(unit))
    for unit in np.flatnonzero(~whole & ~axis.empty):  # clipped fields lie inside the nominal one
        assert axis.lo[unit] >= axis.grid.centre(int(unit)) - Fraction(field - 1, 2)
        assert axis.hi[unit] <= axis.grid.centre(int(unit)) + Fraction(field - 1, 2)


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 5), st.integers(1, 3), st.integers(0, 3), st.integers(1, 3), st.integers(1, 4))
def test_upsampling_undoes_the_grid_of_a_window(kernel, stride, padding, dilation, factor):
    """A transposed convolution is the convolution read backwards; bilinear up-sampling keeps the image's extent."""
    at = Grid(Fraction(3), Fraction(-7, 2))
    there = Window(kernel, stride, padding, dilation).grid(at)
    assert g.Transposed(kernel, stride, padding, dilation=dilation).grid(there) == at
    up = g.Bilinear(factor).grid(at)
    assert up.start - up.jump / 2 == at.start - at.jump / 2  # left edge of unit 0
    assert Window(factor, factor).grid(up) == at


@given(st.integers(1, 60), st.integers(1, 4), st.integers(1, 4), st.booleans())
def test_covered_is_what_some_window_holds(n, kernel, stride, ceil):
    op = Window(kernel, stride, ceil=ceil)
    assume(op.size(n) >= 1)
    held = {i for unit in range(op.size(n)) for i in range(unit * stride, unit * stride + kernel) if i < n}
    assert g.covered(op, n).tolist() == [i in held for i in range(n)]


def test_an_unusable_size_covers_nothing():
    assert not g.covered(Window(3), 2).any()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: g.source(0), "0 pixels"),
        (lambda: g.source(2).through(Window(3)), "leaves no unit of a map of 2 units"),
        (lambda: g.source(5).through(g.Crop(3, 3)), "a crop of 3 units from offset 3 does not fit a map of 5 units"),
        (lambda: g.source(5).through(g.Crop(-1, 3)), "offset -1"),
        (lambda: g.source(5).through(g.Crop(6)), "leaves no unit|does not fit"),
        (lambda: g.join([g.source(5), g.source(6)]), "5 and 6 units"),
    ],
)
def test_impossible_maps_are_refused(make, words):
    with pytest.raises(g.GeometryError, match=words):
        make()


def test_misaligned_maps_say_by_how_much():
    half = g.source(8).through(Window(2))  # half a pixel off
    with pytest.raises(g.MisalignedError, match=r"1/2 input pixels"):
        g.join([g.source(7), half])
    one = g.source(9).through(g.Crop(1))
    with pytest.raises(g.MisalignedError, match=r"1 input pixel"):
        g.join([g.source(8), one])
    with pytest.raises(g.MisalignedError, match="different jumps, 1 and 2"):
        g.join([g.source(4), g.source(8).through(Window(2, 2))])


def test_whichever_of_two_maps_is_larger_is_cropped():
    early, late = Grid(Fraction(4), Fraction(-10)), Grid(Fraction(4), Fraction(2))
    assert (g.crop_offset(early, late), g.crop_offset(late, early)) == (3, -3)


def test_a_unit_that_sees_padding_only_is_empty():
    axis = g.source(1).through(Window(3, padding=100))  # windows wholly inside the padding, as in FCN
    assert len(axis) == 199
    assert np.flatnonzero(~axis.empty).tolist() == [98 + 0, 99, 100]
    assert axis.extents.sum() == 3
    assert g.hull(axis, axis) == g.Box(0, 0, 1, 1)
    nothing = axis.through(g.Crop(0, 50))
    assert nothing.empty.all()
    assert g.hull(nothing, axis) is None


def test_hull_is_the_half_open_box_of_inclusive_intervals():
    rows, cols = g.source(10).through(g.Crop(2, 3)), g.source(7).through(Window(3))
    box = g.hull(rows, cols)
    assert box == g.Box(2, 0, 5, 7)
    assert box.shape == (3, 7)


@given(st.integers(1, 300), st.integers(1, 40), st.integers(1, 700))
def test_legal_sizes(minimum, period, n):
    rule = g.legal_sizes(lambda n: n if n >= minimum and (n - minimum) % period == 0 else None, period)
    assert rule == g.LegalSizes(minimum, period)
    legal = [k for k in range(1, n + minimum + 2 * period) if k >= minimum and (k - minimum) % period == 0]
    assert rule.at_least(n) == min(k for k in legal if k >= n)
    below = [k for k in legal if k < n]
    assert rule.nearest(n) == ((n,) if n in legal else (*below[-1:], rule.at_least(n)))
    assert (n in rule) == (n in legal)


def test_legal_sizes_that_do_not_repeat_are_refused():
    with pytest.raises(g.GeometryError, match="do not repeat"):
        g.legal_sizes(lambda n: n if n in (5, 6, 9) else None, 4)
    with pytest.raises(g.GeometryError, match="no legal input size"):
        g.legal_sizes(lambda n: None, 4)
