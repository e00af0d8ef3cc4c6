"""Tap lab, values: FCN's class scores split into the terms that its score layers bring, exactly.

FCN fuses class scores by sum and enlarges them by fixed filters without bias (Long et al. 2015, sections 3.3 and 4.2):
all that lies behind the score layers is linear. The score of a class at a pixel is therefore the sum of one term a
score layer, each with that layer's own bias.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from explorer.errors import ExplorerError
from explorer.labs.judging import Figures, Output, check_truth, judge, output_of
from explorer.labs.walk import walk
from explorer.replay import Made, Progress, Replay

CLOSE = 1e-4  # of the largest score, or of 1: what rounding may leave between the sum of the terms and the score


@dataclass(frozen=True, eq=False)
class Split:
    """Scores and their terms, 1 x classes x H x W each; `streams` by name of the score layer, the coarsest first.

    `rest` is the largest difference between the sum of the terms and the scores.
    """

    output: Output
    streams: dict[str, Tensor]
    rest: float

    def at(self, row: int, column: int) -> dict[str, np.ndarray]:
        """The term that each stream brings to each class at a pixel of the output. Raises IndexError beyond it."""
        height, width = self.output.labels.shape
        if not (0 <= row < height and 0 <= column < width):
            raise IndexError(f"the output has {height} x {width} pixels, none at {row}, {column}")
        return {name: stream[0, :, row, column].cpu().numpy() for name, stream in self.streams.items()}


@dataclass(frozen=True, eq=False)
class Scaled:
    """The prediction with streams scaled, beside the untouched one."""

    made: Output
    untouched: Output
    figures: Figures


class Streams:
    """A network in eval mode on an image (1 x C x H x W), ready to have the streams of its score layers taken apart.

    progress  called before each step of the one full run, as in `trace`: returning False stops with CancelledError

    Raises ExplorerError ("lab_streams") for a network whose scores are no sum of terms, as U-Net's.
    """

    def __init__(self, module: nn.Module, image: Tensor, progress: Progress | None = None) -> None:
        rows, cols = walk(module, image.shape[2], axis=0), walk(module, image.shape[3], axis=1)
        self.layers = rows.score_layers
        if len(self.layers) < 2:
            raise ExplorerError(
                "lab_streams", f"This network has one score layer, {self.layers[0]}: there is no sum to split."
            )
        self.module, self._axes = module, (rows.output, cols.output)
        self._size = (image.shape[2], image.shape[3])
        self._replay = Replay(module, image, self.layers, progress=progress)
        self.untouched = output_of(self._replay.final, self._axes)

    def split(self) -> Split:
        """Each term alone. Raises ExplorerError ("lab_streams") where they do not add up, as where something behind the
        score layers is not linear."""
        streams = {
            layer: self._scores({other: 0.0 for other in self.layers if other != layer}) for layer in self.layers
        }
        final = self._replay.final
        rest = float((torch.stack(list(streams.values())).sum(0) - final).abs().max())
        if not rest <= CLOSE * max(1.0, float(final.abs().max())):
            raise ExplorerError("lab_streams", f"The terms do not add up to the scores: {rest:.3g} is left.", rest=rest)
        return Split(self.untouched, streams, rest)

    def scaled(self, factors: Mapping[str, float], truth: np.ndarray | None = None) -> Scaled:
        """The prediction with what some score layers give, their bias included, times a factor: 0 turns a stream off.

        truth  true labels on the network's input, H x W, 255 where they are not judged
        """
        check_truth(truth, self._size)
        if unknown := set(factors) - set(self.layers):
            said = f"There is no score layer {min(unknown)!r}: choose one of {', '.join(self.layers)}."
            raise ExplorerError("lab_streams", said, layer=min(unknown))
        made = output_of(self._scores(factors), self._axes)
        return Scaled(made, self.untouched, judge(made, self.untouched, made.scores.shape[1], truth))

    def _scores(self, factors: Mapping[str, float]) -> Tensor:
        return self._replay.run({name: _times(self.module.get_submodule(name), by) for name, by in factors.items()})


def _times(layer: nn.Module, factor: float) -> Made:
    """A layer whose map is multiplied by a factor."""

    def made(x: Tensor) -> Tensor:
        scores: Tensor = layer(x)
        return scores * factor if factor else torch.zeros_like(scores)

    return made


def weights_of_streams(module: nn.Module, size: tuple[int, int]) -> dict[str, np.ndarray]:
    """How much of each score layer's map reaches each output pixel of an input of this size: the sum of the weights of
    all units that it is made of, H x W, by name of the layer. 1 where it comes whole; less near the border where the
    enlarged map ends. Only what lies behind the score layers is computed."""
    rows, cols = walk(module, size[0], axis=0), walk(module, size[1], axis=1)
    layers, like = rows.score_layers, next(module.parameters())
    behind: set[str] = set()
    for step, reads in rows.reads.items():
        if step in layers or behind & set(reads):
            behind.add(step)
    instead = {step: _nothing for step, reads in rows.reads.items() if reads and step not in behind}
    channels, classes = int(module.input.channels), int(module.classes)  # type: ignore[union-attr,arg-type]
    shapes = {layer: (1, classes, len(rows.axes[layer]), len(cols.axes[layer])) for layer in layers}
    ones = {layer: _constant(like.new_ones(shape)) for layer, shape in shapes.items()}
    zeros = {layer: _constant(like.new_zeros(shape)) for layer, shape in shapes.items()}
    replay = Replay(module, like.new_zeros((1, channels, *size)), layers, {**instead, **ones})
    return {layer: replay.run({**zeros, layer: ones[layer]})[0, 0].cpu().numpy() for layer in layers}


def _nothing(x: Tensor) -> Tensor:
    return x[:0]


def _constant(value: Tensor) -> Made:
    return lambda *_: value
