"""The page's questions about images at segmenter size, without a page."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from explorer import api, compare, inference, metrics
from explorer.errors import ExplorerError
from explorer.inference import RunOptions
from explorer.trace import CancelledError
from explorer.ui import answers, offers
from explorer.ui.segmenter import Segmenter
from tests.ui import made as ui
from tests.ui.made import ask, picture, upload


def test_a_plan_offers_what_can_be_run_and_says_what_it_takes(segmenter: Segmenter, tmp_path: Path) -> None:
    image = upload(segmenter, tmp_path, ui.photo(700, 1300))
    found = ask(segmenter, "plan", selection=ui.raw(image=image))
    assert found["size"] == [700, 1300]
    assert [offer["way"] for offer in found["offers"]] == ["whole", "tiles", "smaller", "smaller"]
    assert found["chosen"] == 0
    json.dumps(found)
    loaded = segmenter.networks.get(ui.selection())
    whole = inference.plan(loaded.spec, (700, 1300), RunOptions("cpu", way="whole"))
    results = inference.Outputs.in_memory((700, 1300), loaded.spec.classes, scores=True)
    held = sum(array.nbytes for array in vars(results).values())
    assert found["offers"][0]["bytes"] == whole.forecast.bytes + held
    assert found["offers"][2]["size"] == [551, 1024]
    tiles = found["offers"][1]
    assert (tiles["tiles"], tiles["tile"]) == (2, [700, 1024])  # none is 1024 x 1024
    valid = ask(segmenter, "plan", selection=ui.raw(image=image, model="unet", checkpoint="unet", padding="valid"))
    assert valid["offers"][-1]["way"] == "paper"
    assert valid["offers"][-1]["tiles"] == 2 * 4


def test_a_number_format_that_a_device_lacks_gives_way_and_that_is_said(
    segmenter: Segmenter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image, devices = upload(segmenter, tmp_path, ui.photo(40, 50)), sys.modules["explorer.inference.devices"]
    for there in (False, True):
        monkeypatch.setattr(devices, "has_bfloat16", lambda device, there=there: there)
        found = ask(segmenter, "plan", selection=ui.raw(image=image), options={"precision": "bfloat16"})
        assert ("bfloat16" in found["precisions"]) == there
        said = [note["details"]["instead"] for note in found["notes"] if note["code"] == "no_precision"]
        assert said == ([] if there else ["float32"])
        assert found["offers"][0]["bytes"] > 0


def test_the_smallest_images_are_run(segmenter: Segmenter, tmp_path: Path) -> None:
    for name, model, padding in (("fcn", "fcn16s", "paper"), ("unet", "unet", "valid")):
        image = upload(segmenter, tmp_path, ui.photo(20, 20))
        wish = ui.raw(image=image, model=model, checkpoint=name, padding=padding)
        assert [offer["way"] for offer in ask(segmenter, "plan", selection=wish)["offers"]] == ["whole"]
        assert ask(segmenter, "segment", selection=wish, options={"way": "tiles"})["size"] == [20, 20]
        assert ask(segmenter, "paper" if padding == "valid" else "segment", selection=wish)["tiles"] == 1


def test_the_page_says_the_devices_name_in_its_language(
    segmenter: Segmenter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = upload(segmenter, tmp_path, ui.photo(20, 20))
    monkeypatch.setattr(sys.modules["explorer.inference.plan"], "free_memory", lambda device: 1000)
    question = {"what": "plan", "selection": ui.raw(image=image)}
    *_, last = ui.heard(answers.segment_messages(segmenter, question, lambda: False))
    assert (last["kind"], last["code"]) == ("error", "no_room")
    assert last["details"]["device"] == {"device": "cpu", "name": torch.get_num_threads()}


def test_objects_are_counted_and_outlined(segmenter: Segmenter) -> None:
    wish = ui.raw(model="unet", checkpoint="unet", padding="valid")
    found = ask(segmenter, "segment", selection=wish)
    assert "objects" not in found  # these weights do not tell objects apart
    assert "instances" not in found["kinds"]


def test_the_papers_tiles_are_held_against_the_exact_ones(segmenter: Segmenter, tmp_path: Path) -> None:
    pixels = ui.photo(420, 430)
    image = upload(segmenter, tmp_path, pixels)
    wish = ui.raw(model="unet", checkpoint="unet", padding="valid", image=image)
    found = ask(segmenter, "paper", selection=wish, options={"way": "paper"})
    loaded = segmenter.networks.get(ui.selection("unet"))
    exact, abutting = (
        api.segment(pixels, loaded=loaded, options=RunOptions("cpu", way=way), scores=True)
        for way in ("tiles", "paper")
    )
    differs = exact.labels != abutting.labels
    assert found["difference"]["share"] == pytest.approx(differs.mean())
    apart = np.abs(exact.labelling.outputs.scores - abutting.labelling.outputs.scores).max()
    assert found["difference"]["score"] == pytest.approx(apart, rel=1e-3)
    assert found["difference"]["score"] > 1e-3
    np.testing.assert_array_equal(picture(segmenter, found["pictures"]["differs"]) > 0, differs)


def test_networks_are_compared_on_one_image(segmenter: Segmenter, tmp_path: Path) -> None:
    pixels = ui.photo(120, 160)
    image = upload(segmenter, tmp_path, pixels)
    wanted = [ui.raw(image="cat.jpg", model=model) for model in ("fcn32s", "fcn8s")]
    other = ui.raw(image="cat.jpg", model="unet", checkpoint="unet", padding="valid")
    found = ask(segmenter, "compare", selection=ui.raw(image=image), selections=[*wanted, other])
    assert [r["model"] for r in found["results"]] == ["fcn32s", "fcn8s", "unet"]
    assert found["image"] == image
    codes = [[(note["code"], note["details"]["model"]) for note in r["networkNotes"]] for r in found["results"]]
    assert codes == [[("coarser_than_trained", "FCN-32s")], [], []]  # as looking inside says
    maps = [
        api.segment(pixels, loaded=segmenter.networks.get(ui.selection(m)), options=RunOptions("cpu")).labels
        for m in ("fcn32s", "fcn8s")
    ]
    assert [(p["a"], p["b"]) for p in found["pairs"]] == [(0, 1)]  # the U-Net has other classes
    assert found["pairs"][0]["agreement"] == pytest.approx((maps[0] == maps[1]).mean())
    far = compare.apart(*maps)
    assert (found["pairs"][0]["apart"] is None) == (far is None)
    json.dumps(found)
    for few in ([], wanted[:1], wanted * 3, "no list"):
        with pytest.raises(ExplorerError):
            ask(segmenter, "compare", selection=ui.raw(), selections=few)


def test_true_labels_are_compared(segmenter: Segmenter, tmp_path: Path) -> None:
    pixels = ui.photo(100, 130)
    image = upload(segmenter, tmp_path, pixels)
    found = ask(segmenter, "segment", selection=ui.raw(image=image))
    labels = picture(segmenter, found["pictures"]["labels"]).copy()
    labels[:10] = (labels[:10] + 1) % ui.FCN.classes
    labels[10:20] = 255
    path = tmp_path / "truth.png"
    Image.fromarray(labels).save(path)
    judged = ask(segmenter, "judge", token=found["token"], path=str(path))
    assert judged["pixel_accuracy"] == pytest.approx(80 / 90)
    guess = picture(segmenter, found["pictures"]["labels"])
    np.testing.assert_array_equal(judged["matrix"], metrics.confusion(labels, guess, ui.FCN.classes))
    json.dumps(judged)
    assert judged["remarks"] == []
    exported = ask(segmenter, "export", tokens=[found["token"]], file="mask")["file"]
    own = ask(segmenter, "judge", token=found["token"], path=str(segmenter.files.folder / exported))
    assert (own["pixel_accuracy"], [remark["code"] for remark in own["remarks"]]) == (1, ["own"])
    Image.fromarray(np.resize(np.array([0, 255], np.uint8), labels.shape)).save(path)
    (remark,) = ask(segmenter, "judge", token=found["token"], path=str(path))["remarks"]
    assert remark["code"] == "binary"
    assert remark["details"]["first"].keys() >= {"en", "ko"}  # in the page's language
    path.write_bytes(b"nothing")
    with pytest.raises(ExplorerError) as caught:
        ask(segmenter, "judge", token=found["token"], path=str(path))
    assert caught.value.code == "truth_file"


def test_cancelling_stops_and_lets_the_next_one_run(segmenter: Segmenter, tmp_path: Path) -> None:
    image = upload(segmenter, tmp_path, ui.photo(200, 200))
    with pytest.raises(CancelledError):
        ask(segmenter, "segment", cancelled=lambda: True, selection=ui.raw(image=image))
    assert ask(segmenter, "segment", selection=ui.raw(image=image))["kind"] == "segmented"


@pytest.mark.parametrize(
    "question",
    [
        {"what": "nonsense"},
        {"what": None},
        {"what": "segment", "selection": None},
        {"what": "segment", "selection": ui.raw(), "options": {"way": "magic"}},
        {"what": "segment", "selection": ui.raw(), "options": {"side": -1}},
        {"what": "segment", "selection": ui.raw(), "options": {"side": True}},
        {"what": "segment", "selection": ui.raw(), "options": {"precision": "int4"}},
        {"what": "segment", "selection": ui.raw(), "options": []},
        {"what": "export", "tokens": ["unknown"], "file": "mask"},
        {"what": "export", "tokens": [], "file": "mask"},
        {"what": "export", "tokens": ["x"], "file": "../../etc/passwd"},
        {"what": "judge", "token": "unknown", "path": "/etc/passwd"},
    ],
)
def test_what_is_not_on_offer_is_refused(segmenter: Segmenter, question: dict[str, Any]) -> None:
    before = ui.listing(segmenter)
    with pytest.raises(ExplorerError):
        segmenter.answer(question, lambda *_: None, lambda: False)
    assert ui.listing(segmenter) == before


def test_an_upload_is_read_for_a_question(segmenter: Segmenter, tmp_path: Path) -> None:
    path = tmp_path / "pages.tif"
    pages = [Image.fromarray(ui.photo(40 + 8 * i, 64)) for i in range(3)]
    pages[0].save(path, save_all=True, append_images=pages[1:])
    path = ui.sent(segmenter, path.read_bytes())
    data = {
        "what": "plan",
        "selection": ui.raw(image=""),
        "upload": {"sent": path.name, "name": "pages.tif"},
        "page": 2,
    }
    *_, last = ui.heard(answers.segment_messages(segmenter, data, lambda: False))
    assert (last["kind"], last["size"], last["page"], last["pages"]) == ("planned", [56, 64], 2, 3)
    assert not path.exists()
    bad = {"what": "judge", "token": "x", "sent": "/etc/passwd"}
    *_, last = ui.heard(answers.segment_messages(segmenter, bad, lambda: False))
    assert last["kind"] == "error"
    for token, expected in (("gone", "result_gone"), (token_of_a_run(segmenter), "truth_size")):
        truth = ui.sent(segmenter, ui.encoded(np.zeros((5, 5), np.uint8)))
        data = {"what": "judge", "token": token, "sent": truth.name}
        *_, last = ui.heard(answers.segment_messages(segmenter, data, lambda: False))
        assert last["code"] == expected
        assert not truth.exists()  # whatever became of the question


def token_of_a_run(segmenter: Segmenter) -> str:
    return ask(segmenter, "segment", selection=ui.raw(image=ui.raw()["image"]))["token"]


def test_scores_of_large_images_are_not_kept(
    segmenter: Segmenter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are forecast where they are, and the comparison with the paper's tiles does without."""
    image = upload(segmenter, tmp_path, ui.photo(420, 430))
    wish = ui.raw(model="unet", checkpoint="unet", padding="valid", image=image)
    needs = {}
    for most in (offers.MOST_SCORES, 1000):
        monkeypatch.setattr(offers, "MOST_SCORES", most)
        found = ask(segmenter, "paper", selection=wish, options={"way": "paper"})
        assert ("scores" in found["kinds"]) == (found["difference"]["score"] is not None) == (most > 1000)
        needs[most] = ask(segmenter, "plan", selection=wish)["offers"][0]["bytes"]
    classes = segmenter.networks.get(ui.selection("unet")).spec.classes
    assert needs[offers.MOST_SCORES] + 4 * classes * 420 * 430 == max(needs.values())
