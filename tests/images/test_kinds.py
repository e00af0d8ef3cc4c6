"""What people have: raw files, previews, stacks, channels, alpha that says nothing, and files of other programs."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import tifffile

from explorer import giant, images
from explorer.errors import ExplorerError
from explorer.giant import GiantImage
from explorer.images import read
from explorer.images.directories import MOST_PAGES
from explorer.images.formats import ARCHIVES, RAW, SCIENCE
from tests.images.made import codes, encode, grey_tiff, refusal, scene


def written(*pages: np.ndarray, **how: object) -> bytes:
    stream = io.BytesIO()
    with tifffile.TiffWriter(stream) as file:
        for page in pages:
            file.write(page, metadata=None, **how)
    return stream.getvalue()


def preview_and(picture: np.ndarray, photometric: str) -> bytes:
    stream = io.BytesIO()
    with tifffile.TiffWriter(stream) as file:
        file.write(scene(20, 30), subifds=1, subfiletype=1, photometric="rgb")
        file.write(picture, photometric=photometric, subfiletype=0)
    return stream.getvalue()


def test_of_a_preview_and_its_picture_the_picture_is_taken() -> None:
    photograph = read(preview_and(scene(80, 120), "rgb"))
    np.testing.assert_array_equal(photograph.pixels, scene(80, 120))
    assert codes(photograph) == []
    assert codes(read(written(scene(20, 30), subfiletype=1, photometric="rgb"))) == ["preview"]
    smaller_first = io.BytesIO()
    with tifffile.TiffWriter(smaller_first) as file:  # in the chain of pages, as scanners have it
        file.write(scene(20, 30), subfiletype=1, photometric="rgb")
        file.write(scene(80, 120), photometric="rgb")
    photograph = read(smaller_first.getvalue())
    assert (photograph.size, photograph.pages) == ((80, 120), 1)


def test_a_raw_mosaic_is_called_raw() -> None:
    mosaic = scene(80, 120)[..., 0].astype(np.uint16)
    error = refusal(preview_and(mosaic, "cfa"))
    assert error.code == "raw_camera"
    assert refusal(written(mosaic, photometric="cfa")).code == "raw_camera"


@pytest.mark.parametrize("order", "<>")
def test_pictures_that_follow_one_directory(order: str, tmp_path: Path) -> None:
    """ImageJ writes stacks beyond 4 GiB with the directory of their first picture alone."""
    stack = np.random.default_rng(0).integers(0, 4000, (5, 30, 40), np.uint16)
    text = b"ImageJ=1.54f\nimages=5\nchannels=5\nhyperstack=true\n"
    stream = io.BytesIO()
    tifffile.imwrite(stream, stack[0], byteorder=order, description=text.decode(), metadata=None)
    path = tmp_path / "stack.tif"
    path.write_bytes(stream.getvalue()[: -stack[0].nbytes] + stack.astype(f"{order}u2").tobytes())
    for page in range(5):
        photograph = read(path, page=page)
        assert (photograph.page, photograph.pages) == (page, 5)
        np.testing.assert_array_equal(photograph.pixels, read(written(stack[page])).pixels)
        with GiantImage(path, page) as image:
            np.testing.assert_array_equal(image[3:20, 5:], photograph.pixels[3:20, 5:])
    with pytest.raises(ExplorerError, match="no page 6"):
        read(path, page=5)


def test_channels_are_chosen_and_said(tmp_path: Path) -> None:
    bands = np.random.default_rng(0).integers(0, 256, (40, 50, 5), np.uint8)
    data = written(bands, photometric="minisblack", planarconfig="contig")
    path = tmp_path / "bands.tif"
    path.write_bytes(data)
    for channels, shown in ((None, [0, 0, 0]), ((3,), [3, 3, 3]), ((4, 0, 2), [4, 0, 2])):
        photograph = read(data, channels=channels)
        np.testing.assert_array_equal(photograph.pixels, bands[..., shown])
        assert photograph.notes[0].details["channels"] == 5
        with GiantImage(path, channels=channels) as image:
            np.testing.assert_array_equal(image[:, :], photograph.pixels)
    photograph = read(encode(scene(), "PNG"), channels=(1,))
    np.testing.assert_array_equal(photograph.pixels, scene()[..., [1, 1, 1]])
    for wrong in ((5,), (0, 1), (-1,)):
        with pytest.raises(ExplorerError) as caught:
            read(data, channels=wrong)
        assert caught.value.code == "no_channel"


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP"])
def test_alpha_that_is_zero_everywhere_is_not_believed(kind: str, tmp_path: Path) -> None:
    options = {"lossless": True, "exact": True} if kind == "WEBP" else {}
    path = tmp_path / "clear"
    path.write_bytes(encode(np.dstack([scene(), np.zeros((40, 60), np.uint8)]), kind, **options))
    photograph = read(path)
    np.testing.assert_array_equal(photograph.pixels, scene())
    assert codes(photograph) == ["alpha_ignored"]
    with GiantImage(path) as image:
        np.testing.assert_array_equal(image[:, :], scene())


def test_alpha_beside_a_fifth_band_is_a_band() -> None:
    bands = np.dstack([scene(), np.full((40, 60, 2), 7, np.uint8)])
    photograph = read(written(bands, photometric="rgb", extrasamples=["unspecified", "unassalpha"]))
    np.testing.assert_array_equal(photograph.pixels, scene())
    assert codes(photograph) == ["channels"]


def test_alpha_has_no_part_in_the_scale() -> None:
    deep = np.dstack([scene().astype(np.uint16) * 16, np.full((40, 60), 4095, np.uint16)])
    with_alpha = read(written(deep, photometric="rgb", extrasamples=["unassalpha"]))
    np.testing.assert_array_equal(with_alpha.pixels, read(written(deep[..., :3], photometric="rgb")).pixels)


@pytest.mark.parametrize("progressive", [False, True])
def test_a_jpeg_without_its_end_mark(progressive: bool) -> None:
    whole = encode(scene(90, 130), "JPEG", progressive=progressive)
    for data in (whole[:-2], whole[:-1]):
        photograph = read(data)
        np.testing.assert_array_equal(photograph.pixels, read(whole).pixels)
        assert codes(photograph) == ["no_end_mark"]
    for missing in (8, 40, len(whole) // 3):
        assert refusal(whole[:-missing]).code == "truncated"


HEADS = {
    "Zeiss CZI": b"ZISRAWFILE",
    "Nikon ND2": b"\xda\xce\xbe\x0a",
    "Leica LIF": b"p\0\0\0",
    "HDF5": b"\x89HDF\r\n\x1a\n",
    "Olympus OIB or another compound (OLE)": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
    "Olympus OIF": "\ufeff[FileInfo]".encode("utf-16-le"),
    "FITS": b"SIMPLE  =    T",
    "NIfTI": bytes(344) + b"n+1\0",
    "NRRD": b"NRRD0004",
    "Canon CR2": b"II*\0\x10\0\0\0CR\2\0",
    "Canon CR3": b"\0\0\0\x18ftypcrx ",
    "Fujifilm RAF": b"FUJIFILMCCD-RAW",
    "Panasonic RW2": b"IIU\0",
    "Olympus ORF": b"IIRO\x08",
    "ZIP": b"PK\3\4",
    "gzip": b"\x1f\x8b",
    "PPM": b"P6\n9 9\n",
}


@pytest.mark.parametrize("name", HEADS)
def test_files_of_other_programs_are_called_by_their_names(name: str) -> None:
    error = refusal(HEADS[name] + bytes(600))
    groups = {"science_format": SCIENCE, "raw_camera": RAW, "archive": ARCHIVES}
    expected = next((code for code, group in groups.items() if name in group), "unsupported_format")
    assert (error.code, error.details) == (expected, {"format": name})


@pytest.mark.parametrize(("number", "name"), [(50002, "JPEG XL"), (33005, "JPEG 2000"), (12345, "12345")])
def test_compressions_are_called_by_their_names(number: int, name: str) -> None:
    error = refusal(grey_tiff(20, 20, bytes(400), t259=number))
    assert (error.code, error.details) == ("tiff_compression", {"compression": name})


def test_many_pages_are_not_walked() -> None:
    """200,000 directories, all of which could be found; and the list of them may close in itself."""
    one = grey_tiff(20, 20, bytes(400))
    length = len(one) - 408  # of the directory
    after = (408 + length * np.arange(1, 200_001)).astype("<u4").view(np.uint8).reshape(-1, 4)
    body = np.broadcast_to(np.frombuffer(one[408:-4], np.uint8), (200_000, length - 4))
    chain = np.hstack([body, after]).tobytes()
    data = one[:408] + chain + one[408:]
    assert read(data).pages == MOST_PAGES
    with pytest.raises(ExplorerError, match="page"):
        read(data, page=MOST_PAGES + 1)


def test_a_giant_is_read_as_a_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "giant.tif"
    path.write_bytes(written(scene(300, 420), photometric="rgb", tile=(64, 64)))
    plain = images.resize(scene(300, 420), 100)
    for module in (images, giant.images):
        monkeypatch.setattr(module, "MAX_PIXELS", 20_000)
    with pytest.raises(ExplorerError):
        giant.read(path)
    with pytest.raises(ExplorerError) as caught:
        giant.read(path, longest=400)
    assert caught.value.code == "too_large_pixels"
    photograph = giant.read(path, longest=100)
    assert photograph.size == plain.shape[:2]
    assert np.abs(photograph.pixels.astype(int) - plain).max() <= 3
    assert photograph.notes[-1].details == {"height": 71, "width": 100, "whole_height": 300, "whole_width": 420}
