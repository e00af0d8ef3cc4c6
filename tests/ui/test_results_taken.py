"""What a visitor takes along: files of results, their names, how long they are kept."""

from __future__ import annotations

import doctest
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from explorer import api
from explorer.inference import RunOptions
from explorer.ui import keeping
from explorer.ui.keeping import Keeper
from explorer.ui.segmenter import Segmenter
from explorer.ui.session import Workbench
from tests.ui import made as ui
from tests.ui.made import ask, picture, upload


def test_nobodys_results_are_called_as_another_called_the_file(segmenter: Segmenter, tmp_path: Path) -> None:
    keys = [upload(segmenter, tmp_path, ui.photo(64, 80), name) for name in ("mine.png", "yours.png")]
    found = [ask(segmenter, "segment", selection=ui.raw(image=key)) for key in keys]
    for name, result in zip(("mine", "yours"), found, strict=True):
        made = ask(segmenter, "export", tokens=[result["token"]], file="coco")
        assert made["name"] == f"{name}.coco.json"
        file = json.loads((segmenter.files.folder / made["file"]).read_text("utf-8"))
        assert file["images"][0]["file_name"] == result["image"] == f"{name}.png"


def test_a_result_is_that_of_the_api_and_files_can_be_taken_along(segmenter: Segmenter, tmp_path: Path) -> None:
    pixels = ui.photo(150, 210)
    image = upload(segmenter, tmp_path, pixels, "my cells.png")
    said: list[Any] = []
    found = ask(segmenter, "segment", said=said, selection=ui.raw(image=image), options={"way": "tiles", "side": 96})
    assert found["kind"] == "segmented"
    assert found["tiles"] == 6
    assert len(found["boxes"]) == 6
    json.dumps(found)
    shares = [news[0] for news in said]
    assert shares == sorted(shares)
    assert {news[1] for news in said} <= {"progress.segment", "progress.segment.left", "progress.pictures"}
    same = api.segment(pixels, loaded=segmenter.networks.get(ui.selection()), options=RunOptions("cpu"))
    np.testing.assert_array_equal(picture(segmenter, found["pictures"]["labels"]), same.labels)
    assert [a["pixels"] for a in found["areas"]] == same.counts.tolist()
    sure = picture(segmenter, found["pictures"]["confidence"]) / 255
    np.testing.assert_allclose(sure, same.labelling.outputs.confidence, atol=0.005)
    for kind in found["kinds"]:
        made = ask(segmenter, "export", tokens=[found["token"]], file=kind)
        assert made["name"].startswith("my cells.")
        assert (segmenter.files.folder / made["file"]).stat().st_size
    made = ask(segmenter, "export", tokens=[found["token"]], file="zip")
    with zipfile.ZipFile(segmenter.files.folder / made["file"]) as packed:
        labels = np.asarray(Image.open(io.BytesIO(packed.read("my cells.mask.png"))))
        about = json.loads(packed.read("my cells.run.json"))
    card = segmenter.networks.get(ui.selection()).card
    assert (about["model"], about["weights"], about["sha256"]) == ("fcn8s", "fcn", card.sha256)
    assert (about["padding"], about["way"], about["precision"]) == ("paper", "tiles", "float32")
    np.testing.assert_array_equal(labels, same.labels)


def test_several_results_of_one_name_are_packed_apart(segmenter: Segmenter, tmp_path: Path) -> None:
    tokens = []
    for seed in range(2):
        image = upload(segmenter, tmp_path, ui.photo(64, 80, seed), "a.png")
        tokens.append(ask(segmenter, "segment", selection=ui.raw(image=image))["token"])
    made = ask(segmenter, "export", tokens=tokens, file="zip")
    with zipfile.ZipFile(segmenter.files.folder / made["file"]) as packed:
        assert {"a.mask.png", "a-2.mask.png"} <= set(packed.namelist())
        assert packed.testzip() is None


def test_results_of_one_image_by_several_networks_are_told_apart(segmenter: Segmenter, tmp_path: Path) -> None:
    image = upload(segmenter, tmp_path, ui.photo(64, 80), "a.png")
    wishes = [ui.raw(image=image, model=model) for model in ("fcn16s", "fcn8s")]
    wishes.append(ui.raw(image=image, model="fcn8s", padding="same"))
    tokens = [ask(segmenter, "segment", selection=wish)["token"] for wish in wishes]
    for taken, stems in ((tokens[:2], ("a-fcn16s", "a-fcn8s")), (tokens[1:], ("a-paper", "a-same"))):
        made = ask(segmenter, "export", tokens=taken, file="zip")
        with zipfile.ZipFile(segmenter.files.folder / made["file"]) as packed:
            assert {f"{stem}.mask.png" for stem in stems} <= set(packed.namelist())
            for stem in stems:
                about = json.loads(packed.read(f"{stem}.run.json"))
                assert stem.removeprefix("a-") in (about["model"], about["padding"])
    assert doctest.testmod(keeping).failed == 0


def test_files_go_with_their_results(bench: Workbench, tmp_path: Path) -> None:
    small = Segmenter(bench.files, bench.pictures, bench.networks, bench.turns)
    small.kept = Keeper(bench.files, 1)
    seen = []
    for seed in range(3):
        image = upload(bench, tmp_path, ui.photo(64, 90, seed))
        found = ask(small, "segment", selection=ui.raw(image=image))
        seen.append(set(found["pictures"].values()))
    assert not (seen[0] - seen[2]) & ui.listing(bench)
    assert seen[2] <= ui.listing(bench)
