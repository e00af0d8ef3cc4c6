"""How far is the time that is said before a run from the time that it takes?

    python benchmarks/forecast.py [--json benchmarks/forecast.json]

For each of the bundled weights the speed is measured once, as the page does it (a calibration of a second or two), and
then an example is run at several sizes and in several ways. `factor` is the forecast over the measured time.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from explorer import api, cards, images, inference, weights
from explorer.inference import RunOptions
from explorer.models import MODELS

EXAMPLES = Path(__file__).resolve().parents[1] / "assets" / "examples"
PICTURES = {"everyday": "bus.jpg", "nuclei": "nuclei_purple.png"}  # by the domain of the weights
RUNS = ((320, "whole", None), (640, "whole", None), (1024, "whole", None), (1024, "tiles", 512))  # longer side, way
BAR = 1.5  # a forecast should be within this factor, both ways


def rows_of(name: str, device: str) -> list[dict[str, Any]]:
    loaded = weights.load(cards.find(name))
    began = time.perf_counter()
    speed = inference.calibrate(loaded.module, loaded.spec, RunOptions(device))
    calibrated = time.perf_counter() - began
    pixels = images.read(EXAMPLES / PICTURES[loaded.card.domain]).pixels
    rows = []
    ways = (*RUNS, (1024, "paper", None)) if loaded.spec.padding == "valid" else RUNS
    for longest, way, side in ways:
        image = images.resize(pixels, longest, enlarge=True)
        options = RunOptions(device, way=way, side=side)
        forecast = speed.seconds(inference.plan(loaded.spec, image.shape[:2], options))
        taken = api.segment(image, loaded=loaded, options=options).seconds["network"]
        rows.append(
            {
                "weights": name,
                "network": MODELS[loaded.spec.model].title,
                "padding": loaded.spec.padding,
                "size": list(image.shape[:2]),
                "way": way,
                "calibration_s": round(calibrated, 2),
                "forecast_s": round(forecast, 3),
                "measured_s": round(taken, 3),
                "factor": round(forecast / taken, 2),
            }
        )
        print(json.dumps(rows[-1]), flush=True)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="auto")
    parser.add_argument("--weights", nargs="+", default=[card.name for card in cards.available()], metavar="NAME")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    device = inference.pick_device(given.device)
    rows = [row for name in given.weights for row in rows_of(name, device)]
    factors = [row["factor"] for row in rows]
    result = {
        "device": inference.device_name(device),
        "threads": torch.get_num_threads(),
        "cores": os.cpu_count(),
        "load_at_the_end": round(os.getloadavg()[0], 1),
        "runs": len(rows),
        "factor": {"least": min(factors), "median": statistics.median(factors), "most": max(factors)},
        f"within_{BAR}": sum(1 / BAR <= factor <= BAR for factor in factors),
        "rows": rows,
    }
    print({key: value for key, value in result.items() if key != "rows"})
    if given.json:
        given.json.write_text(json.dumps(result, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
