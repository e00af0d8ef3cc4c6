"""Does it matter which map a skip takes? Trains thin networks with each tap once and writes the table of the tap lab.

`python -m explorer.training.taps --data DIR` trains seed 0 of all rows, then seed 1, then seed 2. Each finished run is
in the table at once; called again it goes on with what is missing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from torch import nn

from explorer.training import evidence, thin
from explorer.training.sets import SETS
from explorer.training.taps_nets import ROWS, variant

TABLE = evidence.FOLDER / "taps.json"


@dataclass(frozen=True)
class Plan(thin.Plan):
    """The same for every run of a question, by which `data` (the data set) and `steps` are named: U-Net learns to find
    nuclei, as it was made for micrographs, and all its rows have learnt little after 400 steps."""

    data: dict[str, str] = field(default_factory=lambda: {"fcn16s": "msrc_v2", "fcn8s": "msrc_v2", "unet": "nuclei"})
    steps: dict[str, int] = field(default_factory=lambda: {"fcn16s": 400, "fcn8s": 400, "unet": 1000})
    fc_channels: int = 32
    crop: int = 96
    batch: int = 8


def network(question: str, tap: str, seed: int, plan: Plan) -> nn.Module:
    """A row's network as training begins."""
    return variant(question, tap, seed, plan.width, plan.fc_channels, len(SETS[plan.data[question]].classes))


def experiment(data: thin.Data, plan: Plan | None = None, table: Path = TABLE) -> evidence.Experiment:
    """A row is a tap, and a question a network."""
    chosen = plan or Plan()

    def train(question: str, row: str, seed: int, data: thin.Data, end: float) -> dict[str, float] | None:
        net, steps = network(question, row, seed, chosen), chosen.steps[question]
        return thin.trained(net, question, seed, steps, chosen, data, end)

    return evidence.Experiment(table, ROWS, chosen, train)


if __name__ == "__main__":
    evidence.command("taps", __doc__, Plan(), experiment)
