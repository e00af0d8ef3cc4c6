"""Label every pixel of an image of any size: tile by tile, on a device that may run out of memory."""

from __future__ import annotations

import time
from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from explorer.geometry import Region
from explorer.inference.canvas import Canvas
from explorer.inference.devices import PeakMemory, give_back, is_out_of_memory, out_of_memory, resident
from explorer.inference.forecast import SPARE, macs_of_steps
from explorer.inference.frames import placement
from explorer.inference.networks import on_device
from explorer.inference.plan import Plan, in_precision, shape_of
from explorer.inference.speed import Clock, Speed
from explorer.inference.tiles import Tile, halves
from explorer.local import WindowRunner
from explorer.trace import synchronise

STRIP = 128  # rows that are turned into labels at a time
SMALLEST = 32  # pixels; a tile of this side is all halo already


@dataclass(frozen=True)
class Progress:
    """Where a run stands: the share of its work that is done, the tile and step it is at, seconds that are left."""

    share: float
    tile: int  # from 1
    tiles: int
    step: str
    seconds_left: float | None  # None until there is something to judge by


@dataclass(frozen=True)
class Remark:
    """What a person should know about how a run went. `code`: "smaller_tiles", "moved_to_cpu" or "not_finite"."""

    code: str
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Outputs:
    """Where results go: arrays in memory, or files that take slices as arrays do. Only `labels` is needed.

    labels  H x W uint8; confidence  H x W, the winning class's probability; scores  classes x H x W
    """

    labels: Any
    confidence: Any = None
    scores: Any = None

    @staticmethod
    def bytes(size: tuple[int, int], classes: int, scores: bool = False) -> int:
        """Of those that `in_memory` makes."""
        return size[0] * size[1] * (1 + 4 + (4 * classes if scores else 0))

    @classmethod
    def in_memory(cls, size: tuple[int, int], classes: int, scores: bool = False) -> Outputs:
        """Arrays for an image of `size` (height, width)."""
        return cls(
            np.zeros(size, np.uint8),
            np.zeros(size, np.float32),
            np.zeros((classes, *size), np.float32) if scores else None,
        )


@dataclass(frozen=True, eq=False)
class Labelling:
    """A finished run. `tiles` are those that were run in the end, `seconds` per step summed over them."""

    outputs: Outputs
    plan: Plan
    tiles: tuple[Tile, ...]
    device: str
    precision: str  # that of the device in the end
    seconds: float
    step_seconds: dict[str, float]
    peak: int | None  # bytes beyond what was held before; None if the device cannot tell
    remarks: tuple[Remark, ...]


def label(
    module: nn.Module,
    canvas: Canvas,
    plan: Plan,
    outputs: Outputs,
    progress: Callable[[Progress], bool | None] | None = None,
    speed: Speed | None = None,
) -> Labelling:
    """Run `module` (in eval mode, on the CPU) on a canvas as planned and fill `outputs`.

    When the device runs out of memory the tiles that are left are halved, again and again, and at last taken to the
    CPU. `progress` is called before every step; returning False stops with CancelledError. `speed` lets it say from
    the beginning how long the run takes. Raises ExplorerError if the memory does not even suffice for the smallest
    tiles on the CPU.
    """
    run = _Run(module, canvas, plan, outputs, progress, speed)
    began = time.perf_counter()
    try:
        with PeakMemory(plan.device) as memory:
            run.all()
    finally:
        run.forget()
    seconds = time.perf_counter() - began
    return Labelling(
        outputs,
        plan,
        tuple(run.done),
        run.device,
        run.precision,
        seconds,
        dict(run.seconds),
        memory.bytes,
        tuple(run.remarks),
    )


class _Run:
    """The tiles that are left, and where they are computed at the moment."""

    def __init__(
        self,
        module: nn.Module,
        canvas: Canvas,
        plan: Plan,
        outputs: Outputs,
        progress: Callable[[Progress], bool | None] | None,
        speed: Speed | None,
    ) -> None:
        if canvas.shape != plan.network:
            raise ValueError(f"the plan is for an input of {plan.network} pixels, this one has {canvas.shape}")
        self.module, self.canvas, self.plan, self.outputs, self.progress = module, canvas, plan, outputs, progress
        self.shape, self.step, self.scoring = shape_of(plan.spec, plan.precision, plan.alone or plan.network)
        self.todo, self.done = deque(plan.tiles), list[Tile]()
        self.remarks: list[Remark] = []
        self.seconds: dict[str, float] = defaultdict(float)
        self.works: dict[tuple[tuple[int, int], ...], Mapping[str, float]] = {}
        self.speed, self.clock = speed, Clock(known=speed is not None)
        self.spent = self.total = 0.0  # work: of all tiles begun, and with those that are left
        self.before: int | None = None  # bytes that the process held when it began
        self._move(plan.device, plan.precision)

    def _move(self, device: str, precision: str) -> None:
        """Compute on another device, or with other numbers, from now on."""
        if (device, precision) != (self.plan.device, self.plan.precision):
            self.clock.restart(self.spent)
        self.device = device
        module = in_precision(self.module, precision, self.scoring)
        # one of another precision is a copy of this run's own already, and goes with it
        module = on_device(module, device) if module is self.module else module.to(device)
        self.precision = precision
        self.local: WindowRunner | None = WindowRunner(module, self.shape.image, self.shape.shapes)
        self._count()

    def _tidy(self) -> None:
        """Between tiles nothing is held but results: more than half of SPARE beyond them is memory in pieces."""
        held = resident() if self.device == "cpu" else None
        if held and self.before and held - self.before > self.plan.held + SPARE // 2:
            give_back()

    def forget(self) -> None:
        """Give the device's memory back."""
        self.local = None
        give_back()
        if self.device == "cuda":
            torch.cuda.empty_cache()
        elif self.device == "mps":
            torch.mps.empty_cache()

    def all(self) -> None:
        self.before = resident()
        while self.todo:
            full = False
            try:
                scores = self._scores(self.todo[0])
                if not bool(torch.isfinite(scores).all()) and self.precision == "float16":
                    self.remarks.append(Remark("not_finite"))  # beyond 65504: float16 has no larger number
                    self._move(self.device, "float32")
                    continue
                self._write(self.todo[0].output, scores)
                del scores
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                full = True
            if full:  # outside of the handler, which holds on to the values of all its frames
                self._make_room()
                continue
            self.done.append(self.todo.popleft())
            self.clock.mark(self.spent)
            self._tidy()

    def _scores(self, tile: Tile) -> Tensor:
        """Class scores of a tile, 1 x classes x h x w."""
        assert self.local
        window = tile.input
        if self.plan.alone:  # of the window at the edge, only what the pixels that are there depend on
            needed = self.local.regions(self.step, self.plan.units(tile))["image"]
            (top, _), (left, _) = window.spans
            window = Region(*((o + low, o + high) for o, (low, high) in zip((top, left), needed.spans, strict=True)))
        order = torch.contiguous_format if self.device == "mps" else torch.channels_last  # half the time and memory
        image = self.canvas.window(window).to(self.device, memory_format=order)
        watch = _Watch(self.seconds, self.device, self._teller(tile))
        scores = self.local.run(self.step, self.plan.units(tile), image, watch)
        watch.stop()
        return scores

    def _teller(self, tile: Tile) -> Callable[[str], bool | None]:
        """Tells `progress` of every step of a tile."""
        if not self.progress:
            return lambda name: True
        progress, costs, done = self.progress, self._work(tile), self.spent
        self.spent += sum(costs.values())

        def tell(name: str) -> bool | None:
            nonlocal done
            share, left = done / self.total, self.clock.left(done, self.total)
            done += costs[name]
            return progress(Progress(share, len(self.done) + 1, len(self.done) + len(self.todo), name, left))

        return tell

    def _work(self, tile: Tile) -> Mapping[str, float]:
        """Of each step: forecast seconds, or multiply-accumulates where no speed is known."""
        kind = tile.output.shape, tile.input.shape
        if kind not in self.works:  # tiles alike take the same
            of = self.speed.seconds_of_steps if self.speed else macs_of_steps
            self.works[kind] = of(self.shape, self.step, self.plan.units(tile))
        return self.works[kind]

    def _count(self) -> None:
        """What there is to do, anew: the tiles that are left are others, or one of them has to be run again."""
        if self.progress:
            self.total = self.spent + sum(sum(self._work(tile).values()) for tile in self.todo)

    def _write(self, output: Region, scores: Tensor) -> None:
        top, cols = output.rows[0], slice(*output.cols)
        for part in scores[0].split(STRIP, 1):  # a strip at a time: softmax takes as much memory as the scores
            part = part.float()
            rows = slice(top, top + part.shape[1])
            self.outputs.labels[rows, cols] = part.argmax(0).to(torch.uint8).cpu().numpy()
            if self.outputs.confidence is not None:
                self.outputs.confidence[rows, cols] = part.softmax(0).amax(0).cpu().numpy()
            if self.outputs.scores is not None:
                self.outputs.scores[:, rows, cols] = part.cpu().numpy()
            top = rows.stop

    def _make_room(self) -> None:
        """Halve the tiles that are left, or go to the CPU where they cannot be any smaller."""
        if self.device == "cuda":
            torch.cuda.empty_cache()
        period = placement(self.plan.spec).sizes.period
        smaller = list(self.todo)
        if not self.plan.alone:  # a smaller tile of those would be another result
            smaller = [p for tile in self.todo for p in halves(self.shape, self.step, tile, max(period, SMALLEST))]
        if len(smaller) > len(self.todo):
            self.todo = deque(smaller)
            self._count()
            if not any(remark.code == "smaller_tiles" for remark in self.remarks):
                self.remarks.append(Remark("smaller_tiles", {"device": self.device}))
        elif self.device != "cpu":
            self.remarks.append(Remark("moved_to_cpu", {"device": self.device}))
            self.forget()
            self._move("cpu", "float32")
        else:
            raise out_of_memory(self.device)


class _Watch:
    """Adds up the seconds of each step, and passes its name on."""

    def __init__(self, seconds: dict[str, float], device: str, tell: Callable[[str], bool | None]) -> None:
        self.seconds, self.device, self.tell = seconds, torch.device(device), tell
        self.name = ""

    def __call__(self, name: str) -> bool | None:
        self.stop()
        self.name, self.began = name, time.perf_counter()
        return self.tell(name)

    def stop(self) -> None:
        synchronise(self.device)
        if self.name:
            self.seconds[self.name] += time.perf_counter() - self.began
