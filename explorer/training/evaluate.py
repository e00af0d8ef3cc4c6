"""Measure a network on whole images, as they are shown: FCN at any size, U-Net on images mirrored to a legal size."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from explorer import metrics
from explorer.training.border import OBJECT
from explorer.training.data import Sample


def prepare(image: np.ndarray, mean: tuple[float, ...], std: tuple[float, ...]) -> Tensor:
    """H x W x 3 uint8 -> 1 x 3 x H x W network input."""
    x = torch.from_numpy(image.copy()).permute(2, 0, 1).float() / 255
    return ((x - torch.tensor(mean)[:, None, None]) / torch.tensor(std)[:, None, None])[None]


def scores_of(net: nn.Module, x: Tensor, plain: Any) -> dict[str, Tensor]:
    """Class scores of the size of x (1 x C x H x W), from the network or its streams; `plain` knows the sizes."""
    height, width = x.shape[2:]
    pads, shapes = [], []
    for n in (height, width):
        legal, made = _fit(plain, n)
        before = (legal - made) // 2 + (made - n) // 2
        pads.append((before, legal - n - before))
        shapes.append(((made - n) // 2, n))
    x = _mirror(_mirror(x, 2, pads[0]), 3, pads[1])
    result = net(x)
    outputs = result if isinstance(result, dict) else {"": result}
    (top, rows), (left, columns) = shapes
    return {key: y[:, :, top : top + rows, left : left + columns] for key, y in outputs.items()}


def _fit(plain: Any, n: int) -> tuple[int, int]:
    """The smallest legal input size whose output covers n pixels, and that output's size."""
    legal = plain.input.sizes.at_least(n)
    while (made := plain.output_size(legal)) is None or made < n:
        legal = plain.input.sizes.at_least(legal + 1)
    return legal, made


def _mirror(x: Tensor, axis: int, pad: tuple[int, int]) -> Tensor:
    """Mirror at the outermost pixels (not repeating them), as often as needed."""
    n = x.shape[axis]
    index = np.abs(np.arange(-pad[0], n + pad[1]))
    index = index % (2 * n - 2) if n > 1 else index * 0
    index = np.minimum(index, 2 * n - 2 - index) if n > 1 else index
    return x.index_select(axis, torch.from_numpy(index).to(x.device)) if any(pad) else x


def measure(
    net: nn.Module,
    plain: Any,
    samples: Iterable[Sample],
    mean: tuple[float, ...],
    std: tuple[float, ...],
    device: torch.device,
) -> dict[str, dict[str, float]]:
    """Per network of `net` (streams): the FCN paper's figures; for instances also the nuclei's Dice per image."""
    matrices: dict[str, np.ndarray] = {}
    dices: dict[str, list[tuple[str, float]]] = {}
    with torch.inference_mode():
        for sample in samples:
            x = prepare(sample.image, mean, std).to(device, memory_format=torch.channels_last)
            for key, scores in scores_of(net, x, plain).items():
                label = scores.argmax(1)[0].cpu().numpy()
                matrix = metrics.confusion(sample.target, label, scores.shape[1])
                matrices[key] = matrices.get(key, 0) + matrix
                if sample.instances is not None:
                    # every pixel of a nucleus counts as nucleus, the class "touching" does not
                    pair = metrics.confusion(sample.instances > 0, label == OBJECT, 2)
                    dices.setdefault(key, []).append((sample.kind, float(metrics.dice(pair)[1])))
    found = {key: metrics.summary(matrix) for key, matrix in matrices.items()}
    for key, values in dices.items():
        found[key]["nucleus_dice"] = float(np.nanmean([d for _, d in values]))
        for kind in sorted({k for k, _ in values}):
            found[key][f"nucleus_dice_{kind}"] = float(np.nanmean([d for k, d in values if k == kind]))
    return found
