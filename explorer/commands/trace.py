"""trace: the steps of a network on an image."""

from __future__ import annotations

import argparse
import json
from fractions import Fraction
from typing import Any

from explorer import api, inference
from explorer.commands import network_options
from explorer.trace import Step


def add(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Run a network on an image step by step and print shape, grid, receptive field and cost of each."
    )
    parser.add_argument("image", help="an image file")
    network_options(parser)
    parser.add_argument("--size", type=int, default=500, help="longer side in pixels at which it runs (default: 500)")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(given: argparse.Namespace) -> int:
    network = given.model, given.weights, given.padding
    done = api.trace(given.image, *network, given.size, given.device, given.page - 1, given.channels)
    rows = [about(step) for step in done.steps]
    if given.json:
        total = {
            "parameters": done.parameters,
            "macs": done.macs,
            "device": inference.device_name(done.device.split(":")[0]),
        }
        print(json.dumps({"steps": rows, **total}, indent=1))
        return 0
    head = ("step", "operation", "H x W x C", "jump", "start", "field", "parameters", "MMACs", "ms")
    lines = [head, *(_line(row) for row in rows)]
    wide = [max(len(line[i]) for line in lines) for i in range(len(head))]
    for line in lines:
        print(
            "  ".join(
                f"{cell:<{w}}" if i < 2 else f"{cell:>{w}}" for i, (cell, w) in enumerate(zip(line, wide, strict=True))
            )
        )
    print(f"\n{done.parameters:,} parameters, {done.macs / 1e9:.2f} G multiply-accumulates")
    return 0


def about(step: Step) -> dict[str, Any]:
    """JSON-ready: rows first where rows and columns differ."""
    _, channels, height, width = step.shape
    extents = sorted({int(n) for axis in (step.rows, step.cols) for n in axis.extents})
    grids = [axis.grid for axis in (step.rows, step.cols)]
    return {
        "name": step.name,
        "operation": step.operation,
        "inputs": list(step.inputs),
        "height": height,
        "width": width,
        "channels": channels,
        "jump": [_number(grid.jump) for grid in grids],
        "start": [_number(grid.start) for grid in grids],
        "receptive_field": extents[-1],
        "parameters": step.parameters,
        "macs": step.macs,
        "milliseconds": step.milliseconds,
        "statistics": step.stats and vars(step.stats),
    }


def _number(value: Fraction) -> float:
    return int(value) if value.denominator == 1 else float(value)


def _line(row: dict[str, Any]) -> tuple[str, ...]:
    return (
        row["name"],
        row["operation"],
        f"{row['height']} x {row['width']} x {row['channels']}",
        f"{row['jump'][0]:g}",
        f"{row['start'][0]:g}",
        str(row["receptive_field"]),
        f"{row['parameters']:,}",
        f"{row['macs'] / 1e6:.1f}",
        f"{row['milliseconds']:.1f}",
    )
