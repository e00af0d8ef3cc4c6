"""The Gradio app: one gr.HTML component, the stage, and the events that it sends."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path

import gradio as gr
from fastapi.exceptions import RequestValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from explorer.errors import ExplorerError
from explorer.files import ICON
from explorer.images import MAX_BYTES
from explorer.ui import answers, catalog, i18n, lessons
from explorer.ui.answers import Data, Stop
from explorer.ui.door import PUBLIC, before
from explorer.ui.endpoints import Endpoints, malformed, misnamed, who
from explorer.ui.questions import MOST_AT_ONCE
from explorer.ui.session import Workbench
from explorer.ui.stage.bundle import bundle, page, styles
from explorer.ui.state import Bounded

Messages = Callable[[Data, Stop], AsyncIterator[Data]]  # of what was sent, until cancelled

STAGE = Path(__file__).parent / "stage"
TITLE = "FCN · U-Net Explorer"

# The events stand here in quotes: Gradio looks for their names in this text
JS = """
const events = ['run', 'cancel', 'inspect', 'segment', 'lab', 'take'];
const root = new URL(window.gradio_config?.root ?? '.', location.href).pathname;
const base = new URL(root.endsWith('/') ? root : `${root}/`, location.origin); // below a proxy's path, by its scheme
const served = window.gradio_config?.app_id;
document.querySelector('link[rel=manifest]')?.setAttribute('href', new URL('manifest.json', base).href);
import(new URL('__MAIN__', base).href)
  .then(({ mount }) => mount({ element, props, trigger, upload, watch, base, served }))
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
    return f"{PUBLIC}/{bench.files.add(bundle(STAGE).encode('utf-8'), '.js')}"


def build_app(bench: Workbench) -> gr.Blocks:
    """The page; its first example is run once it is served."""
    gr.set_static_paths([bench.files.folder])
    cancelled: Bounded[bool] = Bounded(500)  # by tokens of runs; the last ones are remembered
    telling = partial(_telling, bench, cancelled)
    start = json.dumps(beginning(bench))

    async def on_cancel(event: gr.EventData) -> None:
        cancelled.put(_asked(event)[1], True, 1)

    with gr.Blocks(title=TITLE, fill_width=True, fill_height=True) as demo:
        stage = gr.HTML(
            start,
            html_template=page(STAGE),
            js_on_load=script(stage_script(bench)),
            apply_default_css=False,
            container=False,
            padding=False,
        )
        settings: Data = {"show_progress": "hidden", "api_visibility": "private", "trigger_mode": "multiple"}
        queued = {**settings, "concurrency_limit": None, "concurrency_id": "asked"}  # they take turns in the workbench
        stage.run(telling(partial(answers.run_messages, bench)), None, stage, **queued)
        stage.segment(telling(partial(answers.segment_messages, bench.segmenter)), None, stage, **queued)
        stage.lab(telling(partial(answers.lab_messages, bench)), None, stage, **queued)
        stage.inspect(telling(partial(answers.inspect_messages, bench)), None, stage, **queued)
        stage.take(telling(partial(answers.take_messages, bench)), None, stage, **queued)
        stage.cancel(on_cancel, None, None, queue=False, **settings)
        Endpoints(bench).offer()
    return demo


def _asked(event: gr.EventData) -> tuple[Data, str]:
    """What the page sent, and the token that its answers carry."""
    data: Data = event._data if isinstance(event._data, dict) else {}
    return data, str(data.get("request", ""))[:100]


def _telling(
    bench: Workbench, cancelled: Bounded[bool], messages: Messages
) -> Callable[[gr.EventData, gr.Request], AsyncIterator[str]]:
    """What answers an event with messages."""

    async def answer(event: gr.EventData, request: gr.Request) -> AsyncIterator[str]:
        data, token = _asked(event)
        try:
            with bench.questions.one(*who(request)) as gone:
                async for message in messages(data, lambda: bool(cancelled.get(token)) or gone()):
                    yield json.dumps({"request": token, **message})
        except ExplorerError as error:
            yield json.dumps({"request": token, "kind": "error", "code": error.code, "details": {}})

    return answer


def beginning(bench: Workbench) -> Data:
    """What the page starts with: all that is on offer, and where a run of what it opens on will be."""
    cards, examples = bench.networks.cards, bench.pictures.examples()
    selection = catalog.first(cards, examples)
    taught = {
        "lessons": lessons.offered(bench.lessons),
        "lessonsFile": bench.files.add(lessons.payload(bench.lessons), ".json"),
    }
    offers = {**catalog.catalog(cards, examples), **taught, "files": PUBLIC}
    return {"catalog": offers, "selection": asdict(selection), "trace": bench.runs.promise(selection)}


def manifest(_: Request) -> JSONResponse:
    """The page as an app to be installed. Its addresses are beside its own, so that they hold below a proxy's path:
    Gradio's own begin at the host."""
    icon = {"src": "pwa_icon", "sizes": "any", "type": "image/svg+xml", "purpose": "any"}
    made = {"name": TITLE, "icons": [icon], "start_url": "./", "display": "standalone"}
    return JSONResponse(made, media_type="application/manifest+json")


def launch_settings(bench: Workbench) -> Data:
    """What `launch` needs besides address and port, for the page that `build_app` made."""
    early = f'<link rel="modulepreload" href="{stage_script(bench)}">'  # beside Gradio's own scripts
    return {
        "head": f"{early}<style>{styles(STAGE)}</style>",
        "favicon_path": str(ICON),
        "max_file_size": MAX_BYTES,
        "max_threads": MOST_AT_ONCE,  # Gradio starts no more questions than that; they hold no thread
        "app_kwargs": {
            "lifespan": before(bench.files, bench.pictures.uploads, bench.listeners, bench.runs.opening),
            "exception_handlers": {TypeError: misnamed, RequestValidationError: malformed},
            "routes": [Route("/manifest.json", manifest)],
        },
        "show_error": False,
        "run_history": False,
        "enable_monitoring": False,
        "ssr_mode": False,
        "pwa": True,
        "footer_links": [],
    }
