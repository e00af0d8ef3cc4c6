"""First come, first served; what waits holds nothing, and what is known need not wait."""

from __future__ import annotations

import threading
import time
import tracemalloc

import numpy as np
import pytest

from explorer import images, strips
from explorer.errors import ExplorerError
from explorer.trace import CancelledError
from explorer.ui import answers, listeners, turns
from explorer.ui.keeping import BYTES_A_PIXEL
from explorer.ui.listeners import Listeners
from explorer.ui.turns import Asker, Turns, asker
from tests.ui.made import ask, asked, encoded, heard, noise, raw, run, selection, sent


def silent(*_):
    return None


def never():
    return False


class taken:  # noqa: N801
    """A turn that another thread has until this is left."""

    def __init__(self, line, need=1):
        self.line, self.need = line, need
        self.inside, self.done = threading.Event(), threading.Event()

    def work(self):
        with self.line.turn(silent, never, self.need):
            self.inside.set()
            self.done.wait(60)

    def __enter__(self):
        self.thread = threading.Thread(target=self.work)
        self.thread.start()
        assert self.inside.wait(10)

    def __exit__(self, *_):
        self.done.set()
        self.thread.join()


def waiting(line, mine, order, told, cancelled=never, need=1):
    """Somebody who waits, in a thread."""

    def work():
        asker.set(mine)
        try:
            with line.turn(lambda *news: told.append((mine.number, news[2]["ahead"])), cancelled, need):
                order.append(mine.number)
        except (ExplorerError, CancelledError) as error:
            order.append(error)

    before = len(line._waiting)
    thread = threading.Thread(target=work)
    thread.start()
    until = time.monotonic() + 10
    while thread.is_alive() and len(line._waiting) == before and time.monotonic() < until:
        time.sleep(0.002)
    return thread


def test_nobody_is_overtaken_and_everyone_has_the_place_that_was_named():
    line, order, told = Turns(), [], []
    askers = [Asker(session=str(i)) for i in range(20)]
    with taken(line):
        threads = [waiting(line, mine, order, told) for mine in reversed(askers)]  # threads begin in any order
        time.sleep(2 * turns.PATIENCE)
    for thread in threads:
        thread.join()
    assert order == [mine.number for mine in askers]
    for place, mine in enumerate(askers):
        said = [ahead for number, ahead in told if number == mine.number]
        assert said[-1] <= place + 1 <= said[0] + 20
        assert place + 1 in said


def test_a_large_need_is_not_passed_over_by_small_ones():
    line, order, told = Turns(10), [], []
    with taken(line, 5):
        threads = [waiting(line, Asker(), order, told, need=need) for need in (8, 2, 99)]
        assert order == []
    for thread in threads:
        thread.join()
    assert order == sorted(order)
    assert len(order) == 3


def test_one_visitor_has_at_most_three_waiting_and_an_address_a_class_of_them():
    line, order, told = Turns(), [], []
    stop = threading.Event()
    with taken(line):
        threads = [
            waiting(line, Asker(session=str(i // 3), address="a"), order, told, stop.is_set)
            for i in range(turns.MOST_OF_ADDRESS)
        ]
        assert order == []
        waiting(line, Asker(session="0", address="a"), order, told).join()
        waiting(line, Asker(session="new", address="a"), order, told).join()
        assert [error.code for error in order] == ["busy_yours", "busy"]
        threads.append(waiting(line, Asker(session="new", address="b"), order, told, stop.is_set))
        assert len(order) == 2
        stop.set()
        for thread in threads:
            thread.join()
    assert {type(error) for error in order[2:]} == {CancelledError}
    with line.turn(silent, never):
        pass


def test_what_nobody_listens_to_is_dropped(monkeypatch):
    monkeypatch.setattr(listeners, "GRACE", 0.05)
    those, now = Listeners(), time.monotonic()
    assert not those.gone("page", now)
    with those.listening("page"):
        time.sleep(0.1)
        assert not those.gone("page", now)
        assert those.gone("another", now)
    assert not those.gone("page", now)  # it may listen again
    time.sleep(0.1)
    assert those.gone("page", now)


def test_what_is_known_is_answered_while_others_wait(bench):
    wish = raw(model="fcn32s", padding="same")
    done = run(bench, selection("fcn32s", padding="same"))
    with taken(bench.turns):
        assert heard(answers.run_messages(bench, {"selection": wish}, never))[-1]["trace"] == done.file


def test_own_images_do_not_displace_runs_of_examples(fresh, tmp_path, monkeypatch):
    example = run(fresh, selection("fcn32s", padding="same"))
    monkeypatch.setattr(fresh.runs._runs, "most_bytes", 1)
    for seed in range(2):
        key = fresh.pictures.add(sent(fresh, encoded(noise(40, 50, seed))), "own.png")
        run(fresh, selection("fcn32s", padding="same", image=key))
    assert run(fresh, selection("fcn32s", padding="same")) is example


def test_an_image_is_decoded_once_its_turn_has_come(bench, monkeypatch):
    read, reading = images.read, []
    monkeypatch.setattr(images, "read", lambda *given, **more: reading.append(given) or read(*given, **more))
    stop = threading.Event()
    path = sent(bench, encoded(noise(44, 55)))

    def listen(said):
        said += heard(answers.run_messages(bench, asked(path), stop.is_set))

    first, second = [], []
    with taken(bench.turns):
        thread = threading.Thread(target=listen, args=(first,))
        thread.start()
        time.sleep(3 * turns.PATIENCE)
        assert reading == []
        stop.set()
        thread.join()
    assert first[-1] == {"kind": "cancelled"}
    stop.clear()
    listen(second)  # the page asks again about the file that it sent
    assert second[-1]["kind"] == "done"
    assert len(reading) == 1
    assert not path.exists()


@pytest.mark.parametrize("what", ["plan", "judge", "export"])
def test_decoding_judging_and_exporting_share_one_budget(bench, what):
    token = ask(bench.segmenter, "segment", selection=raw(), options={"longest": 40})["token"]
    data = {
        "plan": {"selection": raw(image=""), "upload": {"sent": sent(bench, encoded(noise(44, 55))).name, "name": "x"}},
        "judge": {"token": token, "sent": sent(bench, encoded(noise(44, 55))).name},
        "export": {"tokens": [token], "file": "zip"},
    }[what]
    stop = iter([False] * 2 + [True] * 99)
    with taken(bench.pictures.memory, bench.pictures.memory.room):
        said = heard(answers.segment_messages(bench.segmenter, {"what": what, **data}, lambda: next(stop)))
    assert "progress.memory" in [message.get("text") for message in said]
    assert said[-1] == {"kind": "cancelled"}


def test_a_question_keeps_its_image_whatever_others_send_meanwhile(fresh, monkeypatch):
    monkeypatch.setattr(fresh.pictures._held, "most_bytes", 1)
    plain = fresh.segmenter.answer

    def answer(question, progress, stop):
        fresh.pictures.add(sent(fresh, encoded(noise(41, 52))), "another.png")
        return plain(question, progress, stop)

    monkeypatch.setattr(fresh.segmenter, "answer", answer)
    upload = {"sent": sent(fresh, encoded(noise(44, 55))).name, "name": "own.png"}
    data = {"what": "plan", "selection": raw(image=""), "upload": upload}
    last = heard(answers.segment_messages(fresh.segmenter, data, never))[-1]
    assert (last["kind"], last["size"]) == ("planned", [44, 55])


@pytest.mark.parametrize("model", ["fcn8s", "unet"])
def test_judging_takes_no_more_memory_than_it_asks_for(fresh, monkeypatch, model):
    """Beside Pillow's own four bytes a pixel, which are not seen here."""
    monkeypatch.setattr(strips, "PIXELS", 2**14)
    token = ask(fresh.segmenter, "segment", selection=raw(**vars(selection(model))), options={"longest": 200})["token"]
    kept = fresh.segmenter.kept._get(token).result
    colours = np.array(kept.card.colours, np.uint8)
    truth = sent(fresh, encoded(colours[np.roll(kept.labels, 9)]))
    tracemalloc.start()
    try:
        found = ask(fresh.segmenter, "judge", token=token, path=truth)
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert sum(map(sum, found["matrix"])) == kept.labels.size
    assert most < (BYTES_A_PIXEL - 4) * kept.labels.size


def test_a_zip_of_the_same_results_is_the_same_file_and_is_counted(fresh):
    keeper = fresh.segmenter.kept
    token = ask(fresh.segmenter, "segment", selection=raw(), options={"longest": 40})["token"]
    before, clock = keeper._kept.bytes, time.time
    first = ask(fresh.segmenter, "export", tokens=[token], file="zip")["file"]
    counted = keeper._kept.bytes - before
    assert counted == (fresh.files.folder / first).stat().st_size
    time.time = lambda: clock() + 100
    try:
        assert ask(fresh.segmenter, "export", tokens=[token], file="zip")["file"] == first
    finally:
        time.time = clock
    assert keeper._kept.bytes - before == counted
