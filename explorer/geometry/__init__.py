"""Exact geometry of a network, one spatial axis at a time (numpy only; heights and widths are two calls).

Two views of a feature map's axis, both exact:

* `Grid`: the affine map  image coordinate = start + jump * unit  of the units' nominal centres, as fractions.
  Crop offsets are derived from it: the offset o that puts unit 0 of a map x on unit 0 of a reference r with the
  same jump is (r.start - x.start) / jump (Caffe's coord_map.py, Long et al. 2015).
* `Axis`: for every unit i the inclusive interval lo[i]..hi[i] of input pixels it depends on (its receptive field,
  clipped to the image). This view stays exact behind transposed convolutions, crops, sums and borders, where no
  triple (jump, size, start) describes the field.

Coordinates are pixel indices: the first pixel is 0, not 0.5. A unit that sees padding only has the empty interval
EMPTY (lo > hi). An operation is an `Op`: how many units it makes, where their centres lie, and which units each reads.
"""

from explorer.geometry.axes import EMPTY, Axis, crop_offset, hull, join, misalignment, source
from explorer.geometry.legal import LegalSizes, legal_sizes
from explorer.geometry.ops import (
    POINTWISE,
    Bilinear,
    Crop,
    Op,
    Pad,
    Taps,
    Transposed,
    Window,
    covered,
    read_span,
)
from explorer.geometry.places import Box, GeometryError, Grid, MisalignedError, Region, Span, unit

__all__ = [
    "EMPTY",
    "POINTWISE",
    "Axis",
    "Bilinear",
    "Box",
    "Crop",
    "GeometryError",
    "Grid",
    "LegalSizes",
    "MisalignedError",
    "Op",
    "Pad",
    "Region",
    "Span",
    "Taps",
    "Transposed",
    "Window",
    "covered",
    "crop_offset",
    "hull",
    "join",
    "legal_sizes",
    "misalignment",
    "read_span",
    "source",
    "unit",
]
