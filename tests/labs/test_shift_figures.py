"""The shift lab on the page: its figures and sentences are what the Python calls give."""

from __future__ import annotations

import json
from math import isnan

import numpy as np
import pytest
import torch

from explorer import labs
from explorer.figures import shift as figures
from explorer.labs.shared import telling
from explorer.models import ModelSpec, build
from explorer.trace import CancelledError, trace
from explorer.ui.labs import shift as lab
from explorer.ui.labs.shift import MACS, MOST
from explorer.ui.labs.shift_said import NOTHING, rank_correlation
from tests.ui.conftest import bench, checkpoints  # noqa: F401
from tests.ui.test_labs import ask, selection, told
from tests.ui.texts import EN, placeholders

SETTINGS = {"window": 252, "shift": 6, "other": "bus.jpg"}


def shifts_of(bench, chosen, window=252, other="bus.jpg"):  # noqa: F811
    """The lab's own call, on the inputs that the page's network gets."""
    checked = bench.networks.check(chosen)
    loaded, size = bench.networks.get(checked), (window + MOST, window + MOST)
    images = [bench.pictures.get(name).pixels for name in (checked.image, other)]
    canvases = [labs.inputs.network_input(loaded, pixels, size=size).image for pixels in images]
    return labs.Shifts(loaded.module, *canvases, window)


def drawn(figure):
    """Values by step, None where there is a gap; each step is drawn in one of the two traces."""
    found = {}
    for part in figure["data"]:
        for step, value in zip(part["x"], part["y"], strict=True):
            assert found.get(step) is None or value is None
            found[step] = found.get(step) if value is None else value
    return found


def test_the_page_says_what_the_call_gives(bench):  # noqa: F811
    chosen = selection(bench, "unet", "valid")
    answer = ask(bench, "shift", "values", chosen, **SETTINGS, axis="rows", pooling="pool_d1c", channel=1, unit="5,6")
    shifts = shifts_of(bench, chosen)
    found = shifts.at(6, "rows")
    for slot, name in (("equivariance", "equivariance"), ("invariance", "invariance")):
        values = drawn(answer["figures"][slot])
        assert list(values) == list(telling(shifts.layers))
        for step, value in values.items():
            share = getattr(found[step], name)
            assert value is None if isnan(share) else value == pytest.approx(100 * share, rel=1e-3, abs=1e-3)
    said = dict(answer["facts"]["labels"])
    assert said["lab.shift.labels.said"]["pixels"] == found.pixels
    assert said["lab.shift.labels.said"]["share"]["percent"] == pytest.approx(found.flipped, abs=1e-6)
    moved = dict(answer["facts"]["equivariance"])
    shown = [found[step] for step in telling(shifts.layers)]
    exact = [one for one in shown if one.period in (1, 2)]
    assert moved["lab.shift.moved.exact"]["steps"] == len(exact)
    assert moved["lab.shift.moved.exact"]["shift"] == 6
    worst = max((one for one in shown if one not in exact and one.units), key=lambda one: one.equivariance)
    assert moved["lab.shift.moved.between"]["step"] == worst.step
    unit = labs.pooled(shifts, "pool_d1c", 1, (5, 6), "rows")
    after, *before = answer["figures"]["pooled"]["data"]
    assert np.allclose(after["y"], unit.after)
    assert np.allclose(np.transpose([line["y"] for line in before]), unit.before)
    names = [json.loads(line["name"].partition("|")[2]) for line in before]
    assert [(name["row"], name["column"]) for name in names] == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert {"labels", "labels.shifted", "labels.differ"} == set(answer["pictures"])
    for key, params in told({key: answer[key] for key in ("facts", "figures")}):
        assert placeholders(EN[key]) <= set(params), key


def test_changes_are_drawn_against_the_field(bench):  # noqa: F811
    chosen = selection(bench, "unet", "valid")
    answer = ask(bench, "shift", "values", chosen, **SETTINGS)
    shifts = shifts_of(bench, chosen)
    found, layers = shifts.at(6), shifts.layers
    points = {}
    for part in answer["figures"]["field"]["data"]:
        points |= dict(zip(part["text"], zip(part["x"], part["y"], strict=True), strict=True))
    assert set(points) == {one.step for one in found.steps if one.step in telling(layers) and one.still}
    assert points["pool_d0c"][0] == 6
    assert points["conv_d4b_c"][0] == 140  # the shared facts' table
    said = dict(answer["facts"]["field"])["lab.shift.field.said"]
    fields, changes = zip(*points.values(), strict=True)
    assert said["steps"] == len(points)
    assert float(said["rank"].replace("−", "-")) == pytest.approx(rank_correlation(fields, changes), abs=0.02)
    for step, (field, change) in points.items():
        assert field == layers[step].rows.size
        assert change == pytest.approx(100 * found[step].invariance, rel=1e-3)


def test_the_table_says_jump_and_period(bench):  # noqa: F811
    answer = ask(bench, "shift", "geometry", selection(bench, "fcn32s", "paper"), window=320, shift=32)
    rows = {row["cells"][0]: row["cells"] for row in answer["tables"]["layers"]["rows"]}
    cells = rows["upscore"]
    assert (cells[1][1]["pixels"], cells[2][1]["pixels"]) == (1, 32)
    assert cells[4] == 0  # a field of 436 px in 320
    assert (rows["pool3"][1][1]["pixels"], rows["pool3"][2][1]["pixels"]) == (8, 8)
    jump, period = answer["figures"]["period"]["data"]
    for step, own, whole in zip(jump["x"], jump["y"], period["y"], strict=True):
        assert (own, whole) == (rows[step][1][1]["pixels"], rows[step][2][1]["pixels"])
        assert whole % own == 0
    assert [row["cells"][0] for row in answer["tables"]["layers"]["rows"] if row["chosen"]] == ["pool5"]


def test_layers_without_a_unit_are_a_gap_and_are_said(bench):  # noqa: F811
    answer = ask(bench, "shift", "values", selection(bench, "fcn32s", "paper"), window=320, shift=32)
    values = drawn(answer["figures"]["equivariance"])
    assert values["score"] is None
    assert values["pool4"] is not None
    said = dict(answer["facts"]["equivariance"])["lab.shift.moved.none"]
    assert said == {"steps": 5, "first": "fc6", "field": 436}
    assert "lab.shift.labels.outside" in dict(answer["facts"]["labels"])


def test_a_sweep_is_the_call_s(bench):  # noqa: F811
    chosen = selection(bench, "unet", "valid")
    answer = ask(bench, "shift", "sweep", chosen, window=252, other="bus.jpg", step="pool_d1c")
    points = shifts_of(bench, chosen).sweep("pool_d1c")
    errors, changes = answer["figures"]["sweep"]["data"]
    assert errors["x"] == list(range(MOST + 1))
    assert np.allclose(errors["y"], [100 * p.equivariance for p in points], atol=1e-2)
    assert np.allclose(changes["y"], [100 * p.invariance for p in points], atol=1e-2)
    said = dict(answer["facts"]["sweep"])
    assert said["lab.shift.sweep.zero"]["shifts"] == ", ".join(map(str, range(0, 33, 4)))
    assert [line["x0"] for line in answer["figures"]["sweep"]["layout"]["shapes"]] == list(range(0, 33, 4))
    least = min(p.equivariance for p in points if p.equivariance > NOTHING)
    assert said["lab.shift.sweep.between"]["least"]["percent"] == pytest.approx(least, rel=1e-3)
    with pytest.raises(CancelledError):
        ask(bench, "shift", "sweep", chosen, lambda: True, window=252, step="pool_d1c")


def test_settings_that_do_not_fit_become_the_nearest_that_do(bench):  # noqa: F811
    strange = {"window": 2000, "axis": "diagonal", "step": "none", "pooling": "none", "unit": "999,-4", "other": "?"}
    answer = ask(bench, "shift", "geometry", selection(bench, "unet", "valid"), **strange)
    shown = {control["set"]: control for control in answer["controls"]}
    assert (shown["window"]["value"] - 188) % 16 == 0
    assert shown["window"]["value"] == shown["window"]["max"] <= lab.LARGEST
    assert (shown["axis"]["value"], shown["pooling"]["value"], shown["step"]["value"]) == (
        "both",
        "pool_d0c",
        "pool_d3c",
    )
    rows = (shown["window"]["value"] - 4) // 2
    assert shown["unit"]["value"] == f"{rows - 1},0"
    assert shown["other"]["value"] != selection(bench, "unet", "valid")["image"]
    other = ask(bench, "shift", "geometry", selection(bench, "fcn8s", "same"), window=333)
    assert next(c["value"] for c in other["controls"] if c["set"] == "window") == 320


def test_windows_are_no_larger_than_a_run_takes_time_for():
    spec = ModelSpec("fcn8s")  # of the paper's width
    side = lab._largest(spec)
    with torch.device("meta"):
        network = build(spec)
    macs = [trace(network, torch.empty(1, 3, n, n, device="meta")).macs for n in (side, side + 64)]
    assert macs[0] <= MACS < macs[1]


def test_figures_of_nothing_compared_are_gaps():
    nothing = labs.Moved("a", 1, 1, float("nan"), 0, float("nan"), 0)
    assert [part.y for part in figures.equivariance([nothing], 4).data] == [(None,), (None,)]


def test_rank_correlations_are_spearman_s():
    assert rank_correlation([1, 2, 5, 9], [0.1, 0.2, 0.3, 90]) == pytest.approx(1)
    assert rank_correlation([1, 2, 5, 9], [9, 2, 1, 0]) == pytest.approx(-1)
    a, b = [3, 1, 2, 5, 4], [1, 2, 3, 5, 4]  # without ties it is 1 - 6 sum d^2 / (n^3 - n)
    assert rank_correlation(a, b) == pytest.approx(1 - 6 * 6 / 120)
    assert rank_correlation([1, 1, 2], [1, 1, 3]) == pytest.approx(1)
    assert isnan(rank_correlation([1, 1], [1, 2]))
