"""The scale lab: its layers against networks that are built and run, and against closed formulas."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from explorer.errors import ExplorerError
from explorer.labs import scaling, scaling_run, unpooled
from explorer.labs.scaling import Design, Layer
from explorer.models import ModelSpec
from explorer.models import build as paper
from tests.ui.texts import EN, placeholders

DESIGNS = st.builds(
    Design,
    poolings=st.integers(0, 3),
    convolutions=st.integers(1, 3),
    kernel=st.sampled_from([1, 3, 5]),
    dilation=st.integers(1, 3),
    width=st.integers(4, 6),
    growth=st.sampled_from([1, 1.5, 2]),
    bottleneck=st.booleans(),
    size=st.integers(8, 19),
)
FEW = settings(max_examples=15, deadline=None)


def flops(network: nn.Module, size: int) -> int:
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        network(torch.zeros(1, 3, size, size))
    return counter.get_total_flops()


def seen(made: tuple[Layer, ...]) -> int:
    """Pixels between the first and the last one that a unit in the middle depends on, along a row: by autograd, with
    weights of one along that row, one channel, and the mean in the place of the largest value."""
    x = torch.zeros(1, 1, 3 * made[-1].field // made[-1].jump * made[-1].jump, dtype=torch.float64, requires_grad=True)
    y = x
    for layer in made:
        if layer.kind == "pool":
            y = nn.functional.avg_pool1d(y, 2)
        else:
            weight = torch.ones(1, 1, layer.kernel, dtype=torch.float64) / layer.kernel
            y = nn.functional.conv1d(y, weight, padding="same", dilation=layer.dilation)
    y[0, 0, y.shape[2] // 2].backward()
    reached = x.grad[0, 0].nonzero().flatten()
    return int(reached[-1] - reached[0]) + 1


def built_field(design: Design) -> int:
    """The same of the built network in two dimensions: all weights one, gradient of one unit in the middle."""
    made = scaling.layers(design)
    last = made[-1]
    size = (2 * last.field // last.jump + 3) * last.jump
    parts = [nn.AvgPool2d(2) if isinstance(p, nn.MaxPool2d) else p for p in scaling_run.build(design)]
    network = nn.Sequential(*(p for p in parts if not isinstance(p, nn.ReLU))).double()
    for parameter in network.parameters():
        nn.init.constant_(parameter, 1e-2)
    x = torch.zeros(1, 3, size, size, dtype=torch.float64, requires_grad=True)
    y = network(x)
    y[0, 0, y.shape[2] // 2, y.shape[3] // 2].backward()
    rows, cols = x.grad[0].abs().sum(0).nonzero(as_tuple=True)
    assert rows.max() - rows.min() == cols.max() - cols.min()
    return int(rows.max() - rows.min()) + 1


@FEW
@given(DESIGNS)
def test_layers_are_those_of_the_built_network(design):
    for made in (scaling.layers(design), scaling.full_resolution(design)):
        network = scaling_run.build(made)
        assert sum(layer.parameters for layer in made) == sum(p.numel() for p in network.parameters())
        assert sum(layer.macs for layer in made) == flops(network, design.size) / 2
        x = torch.zeros(1, 3, design.size, design.size)
        maps = [x := part(x) for part in network]
        kept = [m for m, part in zip(maps, network, strict=True) if not isinstance(part, nn.ReLU)]
        for layer, values in zip(made, kept, strict=True):
            assert values.shape == (1, layer.channels_out, layer.height, layer.height)
            assert layer.activation_bytes == values.nbytes


@FEW
@given(DESIGNS)
def test_fields_are_those_of_autograd(design):
    for made in (scaling.layers(design), scaling.full_resolution(design)):
        for n in range(1, len(made) + 1):
            assert made[n - 1].field == seen(made[:n])


@pytest.mark.parametrize(
    "design", [Design(2, 1, 3, 1, 4), Design(1, 2, 3, 2, 4), Design(3, 1, 1, 1, 4), Design(1, 1, 5, 1, 4, 2, True)]
)
def test_the_last_field_is_that_of_the_built_network(design):
    assert scaling.layers(design)[-1].field == built_field(design)


@FEW
@given(DESIGNS)
def test_fields_follow_the_closed_formula(design):
    """Level by level, as the arithmetic of convolutions is written in textbooks."""
    reach = design.dilation * (design.kernel - 1) * design.convolutions
    assert scaling.layers(design)[-1].field == 1 + sum(reach * 2**level for level in range(design.poolings + 1)) + (
        2**design.poolings - 1
    )
    assert scaling.full_resolution(design)[-1].field == 1 + reach * (design.poolings + 1)


def test_the_contracting_path_of_u_net_is_one_of_the_designs():
    """Ronneberger et al. 2015, Fig. 1: with 64 channels, 140 pixels at the bottom."""
    made, told = scaling.layers(Design(width=64, size=512)), scaling.reference("unet")
    half = told[: len(made)]
    assert [layer.field for layer in made] == [layer.field for layer in half]
    assert [layer.parameters for layer in made[1:]] == [layer.parameters for layer in half[1:]]  # colours differ
    assert made[-1].field == 140


@pytest.mark.parametrize(("model", "total"), [("fcn8s", 134_489_759), ("unet", 31_030_658)])
def test_the_papers_networks_are_as_a_built_one_says(model, total):
    """Built on the meta device and run there with hooks; multiply-accumulates as torch counts them."""
    made = {layer.name: layer for layer in scaling.reference(model)}
    assert sum(layer.parameters for layer in made.values()) == total
    channels, classes, size = (1, 2, 572) if model == "unet" else (3, 21, 500)
    with torch.device("meta"):
        network = paper(ModelSpec(model, in_channels=channels, classes=classes))
    shapes = {}
    for name, part in network.named_modules():
        part.register_forward_hook(lambda _, given, out, name=name: shapes.update({name: out.shape}))
    with FlopCounterMode(display=False, depth=None) as counter:
        network(torch.empty(1, channels, size, size, device="meta"))
    counted = counter.get_flop_counts()
    for name, layer in made.items():
        assert shapes[name] == (1, layer.channels_out, layer.height, layer.height)
        assert layer.activation_bytes == 4 * math.prod(shapes[name])
        part = network.get_submodule(name)
        assert layer.parameters == sum(p.numel() for p in part.parameters())
        if layer.kind == "conv":
            assert layer.macs == sum(counted[f"{type(network).__name__}.{name}"].values()) / 2


def test_other_networks_are_not_known():
    with pytest.raises(ExplorerError):
        scaling.reference("vgg")


# ---- as far without poolings


@FEW
@given(DESIGNS)
def test_alternatives_see_as_far_and_less_does_not(design):
    aim = scaling.layers(design)[-1].field
    found = {one.way: one for one in unpooled.without_poolings(design)}
    assert set(found) == (
        set() if not design.poolings else {"kernel"} if design.kernel == 1 else {"layers", "kernel", "dilation"}
    )
    for one in found.values():
        last = one.layers[-1]
        assert last.field == seen(one.layers) >= aim
        assert last.height == design.size
        network = scaling_run.build(one.layers)
        assert sum(p.numel() for p in network.parameters()) == sum(layer.parameters for layer in one.layers)
        wide = [m for m in network.modules() if isinstance(m, nn.Conv2d)]
        wide = [m for m in wide if m.kernel_size[0] == one.kernel and (one.kernel > 1)]
        assert tuple(m.dilation[0] for m in wide) == one.dilations
        assert len(wide) == (design.poolings + 1) * design.convolutions + one.added
        reach = [d * (one.kernel - 1) for d in one.dilations]
        if one.way == "layers":
            assert not one.added or 1 + sum(reach[:-1]) < aim
        if one.way == "kernel":
            assert 1 + sum(d * (one.kernel - 3) for d in one.dilations) < aim
        if one.way == "dilation":
            most = max(one.dilations)
            assert one.added or 1 + sum(min(d, most // 2) * (one.kernel - 1) for d in one.dilations) < aim
            assert [min(most, design.dilation * 2**i) for i in range(len(one.dilations))] == list(one.dilations)


def test_dilations_cost_no_parameters_and_layers_and_kernels_do():
    design = Design()
    own = sum(layer.parameters for layer in scaling.layers(design))
    costs = {one.way: sum(layer.parameters for layer in one.layers) for one in unpooled.without_poolings(design)}
    assert costs["dilation"] == own < costs["kernel"]
    assert own < costs["layers"]


# ---- parameters and the input


def test_only_a_fully_connected_layer_grows_with_the_image():
    network, counts = scaling_run.build(Design(poolings=2, width=4)), []
    for size in (16, 32, 64):
        made = scaling.layers(Design(poolings=2, width=4, size=size))
        last = network(torch.zeros(1, 3, size, size))  # one network, three sizes
        assert sum(layer.parameters for layer in made) == sum(p.numel() for p in network.parameters())
        with torch.device("meta"):
            connected = nn.Linear(last[0].numel(), 4096)
        counts.append(sum(p.numel() for p in connected.parameters()))
        assert scaling.fully_connected(made) == counts[-1]
    assert counts[0] < counts[1] < counts[2]


def test_fc6_as_a_convolution_has_the_parameters_of_the_fully_connected_layer():
    fc6 = next(layer for layer in scaling.reference("fcn8s") if layer.name == "fc6")
    with torch.device("meta"):
        vgg = nn.Linear(512 * 7 * 7, 4096)
    assert fc6.parameters == sum(p.numel() for p in vgg.parameters())
    assert (fc6.kernel, fc6.channels_in) == (7, 512)


# ---- refused


@pytest.mark.parametrize(
    "bad",
    [
        {"poolings": 7},
        {"convolutions": 0},
        {"kernel": 4},
        {"dilation": 9},
        {"width": 2},
        {"growth": 3},
        {"size": 15},
        {"size": 4096},
    ],
)
def test_designs_that_cannot_be_are_refused(bad):
    with pytest.raises(ExplorerError) as caught:
        Design(**bad)
    assert caught.value.code == "lab_scale"
    assert placeholders(EN["error.lab_scale"]) <= set(caught.value.details)
