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


IMAGEJ = "ImageJ=1.54f\nimages=5\nchannels=5\nhyperstack=true\n"
UIC = [(33628, 4, 1, 1), (33629, 5, 5, (1, 1) * 5)]  # of MetaMorph: the second has a value for each plane
STACKS: dict[str, dict[str, object]] = {
    "ImageJ": {"description": IMAGEJ},
    "MetaMorph": {"extratags": UIC},
}


def in_one_directory(stack: np.ndarray, **how: object) -> bytes:
    """N x H x W (x 3) with the directory of the first picture alone."""
    stream = io.BytesIO()
    tifffile.imwrite(stream, stack[0], metadata=None, **how)
    return stream.getvalue()[: -stack[0].nbytes] + stack.astype(stack.dtype.newbyteorder(how["byteorder"])).tobytes()


@pytest.mark.parametrize("program", [*STACKS, "tifffile", "tifffile volume"])
@pytest.mark.parametrize(
    ("order", "dtype", "samples"), [("<", "u2", 1), (">", "u2", 1), ("<", "f4", 1), (">", "u1", 3)]
)
def test_pictures_that_follow_one_directory(program: str, order: str, dtype: str, samples: int, tmp_path: Path) -> None:
    """Of ImageJ beyond 4 GiB, of MetaMorph, of tifffile where it is told so."""
    stack = np.random.default_rng(0).integers(0, 250, (5, 30, 40, samples)).astype(dtype).squeeze()
    kind = {"photometric": "rgb" if samples > 1 else "minisblack", "byteorder": order}
    path = tmp_path / "stack.tif"
    if program in STACKS:
        path.write_bytes(in_one_directory(stack, **STACKS[program], **kind, rowsperstrip=7 if order == "<" else None))
    else:
        tifffile.imwrite(path, stack, **kind, **{"truncate" if program == "tifffile" else "volumetric": True})
        assert len(tifffile.TiffFile(path).pages) == 1
    for page in range(5):
        photograph = read(path, page=page)
        assert (photograph.page, photograph.pages) == (page, 5)
        one = read(written(stack[page], photometric=kind["photometric"]))
        np.testing.assert_array_equal(photograph.pixels, one.pixels)
        with GiantImage(path, page) as image:
            np.testing.assert_array_equal(image[3:20, 5:], photograph.pixels[3:20, 5:])
    with pytest.raises(ExplorerError, match="no page 6"):
        read(path, page=5)


@pytest.mark.parametrize("how", [{"compression": "lzw"}, {"compression": "zlib"}, {"tile": (16, 16)}])
def test_a_stack_that_cannot_be_followed_is_called_by_its_name(how: dict[str, object]) -> None:
    stack = np.zeros((5, 32, 48), np.uint16)
    deep = {"volumetric": True, **how, **({"tile": (1, 16, 16)} if "tile" in how else {})}
    for data, name in (
        (written(stack[0], photometric="minisblack", extratags=UIC, **how), "MetaMorph STK (5 planes"),
        (written(stack, photometric="minisblack", **deep), "TIFF (ImageDepth 5"),
    ):
        error = refusal(data)
        assert error.code == "science_format"
        assert error.details["format"].startswith(name)


def test_texts_that_a_copied_page_has_kept() -> None:
    """They tell of a stack that is not there, or whose pages have directories of their own."""
    picture = np.arange(1200, dtype=np.uint16).reshape(30, 40)
    for text in (
        IMAGEJ,
        '{"shape": [5, 30, 40]}',
        '{"shape": []}',
        '{"shape": [9999999999999999999, 2]}',
        "ImageJ=1\nimages=x",
    ):
        for how in ({}, {"compression": "lzw"}):
            data = written(picture, description=text, photometric="minisblack", **how)
            assert (read(data).pages, codes(read(data))) == (1, ["scaled"])
        pages = [picture, picture + 1, picture.T]
        for page, own in enumerate(pages):
            data = written(*pages, description=text, photometric="minisblack")
            assert read(data, page=page).pages == 3
            np.testing.assert_array_equal(read(data, page=page).pixels, read(written(own)).pixels)


def test_slides_and_their_levels() -> None:
    """Aperio's levels and thumbnail are pages; Zeiss LSM's thumbnails, which stand between the pictures, are none."""
    levels = [scene(96 // n, 144 // n, n) for n in (1, 2, 3)]
    photograph = read(
        written(*levels, photometric="rgb", compression="jpeg", tile=(48, 48), compressionargs={"level": 95})
    )
    assert (photograph.size, photograph.pages) == ((96, 144), 3)
    assert np.abs(photograph.pixels.astype(int) - levels[0]).mean() < 4
    stream = io.BytesIO()
    planes = np.random.default_rng(0).integers(0, 256, (3, 2, 30, 40), np.uint8)
    with tifffile.TiffWriter(stream) as file:
        for plane in planes:
            lsm = [(34412, 7, 4, b"LSM0")]
            how = {"photometric": "minisblack", "planarconfig": "separate", "compression": "lzw", "metadata": None}
            file.write(plane, extratags=lsm, **how)
            file.write(scene(16, 20), photometric="rgb", subfiletype=1, metadata=None)
    for page in range(3):
        for channel in range(2):
            photograph = read(stream.getvalue(), page=page, channels=(channel,))
            assert photograph.pages == 3
            np.testing.assert_array_equal(photograph.pixels[..., 0], planes[page, channel])


def test_programs_whose_tiff_is_none(tmp_path: Path) -> None:
    slide = written(scene(), photometric="rgb", extratags=[(65420, 4, 1, 1)])
    error = refusal(slide)
    assert (error.code, error.details) == ("science_format", {"format": "Hamamatsu NDPI"})
    path = tmp_path / "large.lsm"
    path.write_bytes(written(scene(), photometric="rgb", extratags=[(34412, 7, 4, b"LSM0")]))
    assert read(path).size == (40, 60)
    with path.open("r+b") as file:
        file.truncate(2**32 + 1)  # sparse
    with pytest.raises(ExplorerError, match="Zeiss LSM"):
        GiantImage(path)


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
