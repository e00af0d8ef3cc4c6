"""Where and how a network is run on an image: device, normalisation, mirror padding to a legal size, labels.

Three frames are named. "original": the image as read. "resized": at the working size. "network": what the network
gets, the resized image with a mirrored border where the network needs one. Boxes are mapped exactly between them.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor, nn

from explorer import images
from explorer.geometry import Box, LegalSizes
from explorer.models import ModelSpec, build
from explorer.trace import Step, Trace, trace


class InferenceError(RuntimeError):
    """A run that cannot be done; `code` and `details` let a page say it in another language."""

    def __init__(self, code: str, message: str, **details: str | int) -> None:
        super().__init__(message)
        self.code, self.details = code, details


@dataclass(frozen=True)
class Frame:
    """A named pixel frame."""

    name: str
    height: int
    width: int


@dataclass(frozen=True)
class Frames:
    """The three frames of a run; the resized image lies at (top, left) of the network's input."""

    original: Frame
    resized: Frame
    network: Frame
    top: int
    left: int

    def to_resized(self, box: Box) -> Box | None:
        """A box of the network's input in the resized image, clipped to it; None if it lies in the border."""
        top, bottom = (min(max(y - self.top, 0), self.resized.height) for y in (box.top, box.bottom))
        left, right = (min(max(x - self.left, 0), self.resized.width) for x in (box.left, box.right))
        return Box(top, left, bottom, right) if top < bottom and left < right else None

    def to_original(self, box: Box) -> tuple[Fraction, Fraction, Fraction, Fraction]:
        """Edges (top, left, bottom, right) of a box of the resized image in the original, as exact fractions."""
        down = Fraction(self.original.height, self.resized.height)
        across = Fraction(self.original.width, self.resized.width)
        return box.top * down, box.left * across, box.bottom * down, box.right * across


@dataclass(frozen=True)
class Reach:
    """How a network's output lies on its input along an axis: output pixel p is input pixel p + margin."""

    sizes: LegalSizes
    margin: int  # 92 for the paper's U-Net, 0 for FCN and "same" networks
    shrink: int  # input size minus output size


@lru_cache(maxsize=32)
def reach(spec: ModelSpec) -> Reach:
    """Derived from one run on the meta device at a legal size; raises GeometryError if the output is no pixel grid."""
    with torch.device("meta"):
        module = build(spec)
        sizes: LegalSizes = module.input.sizes  # type: ignore[assignment,union-attr]
        n = sizes.minimum + 2 * sizes.period
        out = trace(module, torch.empty(1, spec.in_channels, n, n)).output
    grid = out.rows.grid
    if grid.jump != 1 or grid.start.denominator != 1:
        raise ValueError(f"the output of {spec.model} does not stand on the input's pixels: {grid}")
    return Reach(sizes, int(grid.start), n - len(out.rows))


@dataclass(frozen=True, eq=False)
class Prepared:
    """An image ready for a network: the resized pixels, the network's input pixels (both H x W x 3 uint8), frames."""

    resized: np.ndarray
    network: np.ndarray
    frames: Frames


def prepare(pixels: np.ndarray, spec: ModelSpec, longest: int) -> Prepared:
    """Resize so that the longer side is at most `longest`, then mirror the border up to the network's legal size.

    The border is what the network's output lacks (92 pixels a side for the paper's U-Net, Ronneberger et al. 2015,
    section 2), plus what the next legal size needs at the bottom and on the right.
    """
    resized = images.resize(pixels, longest)
    far = reach(spec)
    height, width = resized.shape[:2]
    full = [far.sizes.at_least(n + far.shrink) for n in (height, width)]
    border = [(far.margin, whole - n - far.margin) for whole, n in zip(full, (height, width), strict=True)]
    network = np.pad(resized, (*border, (0, 0)), mode="reflect") if any(map(any, border)) else resized
    frames = Frames(
        Frame("original", *pixels.shape[:2]),
        Frame("resized", height, width),
        Frame("network", *full),
        far.margin,
        far.margin,
    )
    return Prepared(resized, np.ascontiguousarray(network), frames)


def normalise(pixels: np.ndarray, mean: tuple[float, ...], std: tuple[float, ...]) -> Tensor:
    """H x W x 3 uint8 -> 1 x C x H x W float32: (rgb / 255 - mean) / std; one channel takes the grey value."""
    rgb = torch.from_numpy(pixels.astype(np.float32) / 255).permute(2, 0, 1)
    if len(mean) == 1:
        rgb = rgb.mean(0, keepdim=True)
    per_channel = (torch.tensor(v, dtype=torch.float32)[:, None, None] for v in (mean, std))
    m, s = per_channel
    return ((rgb - m) / s)[None]


def devices() -> tuple[str, ...]:
    """Devices this machine can run on, the best first."""
    found = []
    if torch.cuda.is_available():
        found.append("cuda")
    if torch.backends.mps.is_available():
        found.append("mps")
    return (*found, "cpu")


def pick_device(wish: str = "auto") -> str:
    """ "auto" is the best device there is. Raises InferenceError for one this machine lacks."""
    there = devices()
    if wish == "auto":
        return there[0]
    if wish not in there:
        raise InferenceError(
            "no_device", f"this machine has no {wish.upper()} device; choose one of {', '.join(there)}", device=wish
        )
    return wish


def device_name(device: str) -> str:
    """A name to show: the graphics card's where there is one."""
    if device == "cuda":
        return torch.cuda.get_device_name()
    return {"cpu": f"CPU ({torch.get_num_threads()} threads)", "mps": "Apple GPU (MPS)"}[device]


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


def _out_of_memory(error: Exception) -> bool:
    """Only CUDA raises a class of its own; the CPU and MPS allocators raise a plain RuntimeError."""
    kinds = (torch.OutOfMemoryError, MemoryError)
    return isinstance(error, kinds) or any(w in str(error) for w in ("can't allocate memory", "out of memory"))


def segment(
    module: nn.Module,
    prepared: Prepared,
    mean: tuple[float, ...],
    std: tuple[float, ...],
    device: str = "cpu",
    progress: Callable[[int, int, str], bool | None] | None = None,
    visit: Callable[[Step, Tensor], None] | None = None,
) -> Segmentation:
    """Run `module` on a prepared image and label every pixel of the resized frame.

    `progress` and `visit` are those of `trace.trace`. Raises InferenceError when the device is out of memory.
    """
    began = time.perf_counter()
    try:
        image = normalise(prepared.network, mean, std).to(device)
        run = trace(module.to(device), image, keep=False, progress=progress, visit=visit)
        scores = run.final[0, :, : prepared.frames.resized.height, : prepared.frames.resized.width]
        probabilities = scores.float().softmax(0)
        labels = probabilities.argmax(0).to(torch.uint8)
    except (RuntimeError, MemoryError) as error:
        if not _out_of_memory(error):
            raise
        raise InferenceError(
            "out_of_memory",
            f"the memory of {device_name(device)} is too small for this run; choose a smaller working size or the CPU",
            device=device_name(device),
        ) from error
    return Segmentation(
        labels.cpu().numpy(),
        probabilities.cpu().numpy(),
        run,
        prepared.frames,
        device,
        time.perf_counter() - began,
    )
