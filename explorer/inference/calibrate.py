"""How fast this machine runs a network, measured by short runs of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from statistics import median

import numpy as np
from torch import nn

from explorer.inference.canvas import Canvas
from explorer.inference.forecast import units_of_steps
from explorer.inference.frames import placement
from explorer.inference.label import Labelling, Outputs, Progress, label
from explorer.inference.plan import DEFAULTS, RunOptions, plan, shape_of
from explorer.inference.speed import Speed
from explorer.models import ModelSpec

FIRST, MOST = 96, 1536  # pixels a side of the images that are run, at least and at most
ENOUGH = 0.25  # seconds that a run should take: calls of the libraries count for little beside the work then
GROWTH = 1.4  # a larger image is not worth another run unless it is so many times as large
PASSES = 3  # of each step the median counts


def calibrate(
    module: nn.Module,
    spec: ModelSpec,
    options: RunOptions = DEFAULTS,
    progress: Callable[[Progress], bool | None] | None = None,
) -> Speed:
    """Run `module` (in eval mode, on the CPU) on small images of noise, as large as a run of ENOUGH seconds takes.

    The very first run is not counted: libraries are loaded and choose their ways in it. `progress` is that of `label`:
    returning False stops with CancelledError. Raises ExplorerError for options that cannot be met.
    """

    def run(side: int) -> Labelling:
        held = Outputs.bytes((side, side), spec.classes)
        how = plan(spec, (side, side), replace(options, way="auto", side=None), held)
        pixels = np.random.default_rng(0).integers(0, 256, (side, side, 3), np.uint8)
        canvas = Canvas.of(pixels, placement(spec), (0.5,) * spec.in_channels, (0.25,) * spec.in_channels)
        return label(module, canvas, how, Outputs.in_memory((side, side), spec.classes), progress)

    side = FIRST
    run(side)
    small = done = run(side)
    while (larger := min(MOST, int(side * (ENOUGH / done.seconds) ** 0.5))) > GROWTH * side:
        side, done = larger, run(larger)
    speed = speed_of(done, *(run(side) for _ in range(PASSES - 1)))
    return replace(speed, fixed=max(0.0, small.seconds - speed.seconds(small.plan)))


def speed_of(*runs: Labelling) -> Speed:
    """The speed at which runs of one size went, of each step the median."""
    done = runs[0]
    local, step, _ = shape_of(done.plan.spec, done.plan.precision, done.plan.alone or done.plan.network)
    units: Counter[str] = Counter()
    for tile in done.tiles:
        units.update(units_of_steps(local, step, done.plan.units(tile)))
    seconds = {name: median(run.step_seconds[name] for run in runs) for name in units}
    seconds[step] += max(0.0, median(run.seconds - sum(run.step_seconds.values()) for run in runs))
    return Speed({name: seconds[name] / max(1, count) for name, count in units.items()})
