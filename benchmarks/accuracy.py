"""How good are the bundled weights? python benchmarks/accuracy.py --data DIR [--weights NAME ...] [--json FILE]

Every checkpoint is measured on the images of its data set that its training left out, in each padding it was trained
in, as `python -m explorer evaluate --split validation` does it. DIR is the folder around the data sets. A row holds the
figures and their standard errors over the images, and the IoU of every class, all in per cent.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from explorer import cards, inference
from explorer.errors import DataError, ExplorerError
from explorer.training import report

KEYS = ("pixel_accuracy", "mean_iou", "nucleus_dice", "object_f1")


def rows_of(name: str, data: Path, device: str) -> list[dict[str, Any]]:
    """A row per padding of one checkpoint. Raises ExplorerError and DataError."""
    found = report.evaluate(cards.find(name), data, split="validation", device=device)
    return [
        {
            **{key: found[key] for key in ("checkpoint", "sha256", "data_set", "images")},
            "padding": padding,
            "figures": {key: percent(of["figures"][key]) for key in KEYS if key in of["figures"]},
            "standard_errors": {key: percent(of["standard_errors"][key]) for key in KEYS if key in of["figures"]},
            "iou": {name: percent(value) for name, value in of["iou"].items()},
        }
        for padding, of in found["geometries"].items()
    ]


def percent(share: float | None) -> float | None:
    return None if share is None else round(100 * share, 2)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder around the data sets")
    parser.add_argument("--weights", nargs="+", metavar="NAME", help="checkpoints (default: all bundled)")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or mps")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the table there")
    given = parser.parse_args(arguments)
    rows = []
    try:
        device = inference.pick_device(given.device)
        for name in given.weights or [card.name for card in cards.available()]:
            for row in rows_of(name, given.data, device):
                rows.append(row)
                errors = row["standard_errors"]
                said = ", ".join(f"{key} {value} ± {errors[key]}" for key, value in row["figures"].items())
                print(f"{name} ({row['padding']}): {said}, on {row['images']} images", flush=True)
    except (DataError, ExplorerError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    if given.json:
        given.json.write_text(json.dumps({"device": inference.device_name(device), "rows": rows}, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
