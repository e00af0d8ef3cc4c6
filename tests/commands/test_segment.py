"""python -m explorer segment: what it writes, prints and returns."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from explorer import api, images, inference
from tests.commands.made import photo, run


def test_segment_labels_files_and_folders(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    paths = [photo(folder / "a.png"), photo(folder / "a.jpg", 50, 60), photo(folder / "b.tif", 64, 64)]
    (folder / "notes.txt").write_text("not an image")
    out = tmp_path / "out"
    assert run("segment", folder, "--out", out, "--device", "cpu", "--json") == 0
    said = capsys.readouterr()
    lines = [json.loads(line) for line in said.out.splitlines()]
    assert said.err == ""
    assert {line["image"] for line in lines} == {p.name for p in paths}
    for line in lines:
        with Image.open(folder / line["image"]) as image:
            assert (line["width"], line["height"]) == image.size
        made = {Path(p).name: Path(p) for p in line["files"]}
        assert len(made) == 4
        about = json.loads(next(p for name, p in made.items() if name.endswith("run.json")).read_text("utf-8"))
        assert about.items() <= line.items()
        mask = next(p for name, p in made.items() if name.endswith("mask.png"))
        labels = np.asarray(Image.open(mask))
        assert labels.shape == (line["height"], line["width"])
        table = next(p for name, p in made.items() if name.endswith("areas.csv"))
        with table.open(encoding="utf-8-sig", newline="") as file:
            counted = [int(row["pixels"]) for row in csv.DictReader(file)]
        assert counted == np.bincount(labels.ravel(), minlength=len(counted)).tolist()
        assert counted == [area["pixels"] for area in line["areas"]]
    files = [p for line in lines for p in line["files"]]
    assert len(set(files)) == len(files) == len(list(out.iterdir()))  # a.png and a.jpg do not overwrite each other


def test_segment_equals_the_network_in_the_page(tmp_path: Path) -> None:
    path = photo(tmp_path / "a.png", 120, 150)
    assert run("segment", path, "--out", tmp_path, "--device", "cpu", "--model", "fcn16s", "--save", "mask") == 0
    loaded = api.network("fcn16s")
    prepared = inference.prepare(images.read(path).pixels, loaded.spec, 150)
    steps = loaded.card.preprocessing
    done = inference.trace_and_label(loaded.module, prepared, steps.mean, steps.std)
    found = np.asarray(Image.open(tmp_path / "a.mask.png"))
    assert (found == done.labels).mean() > 0.9999


def test_a_smaller_copy_gives_a_mask_of_the_images_size(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = photo(tmp_path / "a.png", 200, 301)
    assert run("segment", path, "--out", tmp_path, "--size", 100, "--device", "cpu", "--json") == 0
    result = json.loads(capsys.readouterr().out)
    assert result["run_at"] == [66, 100]
    assert Image.open(tmp_path / "a.mask.png").size == (301, 200)
    assert sum(a["pixels"] for a in result["areas"]) == 200 * 301


def test_bad_files_are_named_and_the_others_are_done(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good, bad = photo(tmp_path / "good.png"), tmp_path / "bad.png"
    bad.write_bytes(b"nothing")
    assert run("segment", bad, good, "--out", tmp_path / "out", "--device", "cpu") == 1
    said = capsys.readouterr()
    assert said.err.count("\n") == 1
    assert "bad.png" in said.err
    assert "not an image" in said.err
    assert "good.png: 90 x 70" in said.out
    assert run("segment", bad, "--out", tmp_path / "out", "--device", "cpu") == 2
    assert run("segment", tmp_path / "none.png", "--out", tmp_path / "out") == 2


def test_truth_gives_figures_and_an_error_map(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = photo(tmp_path / "a.png")
    out = tmp_path / "out"
    run("segment", path, "--out", out, "--device", "cpu", "--save", "mask")
    masks = tmp_path / "masks"
    masks.mkdir()
    labels = np.asarray(Image.open(out / "a.mask.png")).copy()
    labels[:7] = 255
    labels[7:14] = (labels[7:14] + 1) % 21
    Image.fromarray(labels).save(masks / "a.png")
    capsys.readouterr()
    assert run("segment", path, "--out", out, "--device", "cpu", "--truth", masks, "--json") == 0
    result = json.loads(capsys.readouterr().out)["truth"]
    assert result["pixel_accuracy"] == pytest.approx(56 / 63)
    assert np.sum(result["confusion"]) == 63 * 90
    errors = np.asarray(Image.open(out / "a.errors.png"))
    assert np.bincount(errors.ravel()).tolist() == [56 * 90, 7 * 90, 7 * 90]


def test_a_giant_image_goes_from_file_to_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The way of images beyond memory, taken here because the limit is lowered; the same labels come out."""
    path = photo(tmp_path / "a.tif", 300, 410)
    plain, giant = tmp_path / "plain", tmp_path / "giant"
    assert run("segment", path, "--out", plain, "--device", "cpu", "--save", "all", "--json") == 0
    capsys.readouterr()
    monkeypatch.setattr(images, "MAX_PIXELS", 1000)
    assert run("segment", path, "--out", giant, "--device", "cpu", "--tile", 128, "--save", "all", "--json") == 0
    result = json.loads(capsys.readouterr().out)
    assert result["tiles"] == 12
    assert {p.name for p in giant.iterdir()} == {Path(p).name for p in result["files"]}
    assert {"a.mask.png", "a.overlay.png", "a.areas.csv", "a.regions.geojson"} <= {p.name for p in giant.iterdir()}
    same = np.asarray(Image.open(giant / "a.mask.png")) == np.asarray(Image.open(plain / "a.mask.png"))
    assert same.mean() > 0.9999
    for name in ("a.overlay.png",):
        pair = [np.asarray(Image.open(folder / name)).astype(int) for folder in (plain, giant)]
        assert (np.abs(pair[0] - pair[1]).max(-1) <= 1).mean() > 0.9999


@pytest.mark.parametrize("orientation", [1, 6])
def test_a_giant_image_is_compared_with_true_labels_as_a_small_one(
    orientation: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same figures and the same map of errors; of a copy the labels at its pixels' middles."""
    exif = Image.Exif()
    exif[274] = orientation
    with Image.open(photo(tmp_path / "b.png", 300, 410)) as picture:
        picture.save(tmp_path / "a.jpg", exif=exif, quality=95)
    path, real = tmp_path / "a.jpg", np.zeros((300, 410), np.uint8)  # drawn on the picture as it is stored
    real[100:200], real[:, 300:], real[:40, :40] = 3, 7, 255
    Image.fromarray(real).save(tmp_path / "real.png")
    arguments = ("segment", path, "--device", "cpu", "--truth", tmp_path / "real.png", "--json", "--save", "mask")
    found = {}
    for name in ("plain", "giant"):
        assert run(*arguments, "--out", tmp_path / name) == 0
        found[name] = json.loads(capsys.readouterr().out)["truth"]
        monkeypatch.setattr(images, "MAX_PIXELS", 1000)
        monkeypatch.setattr("explorer.masks.parts.AT_ONCE", 5000)
    errors, masks = (
        [np.asarray(Image.open(tmp_path / name / f"a.{kind}.png")) for name in found] for kind in ("errors", "mask")
    )
    if np.array_equal(*masks):
        assert found["plain"] == found["giant"]
        assert np.array_equal(*errors)
    assert (errors[0] == errors[1]).mean() > 0.999
    assert found["giant"]["pixel_accuracy"] == pytest.approx(found["plain"]["pixel_accuracy"], abs=1e-3)
    assert found["giant"]["boundary_iou"] == pytest.approx(found["plain"]["boundary_iou"], abs=1e-2)
    assert run(*arguments, "--out", tmp_path / "copy", "--size", 15) == 0
    said = json.loads(capsys.readouterr().out)["truth"]
    assert "reduced" in [one["code"] for one in said["remarks"]]
    assert sum(map(sum, said["confusion"])) == pytest.approx(11 * 15 * (1 - 1600 / 123000), rel=0.03)


def test_interrupting_leaves_no_half_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(api, "segment", interrupted)
    assert run("segment", photo(tmp_path / "a.png"), "--out", tmp_path / "out") == 130
    assert list((tmp_path / "out").iterdir()) == []
