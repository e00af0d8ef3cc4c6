"""Interventions: what a step makes is changed before any other step reads it.

A channel, or all of them, is scaled (by 0: taken out) or comes from another image's run. A skip has a step of its own
in each of the networks, so that taking that step's map out takes the skip out and leaves the rest of the path alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from explorer.errors import ExplorerError
from explorer.geometry import Region


@dataclass(frozen=True, eq=False)
class Alteration:
    """`channel` None means all. `source` is the step's whole map in another run, 1 x C x H x W; None where the map is
    scaled by `factor`. A factor of 1, or the map of the same run, changes no bit. Raises ExplorerError
    ("alter_channel") for a channel that the map has not."""

    channel: int | None = None
    factor: float = 0.0
    source: Tensor | None = None

    def __call__(self, value: Tensor, region: Region | None = None) -> Tensor:
        """The map changed; `region` is what `value` shows of it, None for the whole."""
        other = self._other(value, region)
        if self.channel is None:
            return other
        if self.channel >= value.shape[1]:
            said = f"There is no channel {self.channel}: the map has {value.shape[1]}."
            raise ExplorerError("alter_channel", said, channel=self.channel, channels=value.shape[1])
        at = torch.tensor([self.channel], device=value.device)
        return value.index_copy(1, at, other[:, self.channel : self.channel + 1])

    def _other(self, value: Tensor, region: Region | None) -> Tensor:
        if self.source is None:
            # not value * 0, which leaves NaN and infinite numbers, and minus zero
            return value * self.factor if self.factor else torch.zeros_like(value)
        whole = self.source.to(value)
        return whole if region is None else whole[:, :, slice(*region.spans[0]), slice(*region.spans[1])]


@dataclass(frozen=True, eq=False)
class Several:
    """Alterations of one step, one after the other."""

    parts: tuple[Alteration, ...]

    def __call__(self, value: Tensor, region: Region | None = None) -> Tensor:
        for part in self.parts:
            value = part(value, region)
        return value


Altered = Mapping[str, Several]  # by name of the step
