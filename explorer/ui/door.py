"""What stands before Gradio's server: which addresses there are, how large a request may be, what every answer says.

Gradio offers more than the page uses: recordings, links that restore a session, dashboards, files of other addresses.
A list says what is open. Uploads are taken in here, one a request, and the page gets a name instead of a path.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager
from functools import partial
from typing import Any
from urllib.parse import parse_qs, urlsplit

import anyio
from starlette.datastructures import Headers, MutableHeaders, UploadFile
from starlette.formparsers import MultiPartException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from explorer.errors import ExplorerError
from explorer.images import MAX_BYTES
from explorer.trace import CancelledError
from explorer.ui import ending
from explorer.ui.bodies import Bodies, TooSlowError, in_time, too_slow
from explorer.ui.connections import LOOK, MOST_IDLE, Connections
from explorer.ui.listeners import Listeners
from explorer.ui.process import handles
from explorer.ui.state import Files
from explorer.ui.uploads import LIFE, Uploads

log = logging.getLogger(__name__)

PUBLIC = "gradio_api/file=made"  # the address of the public files, below the page's
MOST_OPEN = 4000  # requests that are being answered; at most half of the handles, so that files have some, too
SETTLED = 0.5  # seconds that the server takes to answer its first request
WAIT = 0.05  # seconds between two looks at whether a file is there
AROUND = 16 * 2**10  # bytes of an upload that are not the file's

API = r"/gradio_api"
CALL = rf"{API}/call/v2/(segment|trace|geometry|lab)"  # for programs that only post and get
MCP = rf"{API}/mcp/?"
OPEN = {
    "GET": rf"/|/config/?|/(assets|static|svelte)/.+|/favicon\.ico|({API})?/theme\.css|/robots\.txt"
    rf"|/manifest\.json|/pwa_icon(/\d+)?|{API}/(info|startup-events|app_id|heartbeat/\w+|queue/data)|/{PUBLIC}/[0-9a-f]{{32}}\.\w+"
    rf"|{CALL}/\w+|{MCP}",
    "POST": rf"{API}/(queue/join|upload|cancel|reset|run/predict)/?|{CALL}/?|{MCP}",
    "DELETE": MCP,
}
OPEN["HEAD"] = OPEN["GET"]
HOSTS = {"localhost", "127.0.0.1", "::1", "0.0.0.0"}
EMBEDDING = "https://huggingface.co https://*.huggingface.co https://*.hf.space"  # a Space shows the page in a frame
POLICY = "; ".join(
    (
        "default-src 'self'",
        # Gradio makes functions out of texts, and writes scripts into its page; the one of another address lets a Space
        # fit its frame to the page
        "script-src 'self' 'unsafe-inline' 'unsafe-eval' blob: https://cdnjs.cloudflare.com/ajax/libs/iframe-resizer/",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "media-src 'self' blob:",
        "font-src 'self' data:",
        "connect-src 'self' data: blob:",
        "worker-src 'self' blob:",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        f"frame-ancestors 'self' {EMBEDDING}",
    )
)
SAID = {
    "x-content-type-options": "nosniff",
    "content-security-policy": POLICY,
    "referrer-policy": "same-origin",
}


class Door:
    """An ASGI app around Gradio's."""

    def __init__(self, app: ASGIApp, files: Files, uploads: Uploads, listeners: Listeners) -> None:
        self.app, self.files, self.uploads, self.listeners = app, files, uploads, listeners
        self.bodies, self.open, self.most_open = Bodies(), 0, min(MOST_OPEN, handles() // 2)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await self.app(scope, receive, send)
        if scope["type"] != "http":  # Gradio's page opens no socket
            return await send({"type": "websocket.close", "code": 1008})
        route = _route(scope)
        answer = self._refusal(scope, route)
        self.open += 1
        try:
            if answer is None and route.rstrip("/") == f"{API}/upload":
                answer = await self._upload(scope, receive)
            if answer is None and scope["method"] == "POST":
                receive, answer = await self.bodies.whole(receive, Headers(scope=scope))
            if answer is not None:
                return await answer(scope, receive, _saying(send))
            while route.rpartition("/")[2] in self.files.coming:  # who has a name of a file waits until it is there
                await anyio.sleep(WAIT)
            with ExitStack() as stack:
                if session := _heard(scope, route):
                    stack.enter_context(self.listeners.listening(session))
                return await self.app(self._inward(scope, route), receive, _saying(send))
        finally:
            self.open -= 1

    def _refusal(self, scope: Scope, route: str) -> Response | None:
        if self.open >= self.most_open:
            return PlainTextResponse("Too many requests at once.", 503, {"retry-after": "5"})
        if not re.fullmatch(OPEN.get(scope["method"], r"\b\B"), route):
            return PlainTextResponse("Not found.", 404)
        if scope["method"] == "POST" and not _is_own(Headers(scope=scope)):
            return PlainTextResponse("Another page may not ask this.", 403)
        return None

    def _inward(self, scope: Scope, route: str) -> Scope:
        """The scope as Gradio shall see it: a public file by its path, and whole, since of a part it sends back the
        headers of the request."""
        if not route.startswith(f"/{PUBLIC}/"):
            return scope
        path = scope["path"].removesuffix(route) + f"{API}/file={self.files.folder}/{route.rpartition('/')[2]}"
        headers = [(name, value) for name, value in scope["headers"] if name != b"range"]
        return {**scope, "path": path, "raw_path": path.encode(), "headers": headers, "query_string": b""}

    async def _upload(self, scope: Scope, receive: Receive) -> Response:
        """One file, whole or not at all: its name, in the list that Gradio's page expects."""
        size = Headers(scope=scope).get("content-length", "")
        if not size.isdecimal():
            return PlainTextResponse("The size is missing.", 411)
        if int(size) > MAX_BYTES + AROUND:
            return PlainTextResponse("The file is too large.", 413)
        alone = {key: value for key, value in scope.items() if key != "app"}  # else its errors are those of an app
        try:
            with self.uploads.room(int(size)) as came:
                async with Request(alone, in_time(receive, came)).form(max_files=1, max_fields=1) as form:
                    sent = form.get("files")
                    if not isinstance(sent, UploadFile):
                        return PlainTextResponse("There is no file.", 400)
                    name = await anyio.to_thread.run_sync(self.uploads.put, sent.file)
        except ExplorerError as error:
            return PlainTextResponse(error.code, 503 if error.code == "uploads_full" else 400)
        except TooSlowError:
            return too_slow()
        except (MultiPartException, ClientDisconnect):
            return PlainTextResponse("This is no upload.", 400)
        except OSError as error:
            log.warning("an upload could not be kept: %s", error)
            return PlainTextResponse("There is no room for the file.", 507)
        return JSONResponse([name])


def _route(scope: Scope) -> str:
    """The path below the address that the app is told to be at."""
    path, root = scope["path"], urlsplit(scope.get("root_path", "")).path.rstrip("/")
    return str(path.removeprefix(root) if path.startswith(f"{root}/") else path)


def _heard(scope: Scope, route: str) -> str:
    """The session whose messages a request is for, if it is for some; a question of `call` is a session of its own."""
    if route.startswith(f"{API}/queue/data"):
        return parse_qs(scope["query_string"].decode("latin-1")).get("session_hash", [""])[0]
    return route.rpartition("/")[2] if re.fullmatch(rf"{CALL}/\w+", route) else ""


def _is_own(headers: Headers) -> bool:
    """Whether a post comes from this page, as far as a browser says; another page must not reach a person's machine."""
    origin, host = headers.get("origin"), headers.get("host", "")
    if origin is None or urlsplit(f"//{host}").hostname not in HOSTS:
        return True
    return urlsplit(origin).netloc == host


def _saying(send: Send) -> Send:
    """Sends what every answer says, and not what Gradio allows the pages of others."""

    async def say(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name in [name for name in headers if name.startswith("access-control-")]:
                del headers[name]
            headers.update(SAID)
        await send(message)

    return say


def before(
    files: Files, uploads: Uploads, listeners: Listeners, first: Callable[[], None]
) -> Callable[[Any], AbstractAsyncContextManager[None]]:
    """A lifespan for Gradio's app that puts a door before all of it, its middleware included, and does what is to be
    done `first` in a thread, while pages are served already."""

    @asynccontextmanager
    async def lifespan(app: Any) -> AsyncIterator[None]:
        app.middleware_stack = Door(app.middleware_stack, files, uploads, listeners)
        connections = Connections(min(MOST_IDLE, handles() // 4))

        async def close_idle() -> None:
            if server := getattr(app.get_blocks(), "server", None):  # once it listens
                connections.close_idle(server.server_state.connections)

        async with anyio.create_task_group() as group:
            group.start_soon(_again, LIFE / 10, partial(anyio.to_thread.run_sync, uploads.sweep))
            group.start_soon(_again, LOOK, close_idle)
            ending.start(partial(_doing, first))
            yield
            group.cancel_scope.cancel()

    return lifespan


def _doing(first: Callable[[], None]) -> None:
    time.sleep(SETTLED)
    try:
        first()
    except CancelledError:
        log.debug("the process ends")
    except Exception:
        log.exception("what the page opens on could not be run")


async def _again(seconds: float, work: Callable[[], Awaitable[None]]) -> None:
    while True:
        await anyio.sleep(seconds)
        try:
            await work()
        except Exception:
            log.exception("what is done again and again failed")
