"""Batches go on past whatever happens to one image, and what the explorer writes it reads: everywhere alike."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from explorer import api, cards, images
from explorer.files import EXAMPLES
from explorer.results import bundle
from explorer.training import data
from explorer.ui import catalog, offers
from tests.commands.made import photo, run

THIN = ("--model", "fcn8s", "--weights", "fcn8s-everyday-thin", "--device", "cpu")
THIN_NUCLEI = ("--model", "unet", "--weights", "unet-nuclei-thin", "--padding", "same", "--device", "cpu")
Said = pytest.CaptureFixture[str]


def lines(capsys: Said) -> list[dict]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def too_long(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return photo(folder / f"{'n' * 240}.png")


def crash(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    read = images.read

    def broken(path: Path, **more: int) -> images.Photograph:
        if path.name == "m.png":
            raise IndexError("index 256 is\nout of bounds")
        return read(path, **more)

    monkeypatch.setattr(images, "read", broken)
    return photo(folder / "m.png")


def full_disk(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    save = bundle.save

    def broken(result: api.Result, *more: object) -> list[Path]:
        if result.name == "m.png":
            raise OSError(28, "No space left on device")
        return save(result, *more)

    monkeypatch.setattr(bundle, "save", broken)
    return photo(folder / "m.png")


def out_of_memory(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    segment = api.segment

    def broken(photograph: images.Photograph, **more: object) -> api.Result:
        if photograph.name == "m.png":
            raise MemoryError
        return segment(photograph, **more)

    monkeypatch.setattr(api, "segment", broken)
    return photo(folder / "m.png")


def no_images(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (folder / "m").mkdir()
    (folder / "m/._a.png").write_bytes(b"\0" * 99)
    return folder / "m"


def name_beyond_the_systems(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return folder / f"{'n' * 300}.png"


FAULTS = [too_long, crash, full_disk, out_of_memory, no_images, name_beyond_the_systems]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_the_next_image_is_done_whatever_happened(
    fault, tmp_path: Path, capsys: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = photo(tmp_path / "z.png")
    bad = fault(tmp_path, monkeypatch)
    arguments = ("--out", tmp_path / "out", "--save", "mask,geojson", *THIN)
    assert run("segment", bad, good, *arguments, "--json") == 1
    said = capsys.readouterr()
    assert said.err.count("\n") == 1
    assert said.err.startswith(f"error: {bad}: ")
    rows = [json.loads(line) for line in said.out.splitlines()]
    assert [row["image"] for row in rows] == [bad.name, "z.png"]
    assert rows[0].keys() == {"image", "error"}
    assert (tmp_path / "out/z.mask.png").is_file()
    assert run("segment", bad, *arguments) == 2
    assert f"{bad.name}: failed" in capsys.readouterr().out
    assert run("segment", good, bad, *arguments) == 1
    assert capsys.readouterr().out.endswith("2 images: 1 done, 1 failed\n")


def test_what_computers_leave_beside_images_is_passed_over(tmp_path: Path, capsys: Said) -> None:
    for part in ("images", "masks"):
        (tmp_path / part).mkdir()
        for name in ("._a.png", ".DS_Store", "Thumbs.db", "._a.jpg", ".hidden.tif", "desktop.ini"):
            (tmp_path / part / name).write_bytes(b"\0\5\26\7" * 30)
    photo(tmp_path / "images/a.png")
    assert run("segment", tmp_path / "images", "--out", tmp_path / "masks", "--save", "mask", *THIN) == 0
    assert run("segment", tmp_path / "images", "--out", tmp_path, "--truth", tmp_path / "masks", *THIN) == 0
    assert run("evaluate", "fcn8s-everyday-thin", "--data", tmp_path, "--geometry", "same", "--device", "cpu") == 0
    assert len(data.read_all("msrc_v2", tmp_path)) == 1
    assert all("the explorer wrote it" in line for line in capsys.readouterr().err.splitlines())


def test_evaluation_names_what_it_leaves_out(tmp_path: Path, capsys: Said) -> None:
    for part in ("images", "masks"):
        (tmp_path / part).mkdir()
    for name in ("a", "b", "c", "d"):
        photo(tmp_path / f"images/{name}.png")
        Image.fromarray(np.full((70, 90), 7, np.uint8)).save(tmp_path / f"masks/{name}.png")
    (tmp_path / "images/b.png").write_bytes(b"nothing")
    Image.fromarray(np.full((7, 9), 7, np.uint8)).save(tmp_path / "masks/c.png")
    (tmp_path / "masks/d.png").unlink()
    arguments = ("evaluate", "fcn8s-everyday-thin", "--data", tmp_path, "--geometry", "same", "--device", "cpu")
    assert run(*arguments, "--json") == 1
    said = capsys.readouterr()
    assert json.loads(said.out)["images"] == 1
    assert len(json.loads(said.out)["left_out"]) == said.err.count("\n") == 3
    assert all(name in said.err for name in ("b.png", "c.png has 7 x 9", "d.png has no label"))
    for name in ("a", "d"):
        (tmp_path / f"images/{name}.png").unlink()
    assert run(*arguments) == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("size", [(70, 90), (300, 451)])
def test_own_masks_are_right_in_all_of_them(tmp_path: Path, capsys: Said, size: tuple[int, int]) -> None:
    """Photographs: as they were written, by every command, at the size that each takes by itself."""
    folder, out = tmp_path / "set", tmp_path / "out"
    for part in ("images", "masks"):
        (folder / part).mkdir(parents=True)
    photo(folder / "images/a.jpg", *size)
    arguments = ("segment", folder / "images", "--out", out, "--save", "mask", "--json", *THIN)
    assert run(*arguments) == 0
    written = lines(capsys)[0]
    shutil.copy(out / "a.mask.png", folder / "masks/a.png")
    for truth in (out, folder / "masks", folder / "masks/a.png"):
        assert run(*arguments, "--truth", truth) == 0
        found = lines(capsys)[0]["truth"]
        assert (found["pixel_accuracy"], found["mean_iou"], codes(found)) == (1, 1, ["own"])
    measure = ("evaluate", "fcn8s-everyday-thin", "--data", folder, "--device", "cpu", "--json")
    assert run(*measure, "--geometry", written["padding"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["geometries"][written["padding"]]["figures"]["pixel_accuracy"] == pytest.approx(1, abs=1e-4)
    (other,) = {"paper", "same"} - {written["padding"]}  # another run than the one that wrote them, and that is said
    assert run(*measure, "--geometry", other) == 0
    said = capsys.readouterr()
    assert json.loads(said.out)["geometries"][other]["figures"]["pixel_accuracy"] < 1
    how = f"FCN-8s with the weights fcn8s-everyday-thin; {written['padding']} padding; run at "
    assert f"the explorer wrote it ({how}" in said.err
    (sample,) = data.read_all("msrc_v2", folder)
    labels = np.asarray(Image.open(out / "a.mask.png"))
    assert np.array_equal(sample.target, labels)
    # the numbers alone: the data set's are others, which is said and can be declared
    Image.fromarray(labels).save(folder / "masks/a.png")
    assert run(*measure, "--geometry", written["padding"]) == 0
    said = capsys.readouterr()
    assert "declares them" in said.err
    assert json.loads(said.out)["geometries"][written["padding"]]["figures"]["pixel_accuracy"] < 0.8
    (folder / "classes.json").write_text(json.dumps([info.id for info in api.network("fcn8s").card.classes]))
    assert np.array_equal(data.read_all("msrc_v2", folder)[0].target, labels)
    (folder / "classes.json").unlink()
    assert np.array_equal(data.read_all("msrc_v2", folder, numbers="card")[0].target, labels)


@pytest.mark.parametrize("name", ["nuclei_pink", "nuclei_crowded"])
def test_own_objects_are_right_in_all_of_them(name: str, tmp_path: Path, capsys: Said) -> None:
    """Micrographs: by the numbers of the objects, and by the map of classes."""
    folder, out = tmp_path / "set", tmp_path / "out"
    for part in ("images", "instances16"):
        (folder / part).mkdir(parents=True)
    shutil.copy(EXAMPLES / f"{name}.png", folder / "images/a.png")
    arguments = ("segment", folder / "images", "--out", out, "--save", "mask,instances", "--json", *THIN_NUCLEI)
    assert run(*arguments) == 0
    assert lines(capsys)[0]["objects"] > 3
    numbers = np.asarray(Image.open(out / "a.instances.png"))
    for kind in ("instances", "mask"):
        assert run(*arguments, "--truth", out / f"a.{kind}.png") == 0
        found = lines(capsys)[0]["truth"]
        assert (found["pixel_accuracy"], found["object_f1"], codes(found)) == (1, 1, ["own"])
        shutil.copy(out / f"a.{kind}.png", folder / "instances16/a.png")
        measure = ("evaluate", "unet-nuclei-thin", "--data", folder, "--geometry", "same", "--device", "cpu", "--json")
        assert run(*measure) == 0
        figures = json.loads(capsys.readouterr().out)["geometries"]["same"]["figures"]
        assert (figures["object_f1"], figures["object_dice"]) == (1, 1)
        assert figures["nucleus_dice"] < 1  # as is explained: what is called the touching border counts as missed
        assert run(*measure[:-1]) == 0
        said = capsys.readouterr().out
        assert "with the touching border 100.0, object F1 100.0" in said
        assert "the border where two touch counts as missed" in said
        if kind == "mask":
            assert figures["pixel_accuracy"] == pytest.approx(1, abs=1e-4)
        assert np.array_equal(data.read_all("nuclei", folder)[0].instances > 0, numbers > 0)


def codes(judged: dict) -> list[str]:
    return [remark["code"] for remark in judged["remarks"]]


@pytest.mark.parametrize("network", [THIN, THIN_NUCLEI], ids=["photograph", "micrograph"])
@pytest.mark.parametrize("giant", [False, True])
def test_every_own_picture_is_right_or_refused_by_its_name(
    network: tuple[str, ...], giant: bool, tmp_path: Path, capsys: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Small images, and those beyond memory, taken here because the limit is lowered."""
    image = EXAMPLES / ("nuclei_crowded.png" if network == THIN_NUCLEI else "cat.jpg")
    if giant:
        monkeypatch.setattr(images, "MAX_PIXELS", 1000)
    arguments = ("segment", image, "--save", "all", "--json", *network)
    assert run(*arguments, "--out", tmp_path / "first") == 0
    mask = tmp_path / f"first/{image.stem}.mask.png"
    assert run(*arguments, "--out", tmp_path / "made", "--truth", mask) == 0
    capsys.readouterr()
    pictures = sorted(path.name.split(".")[-2] for path in (tmp_path / "made").glob("*.png"))
    assert pictures == ["errors", *["instances"] * (network == THIN_NUCLEI and not giant), "mask", "overlay"]
    for kind in pictures:
        truth = tmp_path / f"made/{image.stem}.{kind}.png"
        done = run(*arguments, "--out", tmp_path / "out", "--truth", truth)
        said = capsys.readouterr()
        if kind in ("mask", "instances"):
            assert done == 0
            found = json.loads(said.out)["truth"]
            assert found["pixel_accuracy"] == 1
            assert codes(found) == ["own", *["not_single"] * (giant and network == THIN_NUCLEI)]
            assert found.get("object_f1", 1) == 1
        else:
            assert done == 2
            assert f"{truth.name} is a picture that the explorer made to look at ({kind}), and no labels" in said.err


def test_the_command_line_takes_what_the_page_takes(tmp_path: Path, capsys: Said) -> None:
    """The photograph that the page opens on, larger than those trained on: weights, padding and size; and the command
    that a result tells makes it again."""
    known = cards.with_snapshots()
    listed = json.loads((EXAMPLES / "examples.json").read_text("utf-8"))
    page = catalog.first(known, listed)
    path = EXAMPLES / page.image
    assert run("segment", path, "--out", tmp_path, "--save", "mask", "--device", "cpu", "--json") == 0
    (found,) = lines(capsys)
    assert (found["model"], found["weights"], found["padding"]) == (page.model, page.checkpoint, page.padding)
    loaded, size = api.network(page.model, page.checkpoint, page.padding), images.read(path).size
    made = offers.offers(loaded, size, api.RunOptions("cpu"), None)
    assert found["run_at"] == made[offers.chosen(made, loaded.card.is_too_large(size))]["size"]
    assert found["run_at"] != list(size)
    assert f"--weights {page.checkpoint} --padding {page.padding} --size {max(found['run_at'])}" in found["command"]
    assert found["command"].startswith(f"python -m explorer segment {page.image} ")


def test_weights_are_those_for_what_an_image_shows() -> None:
    for example in json.loads((EXAMPLES / "examples.json").read_text("utf-8")):
        pixels = images.read(EXAMPLES / example["file"]).pixels
        assert api.domain_of(pixels, "unet") == example["family"]
        assert api.network("unet", domain=example["family"]).card.domain == example["family"]
    grey = np.full((40, 50, 3), 90, np.uint8)
    assert [api.domain_of(grey, model) for model in ("unet", "fcn8s")] == ["nuclei", "everyday"]


@pytest.mark.parametrize("size", [64, 200])
def test_fields_are_the_networks_at_any_size(size: int, tmp_path: Path, capsys: Said) -> None:
    """The sizes that the paper's layers give (404 at fc6; 436 or 468 behind up-sampling), and what fits in beside."""
    path = photo(tmp_path / "a.png", size // 2, size)
    assert run("trace", path, "--padding", "paper", "--size", size, "--device", "cpu", "--json") == 0
    steps = {step["name"]: step for step in json.loads(capsys.readouterr().out)["steps"]}
    fields = {name: steps[name]["receptive_field"] for name in ("conv1_1", "pool3", "fc6", "upscore2", "score")}
    assert fields == {"conv1_1": [3], "pool3": [44], "fc6": [404], "upscore2": [436], "score": [436, 468]}
    assert steps["score"]["clipped_field"] == size
    assert steps["pool3"]["clipped_field"] == min(44, size)
    assert run("trace", path, "--padding", "paper", "--size", size, "--device", "cpu") == 0
    assert f"436 or 468  {size:>4}" in capsys.readouterr().out


@pytest.mark.parametrize("ending", [".pth", ".pt", ".onnx", ".safetensors", ".h5", ""])
def test_weights_of_others_are_told_from_files_that_are_not_there(ending: str, tmp_path: Path, capsys: Said) -> None:
    path = tmp_path / f"mine{ending}"
    for said in ("no checkpoint", "not in this project's format"):
        assert run("segment", photo(tmp_path / "a.png"), "--weights", path, "--out", tmp_path) == 2
        err = capsys.readouterr().err
        assert err.count("\n") == 1
        assert said in err
        path.write_bytes(b"PK")
