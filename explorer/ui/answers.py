"""What the page hears of what it asked: runs, questions about images, labs and looks, each in a thread. No Gradio."""

from __future__ import annotations

import asyncio
import contextvars
import errno
import logging
import threading
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

from explorer.errors import ExplorerError
from explorer.trace import CancelledError
from explorer.ui import ending, sharing
from explorer.ui.asked import channels_of
from explorer.ui.catalog import told
from explorer.ui.image_store import ImageStore
from explorer.ui.segmenter import Segmenter
from explorer.ui.session import Workbench
from explorer.ui.turns import OnProgress
from explorer.ui.usual import Place, following, shows

log = logging.getLogger(__name__)

Data = dict[str, Any]
Stop = Callable[[], bool]
DISK_FULL = {"kind": "error", "code": "disk_full", "details": {}}
INTERNAL = {"kind": "error", "code": "internal", "details": {}}


def run_messages(bench: Workbench, data: Data, cancelled: Stop) -> AsyncIterator[Data]:
    """What the page hears of one run: progress again and again; last the run, an error or that it was cancelled."""

    def work(progress: OnProgress, stop: Stop) -> Data:
        turn = bench.turns.turn(progress, stop)
        with _with_upload(bench, data, progress, stop, turn) as (question, name):
            selection = bench.networks.check(question.get("selection"))
            run = bench.runs.run(selection, progress, stop)
            done = asdict(replace(selection, size=run.size))  # the page's controls say what was run
            shown = shows(bench, selection.image)
        return {"kind": "done", "trace": run.file, "selection": done, "imageName": name, **shown}

    return _messages(lambda *how: [work(*how)], cancelled)


def segment_messages(segmenter: Segmenter, data: Data, cancelled: Stop) -> AsyncIterator[Data]:
    """What the page hears of a question about an image at its own size: progress; last the answer or an error."""

    def work(progress: OnProgress, stop: Stop) -> Data:
        turn = segmenter.turns.turn(progress, stop) if data.get("what") in segmenter.RUNS else nullcontext()
        with (
            _truth(segmenter.pictures, data) as truth,
            _with_upload(segmenter, data, progress, stop, turn) as (question, name),
        ):
            return {**segmenter.answer({**question, "path": truth}, progress, stop), "imageName": name}

    return _messages(lambda *how: [work(*how)], cancelled)


def lab_messages(bench: Workbench, data: Data, cancelled: Stop) -> AsyncIterator[Data]:
    """What the page hears of a question to a lab: progress; last the answer or an error."""

    def work(progress: OnProgress, stop: Stop) -> Data:
        turn = nullcontext() if data.get("what") == "geometry" else bench.turns.turn(progress, stop)
        with (
            _truth(bench.pictures, data) as truth,
            _with_upload(bench, data, progress, stop, turn) as (question, name),
        ):
            found = bench.labs.answer({**question, "path": truth}, progress, stop)
            return {**found, **bench.labs.about(question["selection"]["image"], name)} if name else found

    return _messages(lambda *how: [work(*how)], cancelled)


def inspect_messages(bench: Workbench, data: Data, cancelled: Stop) -> AsyncIterator[Data]:
    """The pieces of an answer about a finished run, the code of an address, or an error."""

    def work(_: OnProgress, stop: Stop) -> Iterator[Data]:
        with bench.looks.turn(lambda *_: None, stop):
            if data.get("what") == "code":
                yield sharing.code(data.get("address"))
            else:
                yield from bench.inspector.answer(data)

    return _messages(work, cancelled)


def image_messages(
    bench: Workbench, data: Data, cancelled: Stop, work: Callable[[Data, OnProgress, Stop], Data]
) -> AsyncIterator[Data]:
    """What is heard of `work` on a question with an image, which takes its turn before the image is read."""

    def task(progress: OnProgress, stop: Stop) -> Iterator[Data]:
        turn = bench.turns.turn(progress, stop)
        with _with_upload(bench, data, progress, stop, turn) as (question, _):
            yield work(question, progress, stop)

    return _messages(task, cancelled)


def take_messages(bench: Workbench, data: Data, cancelled: Stop) -> AsyncIterator[Data]:
    """What the page hears of a file that it takes along: that it is begun, then the file, or an error."""

    def work(_: OnProgress, stop: Stop) -> Iterator[Data]:
        with bench.taking.turn(lambda *_: None, stop):
            yield from bench.taker.answer(data)

    return _messages(work, cancelled)


async def _messages(task: Callable[[OnProgress, Stop], Iterable[Data]], cancelled: Stop) -> AsyncIterator[Data]:
    """A task in a thread of its own: what it says on the way, then what it gives, an error, or that it was cancelled.

    Who waits holds no thread of the server. There is always a last word: where a generator gives nothing, Gradio sends
    the page an empty value.
    """
    loop, said = asyncio.get_running_loop(), asyncio.Queue[Data | None]()
    left = threading.Event()  # the page is gone: nobody waits for this run

    def say(message: Data | None) -> None:
        with suppress(RuntimeError):  # the server has ended
            loop.call_soon_threadsafe(said.put_nowait, message)

    def progress(fraction: float, text: str, details: Data) -> None:
        say({"kind": "progress", "fraction": fraction, "text": text, "details": details})

    def work() -> None:
        try:
            for message in task(progress, lambda: cancelled() or left.is_set() or ending.is_near()):
                say(message)
        except CancelledError:
            say({"kind": "cancelled"})
        except ExplorerError as error:
            say({"kind": "error", "code": error.code, "details": told(error.details)})
        except BaseException as error:
            if is_full := getattr(error, "errno", None) == errno.ENOSPC:
                log.warning("a run failed: %s", error)
            else:
                log.exception("a run failed")
            say(DISK_FULL if is_full else INTERNAL)
        finally:
            say(None)

    ending.start(partial(contextvars.copy_context().run, work))
    try:
        while (message := await said.get()) is not None:
            if message["kind"] != "progress" or said.empty():  # a slow line gets the latest, not all
                yield message
    finally:
        left.set()


@contextmanager
def _with_upload(
    place: Place, data: Data, progress: OnProgress, stop: Stop, turn: AbstractContextManager[Any]
) -> Iterator[tuple[Data, str]]:
    """The question with the image that was uploaded for it in its selections, and the file's name. What of these the
    page leaves to the image (`follow`) becomes what is usual for it.

    The file is read once it is this question's `turn`, which lasts until it is answered: who waits holds no pixels.
    """
    upload, pictures = data.get("upload"), place.pictures
    if not isinstance(upload, dict):
        yield dict(data), ""
        return
    name, path = str(upload.get("name", ""))[:200], pictures.uploads.path(upload.get("sent"))
    page, channels = data.get("page", 0), channels_of(data.get("channels"))
    with pictures.uploads.wanted(path), turn:
        progress(0.03, "progress.image", {})
        image = pictures.add(path, name, page if type(page) is int else 0, progress, stop, channels)
        used = pictures.get(image)  # held until this is answered, whatever others send meanwhile
        follow = partial(following, follow=data.get("follow"), place=place, image=image)
        question = {**data, "selection": follow(data.get("selection"))}
        if isinstance(data.get("selections"), list):
            question["selections"] = list(map(follow, data["selections"]))
        yield question, name
        del used


@contextmanager
def _truth(pictures: ImageStore, data: Data) -> Iterator[Path | None]:
    """The file of true labels that came with a question, if one did; it is deleted afterwards."""
    if data.get("sent") is None:
        yield None
        return
    path = pictures.uploads.path(data["sent"])
    with pictures.uploads.wanted(path):
        try:
            yield path
        finally:
            pictures.uploads.forget(path)
