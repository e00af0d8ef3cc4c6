"""An image of any size in tiles without seams: every tile's units are those of the whole run.

The overlap-tile strategy (Ronneberger et al. 2015, figure 2), for every network: of each step a tile computes just
the units that its output reads, at their places in the whole map (`WindowRunner`). So poolings pair the same pixels as
in the whole run, zeros stand only where the whole map ends, and tiles may begin anywhere. Tiles begin at multiples of
the network's largest jump all the same, so that most of them have windows of one size.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from explorer.geometry import Region, Span
from explorer.local import WindowRunner
from explorer.trace import CancelledError


@dataclass(frozen=True)
class Tile:
    """`output`  pixels of the image that it labels; `input`  the window of the network's input that they depend on."""

    output: Region
    input: Region


def cut(
    local: WindowRunner, step: str, size: tuple[int, int], side: int, cancelled: Callable[[], bool] = lambda: False
) -> list[Tile]:
    """Tiles of at most side x side output pixels that cover [0, height) x [0, width), row by row.

    What a tile reads follows row by row and column by column: a thousand tiles in a line ask for no more than that.
    Raises CancelledError when cancelled.
    """
    if side < 1:
        raise ValueError(f"a tile has at least one pixel, not {side}")

    def read(rows: Span, cols: Span) -> Region:
        if cancelled():
            raise CancelledError("while planning")
        return tile_of(local, step, Region(rows, cols)).input

    rows, cols = (spans(n, side) for n in size)
    downs = [(span, read(span, cols[0]).rows) for span in rows]
    acrosses = [(span, read(rows[0], span).cols) for span in cols]
    return [Tile(Region(y, x), Region(top, left)) for y, top in downs for x, left in acrosses]


def tile_of(local: WindowRunner, step: str, output: Region) -> Tile:
    """The tile that labels a region."""
    return Tile(output, local.regions(step, output)["image"])


def spans(n: int, side: int) -> list[Span]:
    """[0, n) in pieces of `side`, the last one shorter."""
    return [(low, min(low + side, n)) for low in range(0, n, side)]


def halves(local: WindowRunner, step: str, tile: Tile, period: int) -> list[Tile]:
    """A tile as two, cut across its longer side at a multiple of `period`; itself alone if that is not possible."""
    rows, cols = tile.output.spans
    axis = 0 if rows[1] - rows[0] >= cols[1] - cols[0] else 1
    low, high = tile.output.spans[axis]
    middle = (low + high) // 2 // period * period
    if not low < middle < high:
        return [tile]
    parts = ((low, middle), (middle, high))
    return [tile_of(local, step, Region(part, cols) if axis == 0 else Region(rows, part)) for part in parts]
