"""Rows of a BMP of any size, decoded by Pillow where they are asked for: GDAL reads fewer kinds, and some otherwise."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from explorer.images.refusals import refusal

AT_ONCE = 256  # rows; columns are only chosen of what is decoded


class Rows:
    """H x W x samples uint8 of a path that Pillow has opened, sliced [top:bottom:step, left:right:step, samples].

    Raises ExplorerError for one that is packed, EOFError where the file ends too early.
    """

    def __init__(self, image: Any, source: Path) -> None:
        codec, _, start, (self.raw, stride, direction) = image.tile[0]
        if codec != "raw":
            raise refusal("not_in_pieces", format="BMP (RLE)")
        self.mode, (self.width, height) = image.mode, image.size
        if start + height * stride > source.stat().st_size:
            raise EOFError(f"{height} rows of {stride} bytes at {start}")
        self.lines = np.memmap(source, np.uint8, "r", start, (height, stride))[::direction]

    def __getitem__(self, box: Any) -> np.ndarray:
        rows, columns, samples = box
        lines = self.lines[rows]
        parts = [self._decoded(lines[i : i + AT_ONCE])[:, columns] for i in range(0, len(lines), AT_ONCE)]
        return np.concatenate(parts)[..., samples]

    def _decoded(self, lines: np.ndarray) -> np.ndarray:
        size, stride = (self.width, len(lines)), lines.shape[1]
        image = Image.frombytes(self.mode, size, lines.tobytes(), "raw", self.raw, stride, 1)
        values = np.asarray(image.convert("L") if self.mode == "1" else image)
        return values if values.ndim == 3 else values[..., None]
