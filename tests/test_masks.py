"""True labels are read as they are stored, in a numbering that is declared, and what is odd about them is named."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageOps

from explorer import images, masks
from explorer.cards import ClassInfo
from explorer.errors import ExplorerError
from explorer.results import pictures
from explorer.training import sets
from explorer.training.sets import SETS

CLASSES = tuple(ClassInfo(f"c{i}", {"en": f"c{i}", "ko": f"클{i}"}, (40 * i, 255 - 40 * i, 7)) for i in range(4))
COLOURS = [info.colour for info in CLASSES]
NUCLEI = SETS["nuclei"].classes
PARTS = (1, 2)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("masks")


@pytest.mark.parametrize("ending", ["png", "tif", "gif", "bmp"])
@pytest.mark.parametrize("void", [True, False])
def test_colours_and_numbers_mean_the_same(place: Path, ending: str, void: bool) -> None:
    """An indexed picture in the classes' colours, one in RGB, and plain numbers; 255 is not judged in any of them."""
    labels = np.random.default_rng(5).integers(0, 4, (30, 40), np.uint8)
    if void:
        labels[:3] = 255
    path = place / f"c.{ending}"
    table = np.array([*COLOURS, *[(0, 0, 0)] * 252], np.uint8)
    indexed = Image.fromarray(labels)
    indexed.putpalette(table.ravel().tolist())
    for picture in (indexed, Image.fromarray(table[labels]), Image.fromarray(labels)):
        if ending == "gif" and picture.mode != "P":
            continue  # it holds no other
        picture.save(path, **({"optimize": False} if ending == "gif" else {}))
        assert np.array_equal(masks.read(path, (30, 40), CLASSES).labels, labels)


def test_an_own_mask_says_itself_what_its_numbers_are(place: Path) -> None:
    """In a folder whose data set numbers its classes otherwise: by its colours, unless a numbering is declared."""
    known = SETS["msrc_v2"]
    labels = np.random.default_rng(6).integers(0, 21, (30, 40), np.uint8)
    (place / "own.png").write_bytes(pictures.mask_png(labels, [info.colour for info in known.classes]))
    Image.fromarray(labels).save(place / "grey.png")
    theirs = masks.Numbering("msrc_v2", known.values)
    read = {name: masks.read(place / f"{name}.png", (30, 40), known.classes, theirs).labels for name in ("own", "grey")}
    assert np.array_equal(read["own"], labels)
    expected = np.vectorize(lambda value: known.values[value])(labels)
    assert np.array_equal(read["grey"], expected)
    assert np.array_equal(masks.read(place / "own.png", (30, 40), known.classes, theirs, True).labels, expected)
    remark = masks.better(masks.read(place / "grey.png", (30, 40), known.classes, theirs), labels, [masks.in_order(21)])
    assert remark is not None
    assert remark.details["there"] == 1
    assert "0 to 20" in str(remark)
    fitting = masks.read(place / "own.png", (30, 40), known.classes)
    assert masks.better(fitting, labels, sets.numberings(known.classes)) is None


@pytest.mark.parametrize(
    ("said", "numbers", "expected"),
    [
        (["c2", "c0"], [0, 1], [2, 0]),
        ({"7": "c3", "-1": None, "40000": "c1"}, [7, -1, 40000], [3, 255, 1]),
        ({"0": None, "255": "c1"}, [0, 255], [255, 1]),
        ({"1": "c0"}, [1, 255], [0, 255]),
    ],
)
def test_a_file_beside_the_labels_declares_their_numbers(tmp_path: Path, said, numbers, expected) -> None:
    (tmp_path / "classes.json").write_text(json.dumps(said))
    (tmp_path / "masks").mkdir()
    path = tmp_path / "masks/a.tif"
    tifffile.imwrite(path, np.array([numbers] * 20, np.int32))
    numbering = masks.declared((path.parent, tmp_path), CLASSES)
    found = masks.read(path, (20, len(numbers)), CLASSES, numbering, True)
    assert found.labels[0].tolist() == expected
    assert found.numbers == str(tmp_path / "classes.json")


@pytest.mark.parametrize("text", ['{"1": "horse"}', '["c0", "c9"]', "7", "{", '{"x": "c0"}'])
def test_a_declaration_that_makes_no_sense_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "classes.json").write_text(text)
    with pytest.raises(ExplorerError, match=r"classes\.json") as caught:
        masks.declared((tmp_path,), CLASSES)
    assert caught.value.code == "truth_classes"
    assert masks.declared((tmp_path / "elsewhere",), CLASSES) is None


def nuclei(count: int, size: tuple[int, int]) -> np.ndarray:
    """So many squares apart, numbered from 1."""
    made = np.zeros(size, np.uint8)
    for i in range(count):
        made[2 + 8 * (i // 5) : 7 + 8 * (i // 5), 2 + 8 * (i % 5) : 7 + 8 * (i % 5)] = i + 1
    return made


@pytest.mark.parametrize("count", [2, 3, 9])
@pytest.mark.parametrize(("value", "mode"), [(255, "L"), (1, "L"), (77, "I;16"), (255, "1"), (255, "RGB")])
def test_one_number_for_all_objects_is_said_and_its_parts_are_counted(
    place: Path, count: int, value: int, mode: str
) -> None:
    made = nuclei(count, (30, 50))
    values = (made > 0).astype(np.uint16) * value
    picture = Image.fromarray(values) if mode == "I;16" else Image.fromarray(values.astype(np.uint8)).convert(mode)
    picture.save(place / "d.png")
    found = masks.read(place / "d.png", (30, 50), NUCLEI, parts=PARTS)
    (remark,) = [one for one in found.remarks if one.code == "one_object"]
    assert remark.details["parts"] == count
    assert found.objects.max() == count
    assert np.array_equal(found.objects > 0, made > 0)


def test_plausible_objects_are_taken_without_a_word(place: Path) -> None:
    for made in (nuclei(9, (30, 50)) * 20, nuclei(1, (30, 50)) * 255, np.zeros((30, 50), np.uint8)):
        Image.fromarray(made).save(place / "e.png")
        found = masks.read(place / "e.png", (30, 50), NUCLEI, parts=PARTS)
        assert found.remarks == ()
        assert found.objects.max() == len(np.unique(made)) - 1
    classes = np.where(nuclei(9, (30, 50)) > 0, 1 + (np.arange(50) % 8 == 2), 0).astype(np.uint8)
    Image.fromarray(classes).save(place / "e.png")  # inside and border, each in nine parts
    assert [one.code for one in masks.read(place / "e.png", (30, 50), NUCLEI, parts=PARTS).remarks] == ["few_objects"]


@pytest.mark.parametrize(
    ("values", "code", "word"),
    [
        (np.array([[1, 2], [2, 1]]), "truth_no_outside", "1 to 2"),
        (np.array([[5, 5], [9, 300]]), "truth_no_outside", "5 to 300"),
        (np.array([[0, -1], [3, 4]]), "truth_negative", "-1"),
        (np.array([[0, -128], [3, 4]]), "truth_negative", "-128"),
        (np.array([[0, 1.5], [3, 4]]), "truth_mode", "fractions"),
    ],
)
@pytest.mark.parametrize("times", [5, 12])
def test_numbers_of_no_objects_are_refused_by_name(place: Path, values, code: str, word: str, times: int) -> None:
    kind = np.float32 if values.dtype.kind == "f" else np.int16
    tifffile.imwrite(place / "f.tif", np.kron(values, np.ones((times, times))).astype(kind))
    with pytest.raises(ExplorerError, match=word) as caught:
        masks.read(place / "f.tif", (2 * times, 2 * times), NUCLEI, parts=PARTS)
    assert caught.value.code == code
    assert "f.tif" in str(caught.value)


@pytest.mark.parametrize(
    ("values", "classes", "codes"),
    [
        ([0, 255], CLASSES, ["binary"]),
        ([255], CLASSES, ["nothing_judged"]),
        ([0, 1, 2, 3], CLASSES, []),
        ([1, 2], NUCLEI, ["no_background"]),
        ([0, 255], SETS["pets"].classes, ["binary"]),
        ([0, 1], SETS["pets"].classes, []),
    ],
)
@pytest.mark.parametrize("size", [(20, 24), (33, 17)])
def test_odd_class_maps_are_named(place: Path, values, classes, codes: list[str], size: tuple[int, int]) -> None:
    labels = np.resize(np.array(values, np.uint8), size)
    Image.fromarray(labels).save(place / "g.png")
    found = masks.read(place / "g.png", size, classes)
    assert [one.code for one in found.remarks] == codes
    assert all("g.png" in str(one) for one in found.remarks)


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda: Image.fromarray(np.full((30, 40), 9, np.uint8)), "truth_class"),
        (lambda: Image.fromarray(np.full((30, 41), 1, np.uint8)), "truth_size"),
        (lambda: Image.fromarray(np.full((40, 30), 1, np.uint8)), "truth_size"),
        (lambda: Image.fromarray(np.full((30, 40, 3), (77, 1, 2), np.uint8)), "truth_colour"),
        (lambda: Image.fromarray(np.full((30, 40), 0.5, np.float32)), "truth_mode"),
    ],
)
def test_a_truth_that_does_not_fit_is_named(tmp_path: Path, make, code: str) -> None:
    path = tmp_path / "odd.tif"
    make().save(path)
    with pytest.raises(ExplorerError, match=r"odd\.tif") as caught:
        masks.read(path, (30, 40), CLASSES)
    assert caught.value.code == code
    path.write_bytes(path.read_bytes()[:50])
    for place, told in ((path, "truth_file"), (tmp_path / "none.png", "truth_missing"), (tmp_path, "truth_missing")):
        with pytest.raises(ExplorerError) as caught:
            masks.read(place, (30, 40), CLASSES)
        assert caught.value.code == told
    Image.new("RGB", (40, 30)).save(tmp_path / "lossy.jpg")
    with pytest.raises(ExplorerError, match="JPEG") as caught:
        masks.read(tmp_path / "lossy.jpg", (30, 40), CLASSES)
    assert caught.value.code == "truth_format"


def test_classes_that_count_from_one_are_told_of(place: Path) -> None:
    Image.fromarray(np.resize(np.arange(1, 5, dtype=np.uint8), (20, 24))).save(place / "h.png")
    with pytest.raises(ExplorerError, match=r"value 4.*count from 1.*classes\.json"):
        masks.read(place / "h.png", (20, 24), CLASSES)


def test_coloured_objects_are_refused_with_what_is_taken(place: Path) -> None:
    table = np.random.default_rng(0).integers(0, 256, (10, 3), np.uint8)
    table[0] = 0
    Image.fromarray(table[nuclei(9, (30, 50))]).save(place / "i.png")
    with pytest.raises(ExplorerError, match=r"numbers of the objects.*a grey picture") as caught:
        masks.read(place / "i.png", (30, 50), NUCLEI, parts=PARTS)
    assert caught.value.code == "truth_objects_colour"


@pytest.mark.parametrize("pages", [2, 5])
@pytest.mark.parametrize("ending", ["tif", "gif"])
def test_pages_are_those_of_the_image_or_refused(place: Path, pages: int, ending: str) -> None:
    stack = [Image.fromarray(np.full((20, 24), i % 4, np.uint8)) for i in range(pages)]
    path = place / f"j.{ending}"
    stack[0].save(path, save_all=True, append_images=stack[1:], **({"optimize": False} if ending == "gif" else {}))
    with pytest.raises(ExplorerError, match=f"{pages} pages") as caught:
        masks.read(path, (20, 24), CLASSES)
    assert caught.value.code == "truth_pages"
    if ending == "tif":
        note = images.Note("page", {"page": pages, "pages": pages})
        found = masks.read(path, (20, 24), CLASSES, notes=[note])
        assert (found.labels == (pages - 1) % 4).all()
        assert [one.code for one in found.remarks] == ["page"]


@pytest.mark.parametrize("orientation", range(2, 9))
@pytest.mark.parametrize("size", [(30, 44), (44, 30), (36, 36)])
@pytest.mark.parametrize("ending", ["png", "tif"])
def test_labels_drawn_on_the_unturned_image_are_turned_with_it(
    place: Path, orientation: int, size: tuple[int, int], ending: str
) -> None:
    """As Pillow turns it. Where either size would fit, that the image was turned is said."""
    stored = np.random.default_rng(orientation).integers(0, 4, size, np.uint8)
    exif = Image.Exif()
    exif[274] = orientation
    Image.fromarray(stored).convert("RGB").resize(size[::-1]).save(place / "k.jpg", exif=exif)
    image = images.read(place / "k.jpg")
    drawn = Image.fromarray(stored)
    drawn.save(place / f"stored.{ending}")
    drawn.getexif()[274] = orientation
    upright = ImageOps.exif_transpose(drawn)
    upright.save(place / f"upright.{ending}")
    as_it_lies = masks.read(place / f"upright.{ending}", image.size, CLASSES, notes=image.notes)
    assert np.array_equal(as_it_lies.labels, np.asarray(upright))
    is_plain = orientation > 4 and size[0] != size[1]
    assert [one.code for one in as_it_lies.remarks] == ([] if is_plain else ["maybe_turned"])
    found = masks.read(place / f"stored.{ending}", image.size, CLASSES, notes=image.notes)
    assert [one.code for one in found.remarks] == (["turned"] if is_plain else ["maybe_turned"])
    if is_plain:
        assert np.array_equal(found.labels, np.asarray(upright))


def test_labels_are_found_whatever_their_ending(tmp_path: Path) -> None:
    for name in ("a.TIF", "b.mask.png", "b.overlay.png", "._a.png", "c.png", "c.tif", "d.instances.png", "d.png"):
        (tmp_path / name).write_bytes(b"")
    assert [masks.beside(tmp_path, stem).name for stem in "abd"] == ["a.TIF", "b.mask.png", "d.png"]
    for stem, why in (("c", "one of them is too many"), ("x", r"no true labels x\.png")):
        with pytest.raises(ExplorerError, match=why):
            masks.beside(tmp_path, stem)
