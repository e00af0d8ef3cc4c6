"""The Gradio app: one gr.HTML component, the stage, and the two events it sends: run and cancel."""

from __future__ import annotations

import json
import logging
import queue
import threading
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.utils import get_upload_folder

from explorer.images import MAX_BYTES
from explorer.ui.session import CancelledError, StageError, Workbench

log = logging.getLogger(__name__)

STAGE = Path(__file__).parent / "stage"
TITLE = "FCN · U-Net Explorer"

# 'run' and 'cancel' stand here in quotes because Gradio looks for the names of events in this text
JS = """
const events = ['run', 'cancel'];
const root = new URL(window.gradio_config?.root ?? '.', location.href).pathname;
const base = new URL(root.endsWith('/') ? root : `${root}/`, location.origin); // below a proxy's path, by its scheme
import(new URL('__MAIN__', base).href).then(({ mount }) => mount({ element, props, trigger, upload, watch, base }));
"""


class Cancelled:
    """Tokens of runs that were cancelled; the last few hundred are remembered."""

    def __init__(self) -> None:
        self._tokens: OrderedDict[str, None] = OrderedDict()

    def add(self, token: str) -> None:
        self._tokens[token] = None
        while len(self._tokens) > 500:
            self._tokens.popitem(last=False)

    def __contains__(self, token: object) -> bool:
        return token in self._tokens


def build_app(bench: Workbench) -> gr.Blocks:
    """The page; its first example is run before it is served."""
    gr.set_static_paths([bench.files.folder, STAGE])
    cancelled = Cancelled()
    catalog = {**bench.catalog(), "files": f"gradio_api/file={bench.files.folder}"}
    selection, first = bench.opening()
    start = json.dumps({"catalog": catalog, "selection": asdict(selection), "trace": first.file})

    def on_run(event: gr.EventData) -> Iterator[str]:
        data: dict[str, Any] = event._data if isinstance(event._data, dict) else {}
        token = str(data.get("request", ""))
        for message in run_messages(bench, data, lambda: token in cancelled):
            yield json.dumps({"request": token, **message})

    def on_cancel(event: gr.EventData) -> None:
        data = event._data if isinstance(event._data, dict) else {}
        cancelled.add(str(data.get("request", ""))[:100])

    with gr.Blocks(title=TITLE, fill_width=True, fill_height=True, delete_cache=(3600, 3600)) as demo:
        stage = gr.HTML(
            start,
            html_template=(STAGE / "stage.html").read_text("utf-8"),
            js_on_load=JS.replace("__MAIN__", f"gradio_api/file={STAGE}/main.js"),
            apply_default_css=False,
            container=False,
            padding=False,
        )
        settings: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private", "trigger_mode": "multiple"}
        stage.run(on_run, None, stage, concurrency_limit=1, **settings)
        stage.cancel(on_cancel, None, None, queue=False, **settings)
    return demo


def run_messages(bench: Workbench, data: dict[str, Any], cancelled: Any) -> Iterator[dict[str, Any]]:
    """What the page hears of one run: progress again and again, then the finished run or an error."""
    said: queue.Queue[dict[str, Any] | None] = queue.Queue()

    def work() -> None:
        try:
            said.put(_work(bench, data, said, cancelled))
        except CancelledError:
            pass
        except StageError as error:
            said.put({"kind": "error", "code": error.code, "details": error.details})
        except Exception:
            log.exception("a run failed")
            said.put({"kind": "error", "code": "internal", "details": {}})
        finally:
            said.put(None)

    threading.Thread(target=work, daemon=True).start()
    while (message := said.get()) is not None:
        while message["kind"] == "progress" and not said.empty():  # a slow line gets the latest, not all
            newer = said.get()
            if newer is None:
                return
            message = newer
        yield message


def _work(
    bench: Workbench, data: dict[str, Any], said: queue.Queue[dict[str, Any] | None], cancelled: Any
) -> dict[str, Any]:
    selection = data.get("selection")
    upload = data.get("upload")
    name = ""
    if isinstance(upload, dict) and isinstance(selection, dict):
        name = str(upload.get("name", ""))[:200]
        path = uploaded(str(upload.get("path", "")))
        try:
            selection = {**selection, "image": bench.add_image(path, name)}
        finally:
            path.unlink(missing_ok=True)  # the pixels are held in memory; the file is the person's own
    wish = bench.check(selection)

    def progress(fraction: float, text: str, details: dict[str, Any]) -> None:
        said.put({"kind": "progress", "fraction": fraction, "text": text, "details": details})

    run = bench.run(wish, progress, cancelled)
    return {"kind": "done", "trace": run.file, "selection": asdict(wish), "imageName": name}


def uploaded(path: str) -> Path:
    """A path that the page says it uploaded; refuses every file outside Gradio's upload folder."""
    found = Path(path).resolve()
    if not found.is_file() or not found.is_relative_to(Path(get_upload_folder()).resolve()):
        raise StageError("upload")
    return found


def launch_settings() -> dict[str, Any]:
    """What `launch` needs besides address and port."""
    style = (STAGE / "stage.css").read_text("utf-8")
    return {
        "head": f"<style>{style}</style>",
        "favicon_path": str(Path(__file__).resolve().parents[2] / "assets" / "icon.svg"),
        "max_file_size": MAX_BYTES,
        "show_error": False,
        "run_history": False,
        "enable_monitoring": False,
        "ssr_mode": False,
        "footer_links": [],
    }
