"""Who connects and asks nothing, or asks for ever, is let go; streams of events and slow uploads are not."""

from __future__ import annotations

import json
import socket
import time
from urllib.parse import urlsplit

import pytest

from explorer.ui import bodies, connections, door
from explorer.ui.app import build_app
from explorer.ui.session import Workbench
from tests.ui.made import opens_small, raw
from tests.ui.serving import fetch, serving

IDLE = 1.0  # seconds, in these tests
EDGE = b'--x\r\nContent-Disposition: form-data; name="files"; filename="a"\r\n\r\n'
UPLOAD = b"POST /gradio_api/upload HTTP/1.1\r\nHost: a\r\nContent-Type: multipart/form-data; boundary=x\r\n"


@pytest.fixture(scope="module")
def served(checkpoints):
    """A server that loses patience soon."""
    bench = Workbench(checkpoints)
    with pytest.MonkeyPatch.context() as patch:
        opens_small(patch)
        patch.setattr(connections, "IDLE", IDLE)
        patch.setattr(door, "LOOK", 0.1)
        patch.setattr(door, "MOST_IDLE", 30)
        patch.setattr(bodies, "PATIENCE", IDLE)
        patch.setattr(bodies, "LEAST", 400)
        with serving(build_app(bench), bench) as site:
            yield site, bench


def connected(site: str, begin: bytes) -> socket.socket:
    where = urlsplit(site)
    made = socket.create_connection((where.hostname, where.port), 10)
    made.sendall(begin)
    return made


def heard(one: socket.socket, drip: bytes = b"", seconds: float = 4 * IDLE, word: bytes = b"\0") -> tuple[bytes, bool]:
    """What comes within a time, or until a word, while `drip` is sent again and again; and whether the server closed
    the connection."""
    got, until = b"", time.monotonic() + seconds
    one.settimeout(0.2)
    while time.monotonic() < until and word not in got:
        try:
            one.sendall(drip)
            part = one.recv(65536)
        except TimeoutError:
            continue
        except OSError:
            return got, True
        if not part:
            return got, True
        got += part
    return got, False


@pytest.mark.parametrize(
    ("begin", "drip"),
    [
        (b"", b""),
        (b"GET / HTTP/1.1\r\n", b""),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX-Slow: ", b"x"),
        (b"GET /robots.txt HTTP/1.1\r\nHost: a\r\n\r\n", b"G"),
    ],
    ids=["nothing", "half a header", "a header by letters", "a second request by letters"],
)
def test_who_has_no_request_under_way_is_let_go(served, begin, drip):
    began = time.monotonic()
    assert heard(connected(served[0], begin), drip)[1]
    assert time.monotonic() - began > IDLE / 2


@pytest.mark.parametrize("drip", [b"", b"x"], ids=["no more", "by letters"])
@pytest.mark.parametrize(
    "begin",
    [
        b"POST /gradio_api/queue/join HTTP/1.1\r\nHost: a\r\nContent-Length: 9000\r\n\r\n{",
        b"POST /gradio_api/queue/join HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1000\r\n",
        UPLOAD + b"Content-Length: 9000\r\n\r\n" + EDGE,
    ],
    ids=["a question", "one in chunks", "an upload"],
)
def test_half_a_body_does_not_hold_its_connection(served, begin, drip):
    site, bench = served
    said, closed = heard(connected(site, begin), drip)
    assert said.startswith(b"HTTP/1.1 408 ")
    assert closed
    assert bench.pictures.uploads._coming == 0


def test_a_slow_upload_that_goes_on_is_taken_whole(served):
    site, bench = served
    content = bytes(range(256)) * 16
    body = EDGE + content + b"\r\n--x--\r\n"
    one, began = connected(site, UPLOAD + b"Content-Length: %d\r\n\r\n" % len(body)), time.monotonic()
    for start in range(0, len(body), 300):
        one.sendall(body[start : start + 300])
        time.sleep(0.25)
    assert time.monotonic() - began > 2 * IDLE
    said, _ = heard(one, seconds=1)
    (name,) = json.loads(said.partition(b"\r\n\r\n")[2])
    path = bench.pictures.uploads.path(name)
    assert path.read_bytes() == content
    bench.pictures.uploads.forget(path)


def test_a_stream_of_events_stays_open(served):
    site, bench = served
    with bench.turns.turn(lambda *_: None, lambda: False):  # so that a run waits, and has little to say
        index = json.loads(fetch(f"{site}config")[2])["dependencies"][0]["id"]
        wish = raw(model="fcn32s", padding="same")
        body = {"data": [], "event_data": {"request": "r", "selection": wish}, "fn_index": index, "session_hash": "s"}
        fetch(f"{site}gradio_api/queue/join", json.dumps(body).encode(), **{"Content-Type": "application/json"})
        one = connected(site, b"GET /gradio_api/queue/data?session_hash=s HTTP/1.1\r\nHost: a\r\n\r\n")
        said, closed = heard(one, seconds=3 * IDLE)
        assert b"progress.queue" in said
        assert not closed
    assert b"process_completed" in heard(one, seconds=60, word=b"process_completed")[0]


def test_of_too_many_silent_connections_the_oldest_go_at_once(served, monkeypatch):
    monkeypatch.setattr(connections, "IDLE", 600.0)  # so that none goes for its silence alone, however slow the machine
    site, _ = served
    older = [connected(site, b"") for _ in range(20)]
    time.sleep(1)  # some looks: those that one look finds are of one age to it
    newer = [connected(site, b"") for _ in range(60)]
    assert fetch(site)[0] == 200
    assert all(heard(one, seconds=30)[1] for one in older)
    kept = [one for one in newer if not heard(one, seconds=0.3)[1]]
    assert 25 <= len(kept) <= 30, "as many as may be idle, less those of other tests that go just now"
    for one in kept:
        one.close()
