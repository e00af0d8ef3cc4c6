"""What the labs' answers are made of: controls, sentences, tables, figures and pictures, each in a slot of the page.

An answer is plain data. A sentence is [key of the texts, what fills it]; that may be {"percent": share of 1},
{"count": a large number} or {"t": another key}. The page puts it into words, so that changing the language asks
nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Annotated, Any

import numpy as np
from pydantic import Field, StrictBool, StrictFloat, StrictInt, StrictStr

from explorer.errors import ExplorerError
from explorer.labs.inputs import Input, network_input, with_truth
from explorer.labs.judging import Figures
from explorer.replay import Progress
from explorer.ui.image_store import ImageStore
from explorer.ui.keeping import jpeg
from explorer.ui.labs.truths import Truths
from explorer.ui.network_cache import NetworkCache
from explorer.ui.stage.payload import png
from explorer.ui.state import Bounded, Files, Selection
from explorer.ui.stretch import Stretch
from explorer.weights import Loaded

Value = StrictBool | StrictInt | Annotated[StrictFloat, Field(allow_inf_nan=False)] | StrictStr
Told = list[Any]

MOST_PICTURES = 120  # that the page may still show
SIDE = 320  # pixels of the longer side that experiments run at, unless a size is asked for
MASK = 0.6  # how much of a class's colour lies over the picture


@dataclass(frozen=True)
class Question:
    """What a page asks of a lab; `settings` are those that the lab declares."""

    lab: str
    what: str
    selection: Selection
    settings: Any
    truth: str = ""  # token of true labels that were given


class Bench:
    """What labs take from the server: images, networks, and a place for their pictures."""

    def __init__(self, files: Files, pictures: ImageStore, networks: NetworkCache) -> None:
        self.files, self.pictures, self.networks = files, pictures, networks
        self._inputs: Bounded[Input] = Bounded(8)
        self.truths = Truths(pictures)
        self._shown: Bounded[str] = Bounded(MOST_PICTURES, lambda name: files.release([name]))
        self._count = 0

    def loaded(self, q: Question) -> Loaded:
        """The network of a question, on the CPU."""
        return self.networks.get(q.selection)

    def input(self, q: Question, size: tuple[int, int] | None = None, image: str = "") -> Input:
        """The image of a question with its true labels, or another image, as its network gets it; `size` is of the
        network's input."""
        name, truth = image or q.selection.image, "" if image else q.truth
        key = (q.selection.checkpoint, q.selection.model, q.selection.padding, name, size, truth)
        made = self._inputs.get(key)
        if made is None:
            loaded = self.loaded(q)
            made = network_input(loaded, self.pictures.get(name).pixels, SIDE, size)
            real = None if image else self.truths.get(name, loaded.card.classes, truth)
            made = made if real is None else with_truth(made, real)
            self._inputs.put(key, made, 1)
        return made

    def progress(self, stretch: Stretch) -> Progress:
        """What an experiment tells its progress by, and hears from that it is cancelled."""

        def tell(done: int, total: int, name: str) -> bool:
            share = stretch.low + (stretch.high - stretch.low) * done / max(1, total)
            stretch.progress(share, "progress.lab", {"done": done, "total": total, "name": name})
            return not stretch.cancelled()

        return tell

    def picture(self, pixels: np.ndarray, photograph: bool = False) -> str:
        """A picture (H x W x 3 uint8) as the page's file."""
        name = self.files.add(*((jpeg(pixels), ".jpg") if photograph else (png(pixels), ".png")))
        self._count += 1
        self._shown.put(self._count, name, 1)
        return name

    def overlay(self, labels: np.ndarray, q: Question, background: np.ndarray | None = None) -> str:
        """Labels (H x W) in the classes' colours, over a picture of the same size if there is one."""
        colours = np.array([info.colour for info in self.loaded(q).card.classes], np.float64)[labels]
        if background is not None:
            colours = MASK * colours + (1 - MASK) * background
        return self.picture(np.rint(colours).astype(np.uint8))


def background(given: Input, loaded: Loaded, box: Any) -> np.ndarray:
    """The network's input as a picture (h x w x 3 uint8), cut to a box of it."""
    steps = loaded.card.preprocessing
    part = given.image[0, :, box.top : box.bottom, box.left : box.right].permute(1, 2, 0).cpu().numpy()
    pixels: np.ndarray = np.clip(np.rint((part * np.array(steps.std) + np.array(steps.mean)) * 255), 0, 255)
    return pixels.astype(np.uint8)


def told(key: str, **params: Any) -> Told:
    """A sentence: a key of the texts and what fills it; fractions become numbers."""
    return [key, {name: number(value) for name, value in params.items()}]


def judged(figures: Figures) -> list[Told]:
    """What a change does to a prediction, in sentences."""
    shares = {"iou": percent(figures.mean_iou), "before": percent(figures.before), "pixels": figures.pixels}
    return [told(f"lab.judged.{figures.against}", **shares), told("lab.agreement", share=percent(figures.agreement))]


def number(value: Any) -> Any:
    """A number as JSON holds it."""
    if isinstance(value, Fraction):
        return int(value) if value.denominator == 1 else float(value)
    return value.item() if isinstance(value, np.generic) else value


def percent(share: float) -> dict[str, float | None]:
    """A share of 1, to be shown in per cent; None where there is none."""
    return {"percent": None if np.isnan(share) else float(share)}


def control(
    setting: str, kind: str, label: Told, value: Value, options: Sequence[tuple[Value, Any]] | None = None, **more: Any
) -> dict[str, Any]:
    """A control of a setting: kind "range" or "number" (min, max, step), "select" or "radios" (options: value and
    sentence or plain text), or "check"."""
    made = {"set": setting, "kind": kind, "label": label, "value": value, **more}
    return made if options is None else {**made, "options": [list(option) for option in options]}


def nested(flat: Mapping[str, Value]) -> dict[str, Any]:
    """{"shifts.crop_d3": 2} as {"shifts": {"crop_d3": 2}}."""
    made: dict[str, Any] = {}
    for key, value in flat.items():
        name, dot, entry = key.partition(".")
        if not dot:
            made[name] = value
        elif isinstance(made.setdefault(name, {}), dict):
            made[name][entry] = value
        else:
            raise ExplorerError("bad_selection", f"{name} is one value and several")
    return made


def place(text: str, shape: tuple[int, int], standard: tuple[int, int]) -> tuple[int, int]:
    """A place on a map of this shape out of "row,column", the nearest to what is asked; `standard` where it is none."""
    found = re.fullmatch(r"\s*(-?\d{1,9})\s*,\s*(-?\d{1,9})\s*", text)
    if not found:
        return standard
    row, column = (min(max(int(part), 0), n - 1) for part, n in zip(found.groups(), shape, strict=True))
    return row, column
