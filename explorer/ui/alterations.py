"""What a selection says of a run's probes: steps whose maps are changed, and what the run is the difference from.

`altered` is a list such as "crop_d0c*0;conv3_1:17*0.5;pool4=cat.jpg": a step, a channel of it or all, times a factor or
from another image. An address carries it as it is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from explorer.errors import ExplorerError
from explorer.ui.state import Selection

PLAIN = "plain"  # the difference from the same run, unaltered
WEIGHTS = "@"  # before the name of other weights: the difference from the run on those
MOST = 8  # alterations of a run
PART = re.compile(r"([A-Za-z]\w*)(?::(\d{1,5}))?(?:\*(-?\d{1,6}(?:\.\d{1,6})?)|=([^;]{1,200}))")


@dataclass(frozen=True)
class Wanted:
    """One part of `altered`; `channel` None is all of them, `image` "" means times `factor`."""

    step: str
    channel: int | None
    factor: float
    image: str


def parse(text: str) -> tuple[Wanted, ...]:
    """Raises ExplorerError ("bad_selection") for what is no list of alterations."""
    found: list[Wanted] = []
    for part in text.split(";") if text else ():
        match = PART.fullmatch(part)
        if not match or len(found) == MOST:
            raise ExplorerError("bad_selection", f"{part!r} is no alteration, or there are more than {MOST}")
        step, channel, factor, image = match.groups()
        found.append(Wanted(step, None if channel is None else int(channel), float(factor or 0), image or ""))
    return tuple(found)


def other_weights(selection: Selection) -> str | None:
    """The name of the weights that the difference is taken from, if it is from other weights."""
    return selection.against.removeprefix(WEIGHTS) if selection.against.startswith(WEIGHTS) else None


def notes(selection: Selection) -> list[dict[str, Any]]:
    """What is said of a run that is altered, or shown as a difference, for the page."""
    said = []
    for one in parse(selection.altered):
        code = "altered.swap" if one.image else "altered.scale"
        channel = {} if one.channel is None else {"channel": one.channel}
        which = f"{code}.channel" if channel else code
        filled = {"image": one.image} if one.image else {"factor": one.factor}
        said.append({"code": which, "details": {"step": one.step, **channel, **filled}})
    if name := other_weights(selection):
        said.append({"code": "difference.weights", "details": {"name": name}})
    elif selection.against:
        said.append({"code": f"difference.{'plain' if selection.against == PLAIN else 'image'}", "details": {}})
    return said
