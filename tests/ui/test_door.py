"""What stands before Gradio's server, around an app that answers everything and repeats what it was asked."""

from __future__ import annotations

import logging

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse

from explorer.images import MAX_BYTES
from explorer.ui import bodies, door
from explorer.ui.bodies import MOST_BODY, MOST_PARTS
from explorer.ui.door import Door
from explorer.ui.listeners import Listeners
from explorer.ui.process import _Seldom
from explorer.ui.state import Files
from explorer.ui.uploads import Uploads
from tests.ui.made import awaited

HERE = "http://127.0.0.1:7860"


class Echo:
    """The app behind the door: says its path and the length of the body, and repeats all headers."""

    def __init__(self):
        self.asked = []

    async def __call__(self, scope, receive, send):
        request = Request(scope, receive)
        body = await request.body()
        self.asked.append((scope["path"], len(body)))
        headers = {"access-control-allow-origin": request.headers.get("origin", "")}
        if "range" in request.headers:
            headers["cookie"] = "repeated"
        await PlainTextResponse(scope["path"], headers=headers)(scope, receive, send)


@pytest.fixture
def inner():
    return Echo()


@pytest.fixture
def outer(inner, tmp_path):
    return Door(inner, Files(), Uploads(tmp_path / "uploads", most_bytes=MAX_BYTES + 10**6), Listeners())


def ask(app, method, path, root="", base=HERE, **more):
    async def answer():
        transport = httpx.ASGITransport(app, root_path=root)
        async with httpx.AsyncClient(transport=transport, base_url=base) as client:
            return await client.request(method, path, **more)

    return awaited(answer())


@pytest.mark.parametrize("size", [MOST_BODY + 1, 20 * 2**20])
@pytest.mark.parametrize("is_told", [True, False])
def test_a_large_body_is_refused_before_anyone_parses_it(outer, inner, size, is_told):
    async def parts():
        for _ in range(size // 1000 + 1):
            yield b"x" * 1000

    body = {"content": b"x" * size if is_told else parts()}
    assert ask(outer, "POST", "/gradio_api/queue/join", **body).status_code == 413
    assert inner.asked == []
    assert ask(outer, "POST", "/gradio_api/queue/join?x=1", content=b"x" * MOST_BODY).status_code == 200
    assert inner.asked == [("/gradio_api/queue/join", MOST_BODY)]


@pytest.mark.parametrize(
    "path",
    [
        "/gradio_api/file=/etc/passwd",
        "/gradio_api/file=http://example.org/x.png",
        "/gradio_api/file=made/../../x.png",
        "/gradio_api/file=made/lock",
        "/gradio_api/file/made/x.png",
        "/gradio_api/proxy=https://example.hf.space/",
        "/gradio_api/deep_link?session_hash=x",
        "/monitoring",
        "/monitoring/summary",
        "/gradio_api/custom_component/x/client/y/z",
        "/gradio_api/call/run/x",
        "/gradio_api/runs",
        "/gradio_api/upload_progress?upload_id=x",
        "/login_check",
        "/docs",
    ],
)
def test_what_the_page_does_not_use_is_closed(outer, inner, path):
    for method in ("GET", "HEAD", "POST", "OPTIONS", "PUT", "DELETE"):
        assert ask(outer, method, path).status_code == 404
    for closed in ("process_recording", "component_server", "stream/x", "vibe-edit", "run/run", "call/run", "api/run"):
        assert ask(outer, "POST", f"/gradio_api/{closed}").status_code == 404
    assert inner.asked == []


@pytest.mark.parametrize("root", ["", "/behind/a/proxy"])
def test_public_files_have_no_path_and_are_sent_whole(outer, inner, root):
    name = "0" * 32 + ".png"
    answer = ask(outer, "GET", f"{root}/gradio_api/file=made/{name}", root, headers={"range": "bytes=0-5"})
    assert answer.text == f"{root}/gradio_api/file={outer.files.folder}/{name}"
    assert "cookie" not in answer.headers


def test_who_asks_for_a_file_that_is_being_made_waits(outer, inner, monkeypatch):
    name, looks = outer.files.promise(".json"), []

    async def look(_):
        looks.append(len(inner.asked))
        if len(looks) == 3:
            outer.files.coming.discard(name)

    monkeypatch.setattr(door.anyio, "sleep", look)
    assert ask(outer, "GET", f"/gradio_api/file=made/{name}").status_code == 200
    assert looks == [0, 0, 0]


@pytest.mark.parametrize(("method", "path"), [("GET", "/"), ("GET", "/nothing"), ("POST", "/gradio_api/queue/join")])
def test_every_answer_says_how_it_may_be_used(outer, method, path):
    said = ask(outer, method, path, headers={"origin": HERE}).headers
    assert said["x-content-type-options"] == "nosniff"
    policy = dict(part.split(" ", 1) for part in said["content-security-policy"].split("; "))
    assert policy["object-src"] == "'none'"
    assert {"https://huggingface.co", "https://*.hf.space"} < set(policy["frame-ancestors"].split())
    assert not [name for name in said if name.startswith("access-control")]


@pytest.mark.parametrize(
    ("base", "origin", "status"),
    [
        (HERE, None, 200),
        (HERE, HERE, 200),
        (HERE, "https://evil.example", 403),
        (HERE, "http://127.0.0.1:9999", 403),
        (HERE, "null", 403),
        ("http://localhost:7860", "http://localhost:7860", 200),
        ("http://[::1]:7860", "http://evil.example", 403),
        ("https://someone-space.hf.space", "https://someone-space.hf.space", 200),
        ("https://someone-space.hf.space", "https://huggingface.co", 200),
    ],
)
def test_another_page_reaches_no_server_of_this_machine(outer, inner, base, origin, status):
    headers = {} if origin is None else {"origin": origin}
    assert ask(outer, "POST", "/gradio_api/queue/join", base=base, headers=headers, json={}).status_code == status
    upload = ask(outer, "POST", "/gradio_api/upload", base=base, headers=headers, files={"files": ("a", b"x")})
    assert upload.status_code == status
    assert len(inner.asked) == (status == 200)


def test_an_upload_is_one_file_and_gets_a_name_alone(outer):
    def left():
        return [path.name for path in outer.uploads.folder.iterdir()]

    answer = ask(outer, "POST", "/gradio_api/upload?upload_id=x", files={"files": ("../../x.png", b"pixels")})
    (name,) = answer.json()
    assert outer.uploads.path(name).read_bytes() == b"pixels"
    assert left() == [name]
    outer.uploads.forget(outer.uploads.path(name))
    two = [("files", ("a.png", b"1")), ("files", ("b.png", b"2"))]
    edge = {"content-type": "multipart/form-data; boundary=x"}
    cut = b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.png"\r\n\r\nbegun'
    for more, status in (
        ({"files": two}, 400),
        ({"files": {"other": ("a.png", b"1")}}, 400),
        ({"data": {"files": "a text"}}, 400),
        ({"headers": {"content-type": "multipart/form-data"}, "content": b"x"}, 400),
        ({"headers": edge | {"content-length": str(MAX_BYTES + 10**6)}, "content": cut}, 413),
        ({"headers": edge | {"content-length": "9"}, "content": cut}, 400),
        ({"headers": edge, "content": cut}, 400),
    ):
        assert ask(outer, "POST", "/gradio_api/upload", **more).status_code == status, more
        assert left() == []
    assert outer.uploads._coming == 0


def test_an_upload_that_cannot_be_written_is_said(outer, monkeypatch):
    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(outer.uploads, "put", full)
    assert ask(outer, "POST", "/gradio_api/upload", files={"files": ("a", b"x")}).status_code == 507


def test_a_session_is_heard_as_long_as_its_stream_is_open(outer, monkeypatch):
    heard = []

    async def stream(scope, receive, send):
        heard.append(outer.listeners.gone("me", -1000))
        await PlainTextResponse("")(scope, receive, send)

    outer.app = stream
    assert outer.listeners.gone("me", -1000)
    ask(outer, "GET", "/gradio_api/queue/data?session_hash=me")
    assert heard == [False]


def test_the_requests_that_are_answered_at_once_are_bounded(outer, monkeypatch):
    outer.most_open = 0
    assert ask(outer, "GET", "/").status_code == 503


def test_most_handles_are_left_for_what_is_no_request(tmp_path, monkeypatch):
    monkeypatch.setattr(door, "handles", lambda: 100)
    assert Door(Echo(), Files(), Uploads(tmp_path / "uploads"), Listeners()).most_open == 50


def test_many_small_parts_are_refused_as_a_large_body_is(outer, inner):
    many = b"[" + b"[]," * MOST_PARTS + b"[]]"
    assert ask(outer, "POST", "/gradio_api/queue/join", content=many).status_code == 413
    assert inner.asked == []


@pytest.mark.parametrize("body", [b'{"a": NaN}', b"[-Infinity]", b"[" * 400 + b"]" * 400, b"[" * 4000 + b"]" * 900])
def test_what_no_browser_sends_as_json_is_refused(outer, inner, body):
    assert ask(outer, "POST", "/gradio_api/queue/join", content=body).status_code == 400
    assert inner.asked == []


def test_bodies_that_have_not_come_whole_are_bounded_together(outer, inner, monkeypatch):
    monkeypatch.setattr(bodies, "MOST_READING", 1000)

    async def parts():
        yield b"x" * 1001

    assert ask(outer, "POST", "/gradio_api/queue/join", content=parts()).status_code == 503
    assert outer.bodies._reading == 0
    assert ask(outer, "POST", "/gradio_api/queue/join", content=b"x" * 900).status_code == 200


def test_that_handles_run_out_is_said_once_and_in_a_line():
    seldom = _Seldom()

    def record(text):
        try:
            raise OSError(24, "Too many open files")
        except OSError as error:
            info = (OSError, error, error.__traceback__)
        return logging.LogRecord("asyncio", logging.ERROR, "", 0, text, (), info)

    records = [record("socket.accept() out of system resource") for _ in range(100)]
    passed = [one for one in records if seldom.filter(one)]
    assert len(passed) == 1
    assert passed[0].exc_info is None
    assert seldom.filter(record("something else"))
