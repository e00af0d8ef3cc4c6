"""lab shift: what of a network's maps and labels moves with the image, and what stays."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import Any

from explorer import api, images, inference, labs
from explorer.commands import CommandError
from explorer.labs.inputs import network_input
from explorer.labs.shared import AXES, by_axis, telling
from explorer.labs.shifts import MOST
from explorer.labs.walk import legal, network_of


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--shift", type=int, default=8, metavar="PIXELS", help="0 to 32 (default: 8)")
    parser.add_argument("--axis", choices=list(AXES), default="both", help="both, rows (down) or cols (to the right)")
    parser.add_argument("--other", metavar="PATH", help="with an image: the unrelated one that changes are measured by")
    parser.add_argument("--sweep", metavar="STEP", help="with an image: this step at every shift")


def run(given: argparse.Namespace) -> dict[str, Any]:
    """With what period maps repeat and, with two images, how they answer the shift. `--size` is the window's."""
    if bool(given.image) != bool(given.other):
        raise CommandError("lab shift takes two images, the second one as --other, or none")
    if not given.image and (given.weights or given.sweep):
        raise CommandError("--weights and --sweep need an image")
    loaded = api.network(given.model, given.weights, given.padding) if given.image else None
    network = loaded.module if loaded else network_of(given.model, given.padding or "")
    window = _window(given, legal(network).nearest(512)[0])
    if not 0 <= given.shift <= MOST:
        raise CommandError(f"--shift is 0 to {MOST}, not {given.shift}")
    layers, by = labs.layers(network, window), by_axis(given.shift, given.axis)
    found: dict[str, Any] = {"window": window, "shift": by}
    facts = ("step", "jump", "period", "field")
    steps = [
        {fact: getattr(layers[name], fact) for fact in facts} | {"units": layers[name].moved(by).area}
        for name in telling(layers)
    ]
    if not loaded:
        return {**found, "steps": steps}
    device = inference.pick_device(given.device)
    canvas = window[0] + MOST, window[1] + MOST
    pixels = [images.read(path).pixels for path in (given.image, given.other)]
    canvases = [network_input(loaded, one, size=canvas).image.to(device) for one in pixels]
    network = inference.on_device(network, device)
    shifts = labs.Shifts(network, canvases[0], canvases[1], window, [step["step"] for step in steps])
    shifted = shifts.at(given.shift, given.axis)
    judged = ("pixels", "flipped", "inside", "flipped_inside")
    found["labels"] = {fact: getattr(shifted, fact) for fact in judged}
    found["steps"] = [one | _plain(shifted[one["step"]]) for one in steps]
    if given.sweep:
        if given.sweep not in shifts.steps:
            raise CommandError(f"there is no step {given.sweep!r} to sweep: choose one of {', '.join(shifts.steps)}")
        points = shifts.sweep(given.sweep, given.axis)
        found["sweep"] = [{"shift": n} | _plain(point) for n, point in enumerate(points)]
    return found


def _window(given: argparse.Namespace, standard: int) -> tuple[int, int]:
    """Height and width that `--size` names."""
    if given.size is None:
        return standard, standard
    sides = given.size.split("x")
    if len(sides) > 2 or not all(side.isdecimal() for side in sides):
        raise CommandError(f"--size is N or HEIGHTxWIDTH, not {given.size!r}")
    return int(sides[0]), int(sides[-1])


def _plain(moved: labs.Moved) -> dict[str, Any]:
    return {name: value for name, value in asdict(moved).items() if name not in ("jump", "period")}
