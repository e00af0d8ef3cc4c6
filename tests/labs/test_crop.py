"""The crop lab: its geometry against coordinates sent through networks, its predictions against networks said again."""

from __future__ import annotations

import copy
import doctest

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from explorer import labs
from explorer.errors import ExplorerError
from explorer.labs import crops
from explorer.models import ModelSpec, SizeError, build
from explorer.replay import Replay
from explorer.trace import CancelledError
from tests.labs.made import cropping, picture, unet
from tests.test_geometry_autograd import linear, one_channel

pytestmark = pytest.mark.usefixtures("one_thread")
UNET = ["crop_d3c", "crop_d2c", "crop_d1c", "crop_d0c"]


def offsets(lab: labs.CropLab) -> list[int]:
    return [crop.rows.offset for crop in lab.crops]


def test_examples() -> None:
    assert doctest.testmod(crops) == (0, 2)


# ---- geometry


@pytest.mark.parametrize(
    ("n", "centred", "apart"), [(572, [4, 16, 40, 88], 0), (500, [4, 17, 42, 92], 4), (512, [4, 16, 41, 90], 2)]
)
def test_a_centre_crop_is_the_aligned_one_at_legal_sizes_alone(n: int, centred: list[int], apart: int) -> None:
    """The papers' offsets; FACTS of the field: (skip - up) // 2 is right at 16 m + 12 only."""
    assert offsets(labs.crop("unet", "valid", n)) == [4, 16, 40, 88]
    lab = labs.crop("unet", "valid", n, "centre")
    assert [crop.name for crop in lab.crops] == UNET
    assert offsets(lab) == centred == [crop.rows.centre for crop in lab.crops]
    assert max(crop.rows.misalignment for crop in lab.crops) == apart
    assert lab.legal == ((n - 12) % 16 == 0,) * 2


def coordinates(network: nn.Module) -> nn.Module:
    """A one-channel U-Net in which each unit's value is the mean coordinate of what it averages; what skips bring is
    weighted with zero behind the concatenation. Poolings have to average, too."""
    for part in network.double().modules():
        if isinstance(part, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.zeros_(part.weight)
            part.weight.data[:, 0] = 1 / part.kernel_size[0] ** 2 if isinstance(part, nn.Conv2d) else 1
    return network


@pytest.mark.parametrize(("size", "mode"), [((188, 204), "random"), ((220, 201), "centre"), ((215, 230), "corner")])
def test_misalignment_is_how_far_the_units_that_meet_stand_apart(size: tuple[int, int], mode: str) -> None:
    lab = labs.crop("unet", "valid", size, mode, seed=5)
    network = coordinates(one_channel("unet", "valid"))
    for axis, n in enumerate(size):
        image = torch.arange(n, dtype=torch.float64).view((-1, 1) if axis == 0 else (1, -1)).expand(size)[None, None]
        met: dict[int, float] = {}

        def fit(level, skip, x, axis=axis, met=met):
            crop = lab[f"crop_d{level}c"]
            cut, whole = cropping({level: (crop.rows.offset, crop.cols.offset)})(level, skip, x)
            met[level] = float((cut - whole).mean())
            return cut, whole

        unet(network, image, fit, F.avg_pool2d)
        for level, apart in met.items():
            cut = (lab[f"crop_d{level}c"].rows, lab[f"crop_d{level}c"].cols)[axis]
            assert float(cut.misalignment) == pytest.approx(apart, abs=1e-9)
            assert cut.misalignment == (cut.offset - cut.aligned) * cut.jump


def test_every_size_is_what_torch_makes() -> None:
    """Also at sizes that the network refuses, with what poolings and crops pass over."""
    network = one_channel("unet", "valid").eval()
    lab = labs.crop("unet", "valid", (215, 202))
    sizes: dict[str, tuple[int, ...]] = {}
    for name, part in network.named_modules():
        if isinstance(part, nn.Conv2d | nn.ConvTranspose2d):
            part.register_forward_hook(lambda _, __, made, name=name: sizes.update({name: tuple(made.shape[2:])}))
    unet(network, torch.zeros(1, 1, 215, 202), cropping({3: (4, 4), 2: (16, 16), 1: (40, 40), 0: (88, 88)}))
    known = {size.step: size for size in lab.steps}
    assert {name: known[name].shape for name in sizes} == sizes
    odd = {s.step: s.passed for s in lab.steps if any(s.passed)}
    halved = {215: [211, 101, 46, 19], 202: [198, 95, 43, 17]}  # 215 - 4 = 211, 105 - 4 = 101, 50 - 4 = 46, 23 - 4 = 19
    expected = {f"pool_d{i}c": (halved[215][i] % 2, halved[202][i] % 2) for i in range(4)}
    assert odd == {name: passed for name, passed in expected.items() if any(passed)}


@pytest.mark.parametrize(("model", "padding"), [("unet", "valid"), ("unet", "same"), ("fcn8s", "paper")])
def test_legal_sizes_are_those_that_the_network_takes(model: str, padding: str) -> None:
    with torch.device("meta"):
        network = build(ModelSpec(model, padding, width=1 / 64, fc_channels=8))
    taken = []
    for n in range(200, 234):
        try:
            network(torch.empty(1, 3, n, n, device="meta"))
        except SizeError:
            continue
        taken.append(n)
    for n in range(210, 220):
        lab = labs.crop(model, padding, n)
        assert lab.legal[0] == (n in taken)
        below, above = max(t for t in taken if t <= n), min(t for t in taken if t >= n)
        assert lab.nearest[0] == ((n,) if n in taken else (below, above))


def test_offsets_of_fcn_and_its_last_crop_is_no_centre_crop() -> None:
    assert offsets(labs.crop("fcn8s", "paper", 500)) == [5, 9, 31]
    assert offsets(labs.crop("fcn8s", "same", 500)) == [1, 1, 4]
    last = labs.crop("fcn8s", "paper", 500, "centre")["score"].rows
    assert (last.offset, last.misalignment) == (34, 3)
    assert [labs.crop(f"fcn{stride}s", "paper", 333).crops[-1].rows.offset for stride in (32, 16)] == [19, 27]


def test_limits_and_what_the_kept_units_see() -> None:
    lab = labs.crop("unet", "valid", 572)
    assert [tuple(map(int, crop.rows.limits)) for crop in lab.crops] == [(-n, n) for n in (32, 64, 80, 88)]
    assert [crop.rows.seen for crop in lab.crops] == [(32, 539), (64, 507), (80, 491), (88, 483)]
    assert [crop.rows.dropped for crop in lab.crops] == [(4, 4), (16, 16), (40, 40), (88, 88)]


@pytest.mark.parametrize("mode", ["aligned", "random"])
def test_the_fields_that_meet_are_autograds(mode: str) -> None:
    lab = labs.crop("unet", "valid", 204, mode, seed=1)
    network = linear(one_channel("unet", "valid"))
    image = torch.ones(1, 1, 204, 204, dtype=torch.float64, requires_grad=True)
    values: dict[str, torch.Tensor] = {}
    for crop in lab.crops:
        part = network.get_submodule(crop.name)
        part.register_forward_hook(lambda _, maps, made, name=crop.name: values.update({name: (maps, made)}))
        network.set_submodule(crop.name, part)
    network(image)
    for crop in lab.crops[:1] if mode == "random" else lab.crops:  # behind a moved crop all else moves
        (skip, other), _ = values[crop.name]
        for row, column in ((0, 0), (3, 2), (other.shape[2] - 1, 1)):
            found = crop.meeting(row, column)
            at = (row + crop.rows.offset, column + crop.cols.offset)
            for field, unit in ((found.own, skip[0, 0, at[0], at[1]]), (found.other, other[0, 0, row, column])):
                (seen,) = torch.autograd.grad(unit, image, retain_graph=True)
                rows, cols = (torch.nonzero((seen[0, 0] > 0).any(1 - a))[:, 0] for a in (0, 1))
                assert (field.rows, field.cols) == ((rows[0], rows[-1]), (cols[0], cols[-1]))
                assert field.shape == (len(rows), len(cols))
            assert found.shift[0] == (sum(found.own.rows) - sum(found.other.rows)) / 2


def test_same_grid_another_field_of_view() -> None:
    """On a legal size the fields that meet are nested, and their centres shift by at most 4, 6, 7 and 3.5 pixels, by 0
    in the mean."""
    for crop, own, other, most in zip(
        labs.crop("unet", "valid", 572).crops, (68, 32, 14, 5), (140, 172, 188, 204), (4, 6, 7, 3.5), strict=True
    ):
        met = [crop.meeting(i, 0) for i in range(8, len(crop.rows.other) - 8)]
        assert {m.own.shape[0] for m in met} == {own}
        assert max(m.other.shape[0] for m in met) == other
        assert all(m.other.rows[0] <= m.own.rows[0] and m.own.rows[1] <= m.other.rows[1] for m in met)
        shifts = [float(m.shift[0]) for m in met]
        assert max(map(abs, shifts)) == most
        assert np.mean(shifts) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"size": 100}, "take 188"),
        ({"mode": "middle"}, "choose one of aligned"),
        ({"modes": {"crop_d9c": "pad"}}, "choose one of crop_d3c"),
        ({"shifts": {"crop_d3c": 5}}, "shifts of -4 to 4 units"),
        ({"model": "fcn8s", "padding": "paper", "mode": "pad"}, "cannot"),
    ],
)
def test_what_cannot_run_is_refused_with_what_can(given: dict, said: str) -> None:
    with pytest.raises(ExplorerError, match=said):
        labs.crop(**given)


# ---- predictions


def random_offsets(lab: labs.CropLab) -> dict[int, tuple[int, int]]:
    return {level: (lab[f"crop_d{level}c"].rows.offset, lab[f"crop_d{level}c"].cols.offset) for level in range(4)}


@pytest.mark.parametrize(
    ("padding", "size", "mode"),
    [
        ("valid", (188, 204), "random"),
        ("valid", (200, 194), "centre"),
        ("valid", (204, 188), "corner"),
        ("same", (50, 39), "centre"),
    ],
)
def test_predictions_are_those_of_the_network_said_again(thin, padding, size, mode) -> None:
    network, image = thin("unet", padding), picture(*size)
    found = labs.predict(network, image, labs.placing(mode, seed=3))
    lab = labs.crop("unet", padding, size, mode, seed=3)
    expected = unet(network, image, cropping(random_offsets(lab)))
    assert torch.equal(found.made.scores, expected)
    assert np.array_equal(found.made.labels, expected[0].argmax(0).numpy())
    assert found.made.box == lab.output == found.untouched.box
    untouched = unet(network, image, cropping(random_offsets(labs.crop("unet", padding, size))))
    assert torch.equal(found.untouched.scores, untouched)
    same = expected.argmax(1) == untouched.argmax(1)
    assert not torch.equal(expected, untouched)
    assert found.figures.agreement == found.figures.pixel_accuracy == pytest.approx(float(same.float().mean()))
    assert found.figures.mean_iou == pytest.approx(mean_iou(untouched.argmax(1), expected.argmax(1)))
    assert (found.figures.against, found.figures.before) == ("untouched", 1)


def mean_iou(real: torch.Tensor, made: torch.Tensor) -> float:
    shares = []
    for c in torch.cat((real, made)).unique():
        both, either = ((real == c) & (made == c)).sum(), ((real == c) | (made == c)).sum()
        shares.append(float(both / either))
    return float(np.mean(shares))


def test_padding_the_other_map_is_what_ports_do(thin) -> None:
    """milesial/Pytorch-UNet pads the up-sampled map by half of the difference, rounded down, at the top and left."""

    def fit(level, skip, x):
        down, across = skip.shape[2] - x.shape[2], skip.shape[3] - x.shape[3]
        return skip, F.pad(x, (across // 2, across - across // 2, down // 2, down - down // 2))

    network, image = thin("unet", "valid"), picture(204, 188)
    found = labs.predict(network, image, labs.placing("pad"))
    expected = unet(network, image, fit)
    assert torch.equal(found.made.scores, expected)
    assert (found.made.top, found.made.left) == (4, 4)  # two unpadded convolutions down, two up
    inner = expected[:, :, 88 : 88 + 20, 88 : 88 + 4]  # the untouched one is 204 - 184 by 188 - 184
    assert found.figures.pixels == 20 * 4
    assert found.figures.agreement == pytest.approx(float((inner.argmax(1) == network(image).argmax(1)).float().mean()))


def test_true_labels_are_judged_where_both_predictions_are(thin) -> None:
    network, image = thin("unet", "valid"), picture(204, 204)
    truth = np.random.default_rng(0).integers(0, 4, (204, 204)).astype(np.uint8)
    truth[100] = 255
    found = labs.predict(network, image, labs.placing("corner"), truth)
    real = torch.from_numpy(truth[92:112, 92:112])
    made = torch.from_numpy(found.made.labels)
    judged = real != 255
    assert found.figures.against == "truth"
    assert found.figures.mean_iou == pytest.approx(mean_iou(real[judged], made[judged]))
    before = torch.from_numpy(found.untouched.labels)
    assert found.figures.before == pytest.approx(mean_iou(real[judged], before[judged]))
    with pytest.raises(ExplorerError, match="204 x 204"):
        labs.predict(network, image, labs.placing(), truth[1:])


def test_misalignment_zero_is_the_untouched_prediction_bit_for_bit(network) -> None:
    """Also where every crop is really cut again."""
    sizes = network.input.sizes
    image = picture(sizes.at_least(40), sizes.at_least(60))
    with torch.inference_mode():
        expected = network(image)
    assert torch.equal(labs.predict(network, image, labs.placing()).made.scores, expected)
    lab = crops.walks(network, image.shape[2:])[0].cuts
    replay = Replay(network, image, lab)
    assert torch.equal(replay.run({name: crops._cut(cut.aligned, cut.aligned) for name, cut in lab.items()}), expected)
    zero = [point for point in labs.sweep(network, image) if not point.units]
    assert [point.crop for point in zero] == list(lab)
    assert all(point.figures.agreement == 1 and point.misalignment == 0 for point in zero)


def test_a_shifted_crop_of_fcn_is_that_of_a_network_with_this_offset(thin) -> None:
    for padding, name, by in (("paper", "crop_pool4", 3), ("same", "crop_upscore_pool4", 1), ("paper", "score", -7)):
        network, image = thin("fcn8s", padding), picture(70, 61)
        changed = copy.deepcopy(network)
        changed.get_submodule(name).offset += by
        with torch.inference_mode():
            expected = changed(image)
        found = labs.predict(network, image, labs.placing(shifts={name: by}))
        assert torch.equal(found.made.scores, expected)
        assert not torch.equal(expected, network(image))


def test_a_sweep_asks_for_at_most_nine_shifts_and_can_be_stopped(thin) -> None:
    network, image = thin("unet", "valid"), picture(204, 188)
    asked: list[tuple[int, int, str]] = []
    points = labs.sweep(network, image, progress=lambda *call: asked.append(call))
    runs = len(points) + 1
    assert {done for done, _, _ in asked} == set(range(runs))
    assert {total for _, total, _ in asked} == {runs}
    for name, reach, jump in zip(UNET, (4, 16, 40, 88), (8, 4, 2, 1), strict=True):
        units = [point.units for point in points if point.crop == name]
        assert len(units) == 9
        assert (units[0], units[4], units[-1]) == (-reach, 0, reach)
        assert [int(p.misalignment) for p in points if p.crop == name] == [jump * u for u in units]
    point = next(p for p in points if p.crop == "crop_d1c" and p.units == 40)
    changed = copy.deepcopy(network)
    changed.crop_d1c.offset = 80
    with torch.inference_mode():
        ours, theirs = changed(image).argmax(1), network(image).argmax(1)
    assert point.figures.mean_iou == pytest.approx(mean_iou(theirs, ours))
    for stop in (0, 5):
        with pytest.raises(CancelledError):
            labs.sweep(network, image, ("crop_d1c",), progress=lambda done, total, name, stop=stop: done < stop)


# ---- surgery


def test_surgery_that_changes_nothing_changes_nothing(network) -> None:
    sizes = network.input.sizes
    image = picture(sizes.at_least(40), sizes.at_least(60))
    with torch.inference_mode():
        expected = network(image)
    skips = labs.operate(network, image, {}).skips
    for cutting in (labs.Cutting("shift"), labs.Cutting("swap")):
        found = labs.operate(network, image, dict.fromkeys(skips, cutting), image)
        assert torch.equal(found.made.scores, expected)
        assert found.figures.agreement == 1


def test_a_skip_at_zero_is_one_whose_weights_are_zero(thin) -> None:
    network, image = thin("unet", "valid"), picture(204, 188)
    changed = copy.deepcopy(network)
    channels = changed.upconv_u2a.out_channels
    with torch.no_grad():
        changed.conv_u2b_c.weight[:, channels:] = 0
        found = labs.operate(network, image, {"concat_u2b": labs.Cutting("zero")})
        assert torch.equal(found.made.scores, changed(image))
    for padding in ("paper", "same"):
        network, image = thin("fcn8s", padding), picture(70, 61)
        changed = copy.deepcopy(network)
        with torch.no_grad():
            changed.score_pool4.weight.zero_()
            changed.score_pool4.bias.zero_()
            found = labs.operate(network, image, {"fuse_pool4": labs.Cutting("zero")})
            assert torch.equal(found.made.scores, changed(image))


def test_skips_are_swapped_and_shifted(thin) -> None:
    network, image, other = thin("unet", "valid"), picture(188, 204), picture(188, 204, 1)
    theirs: dict[int, torch.Tensor] = {}
    plain = cropping({3: (4, 4), 2: (16, 16), 1: (40, 40), 0: (88, 88)})

    def note(level, skip, x):
        theirs[level], _ = plain(level, skip, x)
        return theirs[level], x

    def swap(level, skip, x):
        own, _ = plain(level, skip, x)
        return (theirs[level] if level == 1 else own), x

    def shift(level, skip, x):
        own, _ = plain(level, skip, x)
        if level == 0:
            own = F.pad(own, (0, 5, 2, 0))[:, :, : own.shape[2], 5:]  # down by 2, left by 5
        return own, x

    unet(network, other, note)
    found = labs.operate(network, image, {"concat_u1b": labs.Cutting("swap")}, other)
    assert torch.equal(found.made.scores, unet(network, image, swap))
    found = labs.operate(network, image, {"concat_u0b": labs.Cutting("shift", 2, -5)})
    assert torch.equal(found.made.scores, unet(network, image, shift))
    assert labs.operate(network, image, {"concat_u0b": labs.Cutting("shift", 999)}).figures.agreement <= 1


@pytest.mark.parametrize(
    ("cuttings", "said"),
    [
        ({"conv_d0a_b": labs.Cutting("zero")}, "concat_u3b, concat_u2b"),
        ({"concat_u3b": labs.Cutting("cut")}, "zero, shift, swap"),
        ({"concat_u3b": labs.Cutting("swap")}, "another image"),
    ],
)
def test_surgery_is_refused_with_what_can_be_done(thin, cuttings, said) -> None:
    with pytest.raises(ExplorerError, match=said):
        labs.operate(thin("unet", "valid"), picture(188, 188), cuttings)
