"""Pictures that decode to what was put in, their files, and how much of them a page has to hold."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from PIL import Image

from explorer.figures.mosaic import mosaic
from explorer.inference import placement
from explorer.models import MODELS, ModelSpec, build
from explorer.trace import trace
from explorer.ui.stage.payload import png
from tests.ui.made import noise
from tests.ui.payload.made import ABOUT, made, picture


def test_pictures_decode_to_what_was_put_in(case):
    pictures = case.data["pictures"]
    np.testing.assert_array_equal(picture(case, pictures["original"]), case.pixels)
    np.testing.assert_array_equal(picture(case, pictures["resized"]), case.prepared.resized)
    np.testing.assert_array_equal(picture(case, pictures["network"]), case.prepared.network)
    np.testing.assert_array_equal(picture(case, pictures["labels"]), case.done.labels)
    confidence = picture(case, pictures["confidence"]).astype(float) / 255
    assert np.abs(confidence - case.done.confidence).max() <= 0.5 / 255 + 1e-6
    shares = case.data["shares"]
    assert shares == [(case.done.labels == c).mean() for c in range(len(ABOUT["classes"]))]
    assert sum(shares) == pytest.approx(1)


def test_mosaics_decode_to_the_maps(case):
    for step in case.data["steps"][:-1]:  # of argmax: test_stages.py
        maps, want = step["maps"], case.maps[step["name"]]
        np.testing.assert_array_equal(picture(case, maps["file"]), want.pixels)
        assert (tuple(maps["tile"]), maps["columns"], maps["reduction"]) == (want.tile, want.columns, want.reduction)
        assert len(maps["min"]) == len(maps["max"]) == step["shape"][0]
        np.testing.assert_allclose(maps["min"], want.minimum, rtol=5e-6)
        np.testing.assert_allclose(maps["max"], want.maximum, rtol=5e-6)


def test_frames_are_named(case):
    frames = case.done.frames
    assert case.data["frames"] == {
        "original": list(case.pixels.shape[:2]),
        "resized": list(case.prepared.resized.shape[:2]),
        "network": list(case.prepared.network.shape[:2]),
    }
    assert case.data["offset"] == [frames.top, frames.left]


def test_every_file_is_there_and_counted(case):
    """What the JSON names, and the JSON, is what the run holds; giving it back leaves an empty folder."""
    named = set(case.data["pictures"].values()) | {s["maps"]["file"] for s in case.data["steps"]} | {case.name}
    named.add(case.data["probabilities"]["file"])
    named |= {stage["labels"] for stage in case.data["stages"]}
    assert named == set(case.names)
    assert named == {path.name for path in case.files.folder.iterdir()}


def test_dropout_shares_its_inputs_file(payloads):
    steps = {step["name"]: step for step in payloads("fcn8s-paper").data["steps"]}
    for number in "67":
        assert steps[f"drop{number}"]["maps"] == steps[f"relu{number}"]["maps"]


def test_a_crop_that_drops_nothing_shares_its_sources_file(payloads):
    data = payloads("unet-same").data
    steps = {step["name"]: step for step in data["steps"]}
    assert len(data["crops"]) == 4
    for crop in data["crops"]:
        assert steps[crop["step"]]["maps"]["file"] == steps[crop["source"]]["maps"]["file"]


def test_giving_a_run_back_deletes_its_files():
    case = made("fcn32s", "same", (40, 40), original=(80, 80))
    assert case.data["frames"]["original"] == [80, 80]
    case.files.release(case.names)
    assert not list(case.files.folder.iterdir())


def test_png_is_lossless():
    for pixels in (noise(7, 9), noise(7, 9)[:, :, 0].copy()):
        with Image.open(io.BytesIO(png(pixels))) as image:
            np.testing.assert_array_equal(np.array(image), pixels)


# ---- what a page has to hold


@pytest.mark.parametrize(
    ("model", "padding"), [("fcn8s", "paper"), ("fcn8s", "same"), ("unet", "valid"), ("unet", "same")]
)
def test_a_run_of_a_shipped_network_fits_into_a_page(model, padding, record_property):
    """Widths of the bundled networks at the size the page opens with, square: below 60 MB of codes."""
    spec = ModelSpec(model, padding, width=0.25, fc_channels=256, classes=3 if model == "unet" else 21)
    far = placement(spec)
    n = far.sizes.at_least(MODELS[model].size + far.shrink)
    with torch.device("meta"):
        steps = trace(build(spec), torch.empty(1, 3, n, n)).steps
    total = sum(mosaic(torch.zeros(step.shape)).pixels.size for step in steps)
    record_property("decoded_bytes", total)
    print(f"{model} {padding} {n} x {n}: {total / 1e6:.1f} MB of one-byte maps in {len(steps)} steps")
    assert total < 60e6
