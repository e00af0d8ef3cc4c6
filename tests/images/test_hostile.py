"""Every bad file is refused with a reason, and costs neither time nor memory."""

from __future__ import annotations

import io
import random
import subprocess
import sys
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFile

from explorer import images
from explorer.errors import ExplorerError
from explorer.images import formats, read
from tests.images.bombs import BOMBS, HUGE, NO_LAYOUT
from tests.images.made import KINDS, codes, encode, grey_tiff, long, mutated, png, refusal, scene, seeds, zeros

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "assets" / "examples"


def test_small_and_thin_images() -> None:
    assert refusal(encode(scene(1, 1), "PNG")).details == {"width": 1, "height": 1, "minimum": 16}
    assert refusal(encode(scene(15, 400), "JPEG")).code == "too_small"
    assert read(encode(scene(16, 16), "PNG")).size == (16, 16)
    assert read(encode(scene(16, 512), "PNG")).size == (16, 512)
    assert refusal(encode(scene(16, 513), "PNG")).code == "too_thin"


def test_too_many_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = encode(scene(), "PNG")
    monkeypatch.setattr(images, "MAX_BYTES", len(data))
    assert read(data).size == (40, 60)
    for source in (data + b"\0", bytearray(data + b"\0"), io.BytesIO(data + b"\0")):
        assert refusal(source).code == "too_large_bytes"


@pytest.mark.parametrize("kind", HUGE)
def test_too_many_pixels_are_refused_by_the_header(kind: str) -> None:
    error = refusal(HUGE[kind])
    assert error.code == "too_large_pixels"
    assert error.details["limit"] == images.MAX_PIXELS
    assert min(error.details["width"], error.details["height"]) >= 16384


MEASURE = """import re, sys, time
from explorer import errors, images
def peak(): return int(re.search(r"VmHWM:\\s*(\\d+)", open("/proc/self/status").read())[1]) / 1024
images.read(sys.argv[1])  # what the first reading of all loads does not count
before, start = peak(), time.process_time()
try: print(images.read(sys.argv[2]).size)
except errors.ExplorerError as error: print(error.code)
print(time.process_time() - start, peak() - before)"""


@pytest.mark.skipif(sys.platform != "linux", reason="peak memory is measured as Linux gives it")
@pytest.mark.parametrize("name", BOMBS)
def test_bombs_cost_neither_time_nor_memory(name: str, tmp_path: Path) -> None:
    make, expected = BOMBS[name]
    path = tmp_path / "bomb"
    path.write_bytes(make())
    command = [sys.executable, "-c", MEASURE, str(EXAMPLES / "cat.jpg"), str(path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=True)
    answer, figures = done.stdout.splitlines()
    seconds, megabytes = map(float, figures.split())
    assert answer == expected
    most = {"largest_allowed": (30, 1024), "png_parts": (4, 160)}.get(name, (4, 64))
    assert seconds < (0.5 if answer == "too_large_pixels" else most[0])
    assert megabytes < most[1]


@pytest.mark.parametrize("kind", KINDS)
def test_truncated_files_are_refused(kind: str) -> None:
    data = encode(scene(200, 300), kind)
    for share in (0.3, 0.6, 0.9):
        code = refusal(data[: int(len(data) * share)]).code
        assert code == "truncated" or (kind, code) == ("WEBP", NO_LAYOUT)


def test_damage_is_refused() -> None:
    data = bytearray(encode(scene(), "PNG"))
    data[data.index(b"IDAT") + 20] ^= 0xFF
    assert refusal(bytes(data)).code == refusal(png(20, 20, b"junk")).code == "unreadable"
    assert (
        refusal(png(20, 20, zeros(600))).code == refusal(b"\xff\xd8\xff").code == refusal(b"GIF89a").code == "truncated"
    )
    for other in (png(0, 20, zeros(600)), png(20, 20, zeros(1220), bits=7)):
        assert refusal(other).code == NO_LAYOUT


def test_damage_behind_the_first_frame_does_not_matter() -> None:
    data = encode(scene(), "GIF", save_all=True, append_images=[Image.fromarray(scene(seed=seed)) for seed in (1, 2)])
    assert np.abs(read(data[: len(data) * 2 // 3]).pixels.astype(int) - scene()).mean() < 8
    loop = bytearray(grey_tiff(20, 20, bytes(400)))
    loop[-4:] = long(408)  # the next page is this page
    assert codes(read(bytes(loop))) == []


def test_pillow_is_left_as_it_was() -> None:
    before = Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES, list(warnings.filters)
    read(encode(scene(), "TIFF"))
    refusal(HUGE["PNG"])
    assert (Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES, list(warnings.filters)) == before


def test_any_exception_of_a_decoder_becomes_a_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    kinds = [OSError, SyntaxError, ValueError, OverflowError, zlib.error, EOFError, KeyError, TypeError]
    for kind in [*kinds, RecursionError, AssertionError, AttributeError, MemoryError, Image.DecompressionBombError]:
        monkeypatch.setitem(formats.READERS, "PNG", lambda *_, kind=kind: (_ for _ in ()).throw(kind("hostile")))
        error = refusal(encode(scene(), "PNG"))
        assert error.code == {MemoryError: "out_of_memory", EOFError: "truncated"}.get(kind, NO_LAYOUT)
        assert isinstance(error.__cause__, kind)


@pytest.mark.filterwarnings("ignore")  # Pillow's remarks on the damage
def test_mutated_files_are_read_or_refused() -> None:
    chance = random.Random(0)
    for _ in range(1500):
        try:
            photograph = read(mutated(bytearray(chance.choice(seeds())), chance))
        except ExplorerError:
            continue
        assert photograph.pixels.shape == (*photograph.size, 3)
        assert min(photograph.size) >= images.MIN_SIDE


def test_threads_agree() -> None:
    files = seeds() + [encode(scene(300, 400, seed), "PNG") for seed in range(4)] + [HUGE["PNG"], b"junk"]

    def outcome(data: bytes) -> str:
        try:
            photograph = read(data)
        except ExplorerError as error:
            return error.code
        return photograph.digest + repr(photograph.notes)

    expected = [outcome(data) for data in files]
    with ThreadPoolExecutor(8) as pool:
        for _ in range(3):
            assert list(pool.map(outcome, files)) == expected
