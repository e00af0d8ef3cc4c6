"""The border lab: shares, losses and counts against autograd and hand arithmetic, dependence against Jacobians."""

from __future__ import annotations

import doctest

import numpy as np
import pytest
import torch

from explorer import labs
from explorer.errors import ExplorerError
from explorer.labs import margins, variants
from explorer.models import ModelSpec, build
from explorer.trace import CancelledError, trace
from tests.conftest import randomise, thin_spec
from tests.labs.made import picture
from tests.test_geometry_autograd import linear, one_channel, reads

pytestmark = [
    pytest.mark.usefixtures("one_thread"),
    pytest.mark.filterwarnings("ignore:.torch.jit:FutureWarning"),  # torch's own forward mode
]


def test_examples() -> None:
    assert doctest.testmod(margins) == (0, 2)
    assert doctest.testmod(variants) == (0, 1)


# ---- geometry


def test_the_lost_pixels_of_unet() -> None:
    """A valid 3 x 3 convolution loses a unit a side; a unit of level l is 2^l pixels wide. Poolings and up-convolutions
    lose none: 2(1 + 2 + 4 + 8) + 2 * 16 down and 2(8 + 4 + 2 + 1) up."""
    lab = labs.border("unet", "valid", 572)
    expected = {f"conv_d{level}{part}": 2**level for level in range(5) for part in ("a_b", "b_c")}
    expected |= {f"conv_u{level}{part}": 2**level for level in range(4) for part in ("b_c", "c_d")}
    assert {lost.step: lost.pixels for lost in lab.lost} == {step: (n,) * 4 for step, n in expected.items()}
    assert lab.margin == (92,) * 4 == ((572 - 388) / 2,) * 4
    assert labs.border("unet", "same", 576).margin == (0,) * 4


def test_what_a_pooling_passes_over_is_lost_behind() -> None:
    """At 500 pixels pool_d3c leaves one row of 55: 8 pixels, and the output has 308 of them."""
    lab = labs.border("unet", "valid", 500)
    assert {lost.step: lost.pixels[:2] for lost in lab.lost}["pool_d3c"] == (0, 8)
    assert lab.margin[:2] == (92, 100)
    assert 500 - sum(lab.margin[:2]) == 308


def test_fcn_gains_by_padding_what_fc6_and_the_crop_take() -> None:
    lab = labs.border("fcn8s", "paper", 500)
    assert lab.lost[0].pixels == (-99,) * 4  # 100 zeros, one of which the 3 x 3 kernel takes
    assert lab.margin == (0,) * 4


def test_shares_outside_follow_from_the_table_of_fields() -> None:
    """Jump, field and first pixel of unit 0 of the paper's FCN, as in every table of VGG-16; pixels counted one by
    one."""
    table = {"conv1_1": (1, 3, -100), "pool2": (4, 16, -105), "conv4_3": (8, 92, -141), "score_fr": (32, 404, -189)}
    lab = labs.border("fcn8s", "paper", (211, 64))
    for step, (jump, field, left) in table.items():
        for shares, n in ((lab[step].rows, 211), (lab[step].cols, 64)):
            counted = [
                sum(not 0 <= pixel < n for pixel in range(left + jump * i, left + jump * i + field)) / field
                for i in range(len(shares))
            ]
            np.testing.assert_allclose(shares, counted, atol=1e-12)
    conv = lab["conv1_1"]
    assert conv.blind == conv.rows.size * conv.cols.size - 213 * 66  # all that have no image pixel under their kernel
    row, column = 5, 3
    inside = (1 - lab["pool2"].rows[row]) * (1 - lab["pool2"].cols[column])
    assert lab["pool2"].map[row, column] == pytest.approx(1 - inside)


def test_shares_outside_are_those_of_the_same_unit_far_from_every_edge() -> None:
    """With padding, autograd sees only what lies inside; in the middle of a large input it sees the whole field."""
    n, large, before = 48, 480, 208
    fields = reads(linear(one_channel("unet", "same")), (large, 16), 0)
    lab = labs.border("unet", "same", (n, 16))
    for outside in lab.outside:
        matrix = fields[outside.step].numpy()
        jump = large // len(matrix)
        own = matrix[before // jump : (before + n) // jump]
        share = 1 - own[:, before : before + n].sum(1) / own.sum(1)
        np.testing.assert_allclose(outside.rows, share, atol=1e-12, err_msg=outside.step)


def test_valid_convolutions_see_no_padding_and_mirrored_ones_the_mirror() -> None:
    for outside in labs.border("unet", "valid", 204).outside:
        assert not outside.rows.any()
        assert outside.free == outside.rows.size * outside.cols.size
    lab = labs.border("unet", "mirrored", 388)
    assert (lab.size, lab.first, lab.image) == ((572, 572), 92, (388, 388))
    first = lab["score"].rows[0]  # of 188 pixels of its field 92 lie before the image
    assert first == pytest.approx(92 / 188)


def test_which_pixels_reach_which_kept_units() -> None:
    size = (188, 204)
    lab = labs.border("unet", "valid", size)
    network = linear(one_channel("unet", "valid"))
    for axis in (0, 1):
        seen = reads(network, size, axis)
        for reached in (*lab.skips, lab.output):
            counted = seen[reached.step].sum(0).numpy()
            assert ((reached.rows, reached.cols)[axis] == counted).all(), reached.step
    assert [reached.step for reached in lab.skips] == ["crop_d3c", "crop_d2c", "crop_d1c", "crop_d0c"]


def test_the_outer_pixels_reach_no_kept_skip_but_every_pixel_reaches_the_output() -> None:
    lab = labs.border("unet", "valid", 572)
    assert [reached.seen[0] for reached in lab.skips] == [(32, 539), (64, 507), (80, 491), (88, 483)]
    assert [round(100 * reached.share) for reached in lab.skips] == [77, 58, 51, 48]
    for reached in lab.skips:
        low, high = reached.seen[0]
        assert reached.unreached == pytest.approx(1 - ((high - low + 1) / 572) ** 2)
        assert reached.count(low - 1, 286) == 0 < reached.count(low, 286)
    assert lab.output.unreached == 0
    assert lab.output.count(0, 0) == 16**2  # those that read the first unit of the bottom, which is 16 pixels wide


# ---- ways to treat the border


def test_in_phase_are_97_zeros_and_same_in_the_interior() -> None:
    """Padding 97 puts every unit where that of "same" padding stands; far from the border both give the same scores."""
    spec = ModelSpec("fcn8s", "paper", width=1 / 64, fc_channels=8, classes=4)
    torch.manual_seed(0)
    paper = randomise(build(spec))
    same = build(ModelSpec("fcn8s", "same", width=1 / 64, fc_channels=8, classes=4))
    same.load_state_dict(paper.state_dict())
    changed = labs.with_border(paper, "fcn8s", "in-phase")
    assert changed.conv1_1.padding == (97, 97)
    assert paper.conv1_1.padding == (100, 100)
    assert changed.fc6.weight.data_ptr() == paper.fc6.weight.data_ptr()
    image = picture(1000, 990)
    runs = [trace(network, image) for network in (changed, same)]
    assert runs[0]["score_fr"].rows.grid == runs[1]["score_fr"].rows.grid
    middle = [run.final[:, :, 490:510, 480:500] for run in runs]
    torch.testing.assert_close(*middle, rtol=0, atol=1e-4)
    edges = [run.final[:, :, :20, :20] for run in runs]
    assert (edges[0] - edges[1]).abs().max() > 1e-2
    assert labs.with_border(paper, "fcn8s", "paper") is paper


def test_which_ways_there_are() -> None:
    assert labs.borders("fcn8s") == labs.borders("fcn32s") == ("paper", "same", "in-phase")
    assert labs.borders("unet") == ("valid", "same", "mirrored")
    for model, kind in (("unet", "in-phase"), ("fcn8s", "valid"), ("fcn9s", "paper")):
        with pytest.raises(ExplorerError, match="choose one of"):
            labs.border(model, kind, 300)


@pytest.mark.parametrize("kind", ["paper", "in-phase", "same"])
def test_streams_are_weakened_where_the_enlarged_map_ends(kind: str) -> None:
    """Ones in the place of one score map, zeros in that of the others, biases included: what comes out of a network."""
    found = labs.stream_weights("fcn8s", kind, (70, 61))
    network = labs.with_border(build(variants.spec_of(thin_spec("fcn8s", "same"), kind)), "fcn8s", kind)
    with torch.no_grad():
        for layer, weights in found.items():
            for other in found:
                network.get_submodule(other).weight.zero_()
                network.get_submodule(other).bias.fill_(float(other == layer))
            np.testing.assert_allclose(weights, network(picture(70, 61))[0, 2].numpy(), atol=1e-6)


# ---- dependence


def jacobian(network: torch.nn.Module, image: torch.Tensor, rows: np.ndarray, cols: np.ndarray) -> torch.Tensor:
    """The gradient of every score by every number of the image, whose pixels the network gets in this order."""
    pixels = image.clone().requires_grad_()
    scores = network(pixels[:, :, rows][:, :, :, cols]).flatten()
    return torch.stack([torch.autograd.grad(score, pixels, retain_graph=True)[0][0] for score in scores]).double()


CASES = [("unet", "valid", (188, 188)), ("unet", "mirrored", (4, 3)), ("fcn8s", "same", (10, 9))]


@pytest.mark.parametrize(("model", "kind", "size"), CASES)
def test_dependence_is_that_of_the_whole_jacobian(thin, model, kind, size) -> None:
    network = thin(model, "valid" if kind == "mirrored" else kind)
    image, before = picture(*size), 92 if kind == "mirrored" else 0
    after = [network.input.sizes.at_least(n + 2 * before) - n - before for n in size]
    rows, cols = (np.pad(np.arange(n), (before, a), mode="reflect") for n, a in zip(size, after, strict=True))
    whole = jacobian(network, image, rows, cols)
    exact = whole.square().sum((0, 1)).sqrt().numpy()
    found = labs.dependence(network, image, mirror=kind == "mirrored", vectors=64)
    assert found.root.shape == size
    known = found.error > 0
    assert (exact[~known] == 0).all()
    apart = (found.root - exact)[known] / found.error[known]
    assert np.mean(np.abs(apart) < 3) > 0.9
    assert (found.root**2).sum() == pytest.approx((exact**2).sum(), rel=0.25)

    generator = torch.Generator().manual_seed(7)
    signs = [
        torch.randint(0, 2, network(image[:, :, rows][:, :, :, cols]).shape, generator=generator) for _ in range(3)
    ]
    squares = [torch.einsum("o,ochw->chw", (2 * s - 1).flatten().double(), whole).square().sum(0) for s in signs]
    mean, spread = torch.stack(squares).mean(0), torch.stack(squares).std(0)
    found = labs.dependence(network, image, mirror=kind == "mirrored", vectors=3, seed=7)
    np.testing.assert_allclose(found.root, mean.sqrt(), rtol=1e-3, atol=1e-6)
    seen = mean > 0
    expected = (spread / 3**0.5 / (2 * mean.sqrt()))[seen]
    np.testing.assert_allclose(found.error[seen.numpy()], expected, rtol=0.02, atol=1e-5 * float(expected.max()))


def test_by_distance_is_the_mean_over_rings(thin) -> None:
    found = labs.dependence(thin("fcn8s", "same"), picture(9, 7), vectors=2)
    rings = [found.root[d : 9 - d, d : 7 - d] for d in range(4)]
    for d, mean in enumerate(found.by_distance):
        inner = rings[d + 1] if d < 3 else np.zeros((0, 0))
        assert mean == pytest.approx((rings[d].sum() - inner.sum()) / (rings[d].size - inner.size))


def test_dependence_tells_where_it_is_and_can_be_stopped(thin) -> None:
    network, image = thin("fcn8s", "same"), picture(9, 7)
    calls: list[tuple[int, int, str]] = []
    labs.dependence(network, image, vectors=2, progress=lambda *call: calls.append(call))
    assert calls == [(0, 3, "forward"), (1, 3, "vector 1"), (2, 3, "vector 2")]
    for stop in (0, 2):
        with pytest.raises(CancelledError):
            labs.dependence(network, image, progress=lambda done, total, name, stop=stop: done < stop)
    with pytest.raises(ExplorerError, match="at least 2"):
        labs.dependence(network, image, vectors=1)
