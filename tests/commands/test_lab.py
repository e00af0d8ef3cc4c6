"""python -m explorer lab: what it prints is what the labs give."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from explorer import api, images, labs
from explorer.geometry import Box
from explorer.labs.inputs import network_input, plain_input
from explorer.labs.walk import network_of
from explorer.models import ModelSpec, without_weights
from tests.commands.made import photo, run


def asked(capsys: pytest.CaptureFixture[str], *arguments: object) -> dict[str, Any]:
    assert run("lab", *arguments, "--json") == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_crop_without_an_image(capsys: pytest.CaptureFixture[str]) -> None:
    found = asked(capsys, "crop", "--size", "500x512", "--crop", "crop_d2c=centre", "--shift", "crop_d0c=-3")
    lab = labs.crop("unet", "", (500, 512), modes={"crop_d2c": "centre"}, shifts={"crop_d0c": -3})
    assert found["size"] == [500, 512]
    assert found["nearest"] == [[492, 508], [508, 524]]
    assert [step["shape"] for step in found["steps"]] == [list(step.shape) for step in lab.steps]
    for said, crop in zip(found["crops"], lab.crops, strict=True):
        assert said["name"] == crop.name
        assert said["rows"]["offset"] == crop.rows.offset
        assert said["cols"]["misalignment"] == crop.cols.misalignment
        assert said["meeting"]["own"]["rows"] == list(crop.meeting(0, 0).own.rows)
        assert said["meeting"]["shift"] == [float(n) for n in crop.meeting(0, 0).shift]
    assert run("lab", "crop", "--size", "500", "--mode", "centre") == 0
    table = capsys.readouterr().out
    assert "crop_d2c" in table
    assert "misalignment" in table


def test_crop_of_an_image_at_a_size_that_the_network_refuses(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, real = photo(tmp_path / "a.png", 60, 50), tmp_path / "real.png"
    labels = np.random.default_rng(0).integers(0, 3, (60, 50)).astype(np.uint8)
    Image.fromarray(labels).save(real)
    given = (path, "--weights", "unet-nuclei", "--size", "203x190", "--mode", "centre", "--device", "cpu")
    found = asked(capsys, "crop", *given, "--truth", real, "--sweep")
    loaded = api.network("unet", "unet-nuclei")
    entered = network_input(loaded, images.read(path).pixels, size=(203, 190), truth=labels)
    assert entered.image.shape == (1, 3, 203, 190)
    assert set(np.unique(entered.truth)) == {0, 1, 2, 255}
    figures = labs.predict(loaded.module, entered.image, labs.placing("centre"), entered.truth).figures
    assert found["prediction"] == pytest.approx(vars(figures))
    assert found["prediction"]["against"] == "truth"
    points = labs.sweep(loaded.module, entered.image, (), entered.truth)
    assert [(p["crop"], p["units"], p["misalignment"]) for p in found["sweep"]] == [
        (p.crop, p.units, p.misalignment) for p in points
    ]
    assert [p["figures"]["mean_iou"] for p in found["sweep"]] == pytest.approx([p.figures.mean_iou for p in points])


def test_tap(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = photo(tmp_path / "a.png", 60, 50)
    given = (path, "--weights", "fcn8s-everyday", "--device", "cpu", "--pixel", "20,30", "--scale", "score_pool3=0")
    found = asked(capsys, "tap", *given)
    loaded = api.network("fcn8s", "fcn8s-everyday")
    streams = labs.Streams(loaded.module, network_input(loaded, images.read(path).pixels).image)
    terms = streams.split().at(20, 30)
    for c, row in enumerate(found["terms"]):
        assert row["score"] == pytest.approx(float(streams.untouched.scores[0, c, 20, 30]), abs=1e-4)
        for name, term in terms.items():
            assert row[name] == pytest.approx(float(term[c]), abs=1e-4)
    assert found["rest"] <= 1e-4
    assert found["figures"] == pytest.approx(vars(streams.scaled({"score_pool3": 0}).figures))
    skips = labs.taps("fcn8s", loaded.spec.padding)
    assert [skip["taken"] for skip in found["skips"]] == [skip.taken for skip in skips]
    for said, skip in zip(found["skips"], skips, strict=True):
        assert [tap["apart"] for tap in said["taps"]] == [tap.apart for tap in skip.taps]


@pytest.mark.parametrize(("kind", "model"), [("mirrored", "unet"), ("in-phase", "fcn8s")])
def test_border(tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str, model: str) -> None:
    path = photo(tmp_path / "a.png", 30, 20)
    found = asked(capsys, "border", path, "--model", model, "--kind", kind, "--device", "cpu", "--vectors", 2)
    lab = labs.border(model, kind, (30, 20))
    assert found["size"] == list(lab.size)
    assert found["margin"] == list(lab.margin)
    assert [o["rows"] for o in found["outside"]] == [pytest.approx(list(o.rows)) for o in lab.outside]
    assert [r["cols"] for r in found["reached"]] == [r.cols.tolist() for r in (*lab.skips, lab.output)]
    pixels = images.read(path).pixels
    loaded = api.network(model, None, {"unet": "valid", "fcn8s": "paper"}[model], api.domain_of(pixels, model))
    image = plain_input(loaded, pixels, exact=model != "unet")
    module = labs.with_border(loaded.module, model, kind)
    expected = labs.dependence(module, image, kind == "mirrored", 2)
    np.testing.assert_allclose(found["dependence"]["root"], expected.root, rtol=1e-3)
    np.testing.assert_allclose(found["dependence"]["by_distance"], expected.by_distance, rtol=1e-3)


def test_border_without_an_image(capsys: pytest.CaptureFixture[str]) -> None:
    found = asked(capsys, "border", "--size", 572)
    assert found["margin"] == [92, 92, 92, 92]
    assert run("lab", "border", "--size", 500) == 0
    assert "pool_d3c" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["crop", "--size", "100"], "take 188"),
        (["crop", "--size", "much"], "HEIGHTxWIDTH"),
        (["crop", "--sweep"], "need an image"),
        (["crop", "--crop", "crop_d9c=pad"], "choose one of crop_d3c"),
        (["crop", "--shift", "crop_d3c=far"], "whole number"),
        (["crop", "--unit", "3"], "ROW,COLUMN"),
        (["border", "--model", "unet", "--kind", "in-phase"], "valid, same, mirrored"),
        (["border", "--weights", "unet-nuclei"], "needs an image"),
        (["border", "--size", "0"], "take 188"),
        (["crop", "--padding", "paper"], "valid, same"),
        (["tap", "--model", "fcn8s", "--padding", "valid"], "paper, same"),
        (["crop", "--mode", "random", "--seed", "-1"], "0 or more"),
        (["tap", "--scale", "score_fr=0"], "need an image"),
    ],
)
def test_what_cannot_be_done_is_one_line(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("lab", *arguments) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert said in err


def test_shift(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = [photo(tmp_path / f"{name}.png", 90, 80) for name in "ab"]
    given = (
        paths[0],
        "--other",
        paths[1],
        "--model",
        "unet",
        "--padding",
        "same",
        "--device",
        "cpu",
        "--size",
        "80x96",
    )
    found = asked(capsys, "shift", *given, "--shift", "6", "--axis", "cols", "--sweep", "pool_d1c")
    loaded = api.network("unet", None, "same")
    canvases = [network_input(loaded, images.read(path).pixels, size=(112, 128)).image for path in paths]
    shifts = labs.Shifts(loaded.module, canvases[0], canvases[1], (80, 96))
    shifted, points = shifts.at(6, "cols"), shifts.sweep("pool_d1c", "cols")
    assert found["shift"] == [0, 6]
    assert found["labels"]["flipped"] == pytest.approx(shifted.flipped)
    for step in found["steps"]:
        one = shifted[step["step"]]
        assert (step["jump"], step["period"], step["units"]) == (one.jump, one.period, one.units)
        assert step["equivariance"] == (
            None if np.isnan(one.equivariance) else pytest.approx(one.equivariance, abs=1e-6)
        )
    assert [p["equivariance"] for p in found["sweep"]] == pytest.approx([p.equivariance for p in points], abs=1e-6)
    without = asked(capsys, "shift", "--model", "fcn32s", "--shift", "32", "--size", "480")
    assert without["steps"][-1]["units"] == labs.layers(network_of("fcn32s"), (480, 480))["score"].moved((32, 32)).area
    for wrong in (
        ("--sweep", "score"),
        ("--shift", "33"),
        ("--size", "1x2x3"),
        (paths[0],),
        ("--weights", "unet-nuclei"),
    ):
        assert run("lab", "shift", *wrong) != 0
    assert run("lab", "shift", *given, "--sweep", "nothing") != 0


def test_field_of_an_image(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = photo(tmp_path / "a.png", 60, 50)
    given = ("field", path, "--model", "fcn8s", "--place", "20,30", "--step", "pool3", "--device", "cpu")
    found = asked(capsys, *given, "--channel", "largest")
    loaded = api.network("fcn8s")
    image = network_input(loaded, images.read(path).pixels).image
    lab = labs.field_of_view("fcn8s", loaded.spec.padding, tuple(image.shape[2:]), (20, 30))
    local = labs.runner(loaded.module, image, without_weights(loaded.spec))
    one = labs.measure(local, lab, ["pool3"], "largest")["pool3"]
    said = {step["step"]: step for step in found["steps"]}
    assert said["pool3"]["pixels"] == one.pixels
    assert "pixels" not in said["pool4"]
    assert said["fc6"]["whole"] == vars(lab["fc6"].whole)
    for wrong in (("--step", "pool9"), ("--channel", "few"), ("--place", "here")):
        assert run("lab", *given, *wrong) == 2
    assert run("lab", "field", "--channel", "3") == 2


def test_cam(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = photo(tmp_path / "a.png", 90, 80)
    given = ("cam", path, "--model", "fcn32s", "--padding", "same", "--device", "cpu", "--step", "relu5_3")
    found = asked(capsys, *given, "--region", "10,12,40,50", "--class", "sky")
    loaded = api.network("fcn32s", None, "same")
    image = network_input(loaded, images.read(path).pixels).image
    label = [info.id for info in loaded.card.classes].index("sky")
    expected = labs.cam(loaded.module, image, "relu5_3", label, Box(10, 12, 40, 50))
    assert found["pixels"] == 30 * 38
    assert [one["channel"] for one in found["channels"]] == expected.order.tolist()
    np.testing.assert_allclose(found["map"], expected.map, rtol=1e-3, atol=1e-6)
    for wrong in (("--class", "unicorn"), ("--region", "1,2,3")):
        assert run("lab", *given, *wrong) != 0
    assert run("lab", "cam", "--step", "relu5_3") != 0


def test_channel_with_and_without_an_image(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = asked(capsys, "channel", "--model", "unet", "--size", "572")
    lab = labs.channels(ModelSpec("unet", "valid"), (572, 572))
    assert [level["macs"] for level in found["levels"]] == [level.macs for level in lab.levels]
    assert found["changes"][0]["parameters"] == pytest.approx(float(lab.changes[0].parameters))
    path = photo(tmp_path / "a.png", 60, 50)
    given = ("channel", path, "--layer", "score_pool3", "--output", "3", "--place", "20,30", "--device", "cpu")
    found = asked(capsys, *given)
    total = found["sum"]
    assert total["products"] + total["bias"] == pytest.approx(total["network"], abs=1e-4)
    assert all(term["product"] == pytest.approx(term["weight"] * term["value"]) for term in found["terms"])
    for wrong in (("--layer", "pool3"), ("--output", "21"), ("--place", "here")):
        assert run("lab", *given, *wrong) == 2
    assert run("lab", "channel", "--layer", "fc7") == 2
