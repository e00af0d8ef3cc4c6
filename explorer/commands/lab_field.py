"""lab field: theoretical and effective receptive fields at a place of the input."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from explorer import api, labs
from explorer.commands import CommandError
from explorer.labs.field import ALL, LARGEST, Effective, FieldLab, Seen
from explorer.models import without_weights


def add(parser: argparse.ArgumentParser) -> None:
    """What this lab can be told, beside what all can."""
    parser.set_defaults(truth=None)
    parser.add_argument("--place", metavar="ROW,COLUMN", help="of the network's input (default: its middle)")
    parser.add_argument(
        "--channel",
        default=ALL,
        help=f"with an image: {ALL} (their sum), {LARGEST} (of the largest value), or an index",
    )
    parser.add_argument("--step", action="append", default=[], help="with an image: measure this one (default: all)")


def found(
    given: argparse.Namespace,
    loaded: api.Loaded | None,
    placed: tuple[nn.Module, Tensor] | None,
    shape: tuple[int, int],
    place: Callable[[str, str], tuple[int, int]],
) -> dict[str, Any]:
    """What the lab finds, as plain data."""
    padding = loaded.spec.padding if loaded else given.padding or ""
    lab = labs.field_of_view(given.model, padding, shape, place("--place", given.place) if given.place else None)
    measured: dict[str, Effective] = {}
    if loaded and placed:
        channel = given.channel if given.channel in (ALL, LARGEST) else _index(given.channel)
        local = labs.runner(*placed, without_weights(loaded.spec))
        measured = labs.measure(local, lab, _steps(given, lab), channel)
    elif given.step or given.channel != ALL:
        raise CommandError("--step and --channel need an image")
    steps = [{**_could(seen), **_uses(measured.get(seen.step))} for seen in lab.steps]
    return {"size": lab.size, "place": lab.place, "steps": steps, "joints": lab.joints}


def _could(seen: Seen) -> dict[str, Any]:
    return {
        "step": seen.step,
        "unit": seen.unit,
        "whole": seen.whole,
        "inside": seen.inside,
        "side": round(seen.size, 2),
        "side_inside": round(seen.clipped, 2),
    }


def _uses(one: Effective | None) -> dict[str, Any]:
    if one is None:
        return {}
    return {"effective": one.size, "pixels": one.pixels, "middle": one.middle if one.pixels else None}


def _steps(given: argparse.Namespace, lab: FieldLab) -> list[str]:
    known = {seen.step for seen in lab.steps}
    if unknown := set(given.step) - known:
        raise CommandError(f"the network has no step {min(unknown)!r}")
    return given.step or [seen.step for seen in lab.changing]


def _index(text: str) -> int:
    if not text.isdecimal():
        raise CommandError(f"--channel is {ALL}, {LARGEST} or an index, not {text!r}")
    return int(text)
