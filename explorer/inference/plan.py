"""Before a run: how much memory each way of running takes, and the way that fits."""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from functools import lru_cache

import torch
from torch import nn

from explorer.errors import ExplorerError
from explorer.geometry import Region
from explorer.images import MAX_PIXELS
from explorer.inference.devices import DTYPES, device_name, free_memory, pick_device, pick_precision
from explorer.inference.forecast import Forecast, forecast, macs_of_steps
from explorer.inference.frames import border, placement
from explorer.inference.tiles import Tile, cut, spans
from explorer.local import WindowRunner
from explorer.models import MODELS, ModelSpec, without_weights
from explorer.operations import known
from explorer.trace import trace

SHARE = 0.7  # of the free memory that a run may be forecast to take
SIDES = (4096, 3072, 2048, 1536, 1024, 768, 512, 384, 256, 192, 128, 96, 64, 32)  # pixels of a tile's output
WAYS = ("auto", "whole", "tiles", "paper")
PAPERS_TILE = 572  # pixels a side (Ronneberger et al. 2015, figure 1)
MOST_TILES = 2**16
MOST_WORK = 8  # times the work of the whole image, or of the largest that is read, that tiles may do with their halos


@dataclass(frozen=True)
class RunOptions:
    """What a person asks for. `way` "auto" is whole where it fits, else tiles that are exact.

    "paper" are the abutting tiles of U-Net's paper, each run as an image of its own, which is not exact. `side` of a
    tile's output in pixels (of the input for "paper"), None picks.
    """

    device: str = "auto"
    precision: str = "float32"
    way: str = "auto"
    side: int | None = None


DEFAULTS = RunOptions()


@dataclass(frozen=True, eq=False)
class Plan:
    """How an image of a size will be run; `free` are the device's bytes when it was made, None if unknown."""

    spec: ModelSpec
    size: tuple[int, int]  # of the image, height and width
    network: tuple[int, int]  # of the network's input
    device: str
    precision: str
    side: int | None  # of a tile's output in pixels; None: the whole image at once
    tiles: tuple[Tile, ...]
    forecast: Forecast  # of the most costly tile
    free: int | None
    alone: tuple[int, int] | None = None  # the size of a tile's input, where each is run as an image of its own
    held: int = 0  # bytes of results in memory, where that is the device's

    @property
    def bytes(self) -> int:
        """All that the run is forecast to take."""
        return self.forecast.bytes + self.held

    @property
    def fits(self) -> bool:
        return self.free is None or self.bytes <= SHARE * self.free

    def units(self, tile: Tile) -> Region:
        """A tile's output in units of the network that computes it: the whole one, or one that sees the tile alone."""
        height, width = tile.output.shape
        return Region((0, height), (0, width)) if self.alone else tile.output

    @property
    def macs(self) -> int:
        """Multiply-accumulates of all tiles."""
        local, step, _ = shape_of(self.spec, self.precision, self.alone or self.network)
        alike = self.alike()
        return sum(sum(macs_of_steps(local, step, self.units(t)).values()) * n for t, n in alike)

    def alike(self) -> list[tuple[Tile, int]]:
        """One tile of each kind, and how many there are: those of a kind take the same work."""
        kinds: dict[tuple[tuple[int, int], ...], list[Tile]] = {}
        for tile in self.tiles:
            kinds.setdefault((tile.output.shape, tile.input.shape), []).append(tile)
        return [(tiles[0], len(tiles)) for tiles in kinds.values()]


@lru_cache(maxsize=16)
def shape_of(spec: ModelSpec, precision: str, network: tuple[int, int]) -> tuple[WindowRunner, str, frozenset[str]]:
    """The network on an input of a size, without weights or values; the name of its last step, and of its steps whose
    channels are the classes."""
    module, image = without_weights(spec), torch.empty(1, spec.in_channels, *network, device="meta")
    done = trace(module, image)
    shapes = {step.name: step.shape for step in done.steps}
    scoring = frozenset(step.name for step in done.steps if step.scores)
    return WindowRunner(in_precision(module, precision, scoring), image, shapes), done.output.name, scoring


def in_precision(module: nn.Module, precision: str, scoring: Collection[str]) -> nn.Module:
    """A copy whose layers with weights compute in `precision`, apart from those that make or enlarge class scores.

    Those stay float32: near a boundary two scores differ by less than 8 bits tell apart.
    """
    if precision == "float32":
        return module
    made = copy.deepcopy(module)
    for name, layer in made.named_modules():
        operation = known(layer)
        if operation and operation.weight_type(layer) and name not in scoring:
            layer.to(DTYPES[precision])
    return made


def plan(
    spec: ModelSpec,
    size: tuple[int, int],
    options: RunOptions = DEFAULTS,
    held: int = 0,
    cancelled: Callable[[], bool] = lambda: False,
) -> Plan:
    """How to label an image of `size` (height, width), with results of `held` bytes in the computer's memory.

    Raises ExplorerError where the options cannot be met or ask for far too much work; CancelledError when cancelled.
    """
    device = pick_device(options.device)
    precision = pick_precision(options.precision, device)
    network = border(size, size, placement(spec)).network
    pixels = (network.height, network.width)
    local, step, _ = shape_of(spec, precision, pixels)
    whole = _cost(local, step, size, None)
    held = held if device == "cpu" else 0
    free = free_memory(device)
    room = float("inf") if free is None else SHARE * free - held
    frame = Plan(spec, size, pixels, device, precision, None, (), whole, free, held=held)

    if options.way == "paper":
        return _papers(spec, size, options, frame)

    def made(side: int | None, cost: Forecast) -> Plan:
        tiles = cut(local, step, size, side or max(size), cancelled)
        return replace(frame, side=side, tiles=tuple(tiles), forecast=cost)

    if options.way == "whole" or (options.way == "auto" and whole.bytes <= room):
        return made(None, whole)
    if options.side:
        cost = _cost(local, step, size, options.side)
        _bound(frame, options.side, cost)
        return made(options.side, cost)
    sides = [side for side in SIDES if side < max(size)] or [max(size)]
    for side in sides:  # an image no larger than the smallest tile is one tile itself
        cost = _cost(local, step, size, side)
        if cost.bytes <= room:
            _bound(frame, side, cost)
            return made(side, cost)
    raise ExplorerError(
        "no_room",
        f"{MODELS[spec.model].title} needs {(cost.bytes + held) / 2**20:,.0f} MiB even for the smallest tile, and "
        f"{device_name(device)} has {(free or 0) / 2**20:,.0f} MiB free; close other programs or take another device",
        model=MODELS[spec.model].title,
        device=device,
        needed=round((cost.bytes + held) / 2**20),
        free=round((free or 0) / 2**20),
    )


def _papers(spec: ModelSpec, size: tuple[int, int], options: RunOptions, frame: Plan) -> Plan:
    """Tiles whose outputs abut: the overlap-tile strategy as the paper draws it (figure 2)."""
    if spec.padding != "valid":
        raise ExplorerError(
            "not_valid",
            f"only a network of valid convolutions has the paper's abutting tiles, not {MODELS[spec.model].title} with "
            f"{spec.padding} padding; take tiles",
            model=MODELS[spec.model].title,
        )
    placed = placement(spec)
    n = placed.sizes.at_least(max(options.side or PAPERS_TILE, placed.sizes.minimum))
    side = n - placed.shrink
    local, step, _ = shape_of(spec, frame.precision, (n, n))
    cost = forecast(local, step, Region((0, side), (0, side)))
    _bound(frame, side, cost)
    tiles = tuple(
        Tile(Region(rows, cols), Region((rows[0], rows[0] + n), (cols[0], cols[0] + n)))
        for rows in spans(size[0], side)
        for cols in spans(size[1], side)
    )
    return replace(frame, side=side, tiles=tiles, forecast=cost, alone=(n, n))


def _bound(frame: Plan, side: int, cost: Forecast) -> None:
    """Raises ExplorerError before tiles are made that are too many, or whose halos take nearly all of the work."""
    (height, width), (rows, cols) = frame.size, frame.network
    tiles = -(-height // side) * -(-width // side)
    whole = frame.forecast.macs * max(1, MAX_PIXELS / (rows * cols))
    if tiles > MOST_TILES or tiles * cost.macs > MOST_WORK * whole:
        raise ExplorerError(
            "too_many_tiles",
            f"tiles of {side} x {side} pixels would be {tiles:,} runs of the network, far too much work for an image "
            f"of {height} x {width} pixels; take larger tiles",
            side=side,
            tiles=tiles,
            height=height,
            width=width,
        )


def _cost(local: WindowRunner, step: str, size: tuple[int, int], side: int | None) -> Forecast:
    """Of the most costly tile: one in the middle, where no edge saves it a part of its halo."""
    (rows, cols) = (spans(n, side or n) for n in size)
    return forecast(local, step, Region(rows[(len(rows) - 1) // 2], cols[(len(cols) - 1) // 2]))
