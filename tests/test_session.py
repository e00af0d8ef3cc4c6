"""What the page may ask for and what it gets: selections, images, runs found again, cancelled, evicted, shared."""

from __future__ import annotations

import json
import shutil
import threading

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from explorer import images, inference, weights
from explorer.models import MODELS
from explorer.ui import session
from explorer.ui.catalog import SHOWN, SIZES
from explorer.ui.session import CancelledError, StageError, Workbench
from explorer.ui.state import Selection
from explorer.weights import WeightsError
from tests.fixtures_ui import FCN, UNET, encoded, fill, listing, noise, raw, run, save_random, selection

VARIANTS = [(model, padding) for model in SHOWN for padding in MODELS[model].paddings]


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory):
    return fill(tmp_path_factory.mktemp("checkpoints"))


@pytest.fixture(scope="module")
def bench(checkpoints):
    return Workbench(checkpoints)


@pytest.fixture
def fresh(checkpoints):
    """A workbench of one's own, for tests that count."""
    return Workbench(checkpoints)


def content(bench: Workbench, done: session.Run) -> dict:
    return json.loads((bench.files.folder / done.file).read_text("utf-8"))


def upload(bench, tmp_path, pixels=None, name="mine.png", data=None):
    path = tmp_path / name
    path.write_bytes(encoded(noise(40, 50) if pixels is None else pixels) if data is None else data)
    return bench.add_image(path, name)


# ---- the catalogue


def test_the_catalogue_is_plain_data_and_complete(bench):
    catalog = json.loads(json.dumps(bench.catalog()))
    assert [m["key"] for m in catalog["models"]] == ["fcn32s", "fcn16s", "fcn8s", "unet"]
    assert {c["name"]: c["family"] for c in catalog["cards"]} == {"fcn": "fcn", "unet": "unet"}
    assert catalog["devices"][0] == "auto"
    assert catalog["devices"][-1] == "cpu"
    assert catalog["mostBytes"] == images.MAX_BYTES
    colours = catalog["colours"]
    assert all(len(t) == 256 for t in (*colours["sequential"].values(), colours["diverging"], colours["heat"]))
    assert next(iter(colours["sequential"])) == "viridis"
    for shown in catalog["examples"]:
        assert (bench.files.folder / shown["thumbnail"]).is_file()
        assert set(shown["title"]) == {"en", "ko"}
        assert shown["credit"]
        assert shown["licence"]
    for model in catalog["models"]:
        assert model["size"] in catalog["sizes"]
        assert model["paddings"]


def test_the_page_opens_on_something_that_can_be_run(bench):
    first = bench.first()
    assert bench.check(vars(first)) == first
    assert (first.model, first.checkpoint, first.device) == ("fcn8s", "fcn", "auto")
    assert next(e for e in bench.listed if e["file"] == first.image)["family"] == "everyday"


def test_without_fcn_weights_the_page_opens_on_the_unet(tmp_path):
    save_random(tmp_path, "only", UNET, recipe={"data_set": "nuclei"})
    bench = Workbench(tmp_path)
    first = bench.first()
    assert bench.check(vars(first)) == first
    assert (first.model, first.padding, first.size) == ("unet", "valid", 388)
    assert next(e for e in bench.listed if e["file"] == first.image)["family"] == "nuclei"


# ---- check


def test_what_is_on_offer_passes(bench):
    for model, padding in VARIANTS:
        for size in SIZES:
            wish = selection(model, padding=padding, size=size, device="auto")
            assert bench.check(vars(wish)) == wish


HOSTILE = [
    None, True, 0, -1, 192.0, float("nan"), float("inf"), 10**400, "", "unet", "../fcn", "fcn\0", "x" * 100_000,
    [], ["fcn8s"], {}, {"model": "fcn8s"}, b"fcn8s", [[[]]], "cpu ", "CPU", "\ud800", 192 + 0j, "192", SIZES, set(),
]  # fmt: skip


@pytest.mark.parametrize("name", [n for n in Selection.__annotations__ if n != "image"])
@pytest.mark.parametrize("value", HOSTILE, ids=lambda v: f"{type(v).__name__}-{str(v)[:12]!a}")
def test_what_is_not_on_offer_is_refused(bench, name, value):
    with pytest.raises(StageError) as caught:
        bench.check(raw(**{name: value}))
    assert caught.value.code == "bad_selection"


@pytest.mark.parametrize("value", [v for v in HOSTILE if not isinstance(v, str)], ids=lambda v: f"{v!s:.12}")
def test_an_image_is_named_by_text(bench, value):
    with pytest.raises(StageError):
        bench.check(raw(image=value))


@pytest.mark.parametrize("whole", [None, [], "selection", 7, {}, {"model": "fcn8s"}, [raw()], 1.5, b"{}"])
def test_what_is_no_selection_is_refused(bench, whole):
    with pytest.raises(StageError) as caught:
        bench.check(whole)
    assert caught.value.code == "bad_selection"


def test_unknown_fields_are_left_out(bench):
    assert bench.check(raw(more="x", self="y", __class__="z")) == selection()


def test_network_and_weights_have_to_be_of_one_family(bench):
    for changes in ({"model": "unet"}, {"checkpoint": "unet"}, {"padding": "valid"}, {"model": "fcn8s-atonce"}):
        with pytest.raises(StageError):
            bench.check(raw(**changes))
    with pytest.raises(StageError):
        bench.check(vars(selection("unet", padding="paper")))


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
    bench = Workbench.__new__(Workbench)  # no folder for every example
    bench.cards = CARDS
    try:
        wish = bench.check(whole)
    except StageError:
        return
    assert type(wish.size) is int
    assert all(type(getattr(wish, n)) is str for n in Selection.__annotations__ if n != "size")
    assert hash(wish)


CARDS = (
    weights.Card("fcn", {}, FCN, ("paper",), (), weights.Preprocessing((0,), (1,)), {}, {}, {}, 0, {}, {}),
    weights.Card("unet", {}, UNET, ("valid",), (), weights.Preprocessing((0,), (1,)), {}, {}, {}, 0, {}, {}),
)


# ---- images


def test_an_upload_is_found_by_its_id(bench, tmp_path):
    pixels = noise(30, 44)
    key = upload(bench, tmp_path, pixels)
    np.testing.assert_array_equal(bench.image(key).pixels, pixels)
    assert key == upload(bench, tmp_path, pixels, "other name.png")  # the same pixels are held once
    assert key != upload(bench, tmp_path, noise(30, 44, seed=1))
    assert bench.image(key).digest not in key
    assert bench.image(key).name == "other name.png"


def test_an_id_says_nothing_to_another_process(bench, fresh, tmp_path):
    assert upload(bench, tmp_path) != upload(fresh, tmp_path)


def test_an_example_is_found_by_its_file(bench):
    photograph = bench.image("cat.jpg")
    np.testing.assert_array_equal(photograph.pixels, images.read(session.EXAMPLES / "cat.jpg").pixels)
    assert bench.image("cat.jpg") is photograph


@pytest.mark.parametrize(
    "key", ["../../app.py", "/etc/passwd", "examples.json", "gone", "cat.jpg\0", "CAT.JPG", "\ud800"]
)
def test_no_other_file_is_an_image(bench, key):
    with pytest.raises(StageError) as caught:
        bench.image(key)
    assert caught.value.code == "image_gone"


def test_no_image_is_said(bench):
    with pytest.raises(StageError) as caught:
        bench.run(selection(image=""), lambda *_: None, lambda: False)
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
    with pytest.raises(StageError) as caught:
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
    with pytest.raises(StageError) as caught:
        run(bench, selection(image="bus.jpg"))
    assert caught.value.code == {"missing": "cannot_open", "broken": "not_an_image"}[damage]


def test_many_uploads_stay_within_the_bound(checkpoints, tmp_path, monkeypatch):
    monkeypatch.setattr(session, "IMAGE_BYTES", 1_000_000)
    bench = Workbench(checkpoints)
    keys = [upload(bench, tmp_path, noise(200, 300, seed)) for seed in range(30)]  # 180,000 bytes each
    assert len(set(keys)) == 30
    held = [entry for entry, _ in bench.images._items.values()]
    assert sum(p.pixels.nbytes for p in held) == bench.images.bytes <= 1_000_000
    assert len(held) == 5
    assert bench.image(keys[-1]).size == (200, 300)
    with pytest.raises(StageError) as caught:
        bench.image(keys[0])
    assert caught.value.code == "image_gone"


# ---- runs


@pytest.mark.parametrize(("model", "padding"), VARIANTS)
def test_every_network_runs_in_every_geometry(bench, model, padding):
    heard = []
    wish = selection(model, padding=padding, image="nuclei_pink.png" if model == "unet" else "cat.jpg")
    done = run(bench, wish, progress=lambda *news: heard.append(news))
    data = content(bench, done)
    assert data["selection"] == vars(wish)
    assert data["title"] == MODELS[model].title
    assert data["device"] == "cpu"
    assert data["deviceName"] == torch.get_num_threads()
    assert len(data["classes"]) == (3 if model == "unet" else 5)
    codes = [note["code"] for note in data["notes"] if not note["code"].startswith("image.")]
    want = ["coarser_than_trained"] * (model in ("fcn32s", "fcn16s"))
    want += ["other_geometry"] * (padding == "same")
    assert codes == want
    fractions = [fraction for fraction, _, _ in heard]
    assert fractions == sorted(fractions)
    assert min(fractions) >= 0
    assert fractions[-1] <= 1
    assert {text for _, text, _ in heard} == {"progress.weights", "progress.step"}
    counts = [(d["done"], d["total"]) for _, text, d in heard if text == "progress.step"]
    assert counts == [(i + 1, len(data["steps"])) for i in range(len(data["steps"]))]


FIELDS = {  # FACTS: unclipped sizes of receptive fields
    ("fcn32s", "paper"): {"score_fr": [404], "score": [436]},
    ("fcn16s", "paper"): {"pool4": [100], "score": [436, 468]},
    ("fcn8s", "paper"): {"pool3": [44], "pool4": [100], "fc6": [404], "score": [436, 468]},
    ("fcn8s", "same"): {"score_fr": [404]},
    ("unet", "valid"): {"relu_d4c": [140], "relu_u3d": [172], "relu_d0c": [5], "score": [188, 204]},
}


@pytest.mark.parametrize("variant", FIELDS, ids="-".join)
def test_fields_are_the_unclipped_ones_of_the_papers(bench, variant):
    """On a 192-pixel image no unit sees 404 pixels; the size told is that of the network, not of the image."""
    model, padding = variant
    data = content(bench, run(bench, selection(model, padding=padding)))
    fields = {step["name"]: step["field"] for step in data["steps"]}
    assert {name: fields[name] for name in FIELDS[variant]} == FIELDS[variant]


def test_notes_name_the_networks(bench):
    data = content(bench, run(bench, selection("fcn32s")))
    note = next(n for n in data["notes"] if n["code"] == "coarser_than_trained")
    assert (note["details"]["model"], note["details"]["trained"]) == ("FCN-32s", "FCN-8s")


def test_notes_on_the_image_come_along(bench, tmp_path):
    rgba = np.dstack([noise(40, 40), np.full((40, 40, 1), 128, np.uint8)])
    key = upload(bench, tmp_path, data=encoded(rgba))
    data = content(bench, run(bench, selection("unet", image=key, padding="same")))
    note = next(n for n in data["notes"] if n["code"].startswith("image."))
    assert (note["code"], note["details"]) == ("image.alpha_on_white", {"percent": 100})


def test_a_large_original_is_shown_smaller_and_keeps_its_size_in_words(bench, tmp_path, monkeypatch):
    monkeypatch.setattr(session, "MOST_SHOWN", 100)
    key = upload(bench, tmp_path, noise(150, 300))
    data = content(bench, run(bench, selection("fcn32s", image=key, padding="same")))
    assert data["frames"]["original"] == [150, 300]
    shown = images.read(bench.files.folder / data["pictures"]["original"])
    assert shown.size == (50, 100)


def test_the_same_run_is_found_again(fresh):
    a = run(fresh, selection("fcn32s"))
    before = {path.name: path.stat().st_mtime_ns for path in fresh.files.folder.iterdir()}
    b = run(fresh, selection("fcn32s"), progress=lambda *_: pytest.fail("it was run again"))
    assert a == b
    assert before == {path.name: path.stat().st_mtime_ns for path in fresh.files.folder.iterdir()}
    assert run(fresh, selection("fcn32s", device="auto")).file == a.file or inference.devices()[0] != "cpu"
    assert run(fresh, selection("fcn32s", padding="same")).file != a.file


def test_a_run_that_was_put_out_takes_its_files_with_it(checkpoints, monkeypatch):
    monkeypatch.setattr(session, "FILE_BYTES", 1)  # so that the latest run alone is held
    bench = Workbench(checkpoints)
    first = run(bench, selection("fcn32s", padding="same"))
    assert set(first.names) == listing(bench)
    second = run(bench, selection("fcn16s", padding="same"))
    assert listing(bench) == set(second.names)
    assert first.file not in listing(bench)
    shared = set(first.names) & set(second.names)
    assert shared  # the trunk's maps: counted, so they stay
    again = run(bench, selection("fcn32s", padding="same"))
    assert listing(bench) == set(again.names)


def test_many_runs_stay_within_the_bound(checkpoints, tmp_path, monkeypatch):
    monkeypatch.setattr(session, "FILE_BYTES", 400_000)
    bench = Workbench(checkpoints)
    for seed in range(5):
        key = upload(bench, tmp_path, noise(48, 64, seed))
        run(bench, selection("fcn32s", padding="same", image=key))
        held = sum(path.stat().st_size for path in bench.files.folder.iterdir())
        assert held <= 400_000 or len(bench.runs) == 1
    assert 1 <= len(bench.runs) < 5


@pytest.mark.parametrize("after", [0, 1, 17, 44])
def test_a_cancelled_run_leaves_no_file(fresh, after):
    asked = iter(range(1000))
    with pytest.raises(CancelledError):
        run(fresh, selection("fcn16s", padding="same"), cancelled=lambda: next(asked) >= after)
    assert listing(fresh) == set()
    assert len(fresh.runs) == 0
    assert not fresh._working.locked()


def test_a_failed_run_leaves_no_file_and_the_next_one_works(fresh, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(session.Recorder, "finish", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            run(fresh, selection("fcn32s", padding="same"))
    assert listing(fresh) == set()
    assert run(fresh, selection("fcn32s", padding="same")).file in listing(fresh)


def test_a_run_without_memory_is_said_and_leaves_no_file(fresh, monkeypatch):
    def full(*_, **__):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(inference.run, "trace", full)
    with pytest.raises(StageError) as caught:
        run(fresh, selection("fcn32s", padding="same"))
    assert caught.value.code == "out_of_memory"
    assert listing(fresh) == set()


def test_weights_that_do_not_load_are_said(tmp_path):
    folder = fill(tmp_path)
    bench = Workbench(folder)
    card = next(card for card in bench.cards if card.name == "fcn")
    card.file.write_bytes(card.file.read_bytes() + b"x")
    session._load.cache_clear()
    with pytest.raises(StageError) as caught:
        run(bench, selection())
    assert caught.value.code == "weights"
    assert caught.value.details["name"] == "fcn"
    assert str(tmp_path) not in str(caught.value.details)  # a person at the page has no use for the server's paths


def test_weights_of_a_coarser_network_are_refused_for_a_finer_one(tmp_path):
    from dataclasses import replace

    save_random(tmp_path, "fcn", replace(FCN, model="fcn32s"))
    bench = Workbench(tmp_path)
    assert run(bench, selection("fcn32s", padding="same")).file in listing(bench)
    with pytest.raises(StageError) as caught:
        run(bench, selection("fcn8s"))
    assert caught.value.code == "too_coarse"
    assert caught.value.details == {"name": "fcn", "trained": "FCN-32s", "model": "FCN-8s"}


def test_the_same_file_of_two_people_is_read_once_and_known_by_its_path(tmp_path, bench):
    path = tmp_path / "shared.png"
    path.write_bytes(encoded(noise(40, 50)))
    first = bench.add_image(path, "a.png")
    path.unlink()
    assert bench.add_image(path, "b.png") == first
    with pytest.raises(StageError) as caught:
        bench.add_image(tmp_path / "never.png", "c.png")
    assert caught.value.code == "upload"


def test_no_weights_at_all_are_said(tmp_path):
    with pytest.raises(WeightsError, match="no weights"):
        Workbench(tmp_path)


def test_a_device_that_went_away_is_said(fresh):
    with pytest.raises((StageError, inference.InferenceError)) as caught:
        run(fresh, selection("fcn32s", device="no such device"))
    assert caught.value.code == "no_device"


# ---- several at once


def at_the_same_time(*calls):
    results: list = [None] * len(calls)
    gate = threading.Barrier(len(calls))

    def one(i, call):
        gate.wait()
        try:
            results[i] = call()
        except BaseException as error:
            results[i] = error

    threads = [threading.Thread(target=one, args=item, daemon=True) for item in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert not any(thread.is_alive() for thread in threads)
    return results


def test_two_threads_with_one_wish_make_one_run(fresh):
    """Run twice, the second would replace the first and delete the file that the first page is about to fetch."""
    a, b = at_the_same_time(*[lambda: run(fresh, selection("fcn16s", padding="same"))] * 2)
    assert a == b
    assert set(a.names) == listing(fresh)
    for done in (a, b):
        assert content(fresh, done)["steps"]


def test_two_threads_with_two_wishes_do_not_mix(fresh):
    one, two = selection("fcn32s", padding="same"), selection("unet", padding="same", image="nuclei_pink.png")
    a, b = at_the_same_time(lambda: run(fresh, one), lambda: run(fresh, two))
    assert content(fresh, a)["title"] == "FCN-32s"
    assert content(fresh, b)["title"] == "U-Net"
    assert set(a.names) | set(b.names) == listing(fresh)


def test_one_cancelled_thread_does_not_hurt_the_other(fresh):
    wish = selection("fcn32s", padding="same")
    a, b = at_the_same_time(lambda: run(fresh, wish, cancelled=lambda: True), lambda: run(fresh, wish))
    assert isinstance(a, CancelledError | session.Run)  # it may have found the other's run
    assert set(b.names) == listing(fresh)
    assert content(fresh, b)["steps"]
