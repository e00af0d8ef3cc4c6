"""How long a run takes: forecasts add up, follow the work, and give way to what the run itself shows."""

from __future__ import annotations

import sys
from dataclasses import replace

import pytest

from explorer.inference import RunOptions, Speed, calibrate, plan, speed_of
from explorer.inference.plan import shape_of
from explorer.inference.speed import Clock
from explorer.trace import CancelledError
from tests.inference.made import network, picture, run


def even(spec, seconds: float = 1e-6) -> Speed:
    """Every unit of every step takes so long."""
    local, _, _ = shape_of(spec, "float32", plan(spec, (40, 40), RunOptions("cpu")).network)
    return Speed(dict.fromkeys(local.shapes, seconds))


@pytest.mark.parametrize(("model", "padding"), [("fcn8s", "paper"), ("fcn32s", "same"), ("unet", "valid")])
def test_a_run_is_forecast_to_take_what_it_took(model: str, padding: str) -> None:
    """Seconds of the very run that was measured, whole or in tiles: they are shared out and added up again."""
    spec, module = network(model, padding)
    for options in (RunOptions("cpu", way="whole"), RunOptions("cpu", way="tiles", side=64)):
        done = run(spec, module, picture(150, 200), options)
        assert len(done.tiles) == (12 if options.side else 1)
        exact = 0.05 if options.side else 1e-6  # tiles of one size may differ in the padding that they see
        assert speed_of(done).seconds(done.plan) == pytest.approx(done.seconds, rel=exact)


def test_more_tiles_take_longer_and_a_fixed_part_is_added_once() -> None:
    spec, _ = network("fcn8s", "same")
    speed = even(spec)
    plans = [plan(spec, (128, 64 * n), RunOptions("cpu", way="tiles", side=64)) for n in range(1, 6)]
    seconds = [speed.seconds(one) for one in plans]
    assert seconds == sorted(seconds)
    assert len(set(seconds)) == 5
    assert replace(speed, fixed=2.0).seconds(plans[0]) == pytest.approx(2 + seconds[0])
    whole = plan(spec, (128, 320), RunOptions("cpu", way="whole"))
    assert speed.seconds(whole) < seconds[-1]  # tiles overlap
    by_hand = sum(shape[2] * shape[3] for shape in shape_of(spec, "float32", whole.network)[0].shapes.values())
    assert speed.seconds(whole) == pytest.approx(1e-6 * by_hand, rel=0.05)  # what no later step reads is not run


def test_macs_of_a_plan_are_those_of_all_its_tiles() -> None:
    spec, _ = network("fcn8s", "same")
    whole = plan(spec, (192, 256), RunOptions("cpu", way="whole"))
    tiles = plan(spec, (192, 256), RunOptions("cpu", way="tiles", side=64))
    assert whole.macs == whole.forecast.macs
    assert whole.macs < tiles.macs <= len(tiles.tiles) * tiles.forecast.macs
    assert sum(n for _, n in tiles.alike()) == len(tiles.tiles) == 12


def test_a_calibration_knows_every_step_and_stops_when_asked() -> None:
    spec, module = network("unet", "valid")
    speed = calibrate(module, spec, RunOptions("cpu"))
    for way in ("whole", "tiles", "paper"):
        assert speed.seconds(plan(spec, (300, 700), RunOptions("cpu", way=way))) > 0
    with pytest.raises(CancelledError):
        calibrate(module, spec, RunOptions("cpu"), lambda _: False)


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, to be set."""
    time = [0.0]
    monkeypatch.setattr(sys.modules["explorer.inference.speed"].time, "perf_counter", lambda: time[0])
    return time


def test_a_clock_trusts_a_forecast_less_the_more_is_done(now: list[float]) -> None:
    clock = Clock(known=True)
    assert clock.left(0, 100) == 100
    now[0] = 100  # twice as slow as it was forecast
    assert 100 > clock.left(50, 100) > 50
    clock.mark(50)  # a tile is done: from now on the run's own seconds count
    assert clock.left(50, 100) == 100
    assert clock.left(75, 100) == 50


def test_a_clock_without_a_forecast_waits_until_it_can_judge(now: list[float]) -> None:
    clock = Clock(known=False)
    now[0] = 10.0
    assert clock.left(1, 100) is None  # the first layers are no sample of the others
    assert clock.left(50, 100) == 10
    clock.mark(50)
    clock.restart(50)  # on another device
    assert clock.left(51, 100) is None
    now[0] = 30.0
    assert clock.left(90, 100) == pytest.approx(5)


def test_a_run_tells_from_the_beginning_how_long_it_takes() -> None:
    spec, module = network("fcn8s", "same")
    speed, seen = even(spec, 0.01), []  # so slow that what it really takes does not count
    run(spec, module, picture(80, 100), RunOptions("cpu", way="tiles", side=64), speed=speed, progress=seen.append)
    made = plan(spec, (80, 100), RunOptions("cpu", way="tiles", side=64))
    assert seen[0].seconds_left == pytest.approx(speed.seconds(made), rel=0.05)
    shares = [at.share for at in seen]
    assert shares == sorted(shares)
    assert shares[-1] <= 1
