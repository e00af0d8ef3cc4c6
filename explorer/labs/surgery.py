"""Skip surgery: a skip is set to zero, shifted, or taken from another image, and the prediction is made again.

What is changed is the map that comes by the skip, where it is joined with the one from below; the way through the
bottom of the network is left as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from explorer.errors import ExplorerError
from explorer.labs.crops import walks
from explorer.labs.judging import Figures, Output, check_truth, judge, output_of
from explorer.labs.predicting import at_any_size, untouched
from explorer.replay import Made, Progress, Replay

KINDS = ("zero", "shift", "swap")


@dataclass(frozen=True)
class Cutting:
    """What is done to one skip.

    kind  "zero": nothing comes by it; "shift": its map moved by so many units down and to the right (negative: up,
          left), zeros moving in; "swap": the map that another image gives
    """

    kind: str
    down: int = 0
    right: int = 0


@dataclass(frozen=True, eq=False)
class Surgery:
    """The prediction after surgery, beside the untouched one. `skips` are all that the network has: the step that
    joins, and the map that comes by the skip."""

    made: Output
    untouched: Output
    figures: Figures
    skips: dict[str, str]


def operate(
    module: nn.Module,
    image: Tensor,
    cuttings: Mapping[str, Cutting],
    other: Tensor | None = None,
    truth: np.ndarray | None = None,
    progress: Progress | None = None,
    replay: Replay | None = None,
) -> Surgery:
    """Run a network in eval mode on an image (1 x C x H x W) with some of its skips changed.

    cuttings  by name of the step that joins the skip with the map from below
    other     the image, of the same size, that "swap" takes skips from
    truth     true labels on the network's input, H x W, 255 where they are not judged
    progress  called before each step of the untouched run and of the other image's, as in `trace`
    replay    what `untouched` gave for this image, where it has run already

    Raises ExplorerError ("lab_surgery") for a skip or a kind that there is not, and where `other` does not fit.
    """
    size = (image.shape[2], image.shape[3])
    check_truth(truth, size)
    rows, cols = walks(module, size)
    skips = {join: skip for join, skip, _ in rows.skips}
    _check(cuttings, skips, image, other)
    replay = replay or untouched(module, image, progress)
    swapped = [join for join, cutting in cuttings.items() if cutting.kind == "swap"]
    always = at_any_size(module, size)
    donor = Replay(module, other, swapped, always, progress) if swapped and other is not None else None
    instead: dict[str, Made] = {}
    for join, cutting in cuttings.items():
        which = rows.given[join].index(skips[join])
        theirs = donor.operands(join)[which] if donor and cutting.kind == "swap" else None
        instead[join] = _joining(module.get_submodule(join), which, cutting, theirs)
    plain, made = (output_of(s, (rows.output, cols.output)) for s in (replay.final, replay.run(instead)))
    return Surgery(made, plain, judge(made, plain, replay.final.shape[1], truth), skips)


def _check(cuttings: Mapping[str, Cutting], skips: dict[str, str], image: Tensor, other: Tensor | None) -> None:
    for join, cutting in cuttings.items():
        if join not in skips:
            said = f"choose one of {', '.join(skips)}" if skips else "the network has no skips"
            raise ExplorerError("lab_surgery", f"No skip is joined at {join!r}: {said}.", join=join)
        if cutting.kind not in KINDS:
            said = f"There is no surgery {cutting.kind!r}: choose one of {', '.join(KINDS)}."
            raise ExplorerError("lab_surgery", said, kind=cutting.kind)
        if cutting.kind == "swap" and (other is None or other.shape != image.shape):
            raise ExplorerError("lab_surgery", "A swap takes another image, of the same size.", kind=cutting.kind)


def _joining(join: nn.Module, which: int, cutting: Cutting, theirs: Tensor | None) -> Made:
    """A join that changes one of the maps that it is given."""

    def made(*maps: Tensor) -> Tensor:
        changed = list(maps)
        if cutting.kind == "zero":
            changed[which] = torch.zeros_like(maps[which])
        elif cutting.kind == "shift":
            changed[which] = shifted(maps[which], cutting.down, cutting.right)
        elif theirs is not None:
            changed[which] = theirs
        joined: Tensor = join(*changed)
        return joined

    return made


def shifted(x: Tensor, down: int, right: int) -> Tensor:
    """A map moved by so many units, with zeros where nothing moves in; a copy."""
    made = torch.zeros_like(x)
    height, width = x.shape[2:]
    if abs(down) < height and abs(right) < width:
        to = [slice(max(0, by), n + min(0, by)) for by, n in ((down, height), (right, width))]
        source = [slice(max(0, -by), n - max(0, by)) for by, n in ((down, height), (right, width))]
        made[:, :, to[0], to[1]] = x[:, :, source[0], source[1]]
    return made
