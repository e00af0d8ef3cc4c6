"""Random training pairs: one resampling does scale, rotation, flip, elastic deformation and crop; then colours.

Elastic deformation: random displacements on a coarse grid, smoothed by bicubic interpolation (Ronneberger et al.
2015, section 3.1: a 3 x 3 grid with 10 pixels of standard deviation).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from explorer.metrics import IGNORE
from explorer.training.data import Sample

DIMMED = 1 / 3  # share of the images that are darkened further, where a recipe asks for it


@dataclass(frozen=True)
class Augmentation:
    """Ranges are drawn uniformly (factors: uniformly in the logarithm)."""

    scale: tuple[float, float] = (1.0, 1.0)  # size of things in the crop
    rotate: float = 0.0  # degrees to either side
    flip: str = "h"  # "h": left-right; "hv": also up-down and by quarter turns
    elastic: float = 0.0  # standard deviation of the displacements, pixels
    elastic_grid: int = 3
    brightness: float = 1.0  # largest factor (1/x .. x); the others alike
    contrast: float = 1.0
    saturation: float = 1.0
    gains: float = 1.0  # of the three channels, one by one
    gamma: float = 1.0
    dim: float = 1.0  # one image in three: a further darkening, by this factor at most, as short exposures are
    dim_only: str = ""  # the kind of image (`data.kind_of`) that this is for; "": every kind
    noise: float = 0.0  # Gaussian, per pixel, the same in all channels: largest standard deviation, white being 1
    grey: float = 0.0  # probability
    invert: float = 0.0  # probability
    mirror: bool = False  # beyond the image: mirrored (True), or mean colour and no label (False)


@dataclass(frozen=True)
class Pair:
    """image: 3 x H x W in [0, 1]; target: H' x W' classes (int64); weight: H' x W' added to the class weight."""

    image: Tensor
    target: Tensor
    weight: Tensor


def draw(
    sample: Sample,
    size: tuple[int, int],
    margin: tuple[int, int],
    how: Augmentation,
    mean: tuple[float, ...],
    rng: np.random.Generator,
) -> Pair:
    """A random pair: an image of `size`, and labels without the `margin` that the network does not predict."""
    grid = _positions(sample.target.shape, size, margin, how, rng)
    image = torch.from_numpy(sample.image.copy()).permute(2, 0, 1)[None].float() / 255
    if how.mirror:
        image = _sample(image, grid, "bilinear", "reflection")
    else:  # shift, so that the zeros outside mean the mean colour
        middle = torch.tensor(mean)[:, None, None]
        image = _sample(image - middle, grid, "bilinear", "zeros") + middle
    inner = grid[margin[0] : size[0] - margin[0], margin[1] : size[1] - margin[1]]
    target = torch.from_numpy(sample.target.copy())[None, None].float()
    if how.mirror:
        target = _sample(target, inner, "nearest", "reflection")
    else:
        target = _sample(target - IGNORE, inner, "nearest", "zeros") + IGNORE
    if sample.weight is None:
        weight = torch.zeros_like(target)
    else:
        weight = torch.from_numpy(sample.weight.astype(np.float32))[None, None]
        weight = _sample(weight, inner, "bilinear", "reflection" if how.mirror else "zeros")
    return Pair(colours(image[0], how, rng, sample.kind), target[0, 0].round().long(), weight[0, 0])


def _sample(x: Tensor, positions: Tensor, mode: str, outside: str) -> Tensor:
    """x at `positions` (H x W x 2, pixels as (column, row))."""
    size = torch.tensor([x.shape[3], x.shape[2]], dtype=torch.float32)
    grid = (2 * positions + 1) / size - 1
    return F.grid_sample(x, grid[None], mode=mode, padding_mode=outside, align_corners=False)


def _positions(
    shape: tuple[int, ...], size: tuple[int, int], margin: tuple[int, int], how: Augmentation, rng: np.random.Generator
) -> Tensor:
    """Where in the sample each pixel of the crop lies: size x 2, (column, row) in pixels."""
    scale = _factor(how.scale[0], how.scale[1], rng)
    angle = np.deg2rad(rng.uniform(-how.rotate, how.rotate))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) / scale
    if rng.random() < 0.5:
        turn[:, 0] *= -1
    if how.flip == "hv":
        turn = turn @ np.linalg.matrix_power(np.array([[0, -1], [1, 0]]), rng.integers(4))
    inner = [(n - 2 * m) / scale for n, m in zip(size, margin, strict=True)]
    # the labelled part stays inside the sample where it can, else the sample stays inside the labelled part
    ranges = [sorted((part / 2, n - part / 2)) for part, n in zip(inner, shape, strict=True)]
    row, column = (rng.uniform(low, high) - 0.5 for low, high in ranges)
    rows = torch.arange(size[0], dtype=torch.float32) - (size[0] - 1) / 2
    columns = torch.arange(size[1], dtype=torch.float32) - (size[1] - 1) / 2
    y, x = torch.meshgrid(rows, columns, indexing="ij")
    positions = torch.stack((x, y), -1) @ torch.from_numpy(turn.T).float() + torch.tensor([column, row]).float()
    if how.elastic:
        coarse = rng.normal(0, how.elastic, (1, 2, how.elastic_grid, how.elastic_grid))
        smooth = F.interpolate(torch.from_numpy(coarse).float(), size, mode="bicubic", align_corners=True)
        positions = positions + smooth[0].permute(1, 2, 0)
    return positions


def _factor(low: float, high: float, rng: np.random.Generator) -> float:
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def colours(image: Tensor, how: Augmentation, rng: np.random.Generator, kind: str = "") -> Tensor:
    """Random colours of an image in [0, 1] of a kind; every number is drawn, used or not, but those of exposure."""
    brightness, contrast, saturation, gamma = (
        _factor(1 / top, top, rng) for top in (how.brightness, how.contrast, how.saturation, how.gamma)
    )
    gains = torch.tensor([_factor(1 / how.gains, how.gains, rng) for _ in range(3)])[:, None, None]
    grey, invert = rng.random() < how.grey, rng.random() < how.invert
    luma = (image * torch.tensor([0.299, 0.587, 0.114])[:, None, None]).sum(0, keepdim=True)
    image = luma.expand_as(image) if grey else luma + saturation * (image - luma)
    image = image * (brightness * gains)
    middle = image.mean()
    image = (middle + contrast * (image - middle)).clamp(0, 1) ** gamma
    return _exposed(1 - image if invert else image, how, rng, how.dim_only in ("", kind))


def _exposed(image: Tensor, how: Augmentation, rng: np.random.Generator, dimmable: bool) -> Tensor:
    """Darker and noisier, rounded to 256 levels as a camera's file is; small noise is drawn more often than large."""
    if how.dim > 1 and rng.random() < DIMMED and dimmable:
        image = image * _factor(1 / how.dim, 1.0, rng)
    if how.noise:
        deviation = how.noise * rng.random() ** 2
        image = image + torch.from_numpy(rng.normal(0, deviation, image.shape[1:])).float()
    return image if how.dim == 1 and not how.noise else (image.clamp(0, 1) * 255).round() / 255
