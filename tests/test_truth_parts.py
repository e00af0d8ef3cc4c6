"""True labels of images beyond memory: in parts they are what they are at once, however the file stores them."""

from __future__ import annotations

import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from explorer import images, masks
from explorer.errors import ExplorerError
from explorer.giant import LabelFile
from explorer.masks import strips
from explorer.results import pictures, truth
from explorer.results.truth_parts import judge_parts
from tests.test_masks import CLASSES, COLOURS, NUCLEI

KINDS = ("indexed", "grey", "colours", "deep", "from_one")
WAYS = ("png", "bmp", "tif", "tiled", "striped", "packed")


def written(folder: Path, labels: np.ndarray, kind: str, way: str) -> Path:
    """Labels as a file of a kind, or pytest.skip where that way of storing has none."""
    table = np.array([*COLOURS, *[(0, 0, 0)] * 252], np.uint8)
    values: Any = {
        "grey": labels,
        "indexed": labels,
        "colours": table[labels],
        "deep": labels.astype(np.uint16),
        "from_one": labels + 1,
    }[kind]
    path = folder / f"truth.{way if way in ('png', 'bmp') else 'tif'}"
    if way in ("tiled", "striped", "packed") and kind != "indexed":
        how: dict[str, Any] = {
            "tiled": {"tile": (16, 32)},
            "striped": {"rowsperstrip": 3},
            "packed": {"tile": (32, 16), "compression": "deflate"},
        }[way]
        tifffile.imwrite(path, values, photometric="rgb" if kind == "colours" else "minisblack", **how)
        return path
    picture = Image.fromarray(values)
    if kind == "indexed":
        picture.putpalette(table.ravel().tolist())
    if way == "bmp" and kind == "deep":
        picture = Image.fromarray(labels)
    picture.save(path)
    return path


def result(
    labels: np.ndarray, classes: Any, notes: Any = (), objects: Any = None, file: LabelFile | None = None
) -> Any:
    card = types.SimpleNamespace(classes=classes, objects=objects, background=0 if objects else None)
    return types.SimpleNamespace(card=card, labels=labels if file is None else file, notes=notes, instances=None)


def in_parts(folder: Path, made: np.ndarray, path: Path, classes: Any, notes: Any = (), **more: Any) -> Any:
    """The judgement of labels that lie in a file, and the map of errors as it was written."""
    objects = more.pop("objects", None)
    with (
        LabelFile(folder / "labels.png", made.shape, COLOURS) as labels,
        LabelFile(folder / "errors.png", made.shape, truth.COLOURS) as errors,
    ):
        labels[0 : made.shape[0], 0 : made.shape[1]] = made
        found, named = judge_parts(result(made, classes, notes, objects, labels), path, errors, **more)
        errors.finish()
    return found, named, np.asarray(Image.open(folder / "errors.png"))


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.tuples(st.integers(3, 70), st.integers(3, 70)),
    st.sampled_from(KINDS),
    st.sampled_from(WAYS),
    st.sampled_from([256, 700, 2**22]),
    st.integers(0, 2**31),
)
def test_figures_are_those_of_the_whole(tmp_path_factory, monkeypatch, size, kind, way, at_once, seed):
    """Of parts of any size: figures, boundaries, errors, remarks and numbering."""
    monkeypatch.setattr(strips, "AT_ONCE", at_once)
    folder = tmp_path_factory.mktemp("parts")
    random = np.random.default_rng(seed)
    real = np.kron(random.integers(0, 4, (8, 8), np.uint8), np.ones((9, 9), np.uint8))[: size[0], : size[1]]
    if kind in ("grey", "indexed"):
        real[: size[0] // 4] = 255
    made = np.where(random.random(size) < 0.2, random.integers(0, 4, size, np.uint8), np.where(real == 255, 0, real))
    path, made = written(folder, real, kind, way), made.astype(np.uint8)
    numbering = masks.in_order(4, 1) if kind == "from_one" else None
    whole, classes = truth.judge_result(result(made, CLASSES), path, numbering)
    found, named, errors = in_parts(folder, made, path, CLASSES, numbering=numbering)
    assert np.array_equal(found.matrix, whole.matrix)
    assert np.array_equal(found.boundary, whole.boundary)
    assert np.array_equal(errors, whole.errors)
    assert [str(one) for one in found.remarks] == [str(one) for one in whole.remarks]
    assert (named, found.numbers, found.matches) == (classes, whole.numbers, None)


@pytest.mark.parametrize("orientation", range(2, 9))
@pytest.mark.parametrize("stored", [True, False])
@pytest.mark.parametrize("ending", ["png", "tif"])
def test_they_are_turned_as_their_image(tmp_path, monkeypatch, orientation, stored, ending) -> None:
    monkeypatch.setattr(strips, "AT_ONCE", 300)
    drawn = np.kron(np.random.default_rng(orientation).integers(0, 4, (5, 7), np.uint8), np.ones((9, 9), np.uint8))
    picture = Image.fromarray(drawn)
    exif = picture.getexif()
    exif[274] = orientation
    upright = np.asarray(ImageOps.exif_transpose(picture))
    path = tmp_path / f"truth.{ending}"
    Image.fromarray(drawn).save(path, **({} if stored else {"exif": exif}))  # it may say itself how it lies
    notes = [images.Note("rotated", {"orientation": orientation})]
    found, _, errors = in_parts(tmp_path, upright.copy(), path, CLASSES, notes)
    whole, _ = truth.judge_result(result(upright.copy(), CLASSES, notes), path)
    assert np.array_equal(found.matrix, whole.matrix)
    assert np.array_equal(errors, whole.errors)
    if not stored or orientation > 4:
        assert found.figures(CLASSES)["pixel_accuracy"] == 1
    assert [one.code for one in found.remarks] == [one.code for one in whole.remarks]


@pytest.mark.parametrize("kind", ["int32", "uint16", "uint8"])
def test_single_objects_are_compared_as_pixels(tmp_path, monkeypatch, kind) -> None:
    """They may reach over parts. Inside of one or not: 3 x 4 pixels of the image are missed, and 8 x 8 right."""
    monkeypatch.setattr(strips, "AT_ONCE", 256)
    numbers = np.zeros((40, 50), kind)
    numbers[10:18, 10:18], numbers[30:33, 40:44] = 7, 120
    made = np.zeros((40, 50), np.uint8)
    made[10:18, 10:17], made[10:18, 17] = 1, 2  # where two touch belongs to them
    tifffile.imwrite(tmp_path / "truth.tif", numbers)
    found, named, _ = in_parts(tmp_path, made, tmp_path / "truth.tif", NUCLEI, objects=(1, 2))
    assert found.matrix.tolist() == [[40 * 50 - 64 - 12, 0], [12, 64]]
    assert [info.id for info in named] == ["background", "nucleus"]
    assert [one.code for one in found.remarks] == ["not_single"]
    assert "object_f1" not in found.figures(named)
    tifffile.imwrite(tmp_path / "truth.tif", numbers.astype(np.int32) - 1)
    with pytest.raises(ExplorerError, match="value -1"):
        in_parts(tmp_path, made, tmp_path / "truth.tif", NUCLEI, objects=(1, 2))


def test_another_numbering_is_noticed(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(strips, "AT_ONCE", 256)
    real = np.kron(np.random.default_rng(3).integers(0, 3, (8, 8), np.uint8), np.ones((6, 6), np.uint8))
    Image.fromarray(real + 1).save(tmp_path / "truth.png")
    found, _, _ = in_parts(tmp_path, real, tmp_path / "truth.png", CLASSES)
    whole, _ = truth.judge_result(result(real, CLASSES), tmp_path / "truth.png")
    assert [one.code for one in found.remarks] == ["other_numbers"] == [one.code for one in whole.remarks]
    assert found.remarks[0].details == whole.remarks[0].details


def test_what_cannot_be_compared_is_refused_with_the_cause(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(strips, "AT_ONCE", 256)
    labels = np.kron(np.random.default_rng(3).integers(0, 3, (8, 8), np.uint8), np.ones((40, 40), np.uint8))
    whole = tmp_path / "whole.png"
    whole.write_bytes(pictures.mask_png(labels, COLOURS))
    cut = tmp_path / "cut.png"
    noise = Image.fromarray(np.random.default_rng(3).integers(0, 3, labels.shape, np.uint8))
    noise.save(cut)
    cut.write_bytes(cut.read_bytes()[:-500])
    Image.fromarray(labels).save(tmp_path / "a.gif")
    Image.fromarray(labels).save(tmp_path / "a.jpg")
    Image.fromarray(labels[:9]).save(tmp_path / "small.png")
    Image.fromarray(np.random.default_rng(3).integers(0, 99, (*labels.shape, 3), np.uint8)).save(tmp_path / "photo.png")
    (tmp_path / "text.png").write_text("labels")
    for name, code in {
        "cut.png": "truth_file",
        "a.gif": "truth_format",
        "a.jpg": "truth_format",
        "small.png": "truth_size",
        "photo.png": "truth_colour",
        "text.png": "truth_file",
        "none.png": "truth_missing",
    }.items():
        with pytest.raises(ExplorerError) as caught:
            in_parts(tmp_path, labels, tmp_path / name, CLASSES)
        assert caught.value.code == code, name
        assert name in str(caught.value)
        assert not (tmp_path / "errors.png").exists()


@pytest.mark.parametrize("kind", ["indexed", "colours", "deep"])
@pytest.mark.parametrize("side", [17, 50, 99])
def test_a_copy_is_compared_with_the_labels_of_the_whole(tmp_path, monkeypatch, kind, side) -> None:
    """Nearest: at the middle of each of its pixels."""
    monkeypatch.setattr(strips, "AT_ONCE", 400)
    real = np.random.default_rng(side).integers(0, 4, (99, 120), np.uint8)
    path = written(tmp_path, real, kind, "png")
    size = images.resized_shape(real.shape, side)
    note = images.Note("reduced", {"height": size[0], "width": size[1], "whole_height": 99, "whole_width": 120})
    found = masks.read(path, size, CLASSES, notes=[note])
    assert np.array_equal(found.labels, images.at_places(real, size))
    assert [one.code for one in found.remarks] == ["reduced"]
    Image.fromarray(found.labels).save(tmp_path / "small.png")
    assert np.array_equal(masks.read(tmp_path / "small.png", size, CLASSES, notes=[note]).labels, found.labels)
    Image.fromarray(real[:50]).save(tmp_path / "odd.png")
    with pytest.raises(ExplorerError, match="the image 99 x 120"):
        masks.read(tmp_path / "odd.png", size, CLASSES, notes=[note])
