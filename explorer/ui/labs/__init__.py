"""The labs of the page: what is asked about a network is answered by experiments of `explorer.labs`. No Gradio."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from pathlib import Path
from types import ModuleType
from typing import Any

from pydantic import StrictStr

from explorer import images
from explorer.errors import ExplorerError
from explorer.ui.asked import asked
from explorer.ui.image_store import ImageStore
from explorer.ui.keeping import BYTES_A_PIXEL
from explorer.ui.labs import border, cam, channel, crop, field, scale, shift, tap
from explorer.ui.labs.base import SIDE, Bench, Question, Value, nested
from explorer.ui.labs.drawing import library
from explorer.ui.network_cache import NetworkCache
from explorer.ui.state import Files, Selection
from explorer.ui.stretch import Stretch
from explorer.ui.turns import OnProgress, Turns
from explorer.ui.usual import shows

LABS: dict[str, ModuleType] = {
    "crop": crop,
    "border": border,
    "tap": tap,
    "scale": scale,
    "shift": shift,
    "field": field,
    "channel": channel,
    "cam": cam,
}


@dataclass(frozen=True)
class Asked:
    """`settings` are those that were changed, by name: "shifts.crop_d3" is entry crop_d3 of the setting `shifts`."""

    lab: StrictStr
    what: StrictStr
    selection: Selection
    settings: dict[StrictStr, Value]
    truth: StrictStr = ""
    path: Path | None = None  # of true labels that come with the question


class Labs:
    """The labs of one server process."""

    def __init__(self, files: Files, pictures: ImageStore, networks: NetworkCache, turns: Turns) -> None:
        self.files, self.turns = files, turns
        self.bench = Bench(files, pictures, networks)

    def answer(self, data: dict[str, Any], progress: OnProgress, cancelled: Callable[[], bool]) -> dict[str, Any]:
        """What a lab finds: `what` is "geometry", answered at once, or an experiment, which takes its turn. Raises
        ExplorerError, or CancelledError when cancelled."""
        given = asked(Asked, {field.name: data[field.name] for field in fields(Asked) if field.name in data})
        lab = LABS.get(given.lab)
        if lab is None:
            raise ExplorerError("bad_selection", f"there is no lab {given.lab!r}")
        settings = asked(lab.Settings, nested(given.settings))
        selection = self.bench.networks.check(given.selection)
        question = Question(given.lab, given.what, selection, settings, given.truth)
        told: dict[str, Any] = {"kind": "lab", "lab": given.lab, "what": given.what}
        if given.path:
            classes, pictures = self.bench.loaded(question).card.classes, self.bench.pictures
            need = BYTES_A_PIXEL * math.prod(pictures.get(selection.image).size)
            with pictures.memory.turn(progress, cancelled, need):
                question = replace(question, truth=self.bench.truths.add(given.path, selection.image, classes))
            told["truth"] = question.truth
        if given.what == "geometry":
            return {**told, "plotly": library(self.files), **lab.geometry(self.bench, question)}
        if given.what not in lab.RUNS:
            raise ExplorerError("bad_selection", f"the lab {given.lab} has no experiment {given.what!r}")
        with self.turns.turn(progress, cancelled):
            return {**told, **lab.RUNS[given.what](self.bench, question, Stretch(progress, cancelled))}

    def about(self, image: str, name: str) -> dict[str, Any]:
        """What the page learns of an image that came with a question."""
        small = images.resize(self.bench.pictures.get(image).pixels, SIDE)
        shown = {"image": image, "imageName": name, "picture": self.bench.picture(small, photograph=True)}
        return {**shown, **shows(self.bench, image)}
