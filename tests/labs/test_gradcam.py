"""Seg-Grad-CAM against hooks and plain autograd on the whole network, and what the page shows of it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from explorer import labs
from explorer.errors import ExplorerError
from explorer.geometry import Box
from explorer.trace import CancelledError
from explorer.ui.labs.cam import _edged, _region
from tests.labs.made import picture
from tests.ui.conftest import bench, checkpoints  # noqa: F401
from tests.ui.test_labs import ask, selection

pytestmark = pytest.mark.usefixtures("one_thread")
CASES = [
    ("unet", "valid", 188, "relu_d4c", Box(92, 92, 96, 95)),
    ("unet", "valid", 188, "crop_d0c", None),
    ("unet", "same", 64, "conv_d0a_b", Box(0, 10, 64, 64)),
    ("fcn8s", "same", 64, "relu5_3", Box(5, 7, 6, 8)),
    ("fcn8s", "paper", 60, "score_pool4", Box(-3, -3, 20, 20)),
    ("fcn32s", "same", 64, "relu7", None),
    ("fcn16s", "same", 64, "score", Box(3, 4, 9, 9)),
]


def by_hooks(network, image, step, label, box):
    """The map and the weights of Vinogradova et al., eq. 1 and 2, with the whole network run under autograd."""
    held = {}
    hook = network.get_submodule(step).register_forward_hook(lambda _m, _i, out: held.setdefault("map", out))
    with torch.enable_grad():
        scores = network(image.clone().requires_grad_())
    hook.remove()
    area = scores[0, :, box.top : box.bottom, box.left : box.right]
    chosen = int(area.argmax(0).flatten().bincount().argmax()) if label is None else label
    (gradient,) = torch.autograd.grad(area[chosen].sum(), held["map"])
    weights = gradient[0].mean((1, 2))
    whole = (weights[:, None, None] * held["map"][0]).sum(0).clamp(min=0)
    return chosen, weights.detach().numpy(), whole.detach().numpy(), float(area[chosen].sum().detach())


@pytest.mark.parametrize(("model", "padding", "size", "step", "region"), CASES)
@pytest.mark.parametrize("label", [None, 1])
def test_it_is_what_hooks_and_autograd_give(thin, model, padding, size, step, region, label) -> None:
    network, image = thin(model, padding), picture(size, size)
    found = labs.cam(network, image, step, label, region)
    first = 92 if (model, padding) == ("unet", "valid") else 0  # pixels of the input before the first label
    last = first + found.output.labels.shape[0]
    asked = region or Box(first, first, last, last)
    inside = Box(max(asked.top, first), max(asked.left, first), min(asked.bottom, last), min(asked.right, last))
    assert found.region == inside
    on_output = Box(*(edge - first for edge in (inside.top, inside.left, inside.bottom, inside.right)))
    chosen, weights, whole, total = by_hooks(network, image, step, label, on_output)
    assert found.label == chosen
    np.testing.assert_allclose(found.weights, weights, rtol=1e-4, atol=1e-6 * np.abs(weights).max())
    np.testing.assert_allclose(found.map, whole, rtol=1e-4, atol=1e-5 * max(whole.max(), 1e-9))
    assert found.total == pytest.approx(total, rel=1e-4)
    assert found.shares.sum() == pytest.approx(found.map.sum(), rel=1e-4, abs=1e-6)
    assert found.pixels == (inside.bottom - inside.top) * (inside.right - inside.left)
    assert list(found.shares[found.order]) == sorted(found.shares, reverse=True)


def test_a_step_behind_which_the_class_is_read_weighs_itself_alone(thin) -> None:
    """At the scores themselves the gradient is 1 in the region, for the class, and 0 else."""
    found = labs.cam(thin("unet", "same"), picture(64, 64), "score", 1, Box(8, 8, 24, 40))
    expected = np.zeros(len(found.weights))
    expected[1] = found.pixels / (64 * 64)
    np.testing.assert_allclose(found.weights, expected, rtol=1e-6)


def test_units_stand_at_their_centres_on_the_input(thin) -> None:
    found = labs.cam(thin("fcn8s", "same"), picture(64, 64), "pool3", 1)
    laid = found.on_input(64, 64)
    jump, start = (float(n) for n in (found.axes[0].grid.jump, found.axes[0].grid.start))
    rows = (np.arange(64) - start) / jump
    for row, column in ((0, 0), (63, 63), (20, 9), (33, 47)):
        r, c = (float(np.clip(rows[i], 0, found.map.shape[0] - 1)) for i in (row, column))
        r0, c0 = (min(int(v), found.map.shape[0] - 2) for v in (r, c))
        part = found.map[r0 : r0 + 2, c0 : c0 + 2]
        by_hand = np.array([1 - (r - r0), r - r0]) @ part @ np.array([1 - (c - c0), c - c0])
        assert laid[row, column] == pytest.approx(by_hand, rel=1e-6, abs=1e-9)


def test_nothing_of_the_network_is_changed(thin) -> None:
    network, image = thin("unet", "same"), picture(64, 64)
    before = network(image)
    labs.cam(network, image, "relu_d2c")
    assert torch.equal(network(image), before)
    assert all(parameter.grad is None for parameter in network.parameters())


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        ({"step": "pool9"}, "lab_step"),
        ({"step": "relu_d0c", "label": 99}, "lab_class"),
        ({"step": "relu_d0c", "region": Box(0, 0, 92, 188)}, "lab_region"),
    ],
)
def test_what_cannot_be_asked_is_refused(thin, settings, code) -> None:
    with pytest.raises(ExplorerError) as caught:
        labs.cam(thin("unet", "valid"), picture(188, 188), **settings)
    assert caught.value.code == code


def test_it_can_be_stopped(thin) -> None:
    with pytest.raises(CancelledError):
        labs.cam(thin("unet", "same"), picture(64, 64), "relu_d0c", progress=lambda done, *_: done < 3)


# ---- the page


def test_the_page_says_what_the_lab_finds(bench) -> None:  # noqa: F811
    chosen = selection(bench, "fcn8s", "same")
    answer = ask(bench, "cam", "values", chosen, step="relu5_3", region="20,30,60,90")
    checked = bench.networks.check(chosen)
    loaded = bench.networks.get(checked)
    given = labs.inputs.network_input(loaded, bench.pictures.get(checked.image).pixels)
    found = labs.cam(loaded.module, given.image, "relu5_3", None, Box(20, 30, 60, 90))
    said = dict(answer["facts"]["cam"])
    assert said["lab.cam.region"]["pixels"] == 40 * 60
    assert said["lab.cam.region"]["share"]["percent"] == pytest.approx(
        float((found.output.labels[20:60, 30:90] == found.label).mean())
    )
    assert said["lab.cam.weights"]["speaking"] == int((found.weights > 0).sum())
    rows = answer["tables"]["channels"]["rows"]
    assert [row["open"] for row in rows] == [{"step": "relu5_3", "channel": int(c)} for c in found.order[: len(rows)]]
    assert [row["cells"][1] for row in rows] == [float(found.weights[c]) for c in found.order[: len(rows)]]
    assert set(answer["pictures"]) == {"cam", "cam.labels"}


def test_unknown_settings_become_known_ones(bench) -> None:  # noqa: F811
    controls = {
        c["set"]: c["value"]
        for c in ask(bench, "cam", "geometry", selection(bench, "unet", "valid"), step="x", label=99)["controls"]
    }
    assert controls == {"step": "relu_d4c", "label": -1, "region": ""}


@pytest.mark.parametrize(
    ("text", "box"),
    [("", None), ("1,2,3", None), ("a,b,c,d", None), ("5,6,9,8", Box(5, 6, 9, 8)), ("-4,0,999,2", Box(0, 0, 50, 2)),
     ("60,70,10,10", Box(49, 59, 50, 60)), ("5,5,5,5", Box(5, 5, 6, 6))],
)  # fmt: skip
def test_a_region_is_at_least_a_pixel_of_the_input(text, box) -> None:
    assert _region(text, 50, 60) == box


def test_the_edge_of_a_region_is_seen_on_any_picture() -> None:
    for value in (0, 255):
        edged = _edged(np.full((20, 30, 3), float(value)), Box(5, 6, 12, 20))
        assert (edged[5, 6:20] == 255).all()
        assert (edged[4, 5:21] == 0).all()
        assert (edged[7:10, 8:18] == value).all()
