"""lab scale: what a network's poolings buy, as the page's lab has it."""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import Any

from explorer.labs import scaling, scaling_run, unpooled
from explorer.labs.scaling import CHOICES, Design, Layer

HELP = "what poolings buy: a contracting path beside the same layers at full resolution"


def add(commands: Any) -> None:
    """Declare the lab among those of `lab`."""
    parser: argparse.ArgumentParser = commands.add_parser("scale", help=HELP, description=HELP[0].upper() + HELP[1:])
    standard = Design()
    for name, known in CHOICES.items():
        kind, value = (float if name == "growth" else int), getattr(standard, name)
        said = ", ".join(map(str, known)) if isinstance(known, tuple) else f"{known[0]} to {known[-1]}"
        parser.add_argument(f"--{name}", type=kind, default=value, metavar="N", help=f"{said} (default: {value})")
    parser.add_argument("--bottleneck", action="store_true", help="1 x 1 to a quarter of the channels and back")
    parser.add_argument("--measure", action="store_true", help="run both: seconds and memory, on the CPU")
    parser.add_argument("--json", action="store_true", help="print JSON")


def found(given: argparse.Namespace) -> dict[str, Any]:
    """What the lab finds. Raises ExplorerError for settings outside of their bounds, and for a run that is refused."""
    design = Design(**{name: getattr(given, name) for name in (*CHOICES, "bottleneck")})
    own, full = scaling.layers(design), scaling.full_resolution(design)
    sizes = [size for size in (design.size, 2 * design.size, 4 * design.size) if size in CHOICES["size"]]
    made: dict[str, Any] = {
        "design": design,
        "total": [{"network": "with poolings", **_total(own)}, {"network": "at full resolution", **_total(full)}]
        + [{"network": model, **_total(scaling.reference(model))} for model in ("fcn8s", "unet")],
        "layers": own,
        "full_resolution": full,
        "without_poolings": [
            {"way": one.way, "kernel": one.kernel, "largest dilation": max(one.dilations), **_total(one.layers)}
            for one in unpooled.without_poolings(design)
        ],
        "sizes": [_at(replace(design, size=size)) for size in sizes],
    }
    if given.measure:
        measured = scaling_run.measure(design)
        made["measured"] = _measured(measured)
        if measured.refused:
            made["refused at full resolution"] = str(measured.refused)
    return made


def _total(layers: tuple[Layer, ...]) -> dict[str, Any]:
    return {
        "convolutions": sum(layer.kind != "pool" for layer in layers),
        "field": max(layer.field for layer in layers),
        "parameters": sum(layer.parameters for layer in layers),
        "macs": sum(layer.macs for layer in layers),
        "activation_bytes": sum(layer.activation_bytes for layer in layers),
    }


def _at(design: Design) -> dict[str, Any]:
    layers = scaling.layers(design)
    parameters = sum(layer.parameters for layer in layers)
    return {"size": design.size, "parameters": parameters, "fully_connected": scaling.fully_connected(layers)}


def _measured(measured: scaling_run.Measured) -> list[dict[str, Any]]:
    runs = [("with poolings", measured.own), ("at full resolution", measured.full)]
    return [
        {"network": name, "seconds": run.seconds, "activation_bytes": run.activations, "macs": run.forecast.macs}
        for name, run in runs
        if run
    ]
