"""The shift lab: what cannot be asked for, runs that are cancelled, and the steps that are shown."""

from __future__ import annotations

import pytest

from explorer import labs
from explorer.errors import ExplorerError
from explorer.labs import Shifts
from explorer.labs.shared import telling
from explorer.trace import CancelledError
from tests.labs.made import picture

pytestmark = pytest.mark.usefixtures("one_thread")


# ---- what cannot be


@pytest.mark.parametrize(
    ("made", "code"),
    [
        (lambda n, x: Shifts(n, x, x, 70), "lab_window"),
        (lambda n, x: Shifts(n, x, x, 80), "lab_canvas"),
        (lambda n, x: Shifts(n, x, x[:, :, 1:], 64), "lab_canvas"),
        (lambda n, x: labs.shift(n, x, x, 64, 9), "lab_shift"),
        (lambda n, x: labs.shift(n, x, x, 64, -1), "lab_shift"),
        (lambda n, x: labs.shift(n, x, x, 64, 1, "diagonal"), "lab_axis"),
    ],
)
def test_what_cannot_be_is_refused(thin, made, code) -> None:
    with pytest.raises(ExplorerError) as caught:
        made(thin("unet", "same"), picture(72, 72))
    assert caught.value.code == code


def test_units_and_channels_that_there_are_not(thin) -> None:
    x = picture(72, 72)
    shifts = Shifts(thin("unet", "same"), x, x, 64)
    with pytest.raises(IndexError):
        labs.pooled(shifts, "pool_d0c", unit=(32, 0))
    with pytest.raises(IndexError):
        labs.pooled(shifts, "pool_d0c", channel=10_000)
    with pytest.raises(KeyError):
        labs.pooled(shifts, "pool")
    with pytest.raises(KeyError):
        shifts.sweep("pool")


def test_every_run_can_be_cancelled(thin) -> None:
    network, x = thin("unet", "same"), picture(72, 72)
    told: list[tuple[int, int]] = []
    shifts = Shifts(network, x, x, 64, progress=lambda done, total, _: told.append((done, total)))  # type: ignore[func-returns-value,arg-type]
    assert [done for done, _ in told] == list(range(told[0][1]))
    stop = lambda *_: False  # noqa: E731
    for run in (
        lambda: Shifts(network, x, x, 64, progress=stop),
        lambda: shifts.at(1, progress=stop),
        lambda: shifts.sweep("score", progress=stop),
        lambda: labs.pooled(shifts, "pool_d0c", progress=stop),
    ):
        with pytest.raises(CancelledError):
            run()


def test_steps_worth_a_look_leave_out_those_that_repeat_the_one_before(thin) -> None:
    layers = labs.layers(thin("fcn8s", "paper"), (64, 64))
    shown = telling(layers)
    assert shown[-1] == list(layers)[-1] == "score"
    assert {"relu1_1", "drop6", "input"}.isdisjoint(shown)
    assert {"conv1_1", "pool5", "fc7", "fuse_pool3", "upscore8"} <= set(shown)
    x = picture(72, 72)
    shifts = Shifts(thin("fcn8s", "paper"), x, x, 64, shown)
    assert tuple(one.step for one in shifts.at(3).steps) == shown
    assert shifts.bytes > 0
