"""lab cam: why a class was seen in a region, by Seg-Grad-CAM."""

from __future__ import annotations

import argparse
import re
from typing import Any

from torch import Tensor, nn

from explorer import labs
from explorer.commands import CommandError
from explorer.geometry import Box
from explorer.weights import Loaded

LISTED = 16  # channels that are printed to be read


def add(parser: argparse.ArgumentParser) -> None:
    """What this lab can be told, beside what all can."""
    parser.set_defaults(truth=None)
    parser.add_argument("--step", required=True, metavar="NAME", help="the step whose channels are weighed")
    parser.add_argument("--class", dest="label", metavar="ID", help="default: the most frequent one of the region")
    parser.add_argument("--region", metavar="TOP,LEFT,BOTTOM,RIGHT", help="of the network's input (default: all of it)")


def found(given: argparse.Namespace, loaded: Loaded | None, placed: tuple[nn.Module, Tensor] | None) -> dict[str, Any]:
    """What the lab finds, as plain data."""
    if not loaded or not placed:
        raise CommandError("lab cam needs an image")
    ids = [info.id for info in loaded.card.classes]
    if given.label is not None and given.label not in ids:
        raise CommandError(f"--class is one of {', '.join(ids)}, not {given.label!r}")
    label = None if given.label is None else ids.index(given.label)
    made = labs.cam(*placed, given.step, label, _region(given.region))
    order = made.order if given.json else made.order[:LISTED]
    channels = [{"channel": int(c), "weight": made.weights[c], "share": made.shares[c]} for c in order]
    whole = {"map": made.map} if given.json else {}
    about = {"step": made.step, "class": ids[made.label], "region": made.region, "pixels": made.pixels}
    return {**about, "total": made.total, "sum": made.map.sum(), "channels": channels, **whole}


def _region(text: str | None) -> Box | None:
    if text is None:
        return None
    if not re.fullmatch(r"\d+(,\d+){3}", text):
        raise CommandError(f"--region is TOP,LEFT,BOTTOM,RIGHT, not {text!r}")
    top, left, bottom, right = map(int, text.split(","))
    return Box(top, left, bottom, right)
