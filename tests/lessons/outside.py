"""What lessons are held against: the papers' layers, PyTorch's own counts, and the trainings' single runs."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from math import ceil, sqrt
from statistics import mean, stdev

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from explorer.labs.inputs import network_input
from explorer.weights import Loaded
from tests.lessons.filling import Filler

VGG = (2, 2, 3, 3, 3)  # convolutions of 3 x 3 before each pooling of VGG-16
FCN = "model=fcn8s&image=pagoda.jpg"


@cache
def vgg() -> dict[str, tuple[int, int, float]]:
    """Name -> (field, jump, centre of the first unit): r + (k - 1) j, j s, c + ((k - 1)/2 - p) j; conv1_1 pads 100."""
    field, jump, start = 1, 1, 0.0
    found = {}
    for level, count in enumerate(VGG, 1):
        for i in range(1, count + 1):
            field, start = field + 2 * jump, start + (1 - (100 if (level, i) == (1, 1) else 1)) * jump
            found[f"conv{level}_{i}"] = field, jump, start
        field, start, jump = field + jump, start + jump / 2, 2 * jump
        found[f"pool{level}"] = field, jump, start
    found["fc6"] = field + 6 * jump, jump, start + 3 * jump
    return found


def rows(pixels: int) -> list[int]:
    """Rows of pool1 to pool5, and of fc6."""
    n, found = pixels + 198, []
    for _ in VGG:
        n = ceil(n / 2)
        found.append(n)
    return [*found, n - 6]


def loaded(filler: Filler, at: str = FCN, side: int = 320) -> tuple[Loaded, Tensor]:
    """The network of an address, and its image as the network gets it."""
    selection = filler.bench.networks.check(filler.selection(at))
    weights = filler.bench.networks.get(selection)
    return weights, network_input(weights, filler.bench.pictures.get(selection.image).pixels, side).image


def counted(module: nn.Module, size: tuple[int, int]) -> tuple[int, int]:
    """Parameters, and multiply-accumulates as PyTorch counts them."""
    counter = FlopCounterMode(display=False)
    with counter, torch.inference_mode():
        module(torch.zeros(1, 3, *map(int, size)))
    return sum(tensor.numel() for tensor in module.parameters()), counter.get_total_flops() // 2


def trained(table: str, question: str, row: str, against: str) -> tuple[float, str]:
    """Difference of mean IoU of two rows of a lab's trainings, in points, and what it says at two standard errors."""
    found = json.loads((files("explorer.labs") / "evidence" / f"{table}.json").read_text("utf-8"))
    runs = {
        name: {
            run["seed"]: run["mean_iou"] for run in found["runs"] if (run["question"], run["row"]) == (question, name)
        }
        for name in (row, against)
    }
    apart = [runs[row][seed] - runs[against][seed] for seed in runs[row]]
    error = stdev(apart) / sqrt(len(apart))
    verdict = "undecided" if abs(mean(apart)) < 2 * error else "better" if mean(apart) > 0 else "worse"
    return mean(apart), verdict
