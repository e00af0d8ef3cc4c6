"""A network's border treated in different ways, on the same weights: what the border lab compares."""

from __future__ import annotations

import copy
from dataclasses import replace
from fractions import Fraction
from functools import lru_cache

from torch import nn

from explorer import operations
from explorer.errors import ExplorerError
from explorer.geometry import POINTWISE, Window
from explorer.graph import align
from explorer.inference import placement
from explorer.labs.walk import legal, network_of, walk
from explorer.models import MODELS, ModelSpec, without_weights

MIRRORED = "mirrored"  # valid convolutions on an image that goes on as its mirror image
IN_PHASE = "in-phase"  # zeros around the image as in the paper, but so many fewer that all units stand as with "same"


@lru_cache(maxsize=32)
def borders(model: str) -> tuple[str, ...]:
    """The ways in which a network's border can be treated: its paddings, and those that can be made of the first one.

    >>> borders("fcn8s"), borders("unet")
    (('paper', 'same', 'in-phase'), ('valid', 'same', 'mirrored'))
    """
    usual = network_of(model)
    found = MODELS[model].paddings
    if placement(ModelSpec(model)).margin > 0:
        found += (MIRRORED,)
    if 0 < _phase(model) <= _padding(usual):
        found += (IN_PHASE,)
    return found


def spec_of(spec: ModelSpec, border: str) -> ModelSpec:
    """The settings of the network that a way is made of. Raises ExplorerError for one that there is not."""
    known = borders(spec.model)
    if border not in known:
        said = f"{MODELS[spec.model].title} has no border {border!r}: choose one of {', '.join(known)}."
        raise ExplorerError("lab_mode", said, border=border)
    paddings = MODELS[spec.model].paddings
    return replace(spec, padding=border if border in paddings else paddings[0])


def with_border(module: nn.Module, model: str, border: str) -> nn.Module:
    """A network of `spec_of` with its border treated so: itself, or a copy that shares its parameters."""
    if border != IN_PHASE:
        return module
    shared = {id(tensor): tensor for tensor in (*module.parameters(), *module.buffers())}
    changed = copy.deepcopy(module, shared)
    first = changed.get_submodule(_first(changed))
    padding = _padding(module) - int(_phase(model))
    first.padding = (padding, padding)  # type: ignore[assignment]
    align(changed)
    return changed


@lru_cache(maxsize=32)
def geometry_of(model: str, border: str) -> nn.Module:
    """The network without weights, for geometry alone. Shared: not to be changed."""
    return with_border(without_weights(spec_of(ModelSpec(model), border)), model, border)


@lru_cache(maxsize=32)
def zeros_around(model: str, border: str) -> tuple[str, int]:
    """The first layer that sees more than one pixel, and the zeros that it puts at each side of the image."""
    network = geometry_of(model, border)
    return _first(network), _padding(network)


def _phase(model: str) -> Fraction:
    """Input pixels by which the coarsest units, where they leave for up-sampling, stand before those of the other
    padding."""
    starts = []
    for padding in MODELS[model].paddings:
        network = without_weights(ModelSpec(model, padding))
        grids = [axis.grid for axis in walk(network, legal(network).at_least(1)).axes.values()]
        largest = max(grid.jump for grid in grids)
        starts.append([grid.start for grid in grids if grid.jump == largest][-1])
    return starts[-1] - starts[0]


def _first(network: nn.Module) -> str:
    """The first layer that sees more than one pixel."""
    for name in walk(network, legal(network).at_least(1)).axes:
        op = operations.along(network.get_submodule(name), 0)
        if isinstance(op, Window) and op != POINTWISE:
            return name
    raise TypeError("no layer of the network sees more than one pixel")


def _padding(network: nn.Module) -> int:
    op = operations.along(network.get_submodule(_first(network)), 0)
    assert isinstance(op, Window)
    return op.padding
