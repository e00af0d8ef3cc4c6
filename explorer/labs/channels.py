"""Channel lab: what a 1x1 convolution does, and what doubling the channels costs where height and width are halved.

A 1x1 convolution makes each of its channels a weighted sum of the channels that it reads, at one place alone: its
weights are a matrix. Down to the classes it is the per-pixel classifier (FCN's score layers, Long et al. 2015, section
3.1; U-Net's last layer, Ronneberger et al. 2015, section 2). VGG-16 and U-Net double the channels at (almost) every
pooling: the multiply-accumulates of a 3x3 layer stay about the same, as the trace says.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise

import numpy as np
import torch
from torch import nn

from explorer import unit
from explorer.errors import ExplorerError
from explorer.geometry import unit as region_of
from explorer.local import WindowRunner
from explorer.models import MODELS, ModelSpec, SizeError, without_weights
from explorer.trace import Step, trace

WIDE = 3  # the kernel that a 1x1 layer is compared with
PAPER = {"unet": 572, "fcn": 500}  # pixels of a side: Ronneberger et al. 2015, Fig. 1; PASCAL VOC's longer side


@dataclass(frozen=True)
class Mixer:
    """A 1x1 convolution: it reads `inputs` channels and makes `outputs`, at each of height x width places.

    parameters  weights and biases; macs  multiply-accumulates, one a weight and place, biases not counted
    wide_...    of the 3x3 convolution in its place, between the same channels and on the same map
    """

    step: str
    inputs: int
    outputs: int
    shape: tuple[int, int]
    scores: bool  # its outputs are the classes
    parameters: int
    macs: int
    wide_parameters: int
    wide_macs: int

    @property
    def ratios(self) -> tuple[Fraction, Fraction]:
        """How many times the parameters, and the multiply-accumulates, the 3x3 layer would have."""
        return Fraction(self.wide_parameters, self.parameters), Fraction(self.wide_macs, self.macs)


@dataclass(frozen=True)
class Level:
    """One 3x3 layer between as many channels as it makes, the last of its level on the path down or up.

    shape        height, width and channels of the map that it makes
    activations  numbers in that map
    """

    step: str
    path: str  # "contracting" or "expansive"
    level: int  # of resolution, 0 the finest
    shape: tuple[int, int, int]
    activations: int
    parameters: int
    macs: int


@dataclass(frozen=True)
class Change:
    """From a level of the path down to the next: how many times as much of each there is."""

    before: Level
    after: Level

    @property
    def channels(self) -> Fraction:
        return Fraction(self.after.shape[2], self.before.shape[2])

    @property
    def activations(self) -> Fraction:
        return Fraction(self.after.activations, self.before.activations)

    @property
    def parameters(self) -> Fraction:
        return Fraction(self.after.parameters, self.before.parameters)

    @property
    def macs(self) -> Fraction:
        return Fraction(self.after.macs, self.before.macs)


@dataclass(frozen=True)
class ChannelLab:
    """What a network's channels cost at an input of a size."""

    spec: ModelSpec
    size: tuple[int, int]
    mixers: tuple[Mixer, ...]
    levels: tuple[Level, ...]

    def __getitem__(self, step: str) -> Mixer:
        return {mixer.step: mixer for mixer in self.mixers}[step]

    @property
    def changes(self) -> tuple[Change, ...]:
        down = [level for level in self.levels if level.path == "contracting"]
        return tuple(Change(*pair) for pair in pairwise(down))


def paper(spec: ModelSpec) -> tuple[ModelSpec, tuple[int, int]]:
    """The paper's network in its full width with the channels and classes of a spec, and the size of its input."""
    side = PAPER[MODELS[spec.model].family]
    made = ModelSpec(spec.model, MODELS[spec.model].paddings[0], in_channels=spec.in_channels, classes=spec.classes)
    return made, (side, side)


@lru_cache(maxsize=32)
def channels(spec: ModelSpec, size: tuple[int, int]) -> ChannelLab:
    """A network's 1x1 layers and the cost of its levels, from a trace without weights.

    size  height and width of the network's input. Raises ExplorerError ("lab_illegal") for one that it does not
    take.
    """
    module = without_weights(spec)
    try:
        steps = trace(module, torch.empty(1, spec.in_channels, *size, device="meta")).steps
    except SizeError as error:
        high, wide = error.nearest
        details = {"height": size[0], "width": size[1], "heights": high, "widths": wide}
        raise ExplorerError("lab_illegal", str(error), **details) from error
    convolutions = [(step, part) for step in steps if isinstance(part := module.get_submodule(step.name), nn.Conv2d)]
    found: dict[tuple[str, int], Level] = {}
    for step, part in convolutions:
        keeps = part.kernel_size == (WIDE, WIDE) and part.in_channels == part.out_channels
        if keeps and step.role in ("contracting", "expansive"):
            found[step.role, step.level] = _level(step)
    mixers = tuple(_mixer(step, part) for step, part in convolutions if part.kernel_size == (1, 1))
    return ChannelLab(spec, size, mixers, tuple(found.values()))


def _mixer(step: Step, part: nn.Conv2d) -> Mixer:
    with torch.device("meta"):
        wide = nn.Conv2d(part.in_channels, part.out_channels, WIDE, padding=1, bias=part.bias is not None)
    height, width = step.shape[2:]
    return Mixer(
        step.name,
        part.in_channels,
        part.out_channels,
        (height, width),
        step.role == "score" or step.scores,
        step.parameters,
        step.macs,
        sum(p.numel() for p in wide.parameters()),
        wide.weight.numel() * height * width,
    )


def _level(step: Step) -> Level:
    _, made, height, width = step.shape
    shape = (height, width, made)
    return Level(step.name, step.role, step.level, shape, height * width * made, step.parameters, step.macs)


# ---- weights and values


@dataclass(frozen=True, eq=False)
class Matrix:
    """A 1x1 layer's weights, outputs x inputs float32, and its biases, one an output (zeros where it has none)."""

    weights: np.ndarray
    biases: np.ndarray

    def heaviest(self, output: int, most: int) -> list[int]:
        """The input channels that weigh most in an output, by magnitude."""
        order = np.argsort(-np.abs(self.weights[output]), kind="stable")
        return [int(channel) for channel in order[:most]]


def matrix(module: nn.Module, step: str) -> Matrix:
    """The matrix of a 1x1 layer. Raises ExplorerError ("lab_mixer") for a step that is none."""
    part = dict(module.named_modules()).get(step)
    if not isinstance(part, nn.Conv2d) or part.kernel_size != (1, 1) or part.groups != 1:
        raise ExplorerError("lab_mixer", f"{step!r} is no 1x1 convolution of this network.", step=step)
    weights = part.weight.detach()[:, :, 0, 0].float().cpu().numpy()
    biases = np.zeros(len(weights), np.float32) if part.bias is None else part.bias.detach().float().cpu().numpy()
    return Matrix(weights, biases)


@dataclass(frozen=True, eq=False)
class Products:
    """The arithmetic of all units of a 1x1 layer at one place.

    values  of the channels that it reads there; scores  what the network itself makes of them, one an output
    """

    unit: tuple[int, int]
    matrix: Matrix
    values: np.ndarray
    scores: np.ndarray

    def of(self, output: int) -> np.ndarray:
        """Weight times value, by input channel, float64."""
        return self.matrix.weights[output].astype(np.float64) * self.values + 0.0  # no "-0"

    def total(self, output: int) -> float:
        """Sum of the products and the bias."""
        return float(self.of(output).sum() + self.matrix.biases[output])

    def rest(self, output: int) -> float:
        """By how much the network's own value differs from that sum."""
        return abs(self.total(output) - float(self.scores[output]))


def products(local: WindowRunner, step: str, row: int, column: int) -> Products:
    """What a 1x1 layer multiplies and adds at a unit of its map: what that depends on is run once.

    Raises ExplorerError ("lab_mixer") for a step that is none, ValueError for a unit that it does not have.
    """
    found = matrix(local.module, step)
    unit.check(local, step, 0, row, column)
    with torch.inference_mode():
        ran = local.values(step, region_of(row, column))
    (source,) = local.sources(step)
    values, scores = (ran[name][0, :, 0, 0].double().cpu().numpy() for name in (source, step))
    return Products((row, column), found, values, scores)
