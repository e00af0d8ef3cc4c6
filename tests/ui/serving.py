"""The page's server in this process, and what asks it over HTTP."""

from __future__ import annotations

import json
import socket
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from explorer.ui.app import launch_settings


@contextmanager
def serving(demo: Any, bench: Any, **more: Any) -> Iterator[str]:
    """Its address, until the block is left."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    demo.queue(max_size=32).launch(
        server_name="127.0.0.1",
        server_port=port,
        prevent_thread_lock=True,
        quiet=True,
        **launch_settings(bench),
        **more,
    )
    try:
        yield f"http://127.0.0.1:{port}/"
    finally:
        demo.close(verbose=False)


OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def fetch(address: str, data: bytes | None = None, **headers: str):
    with OPENER.open(urllib.request.Request(address, data, headers), timeout=60) as answer:
        return answer.status, answer.headers, answer.read()


def status_of(address: str, data: bytes, kind: str = "application/json") -> tuple[int, bytes]:
    """The status and the body of what a post is answered, whatever it is."""
    try:
        status, _, body = fetch(address, data, **{"Content-Type": kind})
    except urllib.error.HTTPError as error:
        return error.code, error.read()
    return status, body


def post(address: str, content: Any) -> dict[str, Any]:
    return json.loads(fetch(address, json.dumps(content).encode(), **{"Content-Type": "application/json"})[2])


def send_file(site: str, name: str, data: bytes) -> str:
    edge = uuid.uuid4().hex
    head = f'--{edge}\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n\r\n'
    body = head.encode() + data + f"\r\n--{edge}--\r\n".encode()
    answer = fetch(f"{site}gradio_api/upload", body, **{"Content-Type": f"multipart/form-data; boundary={edge}"})
    return json.loads(answer[2])[0]
