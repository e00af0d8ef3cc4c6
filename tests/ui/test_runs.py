"""What the page gets: runs, found again, cancelled, evicted, shared."""

from __future__ import annotations

import json
import threading

import numpy as np
import pytest
import torch

from explorer import images, inference
from explorer.errors import ExplorerError
from explorer.models import MODELS, shown
from explorer.trace import CancelledError
from explorer.ui import run_store
from explorer.ui.session import Workbench
from tests.ui.made import FCN, encoded, fill, listing, noise, run, save_random, selection, upload

VARIANTS = [(model, padding) for model in shown() for padding in MODELS[model].paddings]


def content(bench: Workbench, done: run_store.Run) -> dict:
    return json.loads((bench.files.folder / done.file).read_text("utf-8"))


# ---- runs


@pytest.mark.parametrize(("model", "padding"), VARIANTS)
def test_every_network_runs_in_every_geometry(bench, model, padding):
    heard = []
    wish = selection(model, padding=padding, image="nuclei_pink.png" if model == "unet" else "cat.jpg")
    done = run(bench, wish, progress=lambda *news: heard.append(news))
    data = content(bench, done)
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
    computed = len(data["steps"]) - 1  # argmax is appended to what the network computes
    assert counts == [(i + 1, computed) for i in range(computed)]


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
    monkeypatch.setattr(run_store, "MOST_SHOWN", 100)
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


def test_the_same_pixels_under_two_names_are_run_once_and_neither_hears_of_the_other(
    checkpoints, tmp_path, monkeypatch
):
    bench = Workbench(checkpoints)
    keys = [upload(bench, tmp_path, noise(48, 64), name) for name in ("mine.png", "yours.png")]
    a, b = (
        run(bench, selection("fcn32s", padding="same", image=key), progress=heard)
        for key, heard in zip(keys, (lambda *_: None, lambda *_: pytest.fail("it was run again")), strict=True)
    )
    assert a is b  # the page gets its own selection with the answer, not out of the run's file
    told = (bench.files.folder / a.file).read_text("utf-8")
    assert not [word for word in (*keys, "mine", "yours") if word in told]
    monkeypatch.setattr(bench.runs._runs, "most_bytes", 1)
    last = run(bench, selection("fcn16s", padding="same", image=keys[0]))
    assert listing(bench) == set(last.names)


def test_a_run_that_was_put_out_takes_its_files_with_it(checkpoints, monkeypatch):
    monkeypatch.setattr(run_store, "FILE_BYTES", 1)  # so that the latest run alone is held
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
    monkeypatch.setattr(run_store, "FILE_BYTES", 400_000)
    bench = Workbench(checkpoints)
    for seed in range(5):
        key = upload(bench, tmp_path, noise(48, 64, seed))
        run(bench, selection("fcn32s", padding="same", image=key))
        held = sum(path.stat().st_size for path in bench.files.folder.iterdir())
        assert held <= 400_000 or len(bench.runs._runs) == 1
    assert 1 <= len(bench.runs._runs) < 5


@pytest.mark.parametrize("after", [0, 1, 17, 44])
def test_a_cancelled_run_leaves_no_file(fresh, after):
    asked = iter(range(1000))
    with pytest.raises(CancelledError):
        run(fresh, selection("fcn16s", padding="same"), cancelled=lambda: next(asked) >= after)
    assert listing(fresh) == set()
    assert len(fresh.runs._runs) == 0
    assert not fresh.turns.busy


def test_a_failed_run_leaves_no_file_and_the_next_one_works(fresh, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(run_store.Recorder, "finish", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            run(fresh, selection("fcn32s", padding="same"))
    assert listing(fresh) == set()
    assert run(fresh, selection("fcn32s", padding="same")).file in listing(fresh)


def test_a_run_without_memory_is_said_and_leaves_no_file(fresh, monkeypatch):
    def full(*_, **__):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(inference.run, "trace", full)
    with pytest.raises(ExplorerError) as caught:
        run(fresh, selection("fcn32s", padding="same"))
    assert caught.value.code == "out_of_memory"
    assert listing(fresh) == set()


def test_weights_that_do_not_load_are_said(tmp_path):
    folder = fill(tmp_path)
    bench = Workbench(folder)
    card = next(card for card in bench.networks.cards if card.name == "fcn")
    card.file.write_bytes(card.file.read_bytes() + b"x")
    with pytest.raises(ExplorerError) as caught:
        run(bench, selection())
    assert caught.value.code == "weights"
    assert caught.value.details["name"] == "fcn"
    assert str(tmp_path) not in str(caught.value.details)  # a person at the page has no use for the server's paths


def test_weights_of_a_coarser_network_are_refused_for_a_finer_one(tmp_path):
    from dataclasses import replace

    save_random(tmp_path, "fcn", replace(FCN, model="fcn32s"))
    bench = Workbench(tmp_path)
    assert run(bench, selection("fcn32s", padding="same")).file in listing(bench)
    with pytest.raises(ExplorerError) as caught:
        run(bench, selection("fcn8s"))
    assert caught.value.code == "too_coarse"
    assert caught.value.details == {"name": "fcn", "trained": "FCN-32s", "model": "FCN-8s"}


def test_the_same_file_of_two_people_is_read_once_and_known_by_its_path(tmp_path, bench):
    path = tmp_path / "shared.png"
    path.write_bytes(encoded(noise(40, 50)))
    first = bench.pictures.add(path, "a.png")
    path.unlink()
    assert bench.pictures.add(path, "a.png") == first
    second = bench.pictures.add(path, "b.png")
    assert [bench.pictures.get(key).name for key in (first, second)] == ["a.png", "b.png"]
    assert bench.pictures.get(first).pixels is bench.pictures.get(second).pixels
    with pytest.raises(ExplorerError) as caught:
        bench.pictures.add(tmp_path / "never.png", "c.png")
    assert caught.value.code == "upload"


def test_no_weights_at_all_are_said(tmp_path):
    with pytest.raises(ExplorerError, match="no weights"):
        Workbench(tmp_path)


def test_a_device_that_went_away_is_said(fresh):
    with pytest.raises(ExplorerError) as caught:
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
    assert isinstance(a, CancelledError | run_store.Run)  # it may have found the other's run
    assert set(b.names) == listing(fresh)
    assert content(fresh, b)["steps"]
