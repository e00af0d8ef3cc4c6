"""Crop lab, values: what a network predicts under other crops, and how that depends on the misalignment."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import torch.nn.functional as F
from torch import Tensor, nn

from explorer.geometry import Axis
from explorer.labs.crops import placing, walks
from explorer.labs.judging import Figures, Output, check_truth, judge, output_of
from explorer.labs.walk import Cut, Placing, Walk, legal
from explorer.replay import Made, Progress, Replay
from explorer.trace import CancelledError

MOST_SHIFTS = 9  # of a crop that a sweep tries


@dataclass(frozen=True, eq=False)
class Prediction:
    """What a network predicts under other crops, beside what it predicts untouched."""

    made: Output
    untouched: Output
    figures: Figures


@dataclass(frozen=True)
class Point:
    """One run of a sweep: a crop shifted by so many units from the aligned place, on both axes, that is by so many
    input pixels."""

    crop: str
    units: int
    misalignment: Fraction
    figures: Figures


def untouched(module: nn.Module, image: Tensor, progress: Progress | None = None) -> Replay:
    """A network in eval mode run on an image (1 x C x H x W), such that its crops and joins may then be changed.

    progress  called before each step with (steps done, steps in all, name); returning False stops with CancelledError

    Raises ExplorerError ("lab_size", "lab_crop") for an input too small, or a crop that does not fit, as `crop` does.
    """
    size = (image.shape[2], image.shape[3])
    rows = walks(module, size)[0]
    return Replay(module, image, {*rows.cuts, *(join for join, *_ in rows.skips)}, at_any_size(module, size), progress)


def predict(
    module: nn.Module,
    image: Tensor,
    where: Placing,
    truth: np.ndarray | None = None,
    progress: Progress | None = None,
    replay: Replay | None = None,
) -> Prediction:
    """What a network in eval mode predicts for an image (1 x C x H x W) with its crops placed otherwise.

    truth     true labels on the network's input, H x W, 255 where they are not judged
    progress  called before each step with (steps done, steps in all, name); returning False stops with CancelledError
    replay    what `untouched` gave for this image, where it has run already

    Sizes that the network itself refuses are run all the same if a map is left at every step. Raises what `crop` does.
    """
    size = (image.shape[2], image.shape[3])
    check_truth(truth, size)
    before, after = walks(module, size), walks(module, size, where)
    instead = _instead(module, after)
    replay = replay or untouched(module, image, progress)
    made, plain = output_of(replay.run(instead), _axes(after)), output_of(replay.final, _axes(before))
    return Prediction(made, plain, judge(made, plain, replay.final.shape[1], truth))


def sweep(
    module: nn.Module,
    image: Tensor,
    crops: tuple[str, ...] = (),
    truth: np.ndarray | None = None,
    progress: Progress | None = None,
) -> tuple[Point, ...]:
    """IoU against misalignment: each crop alone, shifted by at most `MOST_SHIFTS` amounts, the same on both axes.

    crops     those that are shifted, by name (default: all)
    progress  called before each run with (runs done, runs in all, name of the crop); returning False stops with
              CancelledError
    """
    size = (image.shape[2], image.shape[3])
    check_truth(truth, size)
    before = walks(module, size, placing(modes=dict.fromkeys(crops, "aligned")))
    names = crops or tuple(before[0].cuts)
    plan = [(name, shift) for name in names for shift in shifts_of(before[0].cuts[name], before[1].cuts[name])]
    replay = Replay(module, image, names, at_any_size(module, size), lambda *_: _asked(progress, 0, len(plan) + 1, ""))
    plain, points = output_of(replay.final, _axes(before)), []
    for done, (name, shift) in enumerate(plan, 1):
        if _asked(progress, done, len(plan) + 1, name) is False:
            raise CancelledError(name)
        cuts = [w.cuts[name] for w in before]
        made = replay.run({name: _cut(cuts[0].aligned + shift, cuts[1].aligned + shift)})
        figures = judge(output_of(made, _axes(before)), plain, made.shape[1], truth)
        points.append(Point(name, shift, shift * cuts[0].jump, figures))
    return tuple(points)


def shifts_of(rows: Cut, cols: Cut) -> tuple[int, ...]:
    """At most `MOST_SHIFTS` shifts of a crop, in units from the aligned place: none, and evenly spread as far as the
    maps reach on both axes."""
    low = max(-rows.aligned, -cols.aligned)
    high = min(rows.room - rows.aligned, cols.room - cols.aligned)
    half = MOST_SHIFTS // 2 + 1
    spread = [*np.linspace(low, 0, half), *np.linspace(0, high, half)]
    return tuple(sorted({round(float(shift)) for shift in spread}))


def at_any_size(module: nn.Module, size: tuple[int, int]) -> dict[str, Made]:
    """What lets a network run at a size that it refuses: its input is handed on unasked."""
    if all(n in legal(module) for n in size):
        return {}
    return {"input": lambda image: image}


def _asked(progress: Progress | None, done: int, total: int, name: str) -> bool | None:
    return progress(done, total, name) if progress else None


def _axes(walked: tuple[Walk, Walk]) -> tuple[Axis, Axis]:
    return walked[0].output, walked[1].output


def _cut(top: int, left: int) -> Made:
    """A crop at another offset."""
    return lambda x, to: x[:, :, top : top + to.shape[2], left : left + to.shape[3]]


def _instead(module: nn.Module, walked: tuple[Walk, Walk]) -> dict[str, Made]:
    """The steps that other crops make otherwise."""
    rows, cols = walked
    found: dict[str, Made] = {}
    for name, down in rows.cuts.items():
        across = cols.cuts[name]
        if down.mode == "pad":
            found[name] = lambda x, to: x
            join = rows.joins[name]
            found[join] = _padding(
                module.get_submodule(join), rows.given[join].index(rows.given[name][1]), down, across
            )
        elif (down.offset, across.offset) != (module.get_submodule(name).offset,) * 2:
            found[name] = _cut(down.offset, across.offset)
    return found


def _padding(join: nn.Module, which: int, down: Cut, across: Cut) -> Callable[..., Tensor]:
    """A join that first puts zeros around one of the maps that it is given."""
    zeros = (*across.padded, *down.padded)
    return lambda *maps: join(*(F.pad(m, zeros) if i == which else m for i, m in enumerate(maps)))
