"""Crop lab: where a network's crops cut at any input size, what meets there, and what another crop would predict.

U-Net crops its skips to the up-convolved maps ("copy and crop", Ronneberger et al. 2015, Fig. 1), FCN the larger of two
score maps to the smaller, and its output to the image. The aligned offset follows from the grids of both maps; half of
the difference in size is that offset only where the sizes happen to allow it.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

from torch import nn

from explorer import operations
from explorer.geometry import Axis, Box
from explorer.labs.walk import Cut, Placing, Walk, legal, network_of, walk


@dataclass(frozen=True)
class Field:
    """Input pixels that a unit sees, clipped to the input; rows and columns, None where it sees padding alone."""

    rows: tuple[int, int] | None  # first and last
    cols: tuple[int, int] | None

    @property
    def shape(self) -> tuple[int, int]:
        height, width = (0 if span is None else span[1] - span[0] + 1 for span in (self.rows, self.cols))
        return height, width

    @property
    def centre(self) -> tuple[Fraction | None, Fraction | None]:
        rows, cols = (None if span is None else Fraction(sum(span), 2) for span in (self.rows, self.cols))
        return rows, cols


@dataclass(frozen=True)
class Meeting:
    """The fields of the two units that meet at a place, and how far the centre of the cropped map's unit lies behind
    the other's (None where one of them sees no pixel), in input pixels."""

    own: Field
    other: Field
    shift: tuple[Fraction | None, Fraction | None]


@dataclass(frozen=True, eq=False)
class CropOf:
    """One crop: of which map, to which reference, and where they are joined (None: they are not)."""

    name: str
    of: str
    reference: str
    join: str | None
    rows: Cut
    cols: Cut

    def meeting(self, row: int, column: int) -> Meeting:
        """What meets at unit (row, column) of the cropped map. Raises IndexError if it has no such unit."""
        own = Field(_span(self.rows.own, row), _span(self.cols.own, column))
        other = Field(_span(self.rows.other, row), _span(self.cols.other, column))
        down, across = (
            None if a is None or b is None else a - b for a, b in zip(own.centre, other.centre, strict=True)
        )
        return Meeting(own, other, (down, across))


@dataclass(frozen=True)
class Size:
    """Height and width of a step's map, and the rows and columns of what it reads that it passes over."""

    step: str
    operation: str
    shape: tuple[int, int]
    passed: tuple[int, int]


@dataclass(frozen=True, eq=False)
class CropLab:
    """A network's crops at an input size. `legal` and `nearest` are of height and width; `output` is the box of input
    pixels that get a label."""

    size: tuple[int, int]
    legal: tuple[bool, bool]
    nearest: tuple[tuple[int, ...], tuple[int, ...]]
    steps: tuple[Size, ...]
    crops: tuple[CropOf, ...]
    output: Box

    def __getitem__(self, name: str) -> CropOf:
        return {crop.name: crop for crop in self.crops}[name]


def crop(
    model: str = "unet",
    padding: str = "",
    size: int | tuple[int, int] = 572,
    mode: str = "aligned",
    modes: Mapping[str, str] | None = None,
    shifts: Mapping[str, int] | None = None,
    seed: int = 0,
) -> CropLab:
    """Where the crops of a network cut, from geometry alone: no weights, no image, any size.

    size    height and width, or both in one; the network itself may refuse it
    mode    "aligned": where the grids of both maps meet; "centre": half of the difference in size; "random": drawn by
            `seed`, rows and columns apart; "corner": at the top left; "pad": nothing is cut, the other map gets zeros
            around it until it is as large (half of them, rounded down, before it); a crop to the image stays aligned
    modes   another mode for some crops, by name; shifts  units by which some lie behind that place, down and right

    Raises ExplorerError for a size at which no map is left, a crop that does not fit, and unknown names.

    >>> lab = crop("unet", "valid", 500, "centre")
    >>> [(c.rows.offset, c.rows.aligned, int(c.rows.misalignment)) for c in lab.crops]
    [(4, 4, 0), (17, 16, 4), (42, 40, 4), (92, 88, 4)]
    """
    height, width = (size, size) if isinstance(size, int) else size
    network = network_of(model, padding)
    rows, cols = walks(network, (height, width), placing(mode, modes, shifts, seed))
    sizes, kinds = legal(network), _kinds(network, rows)
    steps = tuple(
        Size(name, kinds[name], (len(axis), len(cols.axes[name])), (rows.passed.get(name, 0), cols.passed.get(name, 0)))
        for name, axis in rows.axes.items()
    )
    (top, tall), (left, wide) = ((int(w.output.grid.start), len(w.output)) for w in (rows, cols))
    return CropLab(
        (height, width),
        (height in sizes, width in sizes),
        (sizes.nearest(height), sizes.nearest(width)),
        steps,
        tuple(_crop_of(name, rows, cols) for name in rows.cuts),
        Box(top, left, top + tall, left + wide),
    )


def placing(
    mode: str = "aligned",
    modes: Mapping[str, str] | None = None,
    shifts: Mapping[str, int] | None = None,
    seed: int = 0,
) -> Placing:
    """The settings of `crop` as one value."""
    return Placing(mode, tuple((modes or {}).items()), tuple((shifts or {}).items()), seed)


def walks(module: nn.Module, size: tuple[int, int], where: Placing | None = None) -> tuple[Walk, Walk]:
    """Along rows and along columns."""
    rows = walk(module, size[0], where, 0)
    modes = () if where is None else (where.mode, *dict(where.modes).values())
    alike = size[0] == size[1] and "random" not in modes and _is_square(module)
    return rows, rows if alike else walk(module, size[1], where, 1)


@lru_cache(maxsize=32)
def _is_square(module: nn.Module) -> bool:
    """Whether a network does the same along rows and along columns."""
    for part in module.children():
        with suppress(TypeError):  # what joins two maps has no operation of its own along an axis
            if operations.along(part, 0) != operations.along(part, 1):
                return False
    return True


def _kinds(network: nn.Module, rows: Walk) -> dict[str, str]:
    known = {name: operations.known(network.get_submodule(name)) for name in rows.axes}
    return {name: "unknown" if operation is None else operation.kind for name, operation in known.items()}


def _crop_of(name: str, rows: Walk, cols: Walk) -> CropOf:
    of, reference = rows.given[name]
    return CropOf(name, of, reference, rows.joins.get(name), rows.cuts[name], cols.cuts[name])


def _span(axis: Axis, unit: int) -> tuple[int, int] | None:
    if not 0 <= unit < len(axis):
        raise IndexError(f"the map has {len(axis)} units, none at {unit}")
    return None if axis.empty[unit] else (int(axis.lo[unit]), int(axis.hi[unit]))
