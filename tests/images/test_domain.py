"""What an image shows is told from its colours, and only where it is sure."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from explorer import images
from explorer.cards import available
from explorer.files import EXAMPLES

LISTED = {e["file"]: e["family"] for e in json.loads((EXAMPLES / "examples.json").read_text("utf-8"))}
PIXELS = {file: images.read(EXAMPLES / file).pixels for file in LISTED}
NUCLEI = sorted(file for file, family in LISTED.items() if family == images.NUCLEI)
PHOTOGRAPHS = sorted(file for file, family in LISTED.items() if family == images.EVERYDAY)


def grey(pixels: np.ndarray) -> np.ndarray:
    return np.asarray(Image.fromarray(pixels).convert("L").convert("RGB"))


def as_jpeg(pixels: np.ndarray, tmp_path) -> np.ndarray:
    Image.fromarray(pixels).save(tmp_path / "x.jpg", quality=80)
    return images.read(tmp_path / "x.jpg").pixels


def parts(pixels: np.ndarray) -> list[np.ndarray]:
    """The image, its quarters, turned, smaller, larger."""
    rows, cols = pixels.shape[0] // 2, pixels.shape[1] // 2
    quarters = [pixels[r : r + rows, c : c + cols] for r in (0, rows) for c in (0, cols)]
    turned = [pixels[::-1], pixels[:, ::-1], pixels.transpose(1, 0, 2)]
    return [pixels, *quarters, *turned, images.resize(pixels, 90), images.resize(pixels, 900, enlarge=True)]


def test_the_domains_are_those_of_the_cards() -> None:
    assert {card.domain for card in available()} == {images.EVERYDAY, images.NUCLEI} == set(LISTED.values())


@pytest.mark.parametrize("file", NUCLEI)
def test_every_micrograph_is_noticed_whole_turned_smaller_and_larger(file: str, tmp_path) -> None:
    pixels = PIXELS[file]
    whole, *quarters = parts(pixels)[:5]
    for part in (whole, *parts(pixels)[5:], as_jpeg(pixels, tmp_path)):
        assert images.domain_of(part) == images.NUCLEI
    assert {images.domain_of(part) for part in quarters} <= {images.NUCLEI, None}


@pytest.mark.parametrize("dye", [(0, 0, 1), (0.13, 0.42, 1), (0.1, 1, 0.1), (0, 0.9, 0.9)])
@pytest.mark.parametrize("file", NUCLEI)
def test_fluorescence_in_the_colour_of_its_dye_is_noticed_as_in_grey(file: str, dye: tuple[float, ...]) -> None:
    shades = grey(PIXELS[file])
    dyed = (shades * np.array(dye)).astype(np.uint8)
    assert images.domain_of(dyed) == images.domain_of(shades)


@pytest.mark.parametrize("dye", [(0, 0, 1), (0.1, 1, 0.1)])
@pytest.mark.parametrize("file", PHOTOGRAPHS)
def test_a_photograph_in_one_colour_is_not_taken_for_nuclei(file: str, dye: tuple[float, ...]) -> None:
    assert images.domain_of((grey(PIXELS[file]) * np.array(dye)).astype(np.uint8)) != images.NUCLEI


@pytest.mark.parametrize("file", PHOTOGRAPHS)
def test_no_part_of_a_photograph_is_taken_for_nuclei(file: str, tmp_path) -> None:
    pixels = PIXELS[file]
    dark = (pixels * 0.2).astype(np.uint8)
    for part in (*parts(pixels), grey(pixels), dark, grey(dark), as_jpeg(grey(pixels), tmp_path)):
        assert images.domain_of(part) != images.NUCLEI


def test_some_photographs_are_noticed_and_no_micrograph_is_taken_for_one() -> None:
    assert sum(images.domain_of(PIXELS[file]) == images.EVERYDAY for file in PHOTOGRAPHS) >= 3
    for file in NUCLEI:
        assert images.EVERYDAY not in {images.domain_of(part) for part in parts(PIXELS[file])}


def test_what_is_neither_is_left_alone() -> None:
    disk = np.zeros((200, 300, 3), np.uint8)
    rows, cols = np.ogrid[:200, :300]
    disk[(rows - 60) ** 2 + (cols - 200) ** 2 < 40**2] = 230  # the moon
    page = np.full((200, 300, 3), 255, np.uint8)
    page[20:180:12, 20:280] = 0  # a text
    noise = np.random.default_rng(0).integers(0, 256, (100, 100, 3), np.uint8)
    for pixels in (disk, page, np.zeros_like(disk), np.full_like(disk, 200), grey(noise), noise):
        assert images.domain_of(pixels) is None
    assert images.domain_of(np.full((40, 40, 3), (120, 160, 90), np.uint8)) is None  # one colour is no scene
