"""Figures of the tap lab, and what the page is told: the labs' own data, sums that are the scores."""

from __future__ import annotations

import numpy as np
import pytest

from explorer import labs
from explorer.figures import tap as figures
from explorer.ui.labs import tap as lab
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
