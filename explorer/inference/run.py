"""One run whose steps are looked at: labels and probabilities together with the trace."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from explorer.inference.canvas import Prepared, normalise
from explorer.inference.devices import is_out_of_memory, out_of_memory
from explorer.inference.frames import Frames
from explorer.inference.networks import on_device
from explorer.trace import Step, Trace, trace


@dataclass(frozen=True, eq=False)
class Segmentation:
    """A finished run, in the resized frame: `labels` is H x W uint8, `probabilities` C x H x W float32 (softmax)."""

    labels: np.ndarray
    probabilities: np.ndarray
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
) -> Segmentation:
    """Run `module` on a prepared image and label every pixel of the resized frame.

    `progress` and `visit` are those of `trace.trace`. Raises ExplorerError when the device is out of memory.
    """
    began = time.perf_counter()
    try:
        image = normalise(prepared.network, mean, std).to(device)
        run = trace(on_device(module, device), image, keep=False, progress=progress, visit=visit)
        scores = run.final[0, :, : prepared.frames.resized.height, : prepared.frames.resized.width]
        probabilities = scores.float().softmax(0)
        labels = probabilities.argmax(0).to(torch.uint8)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        raise out_of_memory(device) from error
    return Segmentation(
        labels.cpu().numpy(),
        probabilities.cpu().numpy(),
        run,
        prepared.frames,
        device,
        time.perf_counter() - began,
    )
