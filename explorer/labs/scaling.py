"""Scale lab: what shrinking and growing again buys. A small network's contracting half beside itself without poolings.

A convolution's parameters do not depend on the size of the map that it moves over. Multiply-accumulates and memory do,
and so does how far a unit sees: each pooling (Long et al. 2015, section 3; Ronneberger et al. 2015, section 2) doubles
what every later layer adds to the field. The expansive half is left out: it has no poolings, and a network that keeps
its resolution needs none.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from fractions import Fraction
from functools import lru_cache

import numpy as np
import torch

from explorer.errors import ExplorerError
from explorer.fields import whole_fields
from explorer.geometry import Axis, Grid, Window
from explorer.labs.margins import LARGE
from explorer.labs.walk import legal
from explorer.models import ModelSpec, without_weights
from explorer.trace import Step, trace

POOLING = Window(2, 2)
CHANNELS_IN = 3  # of the image
NUMBER = 4  # bytes of a float32
QUARTER = 4  # a bottleneck's kernel works on so many times fewer channels (He et al. 2016, Fig. 5)
VGG_UNITS = 4096  # of VGG-16's fully connected layers (Simonyan and Zisserman 2015)
CHOICES: dict[str, Sequence[int | float]] = {
    "poolings": range(7),
    "convolutions": range(1, 5),
    "kernel": (1, 3, 5, 7),
    "dilation": range(1, 9),
    "width": range(4, 129),
    "growth": (1, 1.5, 2),
    "size": range(1, 2049),
}
PAPERS = {  # each paper's network and the input size of its figures or tables
    "fcn8s": (ModelSpec("fcn8s"), 500),
    "unet": (ModelSpec("unet", in_channels=1, classes=2), 572),
}


@dataclass(frozen=True)
class Design:
    """A contracting half: levels of `convolutions`, each level but the last followed by a 2 x 2 max pooling.

    poolings      0 to 6, so one level more;  convolutions  per level, 1 to 4, zero-padded so that they keep the size
    kernel        1, 3, 5 or 7;  dilation  1 to 8, of every kernel
    width         channels of the first level, 4 to 128;  growth  factor from level to level: 1, 1.5 or 2
    bottleneck    each convolution becomes 1 x 1 to a quarter of the channels, the kernel, and 1 x 1 back
    size          height and width of the input, at most 2048, at least a pixel for the last level

    Raises ExplorerError ("lab_scale") for settings outside of these.
    """

    poolings: int = 4
    convolutions: int = 2
    kernel: int = 3
    dilation: int = 1
    width: int = 16
    growth: float = 2
    bottleneck: bool = False
    size: int = 128

    def __post_init__(self) -> None:
        for field in fields(self):
            name, value = field.name, getattr(self, field.name)
            if name in CHOICES and value not in CHOICES[name]:
                known = CHOICES[name]
                raise _refused(name, value, known[0], known[-1])
        if self.size < 2**self.poolings:
            raise _refused("size", self.size, 2**self.poolings, CHOICES["size"][-1])

    def channels(self, level: int) -> int:
        """Channels of a level, the first one 0."""
        return max(1, round(self.width * self.growth**level))


def _refused(name: str, value: object, low: object, high: object) -> ExplorerError:
    said = f"A network with {name} {value} cannot be built: choose {name} from {low} to {high}."
    return ExplorerError("lab_scale", said, setting=name, value=value, low=low, high=high)


@dataclass(frozen=True)
class Layer:
    """One layer with its map, `height` x `height` x `channels_out`.

    kind     "conv" (a convolution and its ReLU, which works in place) or "pool"; of the papers' networks "up" too
    jump     input pixels between neighbouring units
    field    input pixels that a unit sees along an axis where no edge cuts its field
    macs     multiply-accumulates of one pass;  activation_bytes  of the map, in float32
    """

    name: str
    kind: str
    kernel: int
    dilation: int
    jump: float
    field: int
    channels_in: int
    channels_out: int
    height: int
    parameters: int
    macs: int
    activation_bytes: int


Layers = tuple[Layer, ...]


def layers(design: Design) -> Layers:
    """A design's layers, from the image on.

    >>> made = layers(Design(poolings=1, convolutions=1, width=4, size=8))
    >>> [(layer.name, layer.jump, layer.field, layer.height) for layer in made]
    [('conv1_1', 1, 3, 8), ('pool1', 2, 4, 4), ('conv2_1', 2, 8, 4)]
    """
    return made_of(parts_of(design), design.size)


def full_resolution(design: Design) -> Layers:
    """The same layers, and so the same parameters, without the poolings: every map keeps the input's size."""
    return made_of([part for part in parts_of(design) if part.kind == "conv"], design.size)


@dataclass(frozen=True)
class Part:
    """What a layer is, before a size is known."""

    name: str
    kind: str
    kernel: int
    dilation: int
    channels_in: int
    channels_out: int


def parts_of(design: Design) -> list[Part]:
    """A design's layers, before a size is known."""
    found: list[Part] = []
    channels = CHANNELS_IN
    for level in range(design.poolings + 1):
        for i in range(design.convolutions):
            name, out = f"conv{level + 1}_{i + 1}", design.channels(level)
            found += convolution(name, design, design.dilation, channels, out)
            channels = out
        if level < design.poolings:
            found.append(Part(f"pool{level + 1}", "pool", POOLING.kernel, 1, channels, channels))
    return found


def convolution(name: str, design: Design, dilation: int, channels: int, out: int) -> list[Part]:
    """One convolution, or the three that a bottleneck makes of it."""
    if not design.bottleneck:
        return [Part(name, "conv", design.kernel, dilation, channels, out)]
    thin = max(1, out // QUARTER)
    return [
        Part(f"{name}a", "conv", 1, 1, channels, thin),
        Part(f"{name}b", "conv", design.kernel, dilation, thin, thin),
        Part(f"{name}c", "conv", 1, 1, thin, out),
    ]


def made_of(parts: Iterable[Part], size: int) -> Layers:
    """Parts one behind the other, on an input of so many pixels a side."""
    found, jump, field = [], 1, 1
    for part in parts:
        op = _window(part.kind, part.kernel, part.dilation)
        more, jump = _along(op, jump)
        size, field = op.size(size), field + more
        weights = part.kernel**2 * part.channels_in * part.channels_out if part.kind == "conv" else 0
        found.append(
            Layer(
                part.name,
                part.kind,
                part.kernel,
                part.dilation,
                jump,
                field,
                part.channels_in,
                part.channels_out,
                size,
                weights + (part.channels_out if weights else 0),
                weights * size**2,
                NUMBER * part.channels_out * size**2,
            )
        )
    return tuple(found)


def growth(kernel: int, dilation: int) -> int:
    """Pixels by which a convolution lets fields grow at full resolution."""
    return _along(_window("conv", kernel, dilation), 1)[0]


@lru_cache(maxsize=1024)
def _window(kind: str, kernel: int, dilation: int) -> Window:
    if kind == "pool":
        return POOLING
    op = Window(kernel, dilation=dilation)
    return replace(op, padding=(op.extent - 1) // 2)


@lru_cache(maxsize=4096)
def _along(op: Window, jump: int) -> tuple[int, int]:
    """Pixels by which a window lets fields grow, and the jump behind it: one window is laid over units that see one
    pixel each, a jump apart."""
    pixels = np.arange(op.extent) * jump
    window = Axis(Grid(Fraction(jump)), pixels, pixels).through(replace(op, padding=0))
    return int(window.extents[0]) - 1, int(window.grid.jump)


# ---- beside it


def fully_connected(made: Layers, units: int = VGG_UNITS) -> int:
    """Parameters of a fully connected layer on the last map, as wide as VGG-16's: these depend on the map's size."""
    last = made[-1]
    return (last.channels_out * last.height**2 + 1) * units


@lru_cache(maxsize=8)
def reference(model: str) -> Layers:
    """A paper's whole network at full width, on the paper's input (FCN-8s 500, U-Net 572 pixels a side), from its own
    trace on the meta device; in order of computation. Crops, sums and what works value by value are no layers.

    Raises ExplorerError ("lab_mode") for another model than "fcn8s" and "unet".
    """
    if model not in PAPERS:
        raise ExplorerError("lab_mode", f"There is no network {model!r} to compare with: {', '.join(PAPERS)} are.")
    spec, size = PAPERS[model]
    network = without_weights(spec)
    seen = whole_fields(network, spec.in_channels, legal(network).at_least(LARGE))
    steps = trace(network, torch.empty(1, spec.in_channels, size, size, device="meta")).steps
    channels = {step.name: step.shape[1] for step in steps}
    return tuple(
        _of_step(step, channels[step.reads[0]], max(high - low + 1 for low, high in seen[step.name]))
        for step in steps
        if step.operation in KINDS
    )


KINDS = {"conv": "conv", "maxpool": "pool", "upconv": "up", "bilinear": "up"}  # kinds of operations, as a Layer's


def _of_step(step: Step, channels: int, field: int) -> Layer:
    kernel, dilation = (step.settings.get(name, (1, 1))[0] for name in ("kernel", "dilation"))
    _, out, height, width = step.shape
    return Layer(
        step.name,
        KINDS[step.operation],
        kernel,
        dilation,
        float(step.rows.grid.jump),
        field,
        channels,
        out,
        height,
        step.parameters,
        step.macs,
        NUMBER * out * height * width,
    )
