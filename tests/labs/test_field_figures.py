"""The field lab on the page: what it says is what the Python calls give; what it draws is where it belongs."""

from __future__ import annotations

import math

import numpy as np
import pytest

from explorer import labs
from explorer.figures import field as figures
from explorer.geometry import Box
from explorer.labs.inputs import network_input
from explorer.models import without_weights
from explorer.trace import CancelledError
from explorer.ui.labs import base
from explorer.ui.labs import field as lab_of_page
from tests.ui.conftest import bench, checkpoints  # noqa: F401
from tests.ui.test_labs import ask, selection

pytestmark = pytest.mark.usefixtures("one_thread", "small")


@pytest.fixture
def small(monkeypatch):
    """The page's images at a fraction of their size."""
    monkeypatch.setattr(base, "SIDE", 48)


# ---- the page


def test_the_page_says_what_the_python_call_gives(bench):  # noqa: F811
    for model, padding, step in (("fcn8s", "paper", "fuse_pool3"), ("unet", "valid", "concat_u1b")):
        chosen = selection(bench, model, padding)
        wish = bench.networks.check(chosen)
        loaded = bench.networks.get(wish)
        image = network_input(loaded, bench.pictures.get(wish.image).pixels, base.SIDE).image
        size = tuple(image.shape[2:])
        lab = labs.field_of_view(model, padding, size, (20, 30))
        answer = ask(bench, "field", "geometry", chosen, place="20,30", step=step, joint=step)
        (could,) = answer["facts"]["could"]
        seen = lab[step]
        assert could[1] == {
            "step": step, "row": seen.unit[0], "column": seen.unit[1], "height": seen.whole.shape[0],
            "width": seen.whole.shape[1], "inside_height": seen.inside.shape[0], "inside_width": seen.inside.shape[1],
        }  # fmt: skip
        local = labs.runner(loaded.module, image, without_weights(loaded.spec))
        joint = next(one for one in lab.joints if one.step == step)
        names = [joint.below, joint.skip, joint.step]
        last = lab.changing[-1].step
        found = labs.measure(local, lab, [*names, last])
        answer = ask(bench, "field", "values", chosen, place="20,30", step=step, joint=step)
        uses = dict(answer["facts"]["uses"])
        assert uses["lab.field.uses"] == {"pixels": found[step].pixels, "size": round(found[step].size, 1)}
        assert uses["lab.field.middle"]["middle"]["percent"] == pytest.approx(found[step].middle)
        assert uses["lab.field.defined"] == {"least": "4.55"}
        said = dict(answer["facts"]["last"])["lab.field.last"]
        assert said["share"]["percent"] == pytest.approx(found[last].size / lab[last].size)
        assert said["area"]["percent"] == pytest.approx((found[last].size / lab[last].size) ** 2)
        both = dict(answer["facts"]["joint"])
        assert both["lab.field.joint.skip.said"]["size"] == round(found[joint.skip].size, 1)
        whole = found[joint.skip].mass + found[joint.below].mass
        assert both["lab.field.joint.share"]["share"]["percent"] == pytest.approx(found[joint.skip].mass / whole)
        maps = [answer["figures"][f"joint.{part}"]["data"][0]["z"] for part in ("below", "skip", "step")]
        assert {np.shape(one) for one in maps} == {np.shape(maps[0])}
        assert max(np.max(one) for one in maps) == 1
        peaks = [found[name].field.peak for name in names]
        assert [np.max(one) for one in maps] == pytest.approx([math.sqrt(p / max(peaks)) for p in peaks], abs=1e-3)
        every = ask(bench, "field", "every", chosen, place="20,30", step=step)["figures"]["curve"]["data"]
        assert every[0]["x"] == [one.step for one in lab.way]
        assert every[2]["y"][every[2]["x"].index(step)] == round(found[step].size, 1)


def test_another_step_at_the_same_place_runs_nothing_again(bench, monkeypatch):  # noqa: F811
    chosen = selection(bench, "unet", "valid")
    ask(bench, "field", "every", chosen, place="99,98")
    ask(bench, "field", "values", chosen, place="99,98")
    monkeypatch.setattr(lab_of_page.labs, "measure", None)
    answer = ask(bench, "field", "values", chosen, place="99,98", step="conv_d3b_c", joint="concat_u0b")
    assert dict(answer["facts"]["uses"])
    curve = ask(bench, "field", "geometry", chosen, place="99,98", step="pool_d1c")["figures"]["curve"]["data"]
    assert len(curve) == 3  # what was measured at this place is drawn at once
    assert len(ask(bench, "field", "geometry", chosen, place="98,98")["figures"]["curve"]["data"]) == 2


def test_a_channel_that_a_step_lacks_is_said(bench):  # noqa: F811
    chosen = selection(bench, "unet", "valid")
    said = dict(ask(bench, "field", "values", chosen, of="one", channel=900)["facts"]["uses"])
    assert said["lab.field.no_channel"] == {"step": "score", "channel": 900}
    assert (
        dict(ask(bench, "field", "values", chosen, of="largest")["facts"]["uses"])["lab.field.channel"]["channel"] < 3
    )


def test_a_network_without_a_skip_says_so(bench):  # noqa: F811
    answer = ask(bench, "field", "values", selection(bench, "fcn32s", "paper"))
    assert [key for key, _ in answer["facts"]["joint"]] == ["lab.field.joint.none"]
    assert set(answer["figures"]) == {"curve"}


def test_fields_end_when_cancelled(bench):  # noqa: F811
    with pytest.raises(CancelledError):
        ask(bench, "field", "values", selection(bench, "unet", "valid"), lambda: True, place="5,5")


# ---- pictures and figures


def test_the_outline_lies_on_the_edge_of_the_field():
    blank = np.full((40, 50, 3), 100, np.uint8)
    drawn = figures.could_see(blank, Box(5, 8, 25, 30), (15, 20))
    yellow = (drawn == figures._rgb(figures.COULD)).all(-1)
    rows, cols = np.nonzero(yellow)
    assert (rows.min(), rows.max(), cols.min(), cols.max()) == (5, 24, 8, 29)
    assert yellow[5, 8:30].all()
    assert (drawn[:5] == 100).all()
    assert (drawn[15, 20] == 100).all()
    assert (blank == 100).all()


def test_a_spot_is_not_lost_where_cells_are_taken_together():
    values = np.zeros((7, 10))
    values[3, 4] = 0.5
    made = figures._largest(values, 3)
    assert made.shape == (3, 4)
    assert made[1, 1] == 0.5
    assert made.sum() == 0.5
