"""Photographs on disk, and the program as a shell calls it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

import explorer.__main__ as program


def photo(path: Path, height: int = 70, width: int = 90) -> Path:
    pixels = np.random.default_rng(height).integers(0, 256, (height // 10 + 1, width // 10 + 1, 3), np.uint8)
    Image.fromarray(pixels).resize((width, height), Image.Resampling.BICUBIC).save(path)
    return path


def run(*arguments: object) -> int:
    return program.main([str(a) for a in arguments])
