"""What the page may ask for: the catalogue, selections, images."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from explorer import cards, images
from explorer.errors import ExplorerError
from explorer.models import MODELS, ModelSpec, shown
from explorer.ui import image_store, session
from explorer.ui.catalog import SIZES, catalog, first
from explorer.ui.network_cache import NetworkCache
from explorer.ui.session import Workbench
from explorer.ui.state import Selection
from tests.ui.made import FCN, UNET, encoded, noise, raw, run, save_random, selection, upload

VARIANTS = [(model, padding) for model in shown() for padding in MODELS[model].paddings]


# ---- the catalogue


def test_the_catalogue_is_plain_data_and_complete(bench):
    offers = json.loads(json.dumps(catalog(bench.networks.cards, bench.pictures.examples())))
    assert [m["key"] for m in offers["models"]] == ["fcn32s", "fcn16s", "fcn8s", "unet"]
    assert {c["name"]: c["family"] for c in offers["cards"]} == {"fcn": "fcn", "unet": "unet"}
    assert offers["devices"][0] == "auto"
    assert offers["devices"][-1] == "cpu"
    assert offers["mostBytes"] == images.MAX_BYTES
    colours = offers["colours"]
    assert all(len(t) == 256 for t in (*colours["sequential"].values(), colours["diverging"], colours["heat"]))
    assert next(iter(colours["sequential"])) == "viridis"
    for offered in offers["examples"]:
        assert (bench.files.folder / offered["thumbnail"]).is_file()
        assert set(offered["title"]) == {"en", "ko"}
        assert offered["credit"] or offered.get("made")
        assert offered["licence"]
    for model in offers["models"]:
        assert model["size"] in offers["sizes"]
        assert model["paddings"]


VGG16 = 138_357_544 - 4097 * 1000  # Simonyan and Zisserman 2015, without the layer of ImageNet's 1000 classes
PAPER = {  # VGG-16's convolutions, fc6 and fc7, score layers, and the bilinear filters of every pair of classes
    "fcn32s": VGG16 + 4097 * 21 + 64**2 * 21**2,
    "fcn16s": VGG16 + (4097 + 513) * 21 + (4**2 + 32**2) * 21**2,
    "fcn8s": 134_489_759,
}


def test_how_much_narrower_than_the_papers_a_network_is():
    """Parameters of the papers' widths: FCN-8s of 21 classes; U-Net's 31,030,658 and what one more class and two
    more colour channels add."""
    fcn, unet = cards.find("fcn8s-everyday"), cards.find("unet-nuclei")
    full = replace(fcn, spec=ModelSpec("fcn8s")), replace(unet, spec=ModelSpec("unet", fc_channels=7))
    told = [card["width"] for card in catalog([fcn, unet, *full], [])["cards"]]
    assert told[0] == {"share": fcn.spec.width, "fc": fcn.spec.fc_channels, "fcWhole": 4096, "whole": PAPER}
    assert told[1]["share"] == unet.spec.width < 1
    assert told[1]["whole"] == {"unet": 31_030_658 + 2 * 64 * 9 + 64 + 1}
    assert told[2:] == [None, None]


def test_the_page_opens_on_something_that_can_be_run(bench):
    opening = first(bench.networks.cards, bench.pictures.listed)
    assert bench.networks.check(vars(opening)) == opening
    assert (opening.model, opening.checkpoint, opening.device) == ("fcn8s", "fcn", "auto")
    assert next(e for e in bench.pictures.listed if e["file"] == opening.image)["family"] == "everyday"


def test_without_fcn_weights_the_page_opens_on_the_unet(tmp_path):
    save_random(tmp_path, "only", UNET, domain="nuclei")
    bench = Workbench(tmp_path)
    opening = first(bench.networks.cards, bench.pictures.listed)
    assert bench.networks.check(vars(opening)) == opening
    assert (opening.model, opening.padding, opening.size) == ("unet", "valid", 388)
    assert next(e for e in bench.pictures.listed if e["file"] == opening.image)["family"] == "nuclei"


# ---- check


def test_what_is_on_offer_passes(bench):
    for model, padding in VARIANTS:
        for size in SIZES:
            wish = selection(model, padding=padding, size=size, device="auto")
            assert bench.networks.check(vars(wish)) == wish


HOSTILE = [
    None, True, 0, -1, 192.0, float("nan"), float("inf"), 10**400, "", "unet", "../fcn", "fcn\0", "x" * 100_000,
    [], ["fcn8s"], {}, {"model": "fcn8s"}, b"fcn8s", [[[]]], "cpu ", "CPU", "\ud800", 192 + 0j, "192", SIZES, set(),
]  # fmt: skip


@pytest.mark.parametrize("name", [n for n in Selection.__annotations__ if n not in ("image", "altered", "against")])
@pytest.mark.parametrize("value", HOSTILE, ids=lambda v: f"{type(v).__name__}-{str(v)[:12]!a}")
def test_what_is_not_on_offer_is_refused(bench, name, value):
    with pytest.raises(ExplorerError) as caught:
        bench.networks.check(raw(**{name: value}))
    assert caught.value.code == "bad_selection"


@pytest.mark.parametrize("value", [v for v in HOSTILE if not isinstance(v, str)], ids=lambda v: f"{v!s:.12}")
def test_an_image_is_named_by_text(bench, value):
    with pytest.raises(ExplorerError, match=r"^image: input should be a valid string, not") as caught:
        bench.networks.check(raw(image=value))
    assert caught.value.code == "bad_selection"


@pytest.mark.parametrize("whole", [None, [], "selection", 7, {}, {"model": "fcn8s"}, [raw()], 1.5, b"{}"])
def test_what_is_no_selection_is_refused(bench, whole):
    with pytest.raises(ExplorerError) as caught:
        bench.networks.check(whole)
    assert caught.value.code == "bad_selection"


def test_unknown_fields_are_left_out(bench):
    assert bench.networks.check(raw(more="x", self="y", __class__="z")) == selection()


def test_network_and_weights_have_to_be_of_one_family(bench):
    for changes in ({"model": "unet"}, {"checkpoint": "unet"}, {"padding": "valid"}, {"model": "fcn8s-atonce"}):
        with pytest.raises(ExplorerError):
            bench.networks.check(raw(**changes))
    with pytest.raises(ExplorerError):
        bench.networks.check(vars(selection("unet", padding="paper")))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["fcn8s", "fcn", "cpu", 192]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


@settings(deadline=None, max_examples=100)
@given(st.dictionaries(st.sampled_from([*Selection.__annotations__, "other"]), json_values) | json_values)
@example({**raw(), "size": 320.0})
def test_check_gives_a_selection_or_a_stage_error(changes):
    whole = raw() | changes if isinstance(changes, dict) else changes
    networks = NetworkCache(CARDS)
    try:
        wish = networks.check(whole)
    except ExplorerError:
        return
    assert type(wish.size) is int
    assert all(type(getattr(wish, n)) is str for n in Selection.__annotations__ if n != "size")
    assert hash(wish)


CARDS = (
    cards.Card("fcn", {}, FCN, ("paper",), (), cards.Preprocessing((0,), (1,)), {}, {}, {}, 0, {}, {}),
    cards.Card("unet", {}, UNET, ("valid",), (), cards.Preprocessing((0,), (1,)), {}, {}, {}, 0, {}, {}),
)


# ---- images


def test_an_upload_is_found_by_its_id(bench, tmp_path):
    pixels = noise(30, 44)
    key = upload(bench, tmp_path, pixels)
    np.testing.assert_array_equal(bench.pictures.get(key).pixels, pixels)
    assert key == upload(bench, tmp_path, pixels)  # the same image is held once
    assert key != upload(bench, tmp_path, noise(30, 44, seed=1))
    assert bench.pictures.get(key).digest not in key
    other = upload(bench, tmp_path, pixels, "other name.png")
    assert [bench.pictures.get(k).name for k in (key, other)] == ["mine.png", "other name.png"]


def test_an_id_says_nothing_to_another_process(bench, fresh, tmp_path):
    assert upload(bench, tmp_path) != upload(fresh, tmp_path)


def test_an_example_is_found_by_its_file(bench):
    photograph = bench.pictures.get("cat.jpg")
    np.testing.assert_array_equal(photograph.pixels, images.read(session.EXAMPLES / "cat.jpg").pixels)
    assert bench.pictures.get("cat.jpg") is photograph


@pytest.mark.parametrize(
    "key", ["../../app.py", "/etc/passwd", "examples.json", "gone", "cat.jpg\0", "CAT.JPG", "\ud800"]
)
def test_no_other_file_is_an_image(bench, key):
    with pytest.raises(ExplorerError) as caught:
        bench.pictures.get(key)
    assert caught.value.code == "image_gone"


def test_no_image_is_said(bench):
    with pytest.raises(ExplorerError) as caught:
        bench.runs.run(selection(image=""), lambda *_: None, lambda: False)
    assert caught.value.code == "no_image"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty_file"),
        (b"just a text", "not_an_image"),
        (encoded(noise(60, 60), "JPEG")[:300], "truncated"),
        (encoded(noise(1, 1)), "too_small"),
        (b"%PDF-1.7 and so on", "unsupported_format"),
    ],
)
def test_a_bad_upload_is_refused_with_its_reason(bench, tmp_path, data, code):
    with pytest.raises(ExplorerError) as caught:
        upload(bench, tmp_path, data=data)
    assert caught.value.code == code
    assert isinstance(caught.value.details, dict)
    json.dumps(caught.value.details)


@pytest.mark.parametrize("damage", ["missing", "broken"])
def test_a_damaged_example_is_refused_with_its_reason_too(checkpoints, tmp_path, damage):
    folder = shutil.copytree(session.EXAMPLES, tmp_path / "examples")
    bench = Workbench(checkpoints, folder)
    (folder / "bus.jpg").unlink()
    if damage == "broken":
        (folder / "bus.jpg").write_bytes(b"no image")
    with pytest.raises(ExplorerError) as caught:
        run(bench, selection(image="bus.jpg"))
    assert caught.value.code == {"missing": "cannot_open", "broken": "not_an_image"}[damage]


def test_many_uploads_stay_within_the_bound(checkpoints, tmp_path, monkeypatch):
    monkeypatch.setattr(image_store, "IMAGE_BYTES", 1_000_000)
    bench = Workbench(checkpoints)
    keys = [upload(bench, tmp_path, noise(200, 300, seed)) for seed in range(30)]  # 180,000 bytes each
    assert len(set(keys)) == 30
    held = [entry for entry, _ in bench.pictures._held._items.values()]
    assert sum(p.pixels.nbytes for p in held) == bench.pictures._held.bytes <= 1_000_000
    assert len(held) == 5
    assert bench.pictures.get(keys[-1]).size == (200, 300)
    with pytest.raises(ExplorerError) as caught:
        bench.pictures.get(keys[0])
    assert caught.value.code == "image_gone"
