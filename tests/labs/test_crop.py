"""The crop lab's geometry, against coordinates sent through networks, autograd, torch's sizes and the papers."""

from __future__ import annotations

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
from tests.labs.made import cropping, unet
from tests.test_geometry_autograd import linear, one_channel

pytestmark = pytest.mark.usefixtures("one_thread")
UNET = ["crop_d3c", "crop_d2c", "crop_d1c", "crop_d0c"]


def offsets(lab: labs.CropLab) -> list[int]:
    return [crop.rows.offset for crop in lab.crops]


def test_examples() -> None:
    assert doctest.testmod(crops) == (0, 2)


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
        ({"model": "fcn8s", "padding": "paper", "mode": "pad"}, 'let crop_pool4 be "aligned"'),
        ({"model": "fcn16s", "padding": "paper", "modes": {"score": "pad"}}, "cannot be padded"),
    ],
)
def test_what_cannot_run_is_refused_with_what_can(given: dict, said: str) -> None:
    with pytest.raises(ExplorerError, match=said):
        labs.crop(**given)
