"""Why do channels double from level to level? Trains thin U-Nets with other channels at nearly equal MACs and writes
the table of the channel lab: `python -m explorer.training.channels --data DIR`. Stopped, it goes on from its table.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from explorer.operations.layers import scaled
from explorer.training import evidence, thin
from explorer.training.ladder import Ladder, begun, cost, macs
from explorer.training.sets import SETS

TABLE = evidence.FOLDER / "channels.json"
ROWS = {"channels": ("doubling", "constant", "bottleneck")}
CHANNELS = (64, 128, 256, 512, 1024)  # of the paper's levels
WIDEST = 128  # channels of the finest level that are thought of


@dataclass(frozen=True)
class Plan(thin.Plan):
    """`steps` by question. The set is that of the scale lab's table, for the reason given there; with two crops a step
    doubling channels came to a mean IoU of 0.35 only, little above the 0.30 of the same label everywhere."""

    data: dict[str, str] = field(default_factory=lambda: {"channels": "nuclei"})
    steps: dict[str, int] = field(default_factory=lambda: {"channels": 1000})
    batch: int = 8


@lru_cache(maxsize=8)
def channels(row: str, width: float, crop: int, classes: int) -> tuple[int, ...]:
    """A row's channels by level, with MACs for one crop that come nearest to those of doubling ones."""
    doubling = tuple(scaled(c, width) for c in CHANNELS)
    if row == "doubling":
        return doubling
    if row == "constant":
        return _nearest(lambda finest: (finest,) * len(CHANNELS), False, doubling, crop, classes)
    levels = range(len(CHANNELS))
    return _nearest(lambda finest: tuple(finest * 2**level for level in levels), True, doubling, crop, classes)


def _nearest(
    made: Callable[[int], tuple[int, ...]], bottleneck: bool, doubling: tuple[int, ...], crop: int, classes: int
) -> tuple[int, ...]:
    """Channels of the finest level are counted up until the MACs pass those of the doubling ones."""

    def count(finest: int) -> int:
        return macs(Ladder(made(finest), classes, bottleneck=bottleneck), crop)

    wanted = macs(Ladder(doubling, classes), crop)
    tried = range(1, WIDEST)
    passing = tried[bisect_left(tried, wanted, hi=WIDEST - 2, key=count)]
    return made(min((max(1, passing - 1), passing), key=lambda finest: abs(count(finest) - wanted)))


def network(row: str, plan: Plan) -> Ladder:
    """A row's network, without batch norm."""
    classes = len(SETS[plan.data["channels"]].classes)
    return Ladder(channels(row, plan.width, plan.crop, classes), classes, bottleneck=row == "bottleneck")


def experiment(data: thin.Data, plan: Plan | None = None, table: Path = TABLE) -> evidence.Experiment:
    """The rows, with what each costs."""
    chosen = plan or Plan()
    nets = {row: network(row, chosen) for row in ROWS["channels"]}
    rows = {row: cost(net, chosen.crop) | {"channels": net.channels} for row, net in nets.items()}

    def train(question: str, row: str, seed: int, data: thin.Data, end: float) -> dict[str, float] | None:
        steps = chosen.steps[question]
        return thin.trained(begun(network(row, chosen), seed), question, seed, steps, chosen, data, end)

    return evidence.Experiment(table, ROWS, chosen, train, {"rows": rows} | thin.guessed(chosen, data))


if __name__ == "__main__":
    evidence.command("channels", __doc__, Plan(), experiment)
