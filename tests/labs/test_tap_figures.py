"""Figures of the tap lab, and what the page is told: the labs' own data, sums that are the scores."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from explorer import labs
from explorer.figures import tap as figures
from explorer.ui.labs import tap as lab
from tests.labs.made import with_zeros
from tests.ui.conftest import bench, checkpoints  # noqa: F401
from tests.ui.test_labs import ask, selection

FCN = [("fcn8s", "paper"), ("fcn16s", "same")]


@pytest.mark.parametrize(("model", "padding"), [*FCN, ("unet", "valid")])
def test_units_are_drawn_where_the_grids_have_them(model, padding):
    for skip in labs.taps(model, padding):
        for tap in skip.taps:
            for trace, grid in zip(figures.standing(tap).data, (tap.grid, tap.below), strict=True):
                assert len(trace.x) > 1
                units = [(x - float(grid.start)) / float(grid.jump) for x in trace.x]
                assert units == [round(unit) for unit in units]
                assert np.diff(trace.x).tolist() == [float(grid.jump)] * (len(trace.x) - 1)


def test_units_of_a_tap_that_fits_meet_and_others_stand_apart():
    for tap in labs.taps("fcn8s", "paper")[0].taps:
        own, other = (np.array(trace.x) for trace in figures.standing(tap).data)
        nearest = np.abs(own[:, None] - other[None]).min()
        assert nearest == float(tap.apart)


STANDING = {  # jump and start as in every table of VGG-16, which 2 x 2 averages move by half a jump
    "pool4|as it is": (16, -91.5, {"lab.tap.fits.tap": (2, 5)}),
    "conv5_2|as it is": (16, -91.5, {"lab.tap.fits.tap": (2, 5)}),
    "conv4_3|as it is": (8, -95.5, {"lab.tap.fits.tap": (4, 10), "lab.tap.finer": (4,)}),
    "conv4_3|average": (16, -91.5, {"lab.tap.fits.tap": (2, 5)}),
    "conv4_3|sub-sample": (16, -95.5, {"lab.tap.never": (4,)}),
    "pool3|as it is": (8, -95.5, {"lab.tap.fits.tap": (2, 9)}),
    "conv3_3|average": (8, -95.5, {"lab.tap.fits.tap": (2, 9)}),
    "conv3_3|sub-sample": (8, -97.5, {"lab.tap.never": (2,)}),
}


@pytest.mark.parametrize("tap", STANDING)
def test_a_tap_is_said_to_fit_or_not_as_the_table_of_fields_has_it(bench, tap):  # noqa: F811
    """pool4 is cut at 5, pool3 at 9 (the authors' prototxts); what is sub-sampled never fits."""
    skip = "fuse_pool3" if tap.startswith(("pool3", "conv3")) else "fuse_pool4"
    answer = ask(bench, "tap", "geometry", selection(bench, "fcn8s", "paper"), skip=skip, tap=tap)
    jump, start, fits = STANDING[tap]
    said, step = dict(answer["facts"]["tap"]), tap.split("|")[0]
    (how,) = (key for key in said if key.startswith("lab.tap.way.said."))
    assert said[how] == {"step": step, "jump": jump, "start": start}
    for key, values in fits.items():
        assert tuple(value for name, value in said[key].items() if name != "step") in (values, values[::-1])
    assert not {"lab.tap.never", "lab.tap.finer"} & set(said) - set(fits)
    (row,) = (one["cells"] for one in answer["tables"]["taps"]["rows"] if one["chosen"])
    key, (*_, last) = next(iter(fits.items()))
    cell = ["lab.tap.apart", {"apart": last}] if key.endswith("never") else ["lab.tap.offset", {"units": last}]
    up = 4 if fits.get("lab.tap.finer") else 2
    assert [row[0], *row[2:6]] == [step, ["lab.tap.px", {"pixels": jump}], start, up, cell]
    assert bool(row[6]) == (tap in ("pool4|as it is", "pool3|as it is"))


@pytest.mark.parametrize(("model", "padding"), FCN)
def test_the_terms_are_said_as_networks_whose_other_score_layers_are_zero_give_them(bench, model, padding):  # noqa: F811
    chosen = selection(bench, model, padding)
    said = ask(bench, "tap", "values", chosen, pixel="40,50", label=2)["facts"]["terms"]
    kept = kept_of(bench, chosen)
    network, image = kept.loaded.module, kept.given.image
    layers = [name for name, _ in network.named_children() if name.startswith("score_")]
    told = {params["layer"]: params["value"] for key, params in said if key == "lab.tap.term"}
    assert set(told) == set(layers)
    with torch.inference_mode():
        for layer, value in told.items():
            alone = with_zeros(network, *(other for other in layers if other != layer))(image)
            assert value == pytest.approx(float(alone[0, 2, 40, 50]), abs=1e-5)
        assert dict(said)["lab.tap.sum"]["score"] == pytest.approx(float(network(image)[0, 2, 40, 50]))
    assert {**dict(said)["lab.tap.pixel"], "label": 0} == {"row": 40, "column": 50, "label": 0}


@pytest.mark.parametrize("pixel", ["", "7,9", "9999,-1"])
def test_the_pixel_that_is_told_of_is_the_one_that_the_control_shows(bench, pixel):  # noqa: F811
    chosen = selection(bench, "fcn8s", "paper")
    said = dict(ask(bench, "tap", "values", chosen, pixel=pixel)["facts"]["terms"])["lab.tap.pixel"]
    controls = ask(bench, "tap", "geometry", chosen, pixel=pixel)["controls"]
    (shown,) = (control["value"] for control in controls if control["set"] == "pixel")
    assert shown == f"{said['row']},{said['column']}"


def test_what_skips_take_is_what_the_two_papers_draw(bench):  # noqa: F811
    for model, padding in (*FCN, ("unet", "valid")):
        said = dict(ask(bench, "tap", "geometry", selection(bench, model, padding))["facts"]["tap"])
        assert said["lab.tap.contrast"] == {
            "before": "relu_d3c, relu_d2c, relu_d1c, relu_d0c",
            "after": "pool4, pool3",
        }


@pytest.mark.parametrize(("model", "padding"), FCN)
def test_the_bars_at_a_pixel_add_up_to_the_score(bench, model, padding):  # noqa: F811
    chosen = selection(bench, model, padding)
    answer = ask(bench, "tap", "values", chosen, pixel="40,50")
    *bars, scores = answer["figures"]["terms"]["data"]
    assert np.allclose(np.sum([bar["y"] for bar in bars], axis=0), scores["y"], atol=1e-4)
    said = dict(answer["facts"]["terms"])["lab.tap.sum"]
    assert said["total"] == pytest.approx(said["score"], abs=1e-4)
    kept = kept_of(bench, chosen)
    at = kept.split.at(40, 50)
    assert [bar["name"] for bar in bars] == list(at)
    best = np.argsort(-kept.split.output.scores[0, :, 40, 50].numpy(), kind="stable")[: lab.SHOWN]
    for bar in bars:
        assert np.allclose(bar["y"], at[bar["name"]][best])


def test_the_maps_are_the_terms_in_one_scale(bench):  # noqa: F811
    chosen = selection(bench, "fcn8s", "paper")
    answer = ask(bench, "tap", "values", chosen, label=1)
    figure, streams = answer["figures"]["maps"], kept_of(bench, chosen).split.streams
    for trace, stream in zip(figure["data"], streams.values(), strict=True):
        expected = stream[0, 1].numpy()[np.ix_(trace["y"], trace["x"])]
        assert np.allclose(trace["z"], expected, atol=1e-3)
    scale = figure["layout"]["coloraxis"]
    assert scale["cmax"] == -scale["cmin"] == max(float(stream[0, 1].abs().max()) for stream in streams.values())


def test_factors_of_one_change_nothing_and_a_moved_slider_runs_nothing_anew(bench):  # noqa: F811
    chosen = selection(bench, "fcn8s", "paper")
    answer = ask(bench, "tap", "values", chosen, scale__score_fr=1.0)
    assert answer["pictures"]["scaled"] == answer["pictures"]["scaled.untouched"]
    kept = kept_of(bench, chosen)
    off = ask(bench, "tap", "values", chosen, scale__score_fr=0)
    assert kept_of(bench, chosen) is kept
    agreement = dict(off["facts"]["scaled"])["lab.agreement"]["share"]["percent"]
    assert agreement == pytest.approx(kept.streams.scaled({"score_fr": 0}).figures.agreement)


@pytest.mark.parametrize(("model", "padding"), [("unet", "valid"), ("fcn32s", "paper")])
def test_a_network_without_a_sum_says_so(bench, model, padding):  # noqa: F811
    answer = ask(bench, "tap", "values", selection(bench, model, padding))
    assert set(dict(answer["facts"]["streams"])) == {"lab.tap.streams.none"}
    assert set(answer) == {"kind", "lab", "what", "facts"}


def test_a_row_of_the_table_chooses_its_tap(bench):  # noqa: F811
    chosen = selection(bench, "fcn8s", "paper")
    rows = ask(bench, "tap", "geometry", chosen)["tables"]["taps"]["rows"]
    assert [row["pick"]["tap"].split("|")[0] for row in rows if row["chosen"]] == ["pool4"]
    for row in rows:
        again = ask(bench, "tap", "geometry", chosen, **row["pick"])["tables"]["taps"]["rows"]
        assert [one["pick"] for one in again if one["chosen"]] == [row["pick"]]


def kept_of(bench, chosen):  # noqa: F811
    """What the lab keeps of a network on its image."""
    checked = bench.networks.check(chosen)
    question = lab.Question("tap", "values", checked, lab.Settings())
    return lab._KEPT.get((id(bench.labs.bench.loaded(question).module), id(bench.labs.bench.input(question).image)))
