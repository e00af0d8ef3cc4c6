"""How long a run takes: by the seconds that each step took in another one, and by what the run itself has done."""

from __future__ import annotations

import time
from dataclasses import dataclass

from explorer.geometry import Region
from explorer.inference.forecast import units_of_steps
from explorer.inference.plan import Plan, shape_of
from explorer.local import WindowRunner

EARLY = 0.25  # share of the work below which a run whose speed is not known says nothing: its first steps are no sample
TRUST = 0.25  # of the whole work: as much as a forecast counts beside what a run has done


@dataclass(frozen=True, eq=False)
class Speed:
    """Seconds per unit (a row and a column of a map, with all its channels) of each step of a network on a device.

    What a unit of a step takes hardly depends on the size of the map: it has the same products, whatever lies around
    it. What is done with the scores counts as the last step's.
    """

    steps: dict[str, float]
    fixed: float = 0.0  # seconds of a run of any size, beside these

    def seconds_of_steps(self, local: WindowRunner, step: str, region: Region) -> dict[str, float]:
        """Of every step on the way to a region of one."""
        return {name: units * self.steps[name] for name, units in units_of_steps(local, step, region).items()}

    def seconds(self, plan: Plan) -> float:
        """Of a whole run of the network that was measured, on the same device and in the same precision."""
        local, step, _ = shape_of(plan.spec, plan.precision, plan.alone or plan.network)
        kinds = ((self.seconds_of_steps(local, step, plan.units(tile)), n) for tile, n in plan.alike())
        return self.fixed + sum(n * sum(costs.values()) for costs, n in kinds)


class Clock:
    """How long the rest of a run takes. `known`: its work is told in seconds that were forecast."""

    def __init__(self, known: bool) -> None:
        self.known = known
        self._begin(0.0)

    def _begin(self, done: float) -> None:
        self.began, self.first = time.perf_counter(), done
        self.rate: float | None = None  # seconds per work, once a tile is done

    def restart(self, done: float) -> None:
        """The rest is computed in another way, and nothing is known of its speed."""
        self.known = False
        self._begin(done)

    def mark(self, done: float) -> None:
        """A tile is done: the rest takes as long as this run's own tiles."""
        if done > self.first:
            self.rate = (time.perf_counter() - self.began) / (done - self.first)

    def left(self, done: float, total: float) -> float | None:
        """Seconds for the work that is left; None as long as there is nothing to judge by."""
        if self.rate is not None:
            return self.rate * (total - done)
        spent, made = time.perf_counter() - self.began, done - self.first
        if self.known:
            trusted = TRUST * total
            return (total - done) * (spent + trusted) / (made + trusted)
        return (total - done) * spent / made if made >= EARLY * total else None
