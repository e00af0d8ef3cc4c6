"""What an image shows, as far as its colours tell: an everyday scene, or nuclei under a microscope.

Simple statistics, made to be silent where they are not sure: a wrong word on somebody's photograph is worse than none.
Fluorescence is grey or has the one colour of its dye, and most of it is a quiet ground as dark as anything in the
image, with bright spots all over. Lights at night are warm: of red dyes nothing is said.
Stained tissue has one family of colours, purple to pink. A photograph has several, and few are purple.
`benchmarks/domains.py` measures how often that is right.
"""

from __future__ import annotations

import numpy as np

from explorer.images.sizes import resize

EVERYDAY, NUCLEI = "everyday", "nuclei"  # as cards name what their data show
SIDE = 128  # pixels: statistics are those of a small copy
GREY = 4  # of 255: what red, green and blue may differ by in a grey image
COLOURED = 24  # of 255: from this difference on a pixel has a colour
WARM, GREEN, BLUE, PURPLE = range(4)
FAMILIES = (70, 170, 245, 345)  # degrees: where the hues of each end; red lies at 0 and is warm


def domain_of(pixels: np.ndarray) -> str | None:
    """EVERYDAY or NUCLEI, None if unsure, of an image (H x W x 3, 8-bit RGB)."""
    rgb = resize(pixels, SIDE).astype(np.float32)
    if np.percentile(np.ptp(rgb, axis=-1), 95) <= GREY:
        return NUCLEI if _is_fluorescence(rgb.mean(-1)) else None
    shares = _families(rgb)
    coloured = float(shares.sum())
    dyed = float(shares[GREEN:].max()) >= 0.98 * coloured > 0
    if dyed and _is_fluorescence(rgb.max(-1)):
        return NUCLEI
    if coloured >= 0.25 and shares[PURPLE] >= 0.85 * coloured and shares[WARM] + shares[GREEN] < 0.01:
        return NUCLEI
    several = np.count_nonzero(shares[: BLUE + 1] >= 0.02) >= 2
    if several and coloured >= 0.1 and shares[PURPLE] < 0.1 * coloured and float(rgb.mean(-1).std()) >= 30:
        return EVERYDAY
    return None


def likely(pixels: np.ndarray) -> str | None:
    """The same to choose weights by: where colours do not tell, an image that has some counts as a photograph; None if
    it is grey."""
    is_coloured = np.ptp(pixels, axis=-1).mean() >= 3
    return domain_of(pixels) or (EVERYDAY if is_coloured else None)


def _families(rgb: np.ndarray) -> np.ndarray:
    """Shares of an image's pixels that are warm, green, blue and purple."""
    red, green, blue = np.moveaxis(rgb, -1, 0)
    most, spread = rgb.max(-1), np.ptp(rgb, axis=-1)
    part = np.maximum(spread, 1)
    sixths = (green - blue) / part % 6, (blue - red) / part + 2, (red - green) / part + 4
    hue = 60 * np.where(most == red, sixths[0], np.where(most == green, sixths[1], sixths[2]))
    family = np.searchsorted(FAMILIES, hue[spread > COLOURED], side="right") % len(FAMILIES)
    return np.bincount(family, minlength=len(FAMILIES)) / spread.size


def _is_fluorescence(grey: np.ndarray) -> bool:
    """Whether a grey image (H x W) is a quiet dark ground with bright spots all over."""
    low, middle, high = (float(level) for level in np.percentile(grey, (1, 50, 99.5)))
    extent = high - low
    if extent < 8 or middle > low + 0.06 * extent:
        return False
    steep = np.hypot(*np.gradient(grey))[grey <= middle + 0.05 * extent]
    lit = grey > middle + 0.3 * extent
    cells = [cell for rows in np.array_split(lit, 4) for cell in np.array_split(rows, 4, axis=1)]
    covered = np.mean([cell.mean() > 0.01 for cell in cells])
    quiet = float(np.percentile(steep, 90)) <= 0.05 * extent
    return quiet and bool(covered >= 0.4) and min(_spots(lit), _spots(lit.T)) >= 1.4


def _spots(lit: np.ndarray) -> float:
    """How many spots a row crosses, of those that cross any: one thing alone, such as the moon, gives 1."""
    rows = lit[lit.any(1)]
    begins = rows & ~np.pad(rows, ((0, 0), (1, 0)))[:, :-1]
    return float(begins.sum(1).mean()) if len(rows) else 0.0
