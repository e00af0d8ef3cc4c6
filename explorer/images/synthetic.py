"""Made images that show what a network does with the simplest input: each says where one is, or what one changes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

SIDE = 320  # pixels, as large as photographs are looked at first: nothing is resized
CELL = 16  # pixels of a square of the checkerboard, and of a period of the grating


def ramp() -> np.ndarray:
    """Red grows from left to right, green from top to bottom: a colour says its place (H x W x 3 uint8)."""
    grown = np.rint(np.linspace(0, 255, SIDE)).astype(np.uint8)
    made = np.full((SIDE, SIDE, 3), 128, np.uint8)
    made[..., 0], made[..., 1] = grown[None], grown[:, None]
    return made


def impulse() -> np.ndarray:
    """One white pixel in the middle of grey: in a step's difference from grey it shows what sees that pixel."""
    made = np.full((SIDE, SIDE, 3), 128, np.uint8)
    made[SIDE // 2, SIDE // 2] = 255
    return made


def grey() -> np.ndarray:
    """Grey alone, to take differences from."""
    return np.full((SIDE, SIDE, 3), 128, np.uint8)


def checkerboard() -> np.ndarray:
    """Squares of dark and light grey."""
    cell = np.arange(SIDE) // CELL
    board = (cell[:, None] + cell) % 2
    made: np.ndarray = np.repeat((64 + 128 * board)[..., None], 3, 2).astype(np.uint8)
    return made


def grating() -> np.ndarray:
    """Upright stripes whose brightness is a sine."""
    wave = np.rint(128 + 96 * np.sin(2 * np.pi * np.arange(SIDE) / CELL)).astype(np.uint8)
    made: np.ndarray = np.repeat(np.tile(wave, (SIDE, 1))[..., None], 3, 2)
    return made


MADE: dict[str, Callable[[], np.ndarray]] = {
    "made-ramp": ramp,
    "made-impulse": impulse,
    "made-grey": grey,
    "made-checkerboard": checkerboard,
    "made-grating": grating,
}
