"""What the shift lab says of what it found, in sentences."""

from __future__ import annotations

from collections.abc import Sequence
from math import isnan

import numpy as np

from explorer.labs import Layer, Moved, Pooled, Shifts
from explorer.labs.shifts import MOST
from explorer.ui.labs.base import Told, percent, told

NOTHING = 1e-4  # an error that is rounding


def period(shown: Sequence[Layer], shift: int, window: int) -> list[Told]:
    """With what the output repeats, and how many of the steps repeat at this shift."""
    last, most = shown[-1], max(one.period for one in shown)
    repeating = sum(shift % one.period == 0 for one in shown)
    said = [told("lab.shift.period.said", step=last.step, jump=last.jump, period=last.period, most=most)]
    said.append(told("lab.shift.period.now", shift=shift, repeating=repeating, steps=len(shown)))
    said.append(told("lab.shift.window", window=window, canvas=window + MOST))
    return said


def moved(steps: Sequence[Moved], shift: int, layers: dict[str, Layer]) -> list[Told]:
    """What moves with the image, the worst of what does not, and where nothing can be compared."""
    compared = [one for one in steps if not isnan(one.equivariance)]
    exact = [one for one in compared if one.repeats(shift)]
    said = []
    if exact:
        most = max(exact, key=lambda one: one.equivariance)
        error = f"{most.equivariance:.0e}" if most.equivariance else "0"
        said.append(told("lab.shift.moved.exact", steps=len(exact), shift=shift, error=error))
    between = [one for one in compared if not one.repeats(shift)]
    if between:
        worst = max(between, key=lambda one: one.equivariance)
        key = "lab.shift.moved.between"
        said.append(told(key, steps=len(between), step=worst.step, error=percent(worst.equivariance)))
        if any((shift / one.jump).denominator != 1 for one in between):
            said.append(told("lab.shift.moved.nearest"))
    if empty := [one.step for one in steps if not one.units]:
        field = max(max(layers[name].field) for name in empty)
        said.append(told("lab.shift.moved.none", steps=len(empty), first=empty[0], field=field))
    return said


def changed(steps: Sequence[Moved], shift: int, layers: dict[str, Layer]) -> list[Told]:
    """The least and the most that a map changes where it stands."""
    compared = [one for one in steps if not isnan(one.invariance)]
    said = []
    if compared:
        least, most = (f(compared, key=lambda one: one.invariance) for f in (min, max))
        for key, one in (("least", least), ("most", most)):
            field = max(layers[one.step].field)
            shares = {"share": percent(one.invariance), "part": percent(min(1, shift / field))}
            said.append(told(f"lab.shift.changed.{key}", step=one.step, field=field, **shares))
    if empty := [one.step for one in steps if isnan(one.invariance)]:
        said.append(told("lab.shift.changed.none", steps=len(empty), first=empty[0]))
    return said


def by_field(steps: Sequence[Moved], shift: int, layers: dict[str, Layer]) -> list[Told]:
    """Whether maps with larger fields change less."""
    compared = [one for one in steps if not isnan(one.invariance)]
    fields, changes = [max(layers[one.step].field) for one in compared], [one.invariance for one in compared]
    rank = rank_correlation(fields, changes)
    said = "–" if isnan(rank) else f"{rank:.2f}".replace("-", "−")
    return [told("lab.shift.field.said", shift=shift, steps=len(compared), rank=said)]


def rank_correlation(a: Sequence[float], b: Sequence[float]) -> float:
    """Spearman's: the correlation of ranks, equal values sharing their mean rank; NaN where all are equal."""
    ranks: list[np.ndarray] = []
    for values in (a, b):
        _, at, counts = np.unique(np.asarray(values, float), return_inverse=True, return_counts=True)
        shared: np.ndarray = np.cumsum(counts) - (counts - 1) / 2
        ranks.append(shared[at])
    if any(len(rank) < 2 or np.ptp(rank) == 0 for rank in ranks):
        return float("nan")
    return float(np.corrcoef(ranks)[0, 1])


def followed(unit: Pooled, shifts: Shifts) -> list[Told]:
    """What a pooling keeps of one unit, and where the rest went."""
    row, column = unit.unit
    before, after = unit.steps
    said = [
        told(
            "lab.shift.unit.said", step=unit.pooling, channel=unit.channel, row=row, column=column, source=unit.source
        ),
        told("lab.shift.unit.steps", before=f"{before:.3g}", after=f"{after:.3g}", kept=unit.kept),
    ]
    further = [(n, value) for n, value in unit.passed.items() if n]
    if further:
        n, value = further[0]
        key = "lab.shift.unit.moved"
        said.append(told(key, shift=n, first=f"{float(unit.after[0]):.4g}", value=f"{value:.4g}"))
    else:
        said.append(told("lab.shift.unit.later", period=shifts.layers[unit.pooling].period))
    return said


def swept(points: Sequence[Moved], by: Sequence[int], layer: Layer) -> list[Told]:
    """At which shifts a step's map moves with the image, and how much it differs between."""
    between = [one.equivariance for one in points if one.equivariance > NOTHING]
    said = [told("lab.shift.sweep.said", step=layer.step, runs=len(points), jump=layer.jump, period=layer.period)]
    zero = [n for n, one in zip(by, points, strict=True) if one.equivariance <= NOTHING]
    said.append(told("lab.shift.sweep.zero", shifts=", ".join(map(str, zero)) or "–"))
    if between:
        said.append(told("lab.shift.sweep.between", least=percent(min(between)), most=percent(max(between))))
    if missing := sum(isnan(one.equivariance) for one in points):
        said.append(told("lab.shift.sweep.none", missing=missing, field=max(layer.field)))
    return said
