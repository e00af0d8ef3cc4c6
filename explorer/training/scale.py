"""What is pooling for? Trains thin networks with fewer and fewer poolings and writes the table of the scale lab.

`python -m explorer.training.scale --data DIR` first takes the time of a step of each row, then trains every row for
equal time, and two of them for equal steps. Stopped, it goes on from its table.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from explorer.operations.layers import scaled
from explorer.training import evidence, thin
from explorer.training.ladder import Ladder, begun, cost, dilations
from explorer.training.sets import SETS

TABLE = evidence.FOLDER / "scale.json"
ROWS = {"time": ("5", "3", "1", "0", "dilated"), "steps": ("5", "3")}  # by what is equal; FCN's five poolings first
CHANNELS = (64, 128, 256, 512, 512, 512)  # of VGG-16's blocks, and of the maps behind its fifth pooling
TIMED = 9  # steps that are timed


@dataclass(frozen=True)
class Plan(thin.Plan):
    """Nuclei, as photographs (MSRC v2, shrunk by 3) were learnt too slowly: after 1000 steps five poolings had a mean
    IoU of 0.04 there, and 0.43 on nuclei, where the same label everywhere has 0.01 and 0.30.

    run_seconds  of a core, for each run of question "time"; steps  of the runs of question "steps"
    """

    data: dict[str, str] = field(default_factory=lambda: {"time": "nuclei", "steps": "nuclei"})
    convs: int = 1
    run_seconds: float = 45
    steps: dict[str, int] = field(default_factory=lambda: {"steps": 1000})


def network(row: str, plan: Plan) -> Ladder:
    """A row's network, without batch norm."""
    channels = [scaled(c, plan.width) for c in CHANNELS]
    classes = len(SETS[plan.data["time"]].classes)
    if row != "dilated":
        return Ladder(channels, classes, plan.convs, int(row))
    seen = cost(network(ROWS["time"][0], plan), plan.crop)["field"]
    return Ladder(channels, classes, plan.convs, 0, dilations(len(channels), plan.convs, seen))


def described(row: str, plan: Plan, data: thin.Data) -> dict[str, Any]:
    """What a row costs, and how many steps it makes in the time of a run."""
    net, pixels = network(row, plan), data[plan.data["time"]][0]
    found = cost(net, plan.crop) | {"dilations": [level[0].dilation[0] for level in net.down]}  # type: ignore[index]
    net = begun(net, 0)
    spent = []
    for _ in range(TIMED):
        began = time.process_time()
        thin.learn(net, pixels, plan, 0, 1, float("inf"))
        spent.append(time.process_time() - began)
    each = min(spent)  # what other programs do makes steps longer, never shorter
    return found | {"step_seconds": round(each, 4), "steps": max(1, round(plan.run_seconds / each))}


def experiment(data: thin.Data, plan: Plan | None = None, table: Path = TABLE) -> evidence.Experiment:
    """The rows; their steps are those of the table, where it was made with the same plan."""
    chosen = plan or Plan()
    rows = evidence.kept(table, chosen).get("rows") or {row: described(row, chosen, data) for row in ROWS["time"]}

    def train(question: str, row: str, seed: int, data: thin.Data, end: float) -> dict[str, float] | None:
        steps = chosen.steps.get(question) or rows[row]["steps"]
        return thin.trained(begun(network(row, chosen), seed), question, seed, steps, chosen, data, end)

    return evidence.Experiment(table, ROWS, chosen, train, {"rows": rows} | thin.guessed(chosen, data))


if __name__ == "__main__":
    evidence.command("scale", __doc__, Plan(), experiment)
