"""The Gradio app: one gr.HTML component, the stage, and the events that it sends."""

from __future__ import annotations

import json
import logging
import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.utils import get_upload_folder

from explorer.errors import ExplorerError
from explorer.files import ICON
from explorer.images import MAX_BYTES
from explorer.trace import CancelledError
from explorer.ui import catalog, i18n, lessons
from explorer.ui.catalog import told
from explorer.ui.image_store import ImageStore
from explorer.ui.segmenter import Segmenter
from explorer.ui.session import Workbench
from explorer.ui.stage.bundle import bundle, page, styles
from explorer.ui.state import Bounded
from explorer.ui.turns import OnProgress

log = logging.getLogger(__name__)

Messages = Callable[[dict[str, Any], Callable[[], bool]], Iterator[dict[str, Any]]]  # of what was sent, until cancelled

STAGE = Path(__file__).parent / "stage"
MOST_AT_ONCE = 40  # runs that are told where they stand; Gradio has as many threads
TITLE = "FCN · U-Net Explorer"

# The events stand here in quotes: Gradio looks for their names in this text
JS = """
const events = ['run', 'cancel', 'inspect', 'segment', 'lab', 'take'];
const root = new URL(window.gradio_config?.root ?? '.', location.href).pathname;
const base = new URL(root.endsWith('/') ? root : `${root}/`, location.origin); // below a proxy's path, by its scheme
import(new URL('__MAIN__', base).href)
  .then(({ mount }) => mount({ element, props, trigger, upload, watch, base }))
  .catch((error) => {
    console.error(error);
    const failed = __FAILED__;
    element.textContent = failed[navigator.language.split('-')[0]] ?? failed.en;
  });
"""


def script(main: str) -> str:
    """What the component runs: the stage's module at the address `main`, or a sentence if that fails."""
    failed = {language: texts["error.page"] for language, texts in i18n.TEXTS.items()}
    return JS.replace("__MAIN__", main).replace("__FAILED__", json.dumps(failed, ensure_ascii=False))


def stage_script(bench: Workbench) -> str:
    """The address of the stage's scripts, all in one file."""
    return f"gradio_api/file={bench.files.folder}/{bench.files.add(bundle(STAGE).encode('utf-8'), '.js')}"


def build_app(bench: Workbench) -> gr.Blocks:
    """The page; its first example is run before it is served."""
    gr.set_static_paths([bench.files.folder])
    cancelled: Bounded[bool] = Bounded(500)  # by tokens of runs; the last ones are remembered
    start = json.dumps(beginning(bench))

    def asked(event: gr.EventData) -> tuple[dict[str, Any], str]:
        """What the page sent, and the token that its answers carry."""
        data: dict[str, Any] = event._data if isinstance(event._data, dict) else {}
        return data, str(data.get("request", ""))[:100]

    def telling(messages: Messages) -> Callable[[gr.EventData], Iterator[str]]:
        """What answers an event with messages."""

        def answer(event: gr.EventData) -> Iterator[str]:
            data, token = asked(event)
            for message in messages(data, lambda: bool(cancelled.get(token))):
                yield json.dumps({"request": token, **message})

        return answer

    def on_cancel(event: gr.EventData) -> None:
        cancelled.put(asked(event)[1], True, 1)

    with gr.Blocks(title=TITLE, fill_width=True, fill_height=True, delete_cache=(3600, 3600)) as demo:
        stage = gr.HTML(
            start,
            html_template=page(STAGE),
            js_on_load=script(stage_script(bench)),
            apply_default_css=False,
            container=False,
            padding=False,
        )
        settings: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private", "trigger_mode": "multiple"}
        on_run, on_segment = telling(partial(run_messages, bench)), telling(partial(segment_messages, bench.segmenter))
        on_lab = telling(partial(lab_messages, bench))
        on_inspect = telling(lambda data, stop: answers(bench.inspector.answer, data))
        on_take = telling(lambda data, stop: answers(bench.taker.answer, data))
        stage.run(on_run, None, stage, concurrency_limit=MOST_AT_ONCE, **settings)  # they take turns in the workbench
        stage.segment(on_segment, None, stage, concurrency_limit=MOST_AT_ONCE, **settings)
        stage.lab(on_lab, None, stage, concurrency_limit=MOST_AT_ONCE, **settings)
        stage.inspect(on_inspect, None, stage, concurrency_limit=2, **settings)
        stage.take(on_take, None, stage, concurrency_limit=1, **settings)  # each may fill a core for seconds
        stage.cancel(on_cancel, None, None, queue=False, **settings)
    return demo


def beginning(bench: Workbench) -> dict[str, Any]:
    """What the page starts with: all that is on offer, and a run of what it opens on."""
    cards, examples = bench.networks.cards, bench.pictures.examples()
    selection = catalog.first(cards, examples)
    taught = {
        "lessons": lessons.offered(bench.lessons),
        "lessonsFile": bench.files.add(lessons.payload(bench.lessons), ".json"),
    }
    offers = {**catalog.catalog(cards, examples), **taught, "files": f"gradio_api/file={bench.files.folder}"}
    return {"catalog": offers, "selection": asdict(selection), "trace": bench.runs.opening(selection).file}


def run_messages(bench: Workbench, data: dict[str, Any], cancelled: Callable[[], bool]) -> Iterator[dict[str, Any]]:
    """What the page hears of one run: progress again and again; last the run, an error or that it was cancelled."""
    return _messages(lambda progress, stop: _run(bench, data, progress, stop), cancelled)


def segment_messages(
    segmenter: Segmenter, data: dict[str, Any], cancelled: Callable[[], bool]
) -> Iterator[dict[str, Any]]:
    """What the page hears of a question about an image at its own size: progress; last the answer or an error."""

    def work(progress: OnProgress, stop: Callable[[], bool]) -> dict[str, Any]:
        with _truth(data) as truth:
            question, name = _with_upload(segmenter.pictures, data, progress)
            return {**segmenter.answer({**question, "path": truth}, progress, stop), "imageName": name}

    return _messages(work, cancelled)


def lab_messages(bench: Workbench, data: dict[str, Any], cancelled: Callable[[], bool]) -> Iterator[dict[str, Any]]:
    """What the page hears of a question to a lab: progress; last the answer or an error."""

    def work(progress: OnProgress, stop: Callable[[], bool]) -> dict[str, Any]:
        with _truth(data) as truth:
            question, name = _with_upload(bench.pictures, data, progress)
            found = bench.labs.answer({**question, "path": truth}, progress, stop)
        return {**found, **bench.labs.about(question["selection"]["image"], name)} if name else found

    return _messages(work, cancelled)


def _messages(
    task: Callable[[OnProgress, Callable[[], bool]], dict[str, Any]], cancelled: Callable[[], bool]
) -> Iterator[dict[str, Any]]:
    """A task in a thread of its own: what it says on the way, then what it gives, an error, or that it was cancelled.

    There is always a last word: where a generator gives nothing, Gradio sends the page an empty value.
    """
    said: queue.Queue[dict[str, Any]] = queue.Queue()
    left = threading.Event()  # the page is gone: nobody waits for this run

    def progress(fraction: float, text: str, details: dict[str, Any]) -> None:
        said.put({"kind": "progress", "fraction": fraction, "text": text, "details": details})

    def work() -> None:
        last: dict[str, Any] = {"kind": "error", "code": "internal", "details": {}}
        try:
            last = task(progress, lambda: cancelled() or left.is_set())
        except CancelledError:
            last = {"kind": "cancelled"}
        except ExplorerError as error:
            last = _error(error)
        except Exception:
            log.exception("a run failed")
        finally:
            said.put(last)

    threading.Thread(target=work, daemon=True).start()
    try:
        while (message := said.get())["kind"] == "progress":
            if said.empty():  # a slow line gets the latest, not all
                yield message
        yield message
    finally:
        left.set()


def _error(error: ExplorerError) -> dict[str, Any]:
    return {"kind": "error", "code": error.code, "details": told(error.details)}


def answers(
    answer: Callable[[dict[str, Any]], Iterator[dict[str, Any]]], data: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    """The pieces of an answer about a finished run, or an error."""
    try:
        yield from answer(data)
    except ExplorerError as error:
        yield _error(error)
    except Exception:
        log.exception("a look failed")
        yield {"kind": "error", "code": "internal", "details": {}}


def _run(bench: Workbench, data: dict[str, Any], progress: OnProgress, stop: Callable[[], bool]) -> dict[str, Any]:
    question, name = _with_upload(bench.pictures, data, progress)
    selection = bench.networks.check(question.get("selection"))
    run = bench.runs.run(selection, progress, stop)
    done = asdict(replace(selection, size=run.size))  # the page's controls say what was run
    domain = bench.pictures.domain(selection.image)
    return {"kind": "done", "trace": run.file, "selection": done, "imageName": name, "domain": domain}


def _with_upload(pictures: ImageStore, data: dict[str, Any], progress: OnProgress) -> tuple[dict[str, Any], str]:
    """The question with the image that was uploaded for it in its selection, and the file's name."""
    selection, upload = data.get("selection"), data.get("upload")
    if not isinstance(upload, dict):
        return dict(data), ""
    name, path = str(upload.get("name", ""))[:200], uploaded(upload.get("path"))
    page = data.get("page", 0)
    progress(0.03, "progress.image", {})
    try:
        image = pictures.add(path, name, page if type(page) is int else 0)
    finally:
        _forget(path)
    return {**data, "selection": {**selection, "image": image} if isinstance(selection, dict) else None}, name


@contextmanager
def _truth(data: dict[str, Any]) -> Iterator[Path | None]:
    """The file of true labels that came with a question, if one did; it is deleted afterwards."""
    path = uploaded(data["path"]) if isinstance(data.get("path"), str) else None
    try:
        yield path
    finally:
        if path:
            _forget(path)


def _forget(path: Path) -> None:
    """Delete an uploaded file once it is read: it is the person's own."""
    with suppress(OSError):  # gone already, or no file
        path.unlink()


def uploaded(path: Any) -> Path:
    """A path that the page says it uploaded; refuses everything outside Gradio's upload folder."""
    try:
        place = Path(path).resolve()
    except (TypeError, ValueError, OSError) as error:  # no path at all, a NUL, a surrogate, too long
        raise ExplorerError("upload") from error
    if not place.is_relative_to(Path(get_upload_folder()).resolve()):
        raise ExplorerError("upload")
    return place


def launch_settings(bench: Workbench) -> dict[str, Any]:
    """What `launch` needs besides address and port, for the page that `build_app` made."""
    early = f'<link rel="modulepreload" href="{stage_script(bench)}">'  # beside Gradio's own scripts
    return {
        "head": f"{early}<style>{styles(STAGE)}</style>",
        "favicon_path": str(ICON),
        "max_file_size": MAX_BYTES,
        "show_error": False,
        "run_history": False,
        "enable_monitoring": False,
        "ssr_mode": False,
        "footer_links": [],
    }
