"""trace: the steps of a network on an image, and files of them."""

from __future__ import annotations

import argparse
import json
from fractions import Fraction
from pathlib import Path
from typing import Any

from explorer import api, giant, inference
from explorer.commands import CommandError, network_options
from explorer.fields import Reach
from explorer.figures.walk import KINDS, walk
from explorer.models import MODELS
from explorer.trace import Step
from explorer.ui.offline import page_of
from explorer.ui.saved import recorded
from explorer.weights import Loaded


def add(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Run a network on an image step by step and print shape, grid, receptive field and cost of each; or write the "
        "run as a page of its own or as an animation."
    )
    parser.add_argument("image", help="an image file")
    network_options(parser)
    parser.add_argument("--size", type=int, help="longer side in pixels at which it runs (default: as on the page)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--html", type=Path, metavar="FILE", help="write the run as a page that needs no server")
    parser.add_argument(
        "--walk", type=Path, metavar="FILE", help="write it as an animation, .webp or .gif: a step a frame"
    )


def run(given: argparse.Namespace) -> int:
    size = MODELS[given.model].size if given.size is None else given.size
    photograph = giant.read(given.image, given.page - 1, given.channels, size)
    domain = api.domain_of(photograph.pixels, given.model)
    loaded = api.network(given.model, given.weights, given.padding, domain)
    if given.html or given.walk:
        return _files(given, loaded, size)
    done = api.trace(photograph, size=size, device=given.device, loaded=loaded)
    fields = inference.network_fields(loaded.spec)
    rows = [about(step, fields.get(step.name, ())) for step in done.steps]
    if given.json:
        total = {
            "model": loaded.spec.model,
            "weights": loaded.card.name,
            "padding": loaded.spec.padding,
            "size": size,
            "parameters": done.parameters,
            "macs": done.macs,
            "device": inference.device_name(done.device.split(":")[0]),
        }
        print(json.dumps({"steps": rows, **total}, indent=1))
        return 0
    head = ("step", "operation", "H x W x C", "jump", "start", "field", "seen", "parameters", "MMACs", "ms")
    lines = [head, *(_line(row) for row in rows)]
    wide = [max(len(line[i]) for line in lines) for i in range(len(head))]
    for line in lines:
        print(
            "  ".join(
                f"{cell:<{w}}" if i < 2 else f"{cell:>{w}}" for i, (cell, w) in enumerate(zip(line, wide, strict=True))
            )
        )
    print(
        f"\n{MODELS[loaded.spec.model].title}, {loaded.card.name}, {loaded.spec.padding} padding, longer side {size}: "
        f"{done.parameters:,} parameters, {done.macs / 1e9:.2f} G multiply-accumulates"
    )
    if any(row["clipped_field"] < max(row["receptive_field"], default=0) for row in rows):
        print("field: receptive field of the network, not clipped; seen: the most that the input holds at this size")
    return 0


def _files(given: argparse.Namespace, loaded: Loaded, size: int) -> int:
    """Write what was asked for, and say where. Raises CommandError for an animation of another kind."""
    kind = given.walk.suffix.lower().removeprefix(".") if given.walk else ""
    if given.walk and kind not in KINDS:
        raise CommandError(f"{given.walk} is no animation that can be written: give it a name in .webp or .gif.")
    with recorded(given.image, loaded, size, given.device, given.page - 1, given.channels) as saved:
        made = {given.html: lambda: page_of(saved).encode("utf-8")} if given.html else {}
        made |= {given.walk: lambda: walk(saved.content, saved.read, kind)} if given.walk else {}
        for place, content in made.items():
            place.write_bytes(content())
            print(f"{place}: {place.stat().st_size / 2**20:.1f} MiB")
    return 0


def about(step: Step, reach: Reach) -> dict[str, Any]:
    """JSON-ready: rows first where rows and columns differ; receptive fields of the network, of each phase, and how
    much of them the image holds at most."""
    _, channels, height, width = step.shape
    extents = [int(axis.extents.max()) for axis in (step.rows, step.cols)]
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
        "receptive_field": sorted({high - low + 1 for low, high in reach}),
        "clipped_field": max(extents),
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
        " or ".join(map(str, row["receptive_field"])),
        str(row["clipped_field"]),
        f"{row['parameters']:,}",
        f"{row['macs'] / 1e6:.1f}",
        f"{row['milliseconds']:.1f}",
    )
