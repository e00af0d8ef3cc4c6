"""What looking at every step costs: a trace against the network's own forward pass, in one run on idle cores.

    python benchmarks/trace.py [--json benchmarks/trace.json]

`last_map` is the time until the last map was there, `whole` that of the whole trace with the statistics of every map,
both as multiples of the forward pass of the same module on the same input. Medians of passes taken in turn.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from pathlib import Path

import torch
from torch import Tensor, nn

from explorer import cards, weights
from explorer.trace import trace

RUNS = (("fcn8s-everyday", (320, 320)), ("fcn8s-everyday", (500, 500)), ("unet-nuclei", (572, 572)))
PASSES = 15


def seconds(module: nn.Module, image: Tensor) -> tuple[float, float, float]:
    """Of a forward pass, of a trace until its last map, and of a whole trace."""
    times = []
    with torch.inference_mode():
        began = time.perf_counter()
        module(image)
        plain = time.perf_counter() - began
    began = time.perf_counter()
    trace(module, image, keep=False, visit=lambda step, value: times.append(time.perf_counter()))
    return plain, times[-1] - began, time.perf_counter() - began


def measure(name: str, size: tuple[int, int]) -> dict[str, object]:
    module = weights.load(cards.find(name)).module
    sizes = module.input.sizes  # type: ignore[union-attr]
    image = torch.rand(1, 3, *(sizes.at_least(n) for n in size))  # type: ignore[operator,union-attr]
    seconds(module, image)
    passes = [seconds(module, image) for _ in range(PASSES)]
    plain, last, whole = (statistics.median(times) for times in zip(*passes, strict=True))
    return {
        "weights": name,
        "input": list(image.shape[2:]),
        "forward_ms": round(1000 * plain, 1),
        "last_map": round(last / plain, 2),
        "whole": round(whole / plain, 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    rows = [measure(name, size) for name, size in RUNS]
    result = {"threads": torch.get_num_threads(), "passes": PASSES, "rows": rows}
    print(json.dumps(result, indent=1))
    if given.json:
        given.json.write_text(json.dumps(result, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
