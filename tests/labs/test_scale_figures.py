"""The scale lab's figures and the page's answers: the lab's own data."""

from __future__ import annotations

import re

import numpy as np
import pytest

from explorer.errors import ExplorerError
from explorer.figures import scale as figures
from explorer.labs import scaling, scaling_run, unpooled
from explorer.labs import scaling_run as running
from explorer.labs.scaling import Design
from explorer.trace import CancelledError
from tests.ui.conftest import bench, checkpoints  # noqa: F401
from tests.ui.test_labs import ask, selection, told
from tests.ui.texts import EN, placeholders

SETTINGS = {"poolings": 3, "convolutions": 1, "kernel": 5, "dilation": 2, "width": 8, "growth": 1.5, "size": 64}
DESIGN = Design(**SETTINGS)


def three(value: float) -> float:
    return float(f"{value:.3g}")


def asked(bench, what="geometry", stop=lambda: False, **settings):  # noqa: F811
    return ask(bench, "scale", what, selection(bench, "unet", "valid"), stop, **settings)


def test_curves_are_the_layers_added_up():
    networks = {
        "own": scaling.layers(DESIGN),
        "full": scaling.full_resolution(DESIGN),
        "unet": scaling.reference("unet"),
    }
    for quantity in figures.DOWN:
        for trace, made in zip(figures.curves(networks, quantity).data, networks.values(), strict=True):
            depth, field, macs, parameters = 0, 0, 0, 0
            for x, y, size, layer in zip(trace.x, trace.y, trace.marker.size, made, strict=True):
                depth += layer.kind != "pool"
                field, macs = max(field, layer.field), macs + layer.macs
                parameters += layer.parameters
                memory = layer.channels_out * layer.height**2 * 4 / 2**20
                expected = {"field": field, "macs": macs / 1e9, "parameters": parameters, "memory": memory}
                assert x == depth
                assert y == pytest.approx(expected[quantity], rel=1e-4)
                assert (size == 8) == (layer.kind == "pool")


def test_the_curves_of_the_page_are_yours_full_resolution_and_the_papers(bench):  # noqa: F811
    answer = asked(bench, **SETTINGS)
    networks = [
        scaling.layers(DESIGN),
        scaling.full_resolution(DESIGN),
        scaling.reference("fcn8s"),
        scaling.reference("unet"),
    ]
    for quantity in figures.DOWN:
        data = answer["figures"][quantity]["data"]
        for trace, made in zip(data, networks, strict=True):
            assert trace["text"] == [layer.name for layer in made]
            assert np.allclose(trace["y"], figures.values(made, quantity), rtol=1e-4)
        assert len({trace["line"]["dash"] for trace in data}) == 4


def test_sentences_say_what_the_lab_gives(bench):  # noqa: F811
    facts = asked(bench, **SETTINGS)["facts"]
    own, full = scaling.layers(DESIGN), scaling.full_resolution(DESIGN)
    said = {"convolutions": 4, "field": own[-1].field, "full": full[-1].field}
    assert dict(facts["field"])["lab.scale.field.said"] == said
    macs = [sum(layer.macs for layer in made) for made in (own, full)]
    assert dict(facts["macs"])["lab.scale.macs.said"] == {
        "own": three(macs[0] / 1e9), "full": three(macs[1] / 1e9), "ratio": three(macs[1] / macs[0])
    }  # fmt: skip
    counted = sum(p.numel() for p in scaling_run.build(DESIGN).parameters())
    assert dict(facts["parameters"])["lab.scale.parameters.said"] == {"parameters": counted}
    fc6 = dict(facts["sizes"])["lab.scale.sizes.fc6"]
    assert fc6 == {"kernel": 7, "parameters": 102_764_544, "whole": 134_489_759}  # Long et al. 2015


def test_the_tables_are_the_alternatives_and_the_sizes(bench):  # noqa: F811
    tables = asked(bench, **SETTINGS)["tables"]
    rows = [row["cells"] for row in tables["far"]["rows"]]
    made = [scaling.layers(DESIGN), scaling.full_resolution(DESIGN)]
    made += [one.layers for one in unpooled.without_poolings(DESIGN)]
    for cells, layers in zip(rows, made, strict=True):
        assert cells[4] == layers[-1].field
        assert cells[5] == sum(p.numel() for p in scaling_run.build(layers).parameters())
        assert cells[6] == three(sum(layer.macs for layer in layers) / 1e9)
        values = [(int(n), int(times or 1)) for n, times in re.findall(r"(\d+)(?: \((\d+)×\))?", str(cells[3]))]
        wide = [layer.dilation for layer in layers if layer.kind == "conv" and layer.kernel > 1]
        assert [n for n, times in values for _ in range(times if len(values) > 1 else len(wide))] == wide
    sizes = [row["cells"] for row in tables["sizes"]["rows"]]
    assert [cells[0] for cells in sizes] == ["32 × 32", "64 × 64", "128 × 128"]
    assert len({cells[2] for cells in sizes}) == 1
    assert [cells[3] for cells in sizes] == [
        scaling.fully_connected(scaling.layers(Design(**{**SETTINGS, "size": size}))) for size in (32, 64, 128)
    ]


@pytest.mark.parametrize(
    "settings",
    [
        {"poolings": 0},
        {"kernel": 1},
        {"bottleneck": True},
        {"kernel": 4, "growth": 1.6},
        {"growth": 1},
        {"poolings": 6, "size": 16},
    ],
)
def test_each_sentence_is_in_the_texts_whatever_is_set(bench, settings):  # noqa: F811
    answer = asked(bench, **settings)
    for key, params in told({name: answer[name] for name in answer if name != "plotly"}):
        assert placeholders(EN[key]) <= set(params), key
    shown = {control["set"]: control["value"] for control in answer["controls"]}
    assert shown["size"] == (64 if "size" in settings else Design.size)
    assert shown["kernel"] in (1, 3, 5, 7)
    assert shown["growth"] in (1, 1.5, 2)
    assert (answer["tables"]["far"] is None) == (settings.get("poolings") == 0)
    assert ("lab.scale.far.never" in dict(answer["facts"]["far"])) == (settings.get("kernel") == 1)


def test_what_a_pass_takes_is_said_before_it_is_run(bench):  # noqa: F811
    said = dict(asked(bench, **SETTINGS)["facts"]["forecast"])
    for key, poolings in (("own", True), ("full", False)):
        assert said[f"lab.scale.forecast.{key}"] == {"mib": three(scaling_run.forecast(DESIGN, poolings).bytes / 2**20)}
    said = dict(asked(bench, width=128, size=1024)["facts"]["forecast"])
    with pytest.raises(ExplorerError) as caught:
        scaling_run.forecast(Design(width=128, size=1024), poolings=False)
    refused = said["lab.scale.forecast.refused"]
    assert refused == {"network": ["lab.scale.far.full", {}], "why": ["error.lab_scale_room", caught.value.details]}


def test_nothing_is_run_by_itself(bench):  # noqa: F811
    assert asked(bench, "values") == {"kind": "lab", "lab": "scale", "what": "values"}


def test_what_is_measured_is_shown_beside_the_forecast(bench):  # noqa: F811
    answer = asked(bench, "measure", **SETTINGS)
    own, full, ratio = (row["cells"] for row in answer["tables"]["measure"]["rows"])
    for cells, poolings in ((own, True), (full, False)):
        expected = scaling_run.forecast(DESIGN, poolings)
        assert cells[1] == three(expected.macs / 1e9)
        assert cells[3] == three(expected.activations / 2**20)
    assert ratio[2] == pytest.approx(full[2] / own[2], rel=0.02)
    said = dict(answer["facts"]["measure"])
    assert said["lab.scale.measure.said"] == {"macs": ratio[1], "seconds": ratio[2]}
    for key, params in told(answer["facts"]):
        assert placeholders(EN[key]) <= set(params), key


def test_a_twin_that_is_refused_says_why(bench, monkeypatch):  # noqa: F811
    monkeypatch.setattr(running, "ROOM", scaling_run.forecast(DESIGN).bytes)
    answer = asked(bench, "measure", **SETTINGS)
    assert len(answer["tables"]["measure"]["rows"]) == 1
    why = dict(answer["facts"]["measure"])["lab.scale.measure.refused"]["why"]
    assert why[0] == "error.lab_scale_room"
    assert placeholders(EN[why[0]]) <= set(why[1])


def test_a_design_that_is_refused_is_an_error(bench):  # noqa: F811
    with pytest.raises(ExplorerError) as caught:
        asked(bench, "measure", poolings=6, width=128, kernel=7)
    assert caught.value.code == "lab_scale_weights"


def test_a_measurement_of_the_page_is_cancelled(bench):  # noqa: F811
    with pytest.raises(CancelledError):
        asked(bench, "measure", lambda: True, **SETTINGS)


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        ({"poolings": 7}, "lab_range"),
        ({"size": 15}, "lab_range"),
        ({"width": 3}, "lab_range"),
        ({"dilation": "1"}, "bad_selection"),
        ({"bottleneck": 1}, "bad_selection"),
    ],
)
def test_what_no_control_offers_is_refused(bench, bad, code):  # noqa: F811
    with pytest.raises(ExplorerError) as caught:
        asked(bench, **bad)
    assert caught.value.code == code
