"""The scale lab's runs: memory as counted by hand, forecasts that refuse, and measurements that end."""

from __future__ import annotations

import pytest

from explorer.errors import ExplorerError
from explorer.labs import scaling, scaling_run
from explorer.labs import scaling_run as running
from explorer.labs.scaling import Design
from explorer.trace import CancelledError
from tests.ui.texts import EN, placeholders


def test_what_takes_too_much_room_names_the_largest_input_that_does_not():
    design = Design(width=128, size=1024)
    with pytest.raises(ExplorerError) as caught:
        scaling_run.forecast(design, poolings=False)
    assert caught.value.code == "lab_scale_room"
    assert placeholders(EN["error.lab_scale_room"]) <= set(caught.value.details)
    nearest = caught.value.details["nearest"]
    given = {name: getattr(design, name) for name in ("width", "poolings")}
    assert scaling_run.forecast(Design(**given, size=nearest), poolings=False).bytes <= running.ROOM
    with pytest.raises(ExplorerError):
        scaling_run.forecast(Design(**given, size=nearest + 1), poolings=False)


def test_weights_alone_can_be_too_many():
    with pytest.raises(ExplorerError) as caught:
        scaling_run.forecast(Design(poolings=6, width=128, kernel=7, size=64))
    assert caught.value.code == "lab_scale_weights"
    assert placeholders(EN["error.lab_scale_weights"]) <= set(caught.value.details)


SMALL = Design(poolings=2, convolutions=1, width=8, size=48)


@pytest.mark.parametrize("design", [SMALL, Design(poolings=1, bottleneck=True, width=8, size=33)])
def test_what_is_measured_is_what_was_forecast_and_takes_time(design):
    told = []
    found = scaling_run.measure(design, lambda done, total, name: told.append((done, total, name)))
    for run, poolings in ((found.own, True), (found.full, False)):
        assert run.forecast == scaling_run.forecast(design, poolings)
        assert run.activations == run.forecast.activations
        assert run.seconds > 0
        assert run.foretold > 0
    assert found.refused is None
    assert found.ratio == found.full.seconds / found.own.seconds
    assert [done for done, _, _ in told] == sorted(done for done, _, _ in told)
    assert all(done < total for done, total, _ in told)
    assert {name for _, _, name in told} == {layer.name for layer in scaling.layers(design)}


def test_memory_is_that_of_all_tensors_that_live():
    """Counted by hand: the image, what a layer reads, what it makes, and the places of a pooling's maxima."""
    found = scaling_run.measure(Design(poolings=1, convolutions=1, width=8, growth=1, size=32))
    image, first, pooled = 3 * 32 * 32 * 4, 8 * 32 * 32 * 4, 8 * 16 * 16 * 4
    assert found.own.activations == image + first + pooled + 8 * 16 * 16 * 8
    assert found.full.activations == image + 2 * first


def test_without_poolings_there_is_one_network():
    found = scaling_run.measure(Design(poolings=0, width=4, size=16))
    assert (found.full, found.refused, found.ratio) == (None, None, None)


def test_a_twin_that_is_refused_is_told_with_its_reason(monkeypatch):
    monkeypatch.setattr(running, "ROOM", scaling_run.forecast(SMALL).bytes)
    found = scaling_run.measure(SMALL)
    assert found.full is None
    assert found.refused.code == "lab_scale_room"
    assert found.own.seconds > 0


def test_what_would_take_too_long_is_refused(monkeypatch):
    monkeypatch.setattr(running, "LONGEST", 1e-9)
    with pytest.raises(ExplorerError) as caught:
        scaling_run.measure(SMALL)
    assert caught.value.code == "lab_scale_time"
    assert placeholders(EN["error.lab_scale_time"]) <= set(caught.value.details)
    assert caught.value.details["nearest"] == 2**SMALL.poolings


def test_a_pass_that_takes_longer_than_foretold_ends(monkeypatch):
    monkeypatch.setattr(running, "_probe", lambda *_: 0.0)
    monkeypatch.setattr(running, "LONGEST", 1e-9)
    with pytest.raises(ExplorerError) as caught:
        scaling_run.measure(SMALL)
    assert caught.value.code == "lab_scale_time"


@pytest.mark.parametrize("part", [0, 1, 3, 6])
def test_a_measurement_ends_when_it_is_cancelled(part):
    with pytest.raises(CancelledError):
        scaling_run.measure(SMALL, lambda done, total, name: done < part)
