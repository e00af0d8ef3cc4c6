"""The channel lab: matrices are the state dict's, costs counted otherwise, products add up to an untouched run."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from explorer import labs
from explorer.errors import ExplorerError
from explorer.figures import channel as figures
from explorer.labs.channels import Matrix
from explorer.labs.inputs import network_input
from explorer.models import ModelSpec, build, without_weights
from explorer.ui.labs import base
from tests.conftest import thin_spec
from tests.labs.made import picture
from tests.test_geometry_autograd import run_recording
from tests.ui.conftest import bench, checkpoints  # noqa: F401
from tests.ui.test_labs import ask, selection

CASES = [
    ("unet", "valid", (188, 204)),
    ("unet", "same", (48, 32)),
    ("fcn8s", "same", (40, 65)),
    ("fcn32s", "paper", (33, 20)),
]
LAYERS = {
    "unet": {"score"},
    "fcn8s": {"fc7", "score_fr", "score_pool4", "score_pool3"},
    "fcn32s": {"fc7", "score_fr"},
}
pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """The page's images at a fraction of their size."""
    monkeypatch.setattr(base, "SIDE", 48)


def flops(module: nn.Module, image: torch.Tensor) -> int:
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        module(image)
    return counter.get_total_flops()


# ---- costs


@pytest.mark.parametrize(("model", "padding", "size"), CASES)
def test_what_1x1_layers_cost_is_counted_by_torch(thin, model, padding, size):
    module = thin(model, padding)
    with torch.inference_mode():
        values = run_recording(module, picture(*size), lambda value: value)
    lab = labs.channels(thin_spec(model, padding), size)
    assert {one.step for one in lab.mixers} == LAYERS[model]
    for one in lab.mixers:
        part = module.get_submodule(one.step)
        height, width = values[one.step].shape[2:]
        read = torch.zeros(1, one.inputs, height, width)
        wide = nn.Conv2d(one.inputs, one.outputs, 3, padding=1)
        assert one.shape == (height, width)
        assert one.parameters == sum(p.numel() for p in part.parameters())
        assert one.wide_parameters == sum(p.numel() for p in wide.parameters())
        assert (2 * one.macs, 2 * one.wide_macs) == (flops(part, read), flops(wide, read))
        n = one.inputs
        assert one.ratios == (pytest.approx((9 * n + 1) / (n + 1)), 9)
        assert one.scores == one.step.startswith("score")


@pytest.mark.parametrize(("model", "padding", "size"), CASES)
def test_levels_are_those_of_hooks_on_the_modules(thin, model, padding, size):
    module, seen = thin(model, padding), {}

    def hook(name):
        return lambda part, given, made: seen.update({name: (part, given[0], made)})

    hooks = [
        part.register_forward_hook(hook(name)) for name, part in module.named_modules() if isinstance(part, nn.Conv2d)
    ]
    with torch.inference_mode():
        module(picture(*size))
    for one in hooks:
        one.remove()
    lab = labs.channels(thin_spec(model, padding), size)
    level_of = (lambda name: name.split("_")[1][:2]) if model == "unet" else (lambda name: name.split("_")[0])
    alike = {}  # the last one of each level
    for name, (part, given, made) in seen.items():
        if part.weight.shape[2:] == (3, 3) and given.shape[1] == made.shape[1]:
            alike[level_of(name)] = name
    assert [one.step for one in lab.levels] == list(alike.values())
    for one in lab.levels:
        part, given, made = seen[one.step]
        assert one.shape == (*made.shape[2:], made.shape[1])
        assert one.activations == made[0].numel()
        assert one.parameters == sum(p.numel() for p in part.parameters())
        assert 2 * one.macs == flops(part, given)
        assert one.path == ("expansive" if one.step.startswith("conv_u") else "contracting")
    down = [one for one in lab.levels if one.path == "contracting"]
    assert [(c.before, c.after) for c in lab.changes] == list(pairwise(down))


def test_the_paper_s_networks_keep_their_cost_while_channels_double():
    for model, counts in (("fcn8s", [64, 128, 256, 512, 512]), ("unet", [64, 128, 256, 512, 1024])):
        lab = labs.channels(*labs.paper(ModelSpec(model, "same", width=1 / 8)))
        down = [one for one in lab.levels if one.path == "contracting"]
        assert [one.shape[2] for one in down] == counts
        for change in lab.changes:
            if change.channels == 2:
                area = change.activations / 2  # what is left of the places
                assert change.macs == 4 * area
                assert float(change.parameters) == pytest.approx(4, rel=0.01)
                assert 0.35 < change.activations < 0.51
            else:
                assert (change.channels, change.parameters) == (1, 1)
                assert change.macs == change.activations


def test_a_size_that_the_network_refuses_is_said():
    with pytest.raises(ExplorerError) as caught:
        labs.channels(ModelSpec("unet", "valid", width=1 / 64), (190, 188))
    assert caught.value.code == "lab_illegal"
    assert caught.value.details["heights"] == (188, 204)


# ---- weights


@pytest.mark.parametrize(("model", "padding"), [("unet", "valid"), ("fcn8s", "paper")])
def test_the_matrix_is_the_state_dict_s(thin, model, padding):
    state = thin(model, padding).state_dict()
    for step in LAYERS[model]:
        found = labs.matrix(thin(model, padding), step)
        weight = state[f"{step}.weight"]
        assert found.weights.shape == weight.shape[:2]
        for output, channel in ((0, 0), (1, 1), (weight.shape[0] - 1, weight.shape[1] - 1)):
            assert found.weights[output, channel] == float(weight[output, channel, 0, 0])
        np.testing.assert_array_equal(found.biases, state[f"{step}.bias"].numpy())
        own = weight[1].abs().flatten().tolist()
        assert found.heaviest(1, 3) == sorted(range(len(own)), key=lambda c: -own[c])[:3]


@pytest.mark.parametrize("step", ["conv1_1", "pool1", "nothing"])
def test_another_step_has_no_matrix(thin, step):
    with pytest.raises(ExplorerError) as caught:
        labs.matrix(thin("fcn8s", "same"), step)
    assert caught.value.code == "lab_mixer"


@pytest.mark.parametrize(("model", "padding", "size"), CASES)
def test_products_add_up_to_an_untouched_run(thin, model, padding, size):
    module, image = thin(model, padding), picture(*size)
    local = labs.runner(module, image, without_weights(thin_spec(model, padding)))
    with torch.inference_mode():
        values = run_recording(module, image, lambda value: value)
    for step in LAYERS[model]:
        height, width = values[step].shape[2:]
        read = values["drop7" if step in ("fc7", "score_fr") else "relu_u0d" if model == "unet" else step[6:]]
        if step == "fc7":
            read = values["drop6"]
        for row, column in ((0, 0), (height // 2, width - 1)):
            found = labs.products(local, step, row, column)
            np.testing.assert_allclose(found.values, read[0, :, row, column].numpy(), rtol=1e-4, atol=1e-4)
            for output in range(values[step].shape[1]):
                score = float(values[step][0, output, row, column])
                assert found.total(output) == pytest.approx(score, rel=1e-4, abs=1e-4)
                assert found.scores[output] == pytest.approx(score, rel=1e-4, abs=1e-4)
                assert found.rest(output) < 1e-4
                assert len(found.of(output)) == read.shape[1]
    with pytest.raises(ValueError, match="units, none at"):
        labs.products(local, step, height, 0)


# ---- the page


def test_the_page_says_what_the_python_calls_give(bench):  # noqa: F811
    chosen = selection(bench, "fcn8s", "paper")
    wish = bench.networks.check(chosen)
    loaded = bench.networks.get(wish)
    image = network_input(loaded, bench.pictures.get(wish.image).pixels, base.SIDE).image
    lab = labs.channels(loaded.spec, tuple(image.shape[2:]))
    wishes = {"layer": "score_pool3", "output": 2, "place": "20,30"}
    answer = ask(bench, "channel", "geometry", chosen, **wishes)
    weights = loaded.module.score_pool3.weight[:, :, 0, 0].numpy()
    (cells,) = answer["figures"]["mixing"]["data"]
    np.testing.assert_allclose(cells["z"], weights, atol=1e-4)
    assert cells["zmin"] == -cells["zmax"] == pytest.approx(-np.abs(weights).max())
    said = dict(answer["facts"]["spared"])
    mixer = lab["score_pool3"]
    assert said["lab.channel.spared.parameters"]["own"] == weights.size + 5
    assert said["lab.channel.spared.macs"] == {"wide": mixer.wide_macs, "own": mixer.macs, "times": 9}
    heaviest = dict(answer["facts"]["weights"])["lab.channel.heaviest"]["channels"]
    assert heaviest.startswith(str(np.abs(weights[2]).argmax()))
    assert [row["cells"][0] for row in answer["tables"]["mixers"]["rows"]] == [one.step for one in lab.mixers]
    rows = answer["tables"]["levels"]["rows"]
    assert [row["cells"][2:] for row in rows] == [[one.activations, one.parameters, one.macs] for one in lab.levels]
    doubled = dict(answer["facts"]["levels"])["lab.channel.levels.doubled"]
    ratios = [float(c.macs) for c in lab.changes if c.channels == 2]
    assert (doubled["pairs"], doubled["macs"]) == (len(ratios), pytest.approx(np.mean(ratios), rel=0.005))

    total = dict(ask(bench, "channel", "values", chosen, **wishes)["facts"]["sum"])["lab.channel.sum.said"]
    row, column = labs.field_of_view("fcn8s", "paper", lab.size, (20, 30))["score_pool3"].unit
    with torch.inference_mode():
        scores = run_recording(loaded.module, image, lambda value: value)["score_pool3"]
    assert total["score"] == pytest.approx(float(scores[0, 2, row, column]), abs=1e-4)
    assert total["products"] + total["bias"] == pytest.approx(total["total"])


def test_costs_of_the_paper_s_network(bench):  # noqa: F811
    answer = ask(bench, "channel", "geometry", selection(bench, "unet", "valid"), whose="paper")
    real = build(ModelSpec("unet", "valid", in_channels=3, classes=3))
    cells = {row["cells"][0]: row["cells"] for row in answer["tables"]["levels"]["rows"]}
    assert cells["conv_d4b_c"][1] == "28 × 28 × 1024"  # Ronneberger et al. 2015, Fig. 1
    assert cells["conv_d4b_c"][3] == sum(p.numel() for p in real.conv_d4b_c.parameters())
    assert dict(answer["facts"]["levels"])["lab.channel.levels.up"]["first"] == 512


@pytest.mark.parametrize(("model", "padding"), [("unet", "valid"), ("fcn32s", "paper")])
def test_settings_that_a_network_has_not_become_the_nearest(bench, model, padding):  # noqa: F811
    answer = ask(
        bench, "channel", "geometry", selection(bench, model, padding), layer="fc9", output=9999, place="-4,9999"
    )
    values = {control["set"]: control["value"] for control in answer["controls"]}
    assert values["layer"] in LAYERS[model]
    assert values["output"] < 9999
    assert values["place"].startswith("0,")


# ---- figures


def test_a_large_matrix_is_sampled_with_its_corners():
    weights = np.arange(4000 * 300, dtype=np.float32).reshape(4000, 300) / 4000 - 100
    matrix = Matrix(weights, np.zeros(4000, np.float32))
    rows, cols = figures.drawn(matrix)
    assert len(rows) * len(cols) <= figures.MOST**2
    assert (rows[0], rows[-1], cols[0], cols[-1]) == (0, 3999, 0, 299)
    (cells,) = figures.mixing(matrix, [], 7, (rows, cols)).data
    np.testing.assert_allclose(cells.z, weights[rows[:, None], cols], atol=1e-3)


def test_bars_add_up_to_the_point_beside_them(thin):
    local = labs.runner(thin("fcn8s", "same"), picture(40, 33), without_weights(thin_spec("fcn8s", "same")))
    found = labs.products(local, "fc7", 0, 0)
    bars, total, own = figures.summands(found, 3).data
    assert sum(bars.y) == pytest.approx(total.y[0])
    assert own.y[0] == pytest.approx(total.y[0], abs=1e-4)


def test_costs_are_drawn_by_the_first_level_s():
    levels = labs.channels(thin_spec("unet", "same"), (48, 32)).levels
    channels, activations, parameters, macs = figures.costs(levels).data
    assert list(channels.x) == [one.step for one in levels]
    for line, name in ((activations, "activations"), (parameters, "parameters"), (macs, "macs")):
        np.testing.assert_allclose(line.y, [getattr(o, name) / getattr(levels[0], name) for o in levels], rtol=1e-3)
    assert channels.y[4] == 16
