"""One run whose steps are looked at: labels and probabilities together with the trace, and the labels on the way."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from explorer.alter import Altered
from explorer.inference.canvas import Prepared, normalise
from explorer.inference.devices import is_out_of_memory, out_of_memory
from explorer.inference.frames import Frames
from explorer.inference.networks import on_device
from explorer.refinement import Refiner, Stage
from explorer.trace import Step, Trace, trace


@dataclass(frozen=True, eq=False)
class Segmentation:
    """A finished run, in the resized frame: `labels` is H x W uint8, `probabilities` C x H x W float32 (softmax).

    whole   labels of all of the network's output, which may be larger than the resized image
    stages  with the labels there, from the coarsest to `labels`
    """

    labels: np.ndarray
    probabilities: np.ndarray
    whole: np.ndarray
    stages: tuple[tuple[Stage, np.ndarray], ...]
    trace: Trace
    frames: Frames
    device: str
    seconds: float

    @property
    def confidence(self) -> np.ndarray:
        """The winning class's probability, H x W."""
        return self.probabilities.max(0)


def trace_and_label(
    module: nn.Module,
    prepared: Prepared,
    mean: tuple[float, ...],
    std: tuple[float, ...],
    device: str = "cpu",
    progress: Callable[[int, int, str], bool | None] | None = None,
    visit: Callable[[Step, Tensor], None] | None = None,
    altered: Altered | None = None,
) -> Segmentation:
    """Run `module` on a prepared image and label every pixel of the resized frame.

    `progress`, `visit` and `altered` are those of `trace.trace`. Raises ExplorerError when the device is out of memory.
    """
    began = time.perf_counter()
    frame = prepared.frames.resized
    try:
        image = normalise(prepared.network, mean, std).to(device)
        network = on_device(module, device)
        refiner = Refiner(network, image, altered)

        def both(step: Step, value: Tensor) -> None:
            refiner.visit(step, value)
            if visit:
                visit(step, value)

        run = trace(network, image, keep=False, progress=progress, visit=both, altered=altered)
        scores = run.final[0, :, : frame.height, : frame.width]
        probabilities = scores.float().softmax(0)
        whole = _labels(run.final)
        seconds = time.perf_counter() - began
        found = [(stage, _labels(refiner.scores(stage, run))) for stage in refiner.stages(run)]
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        raise out_of_memory(device) from error
    stages = tuple((stage, labels[: frame.height, : frame.width]) for stage, labels in found)
    return Segmentation(
        stages[-1][1], probabilities.cpu().numpy(), whole, stages, run, prepared.frames, device, seconds
    )


def _labels(scores: Tensor) -> np.ndarray:
    """The class of the largest of 1 x classes x H x W scores, H x W uint8."""
    return scores[0].argmax(0).to(torch.uint8).cpu().numpy()
