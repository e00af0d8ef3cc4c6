"""Scale lab, run: seconds and memory of a network and of the same one at full resolution, after a forecast.

A pass is run layer by layer on the CPU. Memory is what is alive of all that torch makes (maps, and the places of the
maxima that its poolings note beside theirs), at the fullest moment; what the library of a convolution takes for itself
while it runs is not seen.
"""

from __future__ import annotations

import math
import time
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import accumulate
from statistics import median
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from explorer.errors import ExplorerError
from explorer.inference.forecast import Forecast
from explorer.labs.scaling import CHANNELS_IN, NUMBER, Design, Layer, Layers, full_resolution, layers
from explorer.replay import Progress
from explorer.trace import CancelledError

ROOM = 3 * 2**29  # bytes of weights and activations together: 1.5 GiB
LONGEST = 5.0  # seconds of a pass; with the one to warm up and PASSES of them it makes 20
PASSES = 3  # whose median counts
PLACE = 8  # bytes by which a pooling notes where a maximum stands
PROBED = 2 * 10**8  # multiply-accumulates by which a layer's speed is measured, at most
SMALLEST, LARGEST = 8, 128  # units a side of the map that it is measured on


def build(made: Design | Sequence[Layer]) -> nn.Sequential:
    """A design, or layers, as a network with torch's first weights, in eval mode: N x 3 x H x W -> its last map."""
    found: list[nn.Module] = []
    for layer in layers(made) if isinstance(made, Design) else made:
        if layer.kind == "pool":
            found.append(nn.MaxPool2d(2))
            continue
        padding = layer.dilation * (layer.kernel - 1) // 2
        found.append(
            nn.Conv2d(layer.channels_in, layer.channels_out, layer.kernel, padding=padding, dilation=layer.dilation)
        )
        found.append(nn.ReLU(inplace=True))
    return nn.Sequential(*found).eval()


def forecast(design: Design, poolings: bool = True) -> Forecast:
    """What a pass of a design takes, with its poolings or at full resolution, where the image and the map that a layer
    reads are alive beside the one that it makes.

    Raises ExplorerError where that is more than ROOM: "lab_scale_room", with the largest input that would do, or
    "lab_scale_weights" where no input does.
    """
    made = _forecast(_layers(design, poolings), design.size)
    if made.bytes <= ROOM:
        return made
    mib, room = math.ceil(made.bytes / 2**20), ROOM // 2**20
    low, high = 2**design.poolings - 1, design.size  # the largest size that does is from low to high - 1
    while high - low > 1:
        middle = (low + high) // 2
        fits = _forecast(_layers(replace(design, size=middle), poolings), middle).bytes <= ROOM
        low, high = (middle, high) if fits else (low, middle)
    if low < 2**design.poolings:
        said = f"This network takes {mib} MiB, mostly for its weights, and {room} are allowed: take fewer channels."
        raise ExplorerError("lab_scale_weights", said, mib=mib, room=room)
    said = f"At {design.size} pixels a pass takes {mib} MiB, and {room} are allowed: take at most {low} pixels."
    raise ExplorerError("lab_scale_room", said, size=design.size, mib=mib, room=room, nearest=low)


def _layers(design: Design, poolings: bool) -> Layers:
    return layers(design) if poolings else full_resolution(design)


def _forecast(made: Layers, size: int) -> Forecast:
    image = NUMBER * CHANNELS_IN * size**2
    held = [image]
    for i, layer in enumerate(made):
        read = made[i - 1].activation_bytes if i else 0
        places = PLACE * layer.channels_out * layer.height**2 if layer.kind == "pool" else 0
        held.append(image + read + layer.activation_bytes + places)
    return Forecast(NUMBER * sum(one.parameters for one in made), max(held), sum(one.macs for one in made))


@dataclass(frozen=True)
class Run:
    """What a network took: seconds of a pass (median), and bytes of activations at its fullest moment. `foretold` are
    the seconds that the probe gave."""

    seconds: float
    activations: int
    foretold: float
    forecast: Forecast


@dataclass(frozen=True)
class Measured:
    """A design's run, and that of the same layers at full resolution: None where these are the design, or refused."""

    own: Run
    full: Run | None
    refused: ExplorerError | None
    threads: int

    @property
    def ratio(self) -> float | None:
        """How many times as long full resolution takes."""
        return self.full.seconds / self.own.seconds if self.full else None


def measure(design: Design, progress: Progress | None = None) -> Measured:
    """Run a design and, with the same weights, its layers at full resolution, on noise.

    progress  called with (parts done, parts in all, name of the layer); returning False stops with CancelledError

    Raises ExplorerError where the design itself cannot run: as `forecast` does, and "lab_scale_time" where a probe of
    its layers foretells more than LONGEST seconds a pass.
    """
    own = forecast(design)
    network = build(design)
    halves = 2 if design.poolings else 1
    parts = PASSES + 2  # the probe, the pass that warms up
    tell = _teller(progress, 0, halves * parts)
    ran = _run(design, layers(design), network, own, tell)
    full, refused = None, None
    if design.poolings:
        flat = nn.Sequential(*(part for part in network if not isinstance(part, nn.MaxPool2d)))
        try:
            whole = forecast(design, poolings=False)
            full = _run(design, full_resolution(design), flat, whole, _teller(progress, parts, halves * parts))
        except ExplorerError as error:
            refused = error
    return Measured(ran, full, refused, torch.get_num_threads())


Tell = Callable[[int, str], None]


def _teller(progress: Progress | None, before: int, total: int) -> Tell:
    def tell(part: int, name: str) -> None:
        if progress and progress(before + part, total, name) is False:
            raise CancelledError(name)

    return tell


def _run(design: Design, made: Layers, network: nn.Sequential, held: Forecast, tell: Tell) -> Run:
    steps = _steps(made, network)
    with torch.inference_mode():
        image = torch.rand(1, CHANNELS_IN, design.size, design.size)
        foretold = _probe(steps, tell)
        if foretold > LONGEST:
            raise _too_long(design, foretold)
        done = list(accumulate((layer.macs for layer in made), initial=0))
        late = [design, [share / max(1, done[-1]) for share in done]]
        with _Alive(image) as alive:
            _pass(steps, image, partial(tell, 1), late)
        seconds = [_pass(steps, image, partial(tell, 2 + i), late) for i in range(PASSES)]
    return Run(median(seconds), alive.most, foretold, held)


def _steps(made: Layers, network: nn.Sequential) -> list[tuple[Layer, nn.Sequential]]:
    """Each layer with its modules: a convolution with its ReLU."""
    at, found = 0, []
    for layer in made:
        count = 1 if layer.kind == "pool" else 2
        found.append((layer, network[at : at + count]))
        at += count
    return found


def _pass(steps: list[tuple[Layer, nn.Sequential]], x: Tensor, tell: Callable[[str], None], late: list[Any]) -> float:
    """Seconds of a pass. Raises ExplorerError ("lab_scale_time") on the way where it takes twice as long as allowed."""
    design, shares = late
    spent = 0.0
    for i, (layer, part) in enumerate(steps):
        tell(layer.name)
        began = time.perf_counter()
        x = part(x)
        spent += time.perf_counter() - began
        if spent > 2 * LONGEST:
            raise _too_long(design, spent / shares[i + 1] if shares[i + 1] else spent)
    return spent


def _probe(steps: list[tuple[Layer, nn.Sequential]], tell: Tell) -> float:
    """Seconds that a pass will take: each layer on a small part of its map, as much of it as counts."""
    known: dict[tuple[Any, ...], float] = {}
    total = 0.0
    for layer, part in steps:
        tell(0, layer.name)
        units = layer.macs // layer.height**2
        side = math.isqrt(PROBED // units) if units else LARGEST
        side = min(layer.height, LARGEST, max(SMALLEST, side))
        key = (layer.kind, layer.kernel, layer.dilation, layer.channels_in, layer.channels_out, side)
        if key not in known:
            read = 2 * side if layer.kind == "pool" else side
            x = torch.rand(1, layer.channels_in, read, read)
            known[key] = min(_seconds(part, x) for _ in range(3)) / side**2  # the first one loads what it needs
        total += known[key] * layer.height**2
    return total


def _seconds(part: nn.Module, x: Tensor) -> float:
    began = time.perf_counter()
    part(x)
    return time.perf_counter() - began


def _too_long(design: Design, seconds: float) -> ExplorerError:
    nearest = max(2**design.poolings, int(design.size * math.sqrt(LONGEST / seconds)))
    seconds, most = float(f"{seconds:.2g}"), LONGEST
    said = (
        f"At {design.size} pixels a pass takes about {seconds:g} seconds, and {most:g} are allowed: "
        f"take at most {nearest} pixels."
    )
    return ExplorerError("lab_scale_time", said, size=design.size, seconds=seconds, most=most, nearest=nearest)


class _Alive(TorchDispatchMode):
    """Counts the bytes of all tensors that are made while it is entered, as long as they live; `most` of them at a
    time, with the image."""

    def __init__(self, image: Tensor) -> None:
        super().__init__()
        self._storages: weakref.WeakSet[Any] = weakref.WeakSet()
        self._image = image.untyped_storage()
        self._storages.add(self._image)
        self.most = self._image.nbytes()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = kwargs or {}
        with self:  # an operation made of others is seen as these: only so does a pooling show its places
            made = func.decompose(*args, **given)
        if made is not NotImplemented:
            return made
        made = func(*args, **given)
        for part in tree_leaves(made):
            if isinstance(part, Tensor):
                self._storages.add(part.untyped_storage())
        self.most = max(self.most, sum(storage.nbytes() for storage in self._storages))
        return made
