"""What a request brings, read before anyone parses it: not too much, not too slowly, and no addresses to fetch."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import anyio
from gradio_client.utils import is_file_obj_with_meta, traverse
from starlette.datastructures import Headers
from starlette.formparsers import MultiPartException
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import Message, Receive

from explorer.errors import ExplorerError
from explorer.ui.uploads import TOKEN

MOST_BODY = 2**20  # bytes of a request that is no upload
MOST_PARTS = 5000  # of a request's lists and objects: each takes a hundred times the memory of its two letters
MOST_DEEP = 32  # of them in each other
MOST_READING = 64 * 2**20  # bytes of all such requests whose ends have not come
PATIENCE = 30.0  # seconds in which a body must bring another LEAST bytes, or its end
LEAST = 32 * 2**10


class TooSlowError(MultiPartException):
    """A body of which hardly anything comes: it would hold its connection for ever."""


def in_time(receive: Receive, came: Callable[[int], None] = lambda size: None) -> Receive:
    """Parts of a body as they come, each told to `came` by its size. Raises TooSlowError."""
    until, short = time.monotonic() + PATIENCE, LEAST

    async def part() -> Message:
        nonlocal until, short
        try:
            with anyio.fail_after(until - time.monotonic()):
                message = await receive()
        except TimeoutError as error:
            raise TooSlowError("nothing came") from error
        size = len(message.get("body", b""))
        came(size)
        short -= size
        if short <= 0:
            until, short = time.monotonic() + PATIENCE, LEAST
        return message

    return part


def too_slow() -> Response:
    return PlainTextResponse("The request came too slowly.", 408, {"connection": "close"})


class Bodies:
    """Those that are being read, which have a bound together."""

    def __init__(self) -> None:
        self._reading = 0

    async def whole(self, receive: Receive, headers: Headers) -> tuple[Receive, Response | None]:
        """What gives a request's body, which has come; or the refusal of one that is too large, or does not come."""
        size = headers.get("content-length", "0")
        if not size.isdecimal() or int(size) > MOST_BODY:
            return receive, _too_large()
        try:
            with self._counted() as came:
                body = await _joined(in_time(receive, came))
        except TooSlowError:
            return receive, too_slow()
        except ExplorerError:
            return receive, PlainTextResponse("Too many requests at once.", 503, {"retry-after": "5"})
        if body is None:
            return receive, PlainTextResponse("The request was broken off.", 400)
        if len(body) > MOST_BODY or sum(map(body.count, (b",", b"[", b"{"))) > MOST_PARTS:
            return receive, _too_large()
        try:
            given: list[Message] = [{"type": "http.request", "body": _without_files(body), "more_body": False}]
        except ExplorerError as error:
            return receive, JSONResponse({"error": str(error), "detail": str(error)}, 400)

        async def again() -> Message:
            return given.pop() if given else await receive()

        return again, None

    @contextmanager
    def _counted(self) -> Iterator[Callable[[int], None]]:
        mine = 0

        def came(size: int) -> None:
            nonlocal mine
            mine += size
            self._reading += size
            if self._reading > MOST_READING:
                raise ExplorerError("busy")

        try:
            yield came
        finally:
            self._reading -= mine


async def _joined(receive: Receive) -> bytes | None:
    """A whole body, or more of it than is taken; None where it was broken off."""
    body = bytearray()
    while len(body) <= MOST_BODY:
        message = await receive()
        if message["type"] != "http.request":
            return None
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    return bytes(body)


def _too_large() -> Response:
    return PlainTextResponse("The request is too large.", 413)


def _no_number(name: str) -> Any:
    raise ExplorerError("bad_selection", f"{name} is no number of JSON.")


def _depth(content: Any) -> int:
    """How many lists and objects lie in each other."""
    depth, level = 0, [content]
    while level := [one for one in level if isinstance(one, list | dict)]:
        depth += 1
        level = [part for one in level for part in (one.values() if isinstance(one, dict) else one)]
    return depth


def _without_files(body: bytes) -> bytes:
    """A request with names of uploads in place of what Gradio's clients say of files: of a file with an address, it is
    the server that would fetch it, before any of our code is asked. Raises ExplorerError for files of other kinds."""
    try:
        content = json.loads(body, parse_constant=_no_number)
        if _depth(content) > MOST_DEEP:
            raise RecursionError
    except ValueError:
        return body  # Gradio, which reads it in the same way, refuses it
    except RecursionError as error:
        raise ExplorerError("upload", "The request is nested too deeply.") from error
    found = False

    def name(file: Any) -> str:
        nonlocal found
        found = True
        if not TOKEN.fullmatch(file["path"]) or file.get("url"):
            raise ExplorerError("upload", "A file is given by the name that its upload got; addresses are not fetched.")
        return str(file["path"])

    content = traverse(content, name, is_file_obj_with_meta)
    return json.dumps(content).encode() if found else body
