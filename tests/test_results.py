"""Results: what other programs read out of the files is what was segmented."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image
from pycocotools.coco import COCO
from scipy import ndimage
from shapely.geometry import Point, shape

from explorer import api, metrics
from explorer.cards import ClassInfo
from explorer.inference import RunOptions
from explorer.results import bundle, pictures, tables, truth
from explorer.results.polygons import coco, geojson, polygons

CLASSES = tuple(ClassInfo(f"c{i}", {"en": f"c{i}", "ko": f"클{i}"}, (40 * i, 255 - 40 * i, 7)) for i in range(4))
COLOURS = [c.colour for c in CLASSES]
small_maps = arrays.arrays(np.uint8, st.tuples(st.integers(1, 14), st.integers(1, 14)), elements=st.integers(0, 3))


@given(small_maps)
def test_a_mask_is_read_back_by_pillow(labels: np.ndarray) -> None:
    image = Image.open(io.BytesIO(pictures.mask_png(labels, COLOURS)))
    assert image.mode == "P"
    np.testing.assert_array_equal(np.asarray(image), labels)
    np.testing.assert_array_equal(np.asarray(image.convert("RGB")), np.array(COLOURS, np.uint8)[labels])


def test_instances_are_sixteen_bits() -> None:
    numbers = np.arange(70_000).reshape(100, 700) % 60_000
    image = Image.open(io.BytesIO(pictures.instances_png(numbers)))
    np.testing.assert_array_equal(np.asarray(image), numbers)
    with pytest.raises(ValueError, match="16 bits"):
        pictures.instances_png(np.full((2, 2), 70_000))


@settings(deadline=None)
@given(small_maps)
def test_polygons_cover_each_class_exactly(labels: np.ndarray) -> None:
    """Every pixel's centre lies in exactly one polygon, and that one has its class; areas are pixel counts."""
    found = list(polygons(labels))
    shapes = [(p.value, shape({"type": "Polygon", "coordinates": p.rings})) for p in found]
    assert all(s.is_valid for _, s in shapes)
    assert sum(p.area for p in found) == labels.size
    for p, (_, s) in zip(found, shapes, strict=True):
        assert p.area == s.area
        assert (*p.box[:2], p.box[0] + p.box[2], p.box[1] + p.box[3]) == s.bounds
    for (row, column), value in np.ndenumerate(labels):
        hits = [v for v, s in shapes if s.contains(Point(column + 0.5, row + 0.5))]
        assert hits == [value]
    regions = sum(ndimage.label(labels == c)[1] for c in range(4))
    assert len(found) == regions


@settings(deadline=None, max_examples=50)
@given(small_maps)
def test_coco_is_read_back_by_its_own_tools(tmp_path_factory: pytest.TempPathFactory, labels: np.ndarray) -> None:
    made = coco(polygons(labels, without=0), CLASSES, "a.png", labels.shape)
    path = tmp_path_factory.mktemp("coco") / "coco.json"
    path.write_text(json.dumps(made))
    tools = COCO(path)
    back = np.zeros_like(labels)
    for annotation in tools.loadAnns(tools.getAnnIds(imgIds=[1])):
        mask = tools.annToMask(annotation).astype(bool)
        assert not back[mask].any()
        back[mask] = annotation["category_id"] - 1
        assert annotation["area"] == mask.sum()
    np.testing.assert_array_equal(back, labels)


def test_geojson_names_classes_and_objects() -> None:
    labels = np.array([[0, 1, 1], [2, 2, 1]], np.uint8)
    made = geojson(polygons(labels, without=0), CLASSES)
    assert {f["properties"]["name_ko"] for f in made["features"]} == {"클1", "클2"}
    assert {f["properties"]["pixels"] for f in made["features"]} == {3, 2}
    numbered = geojson(polygons(np.array([[0, 70_000]]), without=0), CLASSES, 1)
    assert numbered["features"][0]["properties"]["object"] == 70_000


@given(small_maps)
def test_tables_count_as_scipy_does(labels: np.ndarray) -> None:
    counts = np.bincount(labels.ravel(), minlength=4)
    rows = list(csv.DictReader(io.StringIO(tables.as_csv(tables.areas(counts, CLASSES), tables.Area).lstrip("\ufeff"))))
    assert [int(r["pixels"]) for r in rows] == counts.tolist()
    assert sum(float(r["share"]) for r in rows) == pytest.approx(1, abs=1e-5)
    found = tables.things(labels)
    boxes = ndimage.find_objects(labels)
    assert [t.number for t in found] == [i for i, b in enumerate(boxes, 1) if b]
    for thing in found:
        rows_, cols = boxes[thing.number - 1]
        assert (thing.top, thing.bottom, thing.left, thing.right) == (rows_.start, rows_.stop, cols.start, cols.stop)
        centre = ndimage.center_of_mass(labels == thing.number)
        assert (thing.centre_row, thing.centre_column) == pytest.approx(centre, abs=0.006)


def test_an_overlay_is_the_blend_of_pillow() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)
    labels = np.random.default_rng(1).integers(0, 4, (20, 30), np.uint8)
    made = pictures.overlay(pixels, labels, COLOURS, 0.5, clear=2)
    colours = Image.fromarray(np.array(COLOURS, np.uint8)[labels])
    blend = np.asarray(Image.blend(Image.fromarray(pixels), colours, 0.5)).astype(int)
    assert np.abs(made[labels != 2].astype(int) - blend[labels != 2]).max() <= 1
    np.testing.assert_array_equal(made[labels == 2], pixels[labels == 2])


@pytest.fixture(scope="module")
def nuclei() -> api.Result:
    rng = np.random.default_rng(0)
    rows, cols = np.mgrid[:200, :260]
    image = np.full((200, 260), 12.0)
    for r, c in rng.integers(20, 180, (12, 2)):
        image[(rows - r) ** 2 + (cols - c) ** 2 < 90] = 190
    pixels = np.repeat(ndimage.gaussian_filter(image, 1.0)[..., None], 3, 2).astype(np.uint8)
    return api.segment(pixels, "unet", options=RunOptions("cpu"), scores=True)


def test_every_kind_of_file_is_written_and_agrees(nuclei: api.Result, tmp_path: Path) -> None:
    written = bundle.save(nuclei, tmp_path, tuple(bundle.KINDS), "cells")
    assert {p.name for p in written} == {
        "cells.mask.png", "cells.overlay.png", "cells.areas.csv", "cells.regions.geojson", "cells.coco.json",
        "cells.instances.png", "cells.objects.csv", "cells.run.json", "cells.scores.npz",
    }  # fmt: skip
    labels = np.asarray(Image.open(tmp_path / "cells.mask.png"))
    np.testing.assert_array_equal(labels, nuclei.labels)
    with np.load(tmp_path / "cells.scores.npz") as file:
        np.testing.assert_array_equal(file["scores"].argmax(0), labels)
    numbers = np.asarray(Image.open(tmp_path / "cells.instances.png"))
    count = int(numbers.max())
    assert count >= 3
    assert len(list(csv.DictReader((tmp_path / "cells.objects.csv").open(encoding="utf-8-sig")))) == count
    features = json.loads((tmp_path / "cells.regions.geojson").read_text("utf-8"))["features"]
    assert {f["properties"]["object"] for f in features} == set(range(1, count + 1))
    assert sum(f["properties"]["pixels"] for f in features) == (numbers > 0).sum()
    about = json.loads((tmp_path / "cells.run.json").read_text("utf-8"))
    assert about == json.loads(json.dumps(bundle.about(nuclei)))
    assert about["objects"] == count
    info = COCO(tmp_path / "cells.coco.json").dataset["info"]
    card = nuclei.card
    made = {"model": "unet", "weights": card.name, "sha256": card.sha256, "padding": "valid", "way": "whole",
            "precision": "float32"}  # fmt: skip
    assert made.items() <= about.items()
    assert made.items() <= info.items()
    assert {"U-Net", card.name, card.sha256, "valid padding", "whole image", "float32"} <= set(
        re.split("; | with the weights |sha256 ", info["description"])
    )
    over = np.asarray(Image.open(tmp_path / "cells.overlay.png"))
    edge = pictures.outlines(numbers.astype(int))
    assert (over[edge] == 255).all()
    assert edge.any()
    inside = ndimage.binary_erosion(numbers > 0, iterations=3)
    assert not (edge & inside & ndimage.binary_erosion(numbers == 1, iterations=3)).any()


def test_truth_is_judged_by_the_same_matrix() -> None:
    rng = np.random.default_rng(3)
    real, guess = rng.integers(0, 4, (30, 40), np.uint8), rng.integers(0, 4, (30, 40), np.uint8)
    real[:3] = 255
    judged = truth.judge(real, guess, 4)
    np.testing.assert_array_equal(judged.matrix, metrics.confusion(real, guess, 4))
    assert (judged.errors == truth.UNJUDGED).sum() == 3 * 40
    assert (judged.errors == truth.RIGHT).sum() == np.trace(judged.matrix)
