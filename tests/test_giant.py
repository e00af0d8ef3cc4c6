"""Images larger than memory: windows of the file are the picture that Pillow shows, labels arrive as written."""

from __future__ import annotations

import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import rasterio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from explorer.errors import ExplorerError
from explorer.giant import GiantImage, LabelFile
from explorer.images import read

COLOURS = ((10, 20, 30), (200, 0, 0), (0, 200, 0))


def picture(height: int, width: int, bands: int = 3) -> np.ndarray:
    return np.random.default_rng(height * width).integers(0, 256, (height, width, bands), np.uint8)


def saved(tmp_path: Path, image: Image.Image, kind: str, **options: object) -> Path:
    path = tmp_path / f"image.{kind}"
    image.save(path, **options)
    return path


@pytest.mark.parametrize("kind", ["png", "tif", "bmp", "webp", "jpg"])
def test_a_window_is_that_of_the_whole_picture(tmp_path: Path, kind: str) -> None:
    options = {"webp": {"lossless": True}, "jpg": {"quality": 95, "subsampling": 0}}.get(kind, {})
    path = saved(tmp_path, Image.fromarray(np.kron(picture(9, 14), np.ones((10, 10, 1), np.uint8))), kind, **options)
    whole = read(path).pixels
    with GiantImage(path) as image:
        assert image.shape == whole.shape
        for top, left, bottom, right in ((0, 0, 90, 140), (3, 5, 17, 140), (80, 0, 90, 1)):
            found = image[top:bottom, left:right].astype(int)
            assert np.abs(found - whole[top:bottom, left:right]).max() <= (3 if kind == "jpg" else 0)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["jpg", "tif"])
def test_the_orientation_is_followed(tmp_path: Path, orientation: int, kind: str) -> None:
    source = Image.fromarray(np.kron(picture(5, 8), np.ones((16, 16, 1), np.uint8)))
    exif = Image.Exif()
    exif[274] = orientation
    options = {"quality": 100, "subsampling": 0, "exif": exif} if kind == "jpg" else {"tiffinfo": {274: orientation}}
    path = saved(tmp_path, source, kind, **options)
    upright = np.asarray(ImageOps.exif_transpose(Image.open(path)).convert("RGB")).astype(int)
    with GiantImage(path) as image:
        assert image.shape == upright.shape
        assert np.abs(image[:, :].astype(int) - upright).max() <= 4
        assert np.abs(image[7:41, 20:51].astype(int) - upright[7:41, 20:51]).max() <= 4
        assert [note.code for note in image.notes] == (["rotated"] if orientation > 1 else [])


def test_palette_alpha_and_grey_are_as_the_reader_makes_them(tmp_path: Path) -> None:
    rgb = Image.fromarray(picture(40, 50))
    alpha = rgb.copy()
    alpha.putalpha(Image.fromarray(picture(40, 50, 1)[..., 0]))
    for name, image in (("p", rgb.quantize(16)), ("l", rgb.convert("L")), ("rgba", alpha)):
        for kind in ("png", "tif"):
            path = saved(tmp_path, image, kind)
            with GiantImage(path) as giant:
                apart = np.abs(giant[:, :].astype(int) - read(path).pixels)
                assert apart.max() <= 1, (name, kind)


def test_sixteen_bits_are_spread_between_percentiles(tmp_path: Path) -> None:
    values = np.random.default_rng(0).normal(3000, 200, (120, 150)).clip(0, 65535).astype(np.uint16)
    path = tmp_path / "deep.tif"
    Image.fromarray(values).save(path)
    plain = read(path)
    with GiantImage(path) as image:
        assert np.abs(image[:, :].astype(int) - plain.pixels).max() <= 1
        assert [n.details for n in image.notes] == [n.details for n in plain.notes]


def test_a_page_is_chosen(tmp_path: Path) -> None:
    pages = [Image.fromarray(picture(30, 40 + i)) for i in range(3)]
    path = tmp_path / "pages.tif"
    pages[0].save(path, save_all=True, append_images=pages[1:])
    for i in range(3):
        with GiantImage(path, i) as image:
            np.testing.assert_array_equal(image[:, :], np.asarray(pages[i]))
    with pytest.raises(ExplorerError):
        GiantImage(path, 3)


def test_other_files_are_refused(tmp_path: Path) -> None:
    for name, content in (("a.txt", b"no image at all"), ("a.vrt", b"<VRTDataset/>"), ("a.gif", b"GIF89a" + bytes(40))):
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(ExplorerError):
            GiantImage(path)
    with pytest.raises(ExplorerError) as caught:
        GiantImage(tmp_path / "none.png")
    assert caught.value.code == "cannot_open"
    with pytest.raises(ExplorerError):
        GiantImage("/vsicurl/http://127.0.0.1/a.tif")  # an address is not a file


def test_a_file_that_ends_too_early_is_refused(tmp_path: Path) -> None:
    for kind in ("png", "tif"):
        path = saved(tmp_path, Image.fromarray(picture(300, 300)), kind)
        path.write_bytes(path.read_bytes()[:90_000])
        with pytest.raises(ExplorerError), GiantImage(path) as image:
            image[0:300, 0:300]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(1, 90), st.integers(1, 90), st.integers(1, 40))
def test_labels_arrive_as_written(tmp_path: Path, height: int, width: int, side: int) -> None:
    labels = np.random.default_rng(side).integers(0, 3, (height, width), np.uint8)
    goal = tmp_path / "labels.png"
    with LabelFile(goal, (height, width), COLOURS) as file:
        for top in range(0, height, side):
            for left in range(0, width, side):
                file[top : top + side, left : left + side] = labels[top : top + side, left : left + side]
        file.finish()
    image = Image.open(goal)
    assert image.mode == "P"
    np.testing.assert_array_equal(np.asarray(image), labels)
    np.testing.assert_array_equal(np.asarray(image.convert("RGB")), np.array(COLOURS, np.uint8)[labels])
    assert [p.name for p in tmp_path.iterdir()] == ["labels.png"]


def test_what_a_file_holds_in_memory_is_bounded(tmp_path: Path) -> None:
    with GiantImage(saved(tmp_path, Image.fromarray(picture(200, 300)), "tif")) as image:
        assert image.held == 200 * 300 * (3 + 1)  # its values and a label for each pixel
    path = tmp_path / "large.tif"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        about = {"driver": "GTiff", "height": 20_000, "width": 20_000, "count": 3, "dtype": "uint8"}
        rasterio.open(path, "w", tiled=True, SPARSE_OK=True, **about).close()
    with GiantImage(path) as image:
        assert image.held == 64 * 2**20


def test_an_error_leaves_no_file_behind(tmp_path: Path) -> None:
    def stopped() -> None:
        with LabelFile(tmp_path / "labels.png", (50, 50), COLOURS) as file:
            file[0:10, 0:10] = np.zeros((10, 10), np.uint8)
            raise RuntimeError("stopped")

    with pytest.raises(RuntimeError, match="stopped"):
        stopped()
    assert list(tmp_path.iterdir()) == []


BIG = """
import sys
from pathlib import Path
from explorer import api
from explorer.inference import RunOptions
loaded = api.network("unet", "unet-nuclei-thin")
small, large, goal = sys.argv[1:]
def take(path):
    with api.segment_file(path, goal, loaded, RunOptions("cpu", way="tiles", side=160)) as found:
        return found.labelling.peak, found.labelling.plan.bytes, int(found.counts.sum())
print(*take(small)[:1], *take(large))
"""


def test_memory_does_not_grow_with_the_image(tmp_path: Path) -> None:
    """An image of 4 times as many pixels, in tiles of the same side; three of them have inner tiles already."""
    sizes = (480, 960)
    paths = []
    for n in sizes:
        path = tmp_path / f"{n}.tif"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with rasterio.open(
                path, "w", driver="GTiff", height=n, width=n, count=3, dtype="uint8", tiled=True
            ) as file:
                file.write(picture(n, n).transpose(2, 0, 1))
        paths.append(str(path))
    done = subprocess.run(
        [sys.executable, "-c", BIG, *paths, str(tmp_path / "out.png")],
        capture_output=True,
        text=True,
        check=True,
        timeout=400,
    )
    small, large, forecast, pixels = map(int, done.stdout.split())
    assert pixels == sizes[1] ** 2
    assert large <= 1.3 * small + 2**25, (small, large)
    assert large <= 1.05 * forecast, (large, forecast)
    with Image.open(tmp_path / "out.png") as made:
        assert made.size == (sizes[1], sizes[1])
