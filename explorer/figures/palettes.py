"""Colours with fixed roles, and colour maps that colour-blind people can read, from plotly's tables."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from plotly import colors

# Okabe and Ito (2008): eight colours that people with any colour vision can tell apart
OKABE_ITO = {
    "orange": "#E69F00",
    "sky": "#56B4E9",
    "green": "#009E73",
    "yellow": "#F0E442",
    "blue": "#0072B2",
    "vermilion": "#D55E00",
    "purple": "#CC79A7",
    "black": "#000000",
}

ROLES = {
    "kept": OKABE_ITO["green"],
    "dropped": OKABE_ITO["vermilion"],
    "field": OKABE_ITO["yellow"],
    "contracting": OKABE_ITO["blue"],
    "expansive": OKABE_ITO["orange"],
    "skip": OKABE_ITO["purple"],
}

PAGE = {  # all that the page draws with, by what it means there
    **ROLES,
    "right": OKABE_ITO["green"],
    "wrong": OKABE_ITO["vermilion"],
    "two": OKABE_ITO["yellow"],  # two networks differ, three, four
    "three": OKABE_ITO["vermilion"],
    "four": OKABE_ITO["purple"],
    "conv": OKABE_ITO["blue"],  # arrows of the papers' figures
    "conv1": OKABE_ITO["green"],
    "pool": OKABE_ITO["vermilion"],
    "up": OKABE_ITO["orange"],
    "copy": OKABE_ITO["purple"],
    "dark": "#000000",  # on pictures, alike in both themes: outlines, shades, names
    "light": "#FFFFFF",
    "dimmed": "#101116",
    "padding": "#20262E",
    "zero": "#8B97A5",
}

SEQUENTIAL = ("Viridis", "Cividis", "gray")  # the first one is shown until another is chosen
DIVERGING = "PuOr"
HEAT = "Inferno"


@lru_cache
def lookup_table(name: str) -> np.ndarray:
    """256 x 3 uint8 colours of a plotly colour scale, interpolated linearly."""
    stops = colors.sample_colorscale(name, 256, colortype="tuple")
    return np.rint(255 * np.array(stops)).astype(np.uint8)
