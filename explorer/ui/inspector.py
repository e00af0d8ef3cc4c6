"""What is asked about a finished run: a unit's arithmetic and effective field, a channel in full, a layer's components.

A run keeps no values. They are computed again from its input, as far as a question needs them, on the CPU, where the
network lies, so that questions do not wait for runs on a graphics card.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from explorer import inference, unit
from explorer.alter import Altered
from explorer.checked import json_ready
from explorer.errors import ExplorerError
from explorer.figures.mosaic import mosaic
from explorer.figures.principal import principal
from explorer.geometry import Region
from explorer.local import WindowRunner
from explorer.trace import Step
from explorer.ui.asked import InspectQuestion, asked
from explorer.ui.probing import Baseline
from explorer.ui.stage.payload import png
from explorer.ui.state import Bounded, Files
from explorer.weights import Loaded

SCENE_BYTES = 128 * 2**20
VALUE_BYTES = 256 * 2**20
MADE_BYTES = 64 * 2**20


@dataclass(frozen=True, eq=False)
class Scene:
    """All it takes to compute any value of a run again. `pixels` is the network's input, H x W x 3 uint8; `argmax` the
    step behind the network's own; `altered` what was changed, `before` the unaltered run that this one is shown as the
    difference from."""

    loaded: Loaded
    pixels: np.ndarray
    shapes: dict[str, tuple[int, ...]]
    argmax: Step
    altered: Altered = field(default_factory=dict)
    before: Baseline | None = None

    @cached_property
    def local(self) -> WindowRunner:
        pre = self.loaded.card.preprocessing
        image = inference.normalise(self.pixels, pre.mean, pre.std)
        return WindowRunner(self.loaded.module, image, self.shapes, self.altered)

    @cached_property
    def plain(self) -> WindowRunner | None:
        """The run that this one is the difference from."""
        return None if self.before is None else WindowRunner(*self.before, self.shapes)


class Inspector:
    """Answers questions about runs, which are known by the name of their JSON file."""

    def __init__(self, files: Files) -> None:
        self.files = files
        self._pinned: dict[str, Scene] = {}
        self._scenes: Bounded[Scene] = Bounded(SCENE_BYTES)
        self._values: Bounded[Tensor] = Bounded(VALUE_BYTES)
        self._made: Bounded[str] = Bounded(MADE_BYTES, lambda name: files.release([name]))

    def add(self, run: str, scene: Scene) -> None:
        self._scenes.put(run, scene, scene.pixels.nbytes * 5)  # and the input made of it, as float32

    def pin(self, run: str) -> None:
        """Keep a run as long as this process: the one that every page opens on."""
        self._pinned[run] = self._scene(run)

    def _scene(self, run: str) -> Scene:
        scene = self._pinned.get(run) or self._scenes.get(run)
        if scene is None:
            raise ExplorerError("gone")
        return scene

    def answer(self, data: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Plain data. A later message holds all of an earlier one, since a page may see only the last.

        Raises ExplorerError for a run that is gone or a question that makes no sense.
        """
        question = asked(InspectQuestion, data)
        run, step = question.run, question.step
        scene = self._scene(run)
        if step not in scene.shapes and (step, question.what) != (scene.argmax.name, "unit"):
            raise ExplorerError("bad_selection", f"there is no step {step!r}")
        match question:
            case InspectQuestion(what="unit", channel=int(channel), row=int(row), column=int(column)):
                yield from self._unit(scene, step, channel, row, column)
            case InspectQuestion(what="channel", channel=int(channel)):
                yield self._channel(run, scene, step, channel)
            case InspectQuestion(what="principal"):
                yield self._principal(run, scene, step)
            case _:
                raise ExplorerError("bad_selection", f"{question} asks for nothing that is known")

    def _unit(self, scene: Scene, step: str, channel: int, row: int, column: int) -> Iterator[dict[str, Any]]:
        if scene.plain:
            raise ExplorerError("difference_unit")
        if step in scene.altered:
            raise ExplorerError("altered_unit", step=step)
        chosen = step == scene.argmax.name
        source = scene.argmax.reads[0] if chosen else step
        try:
            unit.check(scene.local, source, channel, row, column)
        except ValueError as error:  # a unit that is not there
            raise ExplorerError("bad_selection", str(error)) from error
        ran = unit.forward(scene.local, source, row, column)  # both pieces come of one run
        if chosen:
            arithmetic = unit.choice(scene.local, source, row, column, ran=ran)
            channel = int(arithmetic.value)  # argmax has no gradient: the score that wins has
        else:
            arithmetic = unit.arithmetic(scene.local, step, channel, row, column, ran=ran)
        first = {"kind": "unit", "arithmetic": json_ready(asdict(arithmetic))}
        yield first
        yield {**first, "field": self._field(scene, source, channel, ran)}

    def _field(self, scene: Scene, step: str, channel: int, ran: unit.Forward) -> dict[str, Any]:
        found = unit.effective_field(scene.local, step, channel, ran.row, ran.column, ran)
        height, width = found.heat.shape
        heat = np.rint(np.sqrt(found.heat) * 255).astype(np.uint8)  # roots: what is weak stays to be seen
        core = None if found.silent else found.core
        return {
            "silent": found.silent,
            "file": None if found.silent else self._add(png(heat)),
            "box": [found.top, found.left, found.top + height, found.left + width],
            "core": core and [core.top, core.left, core.bottom, core.right],
            "half": found.half,
            "most": found.most,
        }

    def _channel(self, run: str, scene: Scene, step: str, channel: int) -> dict[str, Any]:
        value = self._value(run, scene, step)
        if not 0 <= channel < value.shape[1]:
            raise ExplorerError("bad_selection")
        drawn = mosaic(value[:, channel : channel + 1], most_pixels=2**24)
        ends = [float(drawn.minimum[0]), float(drawn.maximum[0])]
        return {
            "kind": "channel",
            "channel": channel,
            "file": self._add(png(drawn.pixels)),
            "min": ends[0],
            "max": ends[1],
        }

    def _principal(self, run: str, scene: Scene, step: str) -> dict[str, Any]:
        made = principal(self._value(run, scene, step))
        return {"kind": "principal", "file": self._add(png(made.pixels)), "shares": list(made.shares)}

    def shape(self, run: str, step: str) -> tuple[int, ...]:
        """C x H x W of a step's map. Raises ExplorerError for a run that is gone and a step that is not there."""
        scene = self._scene(run)
        if step == scene.argmax.name:
            return (1, *scene.shapes[scene.argmax.reads[0]][2:])
        if step not in scene.shapes:
            raise ExplorerError("bad_selection", f"there is no step {step!r}")
        return scene.shapes[step][1:]

    def map(self, run: str, step: str) -> np.ndarray:
        """A step's map in full, C x H x W float32; labels as uint8. Raises what `shape` raises."""
        self.shape(run, step)
        scene = self._scene(run)
        if step == scene.argmax.name:
            scores = self._computed(scene.local, scene, scene.argmax.reads[0])  # of no difference
            return scores.argmax(1).to(torch.uint8).numpy()
        return self._value(run, scene, step)[0].numpy()

    def _value(self, run: str, scene: Scene, step: str) -> Tensor:
        """A step's whole map, computed again; the last ones are kept."""
        found = self._values.get((run, step))
        if found is None:
            found = self._computed(scene.local, scene, step)
            if scene.plain:
                found = found - self._computed(scene.plain, scene, step)
            self._values.put((run, step), found, found.nbytes)
        return found

    @staticmethod
    def _computed(local: WindowRunner, scene: Scene, step: str) -> Tensor:
        """A step's whole map; `local` is made outside inference mode: its weights serve gradients too."""
        height, width = scene.shapes[step][2:]
        with torch.inference_mode():
            return local.values(step, Region((0, height), (0, width)))[step]

    def _add(self, content: bytes) -> str:
        name = self.files.add(content, ".png")
        self._made.put(object(), name, len(content))
        return name
