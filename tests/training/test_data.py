"""Data sets are read whole, checked file by file, and split by a rule."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from explorer import weights
from explorer.errors import DataError
from explorer.metrics import IGNORE
from explorer.training import data, recipe
from explorer.training.__main__ import main
from explorer.training.batches import Batches
from explorer.training.data import Sample
from explorer.training.sets import SETS
from tests.training.made import write_nuclei, write_pets, write_photos, write_recipe, write_road_scenes, write_voc


def test_photos_are_read_and_split_by_name_alone(photos: Path) -> None:
    samples = data.read_all("msrc_v2", photos)
    assert len(samples) == 14
    assert set(np.unique(samples[0].target)) == {1, 5, IGNORE}  # grass, sky, void
    train, validation, rule = data.split("msrc_v2", samples)
    assert "sha256" in rule
    assert data.side(train) == 48
    one_larger = replace(samples[0], target=np.zeros((90, 60), np.uint8))
    assert data.side([*train, one_larger]) == 48  # the median
    assert {s.name for s in train} | {s.name for s in validation} == {s.name for s in samples}
    again = data.split("msrc_v2", samples[::-1][: len(samples) // 2])[1]
    assert {s.name for s in again} == {s.name for s in samples[::-1][: len(samples) // 2]} & {
        s.name for s in validation
    }


def test_nuclei_of_one_look_stay_on_one_side(nuclei: Path) -> None:
    samples = data.read_all("nuclei", nuclei)
    assert samples[0].weight.max() > 5
    assert set(np.unique(samples[0].target)) == {0, 1, 2}
    doubled = samples + [replace(s, name=f"{s.name}-again") for s in samples]
    train, validation, _ = data.split("nuclei", doubled)
    assert train
    assert validation
    assert data.side(train) is None  # a micrograph's scale is the instrument's
    assert not {data.signature(s) for s in train} & {data.signature(s) for s in validation}
    assert {s.kind for s in validation} == {s.kind for s in doubled}


def drop_mask(folder: Path) -> str:
    (folder / "masks/3_s.png").unlink()
    return "3_s.jpg"


def drop_image(folder: Path) -> str:
    (folder / "images/3_s.jpg").unlink()
    return "3_s.png"


def unknown_class(folder: Path) -> str:
    Image.fromarray(np.full((40, 48), 99, np.uint8)).save(folder / "masks/3_s.png")
    return "3_s.png has the value 99"


def other_size(folder: Path) -> str:
    Image.fromarray(np.full((48, 40), 2, np.uint8)).save(folder / "masks/3_s.png")
    return "3_s.png has 48 x 40 pixels, the image 40 x 48"


def truncated(folder: Path) -> str:
    path = folder / "images/3_s.jpg"
    path.write_bytes(path.read_bytes()[:-200])
    return "3_s.jpg"


def no_image_at_all(folder: Path) -> str:
    (folder / "images/3_s.jpg").write_text("not an image")
    return "3_s.jpg"


def coloured_mask(folder: Path) -> str:
    Image.fromarray(np.full((40, 48, 3), (2, 7, 2), np.uint8)).save(folder / "masks/3_s.png")
    return "3_s.png has the colour #020702"


def no_folder(folder: Path) -> str:
    (folder / "masks").rename(folder / "labels")
    return "masks"


def twice(folder: Path) -> str:
    """A second file of the same name: which one belongs to the mask?"""
    Image.open(folder / "images/2_s.jpg").save(folder / "images/2_s.png")
    return "2_s.png"


BAD = [twice, drop_mask, drop_image, unknown_class, other_size, truncated, no_image_at_all, coloured_mask, no_folder]


@pytest.mark.parametrize("spoil", BAD, ids=lambda f: f.__name__)
def test_bad_data_stops_before_training_with_the_file_named(
    spoil: object, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_photos(tmp_path / "data", count=5)
    expected = spoil(folder)  # type: ignore[operator]
    with pytest.raises(DataError) as caught:
        data.read_all("msrc_v2", folder)
    assert expected in str(caught.value)
    chosen = write_recipe(tmp_path / "tiny.json")
    assert main([str(chosen), "--data", str(folder), "--out", str(tmp_path), "--run", str(tmp_path / "run")]) == 2
    assert expected in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_an_image_is_read_as_the_app_reads_it(tmp_path: Path) -> None:
    """Turned as its EXIF says, 16 bits spread between percentiles, a mask of one bit taken as 0 and 1."""
    folder = write_photos(tmp_path, count=1, size=(40, 48))
    plain = np.asarray(Image.open(folder / "images/0_s.jpg"))
    turned = Image.Exif()
    turned[0x0112] = 3
    Image.fromarray(plain).save(folder / "images/0_s.png", exif=turned)
    (folder / "images/0_s.jpg").unlink()
    ramp = np.linspace(1000, 60000, 40 * 48).reshape(40, 48).astype(np.uint16)
    Image.fromarray(ramp).save(folder / "images/deep.tif")
    Image.fromarray(ramp > 30000).save(folder / "masks/deep.png")
    upside_down, deep = data.read_all("msrc_v2", folder)
    assert np.array_equal(upside_down.image, plain[::-1, ::-1])
    assert deep.image[0, 0, 0] == 0
    assert int(deep.image[20, 24, 0]) == pytest.approx(255 * (20 * 48 + 24) / (40 * 48), abs=1)
    assert set(np.unique(deep.target)) == {0, IGNORE}


def test_recipes_are_read_and_bad_ones_refused(tmp_path: Path) -> None:
    once = {"share": 1, "batch": 1, "crop": [24, 28]}
    for change, why in (
        ({"depth": 3}, "'depth' is unknown"),
        ({"data_set": "?"}, "unknown"),
        ({"geometries": {"valid": {"share": 1, "batch": 1, "crop": [9, 9]}}}, "valid"),
        ({"geometries": [once]}, "geometries: input should be a valid dictionary"),
        ({"augmentation": []}, "augmentation: input should be a dictionary"),
        ({"geometries": {"same": {**once, "begins": 0.5}}}, "no geometry that begins at 0"),
        ({"geometries": {"same": {**once, "batch": 0}}}, "geometries.same.batch: input should be greater than 0"),
        ({"extra": {"camvid": 1}}, "not below 1 all in all"),
        ({"extra": {"nuclei": 0.1}}, "mixes msrc_v2 with nuclei"),
        ({"model": "fcn16s", "coarser": {"fcn16s": 0.3}}, "wants 'fcn16s' from the trunk of fcn16s"),
        ({"steps": 0}, "steps: input should be greater than 0"),
        ({"seed": -1}, "seed: input should be greater than or equal to 0"),
        (
            {"data_set": "camvid", "fold": 1},
            "wants fold 1 of camvid, which is split as published; leave out --fold, or set",
        ),
        ({"steps": 5, "snapshots": [5]}, "a snapshot at step 5"),
        ({"class_weights": [1, 2]}, "2 class weights for 21 classes"),
        ({"title": {"ko": "영어 없음"}}, "title: 'en' is missing"),
    ):
        with pytest.raises(ValueError, match=why):
            recipe.read(str(write_recipe(tmp_path / "r.json", **change)))
    with pytest.raises(ValueError, match="there is no recipe"):
        recipe.read("nothing")


@pytest.mark.parametrize("name", sorted(path.stem for path in recipe.FOLDER.glob("*.json")))
def test_a_bundled_recipe_makes_its_batches(name: str, tmp_path: Path) -> None:
    found = recipe.read(name)
    assert weights.stored_shapes(found.spec)
    if found.start:
        before = recipe.read(found.start)
        for key in ("width", "fc_channels", "data_set", "fold"):
            assert getattr(before, key) == getattr(found, key)
    write = {"nuclei": write_nuclei, "msrc_v2": write_photos, "camvid": write_road_scenes, "voc2012": write_voc}
    write["pets"] = write_pets
    sets = {key: data.read_all(key, write[key](tmp_path / key)) for key in (found.data_set, *found.extra)}
    assert data.split(found.data_set, sets[found.data_set], found.fold)[0]  # a published split has no other folds
    batches = Batches(found, sets.pop(found.data_set), sets)
    drawn = {batch[0]: batch for batch in (batches(found.steps - 1 - i) for i in range(12))}
    assert drawn.keys() == found.geometries.keys()
    for padding, (_, images, targets, _) in drawn.items():
        geometry = found.geometries[padding]
        assert images.shape == (geometry.batch, 3, *geometry.crop)
        assert targets.shape[1] == geometry.crop[0] - 2 * batches.margins[padding][0]
        known = targets[targets != IGNORE]
        assert known.numel() == 0 or known.max() < found.spec.classes


def test_a_recipe_may_be_like_another(tmp_path: Path) -> None:
    write_recipe(tmp_path / "base.json", steps=7, width=1 / 16)
    base, other = tmp_path / "base.json", tmp_path / "other.json"
    other.write_text(json.dumps({"like": str(base), "steps": 9}))
    assert recipe.read(str(other)) == replace(recipe.read(str(base)), name="other", steps=9)
    other.write_text(json.dumps({"like": str(other)}))
    with pytest.raises(ValueError, match="like itself"):
        recipe.read(str(other))
    other.write_text(json.dumps({"like": "nothing"}))
    with pytest.raises(ValueError, match="there is no recipe 'nothing'"):
        recipe.read(str(other))


def test_the_smallest_group_is_held_back_where_none_fits() -> None:
    def sample(name: str, level: int) -> Sample:
        image = np.full((8, 8, 3), level, np.uint8)
        return Sample(name, data.kind_of(image), image, np.zeros((8, 8), np.uint8), None, np.zeros((8, 8), np.int32))

    # bright-field, two looks of 7 and 4 images: 18 % of 11 is less than either
    samples = [sample(f"a{i}", 200) for i in range(7)] + [sample(f"b{i}", 150) for i in range(4)]
    train, validation, _ = data.split("nuclei", samples)
    assert {s.name[0] for s in validation} == {"b"}
    assert len(train) == 7


def test_road_scenes_become_everyday_classes(tmp_path: Path) -> None:
    samples = data.read_all("camvid", write_road_scenes(tmp_path / "camvid").parent)  # found by its name
    names = [c.name["en"] for c in SETS["msrc_v2"].classes]
    target = samples[0].target
    assert {names[i] for i in np.unique(target) if i != IGNORE} == {"sky", "road"}
    assert (target[15:18] == IGNORE).all()
    train, validation, rule = data.split("camvid", samples)
    assert [s.name for s in train] == [f"trainfilm_0000{i}" for i in range(3)]
    assert [s.name for s in validation] == ["valfilm_00000", "valfilm_00001"]
    assert [{s.film for s in part} for part in (train, validation)] == [{"trainfilm"}, {"valfilm"}]
    assert {data.group_of(s) for s in validation} == {"valfilm"}
    assert "val" in rule


@pytest.mark.parametrize(
    ("name", "write", "values", "sides"),
    [
        ("voc2012", write_voc, {0, 15, IGNORE}, (["2007_000032", "2007_000039"], ["2007_000033"])),
        ("pets", write_pets, {0, 1, IGNORE}, (["Abyssinian_1", "beagle_2"], ["Bengal_3"])),
    ],
)
def test_published_sets_are_read_as_torchvision_lays_them_out(
    name: str, write: Callable[[Path], Path], values: set[int], sides: tuple[list[str], list[str]], tmp_path: Path
) -> None:
    samples = data.read_all(name, write(tmp_path))
    assert set(np.unique(samples[0].target)) == values
    train, validation, rule = data.split(name, samples)
    assert ([s.name for s in train], [s.name for s in validation]) == sides
    assert rule == f"validation: {SETS[name].parts[1]}, as published"
    assert len(SETS[name].classes) == max(SETS[name].values[v] for v in SETS[name].values if v not in (3, 255)) + 1
    with pytest.raises(DataError, match=r"--download fetches it"):
        data.read_all(name, tmp_path / "elsewhere")


def test_a_missing_file_of_a_published_set_is_named(tmp_path: Path) -> None:
    write_voc(tmp_path)
    (tmp_path / "VOCdevkit/VOC2012/SegmentationClass/2007_000039.png").unlink()
    with pytest.raises(DataError, match=r"2007_000039\.png"):
        data.read_all("voc2012", tmp_path)


def test_voc_colours_are_the_devkits() -> None:
    """Three of them, as printed in the devkit's documentation."""
    colours = {c.name["en"]: c.colour for c in SETS["voc2012"].classes}
    assert colours["background"] == (0, 0, 0)
    assert colours["aeroplane"] == (128, 0, 0)
    assert colours["person"] == (192, 128, 128)
    assert colours["tv/monitor"] == (0, 64, 128)


@pytest.mark.parametrize(("alike", "other"), [(20, 0), (59, 1), (5, 0), (2, 0)])
@pytest.mark.parametrize("fold", [0, 1])
def test_images_of_one_session_are_parted_by_name_and_it_is_said(alike: int, other: int, fold: int) -> None:
    def sample(name: str, level: int) -> Sample:
        image, none = np.full((8, 8, 3), level, np.uint8), np.zeros((8, 8), np.int32)
        return Sample(name, data.kind_of(image), image, none.astype(np.uint8), None, none)

    samples = [sample(f"a{i}", 60) for i in range(alike)] + [sample(f"b{i}", 12) for i in range(other)]
    train, validation, rule = data.split("nuclei", samples, fold)
    assert data.ONE_SESSION in rule
    assert {s.name for s in train} | {s.name for s in validation} == {s.name for s in samples}
    assert len(train) + len(validation) == len(samples)
    assert len(validation) == max(1, round(0.18 * len(samples)))
    again = {s.name for s in data.split("nuclei", samples, 1 - fold)[1]}
    assert not again & {s.name for s in validation}
    assert data.split("nuclei", samples[:1])[0] == []  # one image is no set
