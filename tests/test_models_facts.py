"""The facts about the networks that papers and released prototxts state, derived by the code (literals live here)."""

from __future__ import annotations

from fractions import Fraction
from functools import cache

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from explorer import geometry as g
from explorer.fields import whole_fields
from explorer.graph import output_size
from explorer.models import ModelSpec, SizeError, UNet, build
from explorer.operations import along
from explorer.operations.layers import Concat, Crop
from explorer.trace import Trace, trace

PAPER_FCN = """
conv1_1 1 3 -100 -99 | conv1_2 1 5 -101 -99 | pool1 2 6 -101 -98.5 | conv2_1 2 10 -103 -98.5 | conv2_2 2 14 -105 -98.5
pool2 4 16 -105 -97.5 | conv3_1 4 24 -109 -97.5 | conv3_2 4 32 -113 -97.5 | conv3_3 4 40 -117 -97.5
pool3 8 44 -117 -95.5 | conv4_1 8 60 -125 -95.5 | conv4_2 8 76 -133 -95.5 | conv4_3 8 92 -141 -95.5
pool4 16 100 -141 -91.5 | conv5_1 16 132 -157 -91.5 | conv5_2 16 164 -173 -91.5 | conv5_3 16 196 -189 -91.5
pool5 32 212 -189 -83.5 | fc6 32 404 -189 12.5 | fc7 32 404 -189 12.5 | score_fr 32 404 -189 12.5
"""  # jump, receptive field, left of unit 0, centre of unit 0
PAPER_UNET = """
relu_d0c 568 1 5 2 | relu_d1c 280 2 14 6.5 | relu_d2c 136 4 32 15.5 | relu_d3c 64 8 68 33.5 | relu_d4c 28 16 140 69.5
upconv_u3a 56 8 140 65.5 | relu_u3d 52 8 172 81.5 | upconv_u2a 104 4 172 79.5 | relu_u2d 100 4 188 87.5
upconv_u1a 200 2 188 86.5 | relu_u1d 196 2 188,204 90.5 | upconv_u0a 392 1 188,204 90 | relu_u0d 388 1 188,204 92
score 388 1 188,204 92
"""  # size, jump, receptive fields, centre of unit 0


def table(text: str) -> list[list[str]]:
    return [row.split() for row in text.replace("\n", "|").split("|") if row.strip()]


def traced(model: str, padding: str, height: int, width: int = 0) -> Trace:
    """The thin network on the meta device: geometry without arithmetic."""
    with torch.device("meta"):
        network = build(ModelSpec(model, padding, width=1e-6, fc_channels=1, in_channels=1, classes=1))
        return trace(network, torch.empty(1, 1, height, width or height))


def offsets(network: nn.Module) -> dict[str, int]:
    return {name: module.offset for name, module in network.named_modules() if isinstance(module, Crop)}


@pytest.mark.parametrize(("name", "jump", "field", "left", "centre"), table(PAPER_FCN))
def test_fcn_jumps_and_receptive_fields(fcn_1000, name, jump, field, left, centre):
    rows = fcn_1000[name].rows
    assert rows.grid == g.Grid(Fraction(jump), Fraction(centre))
    inside = (rows.lo > 0) & (rows.hi < 999) & ~rows.empty
    units = np.flatnonzero(inside)
    assert set(rows.extents[units]) == {int(field)}
    assert (rows.lo[units] == int(left) + int(jump) * units).all()
    assert rows.extents.max() == int(field)


@pytest.fixture(scope="module")
def fcn_1000() -> Trace:
    return traced("fcn8s", "paper", 1000, 1)


def test_score_fr_sees_404_pixels(fcn_1000):
    rows = fcn_1000["score_fr"].rows
    for i, (lo, hi) in enumerate(zip(rows.lo, rows.hi, strict=True)):
        assert (lo, hi) == (max(0, 32 * i - 189), min(999, 32 * i + 214))


@pytest.mark.parametrize(("name", "size", "jump", "fields", "centre"), table(PAPER_UNET))
def test_unet_jumps_and_receptive_fields(unet_572, name, size, jump, fields, centre):
    rows = unet_572[name].rows
    assert len(rows) == int(size)
    assert rows.grid == g.Grid(Fraction(jump), Fraction(centre))
    assert set(rows.extents) == set(map(int, fields.split(",")))  # valid convolutions: no field is clipped


@pytest.fixture(scope="module")
def unet_572() -> Trace:
    return traced("unet", "valid", 572)


@pytest.mark.parametrize(
    ("model", "padding", "expected"),
    [
        ("fcn32s", "paper", {"score": 19}),
        ("fcn16s", "paper", {"crop_pool4": 5, "score": 27}),
        ("fcn8s", "paper", {"crop_pool4": 5, "crop_pool3": 9, "score": 31}),
        ("fcn8s-atonce", "paper", {"crop_pool4": 5, "crop_pool3": 9, "score": 31}),
        ("fcn32s", "same", {"score": 16}),
        ("fcn16s", "same", {"crop_upscore2": 1, "score": 8}),
        ("fcn8s", "same", {"crop_upscore2": 1, "crop_upscore_pool4": 1, "score": 4}),
        ("fcn8s-atonce", "same", {"crop_upscore2": 1, "crop_upscore_pool4": 1, "score": 4}),
        ("unet", "valid", {"crop_d3c": 4, "crop_d2c": 16, "crop_d1c": 40, "crop_d0c": 88}),
        ("unet", "same", {"crop_d3c": 0, "crop_d2c": 0, "crop_d1c": 0, "crop_d0c": 0}),
    ],
)
def test_crop_offsets(thin, model, padding, expected):
    assert offsets(thin(model, padding)) == expected


@pytest.mark.parametrize("pad", [1, 50, 81, 97, 100, 130])
def test_fcn32s_offset_follows_from_the_first_padding(pad):
    """P - 81, with the trunk written as operations; pad 97 stands on the grid of "same" padding."""
    ops = [g.Window(3, padding=pad), g.Window(3, padding=1)]
    for convolutions in (2, 3, 3, 3):
        ops += [g.Window(2, 2, ceil=True), *[g.Window(3, padding=1)] * convolutions]
    ops += [g.Window(2, 2, ceil=True), g.Window(7)]
    at = g.Grid()
    for op in ops:
        at = op.grid(at)
    assert at.start == Fraction(225, 2) - pad
    assert g.crop_offset(g.Transposed(64, 32).grid(at), g.Grid()) == pad - 81
    assert (at == traced("fcn32s", "same", 32)["score_fr"].rows.grid) == (pad == 97)


@pytest.mark.parametrize(
    ("model", "sizes"),
    [
        ("fcn32s", {"upscore": 544, "score": 500}),
        ("fcn16s", {"upscore2": 34, "crop_pool4": 34, "upscore16": 560, "score": 500}),
        ("fcn8s", {"upscore2": 34, "upscore_pool4": 70, "crop_pool3": 70, "upscore8": 568, "score": 500}),
    ],
)
def test_fcn_sizes_at_500(model, sizes):
    steps = traced(model, "paper", 500)
    trunk = {"conv1_1": 698, "pool1": 349, "pool2": 175, "pool3": 88, "pool4": 44, "pool5": 22, "fc6": 16}
    assert {name: len(steps[name].rows) for name in trunk | sizes} == trunk | sizes
    outside = np.flatnonzero(steps["conv1_1"].rows.empty)  # unit i sees pixels i - 100 .. i - 98: padding only
    assert outside.tolist() == [*range(98), *range(600, 698)]


@pytest.mark.parametrize(("model", "long"), [("fcn32s", 0), ("fcn16s", 16), ("fcn8s", 24)])
def test_fcn_output_fields_depend_on_the_phase(model, long):
    """436 or 468 pixels, `long` times 468 in every 32 output pixels; row 0 sees pixels 0..214."""
    rows = traced(model, "paper", 1500, 1).output.rows
    period = rows.extents[704:736]
    expected = {436: 32 - long, 468: long}
    assert {field: int((period == field).sum()) for field in (436, 468)} == expected
    inside = rows.extents[480:1000]
    assert set(inside) == {field for field, times in expected.items() if times}
    at_500 = traced(model, "paper", 500).output.rows
    assert (at_500.lo[0], at_500.hi[0]) == (0, 214)


@pytest.mark.parametrize("padding", ["paper", "same"])
@pytest.mark.parametrize(("model", "fields"), [("fcn32s", (436,)), ("fcn16s", (436, 468)), ("fcn8s", (436, 468))])
def test_field_sizes_are_those_of_unclipped_units(model, fields, padding):
    with torch.device("meta"):
        network = build(ModelSpec(model, padding, width=1e-6, fc_channels=1, in_channels=1))
    reach = whole_fields(network, 1, 1504)
    sizes = {name: tuple(sorted({hi - lo + 1 for lo, hi in fields})) for name, fields in reach.items()}
    assert sizes["score"] == fields
    trunk = {name: (int(field),) for name, _, field, *_ in table(PAPER_FCN)}
    assert {name: sizes[name] for name in trunk} == trunk


@pytest.mark.parametrize("padding", ["paper", "same"])
@pytest.mark.parametrize("model", ["fcn32s", "fcn16s", "fcn8s"])
def test_fcn_takes_every_size(thin, model, padding):
    network = thin(model, padding)
    output = output_size(network)
    assert all(output(n) == n for n in range(1, 3001))
    assert network.input.sizes == g.LegalSizes(1, 1)


@cache
def runs_plainly(n: int, pad: int) -> int | None:
    """U-Net along one axis with torch on the meta device; None if a pooled map is odd or nothing is left."""
    x, weight, up = (torch.empty(1, 1, k, device="meta") for k in (n, 3, 2))
    try:
        for level in range(5):
            x = F.conv1d(F.conv1d(x, weight, padding=pad), weight, padding=pad)
            if level < 4:
                if x.shape[2] % 2:
                    return None
                x = F.max_pool1d(x, 2)
        for _ in range(4):
            x = F.conv_transpose1d(x, up, stride=2)
            x = F.conv1d(F.conv1d(x, weight, padding=pad), weight, padding=pad)
    except RuntimeError:
        return None
    return x.shape[2] or None


@pytest.mark.parametrize("padding", ["valid", "same"])
def test_unet_legal_sizes(padding):
    with torch.device("meta"):
        network = UNet(padding, width=1e-6)
    derived = output_size(network)
    minimum = {"valid": 188, "same": 16}[padding]
    assert network.input.sizes == g.LegalSizes(minimum, 16)
    for n in range(1, 701):
        output = runs_plainly(n, int(padding == "same"))
        assert derived(n) == output
        assert (n in network.input.sizes) == (output is not None) == (n >= minimum and (n - minimum) % 16 == 0)
        if output:
            assert output == n - {"valid": 184, "same": 0}[padding]
            assert network(torch.empty(1, 1, n, minimum, device="meta")).shape[2] == output
        else:
            with pytest.raises(SizeError) as error:
                network(torch.empty(1, 1, n, minimum, device="meta"))
            assert all(runs_plainly(size, int(padding == "same")) for size in error.value.nearest[0])
            assert error.value.nearest[1] == (minimum,)
            assert all(str(size) in str(error.value) for size in error.value.nearest[0])


def test_unet_is_not_square_only():
    assert traced("unet", "valid", 444, 892).output.shape[2:] == (260, 708)


@pytest.mark.parametrize(
    ("n", "apart"), [(500, {3: 0, 2: 4, 1: 4, 0: 4}), (512, {3: 0, 2: 0, 1: 2, 0: 2}), (572, {3: 0, 2: 0, 1: 0, 0: 0})]
)
def test_a_centre_crop_is_misaligned_on_illegal_sizes(n, apart):
    """(skip - up) // 2 at any n, floor pooling: a variant that accepts it says by how many input pixels it is off."""

    def centre(crop: Crop, given: tuple[torch.Tensor, torch.Tensor]) -> None:
        crop.offset = (given[0].shape[2] - given[1].shape[2]) // 2

    with torch.device("meta"):
        network, image = UNet("valid", width=1e-6).eval(), torch.empty(1, 1, n, n)
    network.input.sizes = g.LegalSizes(1, 1)
    derived = offsets(network)
    for part in network.modules():
        if isinstance(part, Crop):
            part.register_forward_pre_hook(centre)
    network(image)
    joins = [part for part in network.modules() if isinstance(part, Crop | Concat)]
    off = {level: (offsets(network)[f"crop_d{level}c"] - derived[f"crop_d{level}c"]) * 2**level for level in range(4)}
    assert {level: abs(pixels) for level, pixels in off.items()} == apart
    if any(apart.values()):
        pixels = next(pixels for level, pixels in apart.items() if pixels)
        with pytest.raises(g.MisalignedError, match=rf"\b{pixels} input pixels \(\d+ units\) apart"):
            trace(network, image)
    for part in joins:
        part.misaligned = True
    run = trace(network, image)
    for level, pixels in off.items():
        assert run[f"crop_d{level}c"].misalignment == (pixels, pixels)
        assert run[f"concat_u{level}b"].misalignment == (pixels, pixels)
        assert run[f"relu_u{level}c"].misalignment == (0, 0)
    reference = run["upconv_u0a"].rows.grid
    assert run["crop_d0c"].rows.grid.start - reference.start == off[0]


def test_kept_units_of_the_cropped_skips_see(unet_572):
    seen = {level: g.hull(unet_572[f"crop_d{level}c"].rows, unet_572[f"crop_d{level}c"].cols) for level in range(4)}
    expected = {3: (32, 539), 2: (64, 507), 1: (80, 491), 0: (88, 483)}
    assert seen == {level: g.Box(lo, lo, hi + 1, hi + 1) for level, (lo, hi) in expected.items()}
    areas = [len(unet_572[f"crop_d{level}c"].rows) / len(unet_572[f"relu_d{level}c"].rows) for level in (3, 2, 1, 0)]
    assert [round(100 * side**2) for side in areas] == [77, 58, 51, 48]


def test_skip_fields_lie_inside_the_up_convolved_ones(unet_572):
    """Same nominal centres; the centres of the true fields differ by up to 4, 6, 7 and 3.5 pixels, 0 in the mean."""
    for level, most in {3: 4, 2: 6, 1: 7, 0: 3.5}.items():
        skip, up = unet_572[f"crop_d{level}c"].rows, unet_572[f"upconv_u{level}a"].rows
        assert skip.grid == up.grid
        assert (up.lo <= skip.lo).all()
        assert (skip.hi <= up.hi).all()
        apart = ((up.lo + up.hi) - (skip.lo + skip.hi)) / 2
        assert np.abs(apart).max() == most
        assert apart.mean() == 0


def test_every_pixel_reaches_some_output_of_unet(unet_572):
    rows = unet_572.output.rows
    assert g.hull(rows, rows) == g.Box(0, 0, 572, 572)
    assert (rows.lo[0], rows.hi[0], rows.lo[-1], rows.hi[-1]) == (0, 187, 384, 571)


@pytest.mark.parametrize("ceil", [False, True])
@pytest.mark.parametrize("n", [1, 2, 7, 8, 33])
def test_pooling_drops_the_odd_unit_only_when_it_rounds_down(n, ceil):
    pool = along(nn.MaxPool2d(2, 2, ceil_mode=ceil), 0)
    dropped = np.flatnonzero(~g.covered(pool, n)).tolist()
    assert dropped == ([n - 1] if n % 2 and not ceil else [])


def test_every_pooling_of_the_networks_drops_nothing(thin):
    for (model, padding), n in {("unet", "valid"): 204, ("unet", "same"): 48, ("fcn8s", "paper"): 37}.items():
        steps = traced(model, padding, n)
        for step in steps.steps:
            if step.operation == "maxpool":
                module = thin(model, padding).get_submodule(step.name)
                assert g.covered(along(module, 0), len(steps[step.inputs[0]].rows)).all()
