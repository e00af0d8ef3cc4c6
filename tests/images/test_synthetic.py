"""Made images: what each of them is for can be read off its pixels."""

from __future__ import annotations

import numpy as np
import pytest

from explorer.images.synthetic import CELL, MADE, SIDE, checkerboard, grating, grey, impulse, ramp


@pytest.mark.parametrize("name", MADE)
def test_all_are_pictures_of_one_size(name) -> None:
    pixels = MADE[name]()
    assert (pixels.shape, pixels.dtype) == ((SIDE, SIDE, 3), np.uint8)


def test_a_colour_of_the_ramp_says_its_place() -> None:
    pixels = ramp().astype(float)
    rows, cols = np.mgrid[0:SIDE, 0:SIDE]
    np.testing.assert_allclose(pixels[..., 0] / 255 * (SIDE - 1), cols, atol=1)
    np.testing.assert_allclose(pixels[..., 1] / 255 * (SIDE - 1), rows, atol=1)


def test_an_impulse_differs_from_grey_in_one_pixel() -> None:
    assert np.argwhere((impulse() != grey()).any(-1)).tolist() == [[SIDE // 2, SIDE // 2]]


def test_the_board_and_the_grating_repeat() -> None:
    board, wave = checkerboard()[..., 0].astype(int), grating()[..., 0].astype(int)
    assert (board[:-CELL] + board[CELL:] == board[0, 0] + board[0, CELL]).all()
    assert (board[:, : -2 * CELL] == board[:, 2 * CELL :]).all()
    assert (wave == wave[0]).all()
    spectrum = np.abs(np.fft.rfft(wave[0] - wave[0].mean()))
    assert spectrum.argmax() == SIDE // CELL
