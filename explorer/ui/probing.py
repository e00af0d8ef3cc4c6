"""Probes of a run: steps whose maps are changed, and the signed difference from another run, step by step. No Gradio.

Both are part of a selection, see `alterations`.
"""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor, nn

from explorer import inference
from explorer.alter import Alteration, Altered, Several
from explorer.errors import ExplorerError
from explorer.graph import graph_of
from explorer.inference import Prepared
from explorer.inference.devices import is_out_of_memory, out_of_memory
from explorer.labs.inputs import network_input
from explorer.stats import stats_of
from explorer.trace import Step, trace
from explorer.ui.alterations import PLAIN, Wanted, other_weights, parse
from explorer.ui.image_store import ImageStore
from explorer.ui.network_cache import NetworkCache
from explorer.ui.stage.payload import Recorder
from explorer.ui.state import Selection
from explorer.weights import Loaded

OnStep = Callable[[int, int, str], bool | None]
Visit = Callable[[Step, Tensor], None]


class Baseline(NamedTuple):
    """The run that another one is shown as the difference from: a network and its input, 1 x C x H x W."""

    module: nn.Module
    image: Tensor


class Probe:
    """What a selection asks to be changed in its run, and what it is the difference from: other images of `pictures`,
    other weights of `networks`."""

    def __init__(self, selection: Selection, prepared: Prepared, pictures: ImageStore, networks: NetworkCache) -> None:
        self.selection, self.prepared, self.pictures, self.networks = selection, prepared, pictures, networks
        self.loaded = networks.get(selection)
        self.image = _input(self.loaded, prepared)

    def altered(self) -> Altered:
        """The alterations, on the CPU. Raises ExplorerError ("bad_selection") for a step or a channel that the network
        has not, and for an image that is gone."""
        wanted = parse(self.selection.altered)
        steps = {str(node.target) for node in graph_of(self.loaded.module).nodes if node.op == "call_module"}
        if unknown := [one.step for one in wanted if one.step not in steps]:
            raise ExplorerError("bad_selection", f"the network has no step {unknown[0]!r}")
        maps = self._maps(wanted)
        found: dict[str, list[Alteration]] = defaultdict(list)
        for one in wanted:
            source = maps.get((one.image, one.step))
            found[one.step].append(Alteration(one.channel, one.factor, source))
        return {step: Several(tuple(parts)) for step, parts in found.items()}

    def _maps(self, wanted: tuple[Wanted, ...]) -> dict[tuple[str, str], Tensor]:
        """The maps of other images' runs that are wanted, by image and step."""
        found: dict[tuple[str, str], Tensor] = {}
        for name in {one.image for one in wanted if one.image}:
            steps = {one.step for one in wanted if one.image == name}

            def keep(step: Step, value: Tensor, name: str = name, steps: set[str] = steps) -> None:
                if step.name in steps:
                    found[name, step.name] = value

            trace(self.loaded.module, self._other(name), keep=False, visit=keep)
        return found

    def _other(self, name: str) -> Tensor:
        """Another image as this network's input, of the same size."""
        photograph = self.pictures.get(name)
        if photograph.identity == self.selection.image:
            return self.image
        height, width = self.prepared.network.shape[:2]
        return network_input(self.loaded, photograph.pixels, size=(height, width)).image

    def baseline(self) -> Baseline | None:
        """The run that the difference is taken from, if one is. Raises ExplorerError ("difference_size")."""
        if not self.selection.against:
            return None
        if self.selection.against == PLAIN:
            return Baseline(self.loaded.module, self.image)
        if name := other_weights(self.selection):
            loaded = self.networks.get(replace(self.selection, checkpoint=name))
            return Baseline(loaded.module, _input(loaded, self.prepared))
        other = inference.prepare(
            self.pictures.get(self.selection.against).pixels, self.loaded.spec, max(self.prepared.resized.shape[:2])
        )
        if other.network.shape != self.prepared.network.shape:
            sizes = {"height": self.prepared.network.shape[0], "width": self.prepared.network.shape[1]}
            raise ExplorerError("difference_size", "The two images are not of one shape.", **sizes)
        return Baseline(self.loaded.module, _input(self.loaded, other))


def _input(loaded: Loaded, prepared: Prepared) -> Tensor:
    pre = loaded.card.preprocessing
    return inference.normalise(prepared.network, pre.mean, pre.std)


def visiting(
    recorder: Recorder, before: Baseline | None, device: str, progress: OnStep | None
) -> AbstractContextManager[Visit]:
    """A visitor of a run that records its maps, or how they differ from another run's if there is one."""
    return nullcontext(recorder.visit) if before is None else _differing(recorder, before, device, progress)


@contextmanager
def _differing(recorder: Recorder, before: Baseline, device: str, progress: OnStep | None) -> Iterator[Visit]:
    """A visitor that records how each step's map differs from that of another run.

    That run is made first; its maps wait in a temporary file, in the order in which the second run makes its own.
    """
    with tempfile.TemporaryFile() as file:
        network, image = inference.on_device(before.module, device), before.image.to(device)

        def write(_step: Step, value: Tensor) -> None:
            value.float().cpu().contiguous().numpy().tofile(file)

        try:
            trace(network, image, keep=False, progress=progress, visit=write)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            raise out_of_memory(device) from error
        file.seek(0)

        def read(step: Step, value: Tensor) -> None:
            other = torch.frombuffer(bytearray(file.read(4 * value.numel())), dtype=torch.float32)
            difference = value.float().cpu() - other.reshape(value.shape)
            recorder.visit(step, difference, stats_of(difference))

        yield read
