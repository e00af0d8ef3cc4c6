"""Border lab, values: how much a network's output depends on each pixel of the image.

With v of random signs, one for each number of the output, the gradient of their signed sum is a sum over the numbers of
v times the gradient of each. Squared, its mean over all v is the sum of the squared gradients (Hutchinson 1990): a few
v estimate what would take a gradient for every number of the output.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from explorer.errors import ExplorerError
from explorer.inference.canvas import mirrored
from explorer.labs.walk import legal, walk
from explorer.replay import Progress
from explorer.trace import CancelledError

VECTORS = 16


@dataclass(frozen=True, eq=False)
class Dependence:
    """Of each pixel of the image, h x w float64: `root` of the squared gradient of the scores by the pixel's channels,
    summed over all scores and channels, and its standard `error` over so many random vectors."""

    root: np.ndarray
    error: np.ndarray
    vectors: int

    @property
    def by_distance(self) -> np.ndarray:
        """Mean of `root` over the pixels that lie 0, 1, 2, ... pixels from the nearest edge of the image."""
        height, width = self.root.shape
        rows, cols = (np.minimum(np.arange(n), np.arange(n)[::-1]) for n in (height, width))
        distance = np.minimum(rows[:, None], cols[None]).ravel()
        means: np.ndarray = np.bincount(distance, self.root.ravel()) / np.bincount(distance)
        return means


def dependence(
    module: nn.Module,
    image: Tensor,
    mirror: bool = False,
    vectors: int = VECTORS,
    seed: int = 0,
    progress: Progress | None = None,
) -> Dependence:
    """How much the scores of a network in eval mode depend on each pixel of an image (1 x C x h x w, normalised).

    mirror    the image goes on as its mirror image as far as the network needs it, so that each pixel gets a label;
              what depends on a mirrored pixel counts to the one that it mirrors. Else it is the network's input
    vectors   at least 2
    progress  called before the forward pass and before each vector with (done, in all, name); returning False stops
              with CancelledError

    Raises SizeError for an input that the network does not take, ExplorerError for too few vectors.
    """
    if vectors < 2:
        raise ExplorerError(
            "lab_vectors", f"A standard error takes at least 2 vectors, not {vectors}.", vectors=vectors
        )
    generator = torch.Generator().manual_seed(seed)
    total, squares = (
        torch.zeros(image.shape[2:], dtype=torch.float64),
        torch.zeros(image.shape[2:], dtype=torch.float64),
    )
    with torch.inference_mode(False), torch.enable_grad():
        _ask(progress, 0, vectors, "forward")
        pixels = image.detach().clone().requires_grad_()
        scores = module(_with_mirror(module, pixels) if mirror else pixels)
        for done in range(vectors):
            _ask(progress, done + 1, vectors, f"vector {done + 1}")
            signs = torch.randint(0, 2, scores.shape, generator=generator).to(scores) * 2 - 1
            (gradient,) = torch.autograd.grad(scores, pixels, signs, retain_graph=done + 1 < vectors)
            square = gradient[0].double().square().sum(0).cpu()
            total, squares = total + square, squares + square.square()
    mean = total / vectors
    variance = (squares - vectors * mean.square()).clamp(min=0) / (vectors - 1)
    root = mean.sqrt()
    error = torch.where(root > 0, (variance / vectors).sqrt() / (2 * root), torch.zeros_like(root))
    return Dependence(root.numpy(), error.numpy(), vectors)


def _ask(progress: Progress | None, done: int, vectors: int, name: str) -> None:
    if progress and progress(done, vectors + 1, name) is False:
        raise CancelledError(name)


def _with_mirror(module: nn.Module, image: Tensor) -> Tensor:
    """The image with its mirrored border, as differentiable as the image."""
    sizes = legal(module)
    inside = walk(module, sizes.at_least(1)).output
    margin, shrink = int(inside.grid.start), sizes.at_least(1) - len(inside)
    height, width = image.shape[2:]
    rows, cols = (torch.from_numpy(mirrored(0, sizes.at_least(n + shrink), margin, n)) for n in (height, width))
    return image[:, :, rows.to(image.device)][:, :, :, cols.to(image.device)]
