"""Plans fit into the memory that is free, and forecasts of it hold."""

from __future__ import annotations

import subprocess
import sys

import pytest

from explorer.errors import ExplorerError
from explorer.geometry import Region
from explorer.inference import RunOptions, plan
from explorer.models import ModelSpec
from tests.inference.made import network


def test_plans_take_the_largest_tiles_that_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = ModelSpec("fcn8s", "same", 0.25, 64)
    whole = plan(spec, (2400, 3000), RunOptions("cpu", way="whole")).forecast.bytes
    seen = []
    for free in (4 * whole, whole, 2 * whole // 3, 2 * whole // 5):
        monkeypatch.setattr(sys.modules["explorer.inference.plan"], "free_memory", lambda device, free=free: free)
        made = plan(spec, (2400, 3000), RunOptions("cpu"))
        assert made.forecast.bytes <= 0.7 * free
        assert made.fits
        seen.append(made.side)
    assert seen[0] is None
    assert seen[1:] == sorted(seen[1:], reverse=True)
    assert len(set(seen)) > 2
    assert not plan(spec, (2400, 3000), RunOptions("cpu", way="whole")).fits  # asked for, so it is tried, and said
    monkeypatch.setattr(sys.modules["explorer.inference.plan"], "free_memory", lambda device: 1000)
    with pytest.raises(ExplorerError, match="smallest tile") as caught:
        plan(spec, (2400, 3000), RunOptions("cpu"))
    assert caught.value.code == "no_room"


def test_an_image_no_larger_than_the_smallest_tile_is_one_tile(monkeypatch: pytest.MonkeyPatch) -> None:
    spec, _ = network("fcn16s", "paper")
    made = plan(spec, (20, 32), RunOptions("cpu", way="tiles"))
    assert [tile.output for tile in made.tiles] == [Region((0, 20), (0, 32))]
    assert made.forecast == plan(spec, (20, 32), RunOptions("cpu", way="whole")).forecast
    monkeypatch.setattr(sys.modules["explorer.inference.plan"], "free_memory", lambda device: made.bytes)
    with pytest.raises(ExplorerError, match="smallest tile") as caught:
        plan(spec, (20, 32), RunOptions("cpu", way="tiles"))
    assert caught.value.details["device"] == "cpu"


FORECAST = """
import resource, sys, numpy as np, torch
from explorer.inference import Canvas, Outputs, RunOptions, label, plan, placement
from explorer.models import ModelSpec, build
model, padding, width, height, wide = sys.argv[1], sys.argv[2], float(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5])
tile = int(sys.argv[6]) or None
spec = ModelSpec(model, padding, width, round(4096 * width), classes=21)
module = build(spec)
small = (max(32, height // 8), max(32, wide // 8))
for size in (small, (height, wide)):
    pixels = np.zeros((*size, 3), np.uint8)
    how = RunOptions("cpu", way="tiles" if tile else "whole", side=tile)
    made = plan(spec, size, how, Outputs.bytes(size, 21, True))
    outputs = Outputs.in_memory(size, 21, True)
    pieces = [bytearray(60_000) for _ in range(4_000)]  # freed by others, in places that do not go back of their own
    between, pieces = pieces[-1], None
    done = label(module, Canvas.of(pixels, placement(spec), (0.5,) * 3, (0.5,) * 3), made, outputs)
print(made.bytes - made.forecast.weights, done.peak)
"""


@pytest.mark.parametrize(
    ("model", "padding", "width", "height", "wide", "tile"),
    [
        ("fcn8s", "paper", 0.25, 700, 900, 0),
        ("fcn8s", "same", 0.25, 1100, 1300, 0),
        ("unet", "valid", 0.25, 900, 1100, 0),
        ("fcn8s", "same", 0.25, 1300, 1300, 448),  # what one tile leaves in pieces does not pile up
    ],
)
def test_a_forecast_is_not_exceeded_and_not_far_off(
    model: str, padding: str, width: float, height: int, wide: int, tile: int
) -> None:
    arguments = [str(v) for v in (model, padding, width, height, wide, tile)]
    done = subprocess.run(
        [sys.executable, "-c", FORECAST, *arguments], capture_output=True, text=True, check=True, timeout=300
    )
    told, taken = map(int, done.stdout.split())
    assert taken <= told <= 3 * taken, (told, taken)


FREED = """
import time
from explorer.inference.devices import PeakMemory
def held(): return [bytearray(60_000) for _ in range(3_000)]
pieces = held()
between = pieces[-1]  # what lies above it cannot go back of its own
del pieces
with PeakMemory("cpu") as memory:
    taken = held()
    time.sleep(0.05)
print(memory.bytes)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the C library of other systems gives freed memory back itself")
def test_what_was_freed_before_a_run_counts_as_taken_by_it() -> None:
    done = subprocess.run([sys.executable, "-c", FREED], capture_output=True, text=True, check=True, timeout=300)
    assert 0.9 <= int(done.stdout) / (3_000 * 60_000) <= 1.1
