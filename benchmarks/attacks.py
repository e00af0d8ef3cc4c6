"""What one stranger can do to all others: many posts, large images, silent connections. On this machine alone.

Each attack has a server of its own, started and stopped here, and is bounded. Says what the others saw meanwhile, what
memory the server took at most, and what was left.
"""

from __future__ import annotations

import argparse
import io
import json
import socket
import struct
import tempfile
import threading
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from PIL import Image
from strangers import SELECTION, Server, Visitor, machine, served

MOST_POSTS, MOST_IMAGES, MOST_SOCKETS = 2000, 32, 4000
NUCLEI = {"model": "unet", "checkpoint": "unet-nuclei", "padding": "valid", "size": 320, "device": "cpu"}


@contextmanager
def peak(server: Server) -> Iterator[dict[str, int]]:
    """The memory that the server holds before the block, at most in it, and after it."""
    found, done = {"before_mib": server.mib()}, threading.Event()
    found["most_mib"] = found["before_mib"]

    def look() -> None:
        while not done.wait(0.02):
            found["most_mib"] = max(found["most_mib"], server.mib())

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield found
    finally:
        done.set()
        thread.join()
        found["after_mib"] = server.mib()


# ---- many posts of one visitor


class Ends:
    """How the questions of a session end, and how many of them were told at a time that they wait."""

    def __init__(self, page: Visitor) -> None:
        self.page = page
        self.ends: Counter[str] = Counter()
        self.most = 0
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        waiting: set[str] = set()
        ended: dict[str, str] = {}
        with suppress(httpx.HTTPError):
            for number, message in self.page.hear():
                if message is None:
                    self.ends[ended.pop(number, "nothing")] += 1
                elif message.get("text") == "progress.queue":
                    waiting.add(number)
                    self.most = max(self.most, len(waiting))
                    continue
                else:
                    ended[number] = message.get("code", message["kind"])
                waiting.discard(number)


def burst(server: Server, posts: int, seconds: float) -> dict[str, Any]:
    """One visitor posts runs that nobody knows yet; another one asks for four things and a known example."""
    bad, good = Visitor(server.base, 1), Visitor(server.base, 2)
    good.example(good.examples[0])
    begun = time.monotonic()

    def post(number: int) -> None:
        time.sleep(max(0.0, begun + number * seconds / posts - time.monotonic()))
        wish = {**SELECTION, "image": bad.examples[0], "altered": f"pool1*{number / 1000 + 2:.3f}"}
        bad.post("run", {"request": "r", "selection": wish})

    post(0)
    heard = Ends(bad)
    pool = ThreadPoolExecutor(16)
    attack = [pool.submit(post, number) for number in range(1, posts)]
    time.sleep(seconds / 4)
    about = {"request": "r", "selection": {**SELECTION, "image": good.examples[1]}}
    asked = {
        "known_example": lambda: good.example(good.examples[0]),
        "plan": lambda: good.ask("segment", {**about, "what": "plan"}),
        "lab": lambda: good.ask("lab", {**about, "lab": "crop", "what": "geometry", "settings": {}}),
        "own_image": good.own,
        "known_example_again": lambda: good.example(good.examples[0]),
    }
    others = {name: _ended(ask()) for name, ask in asked.items()}
    for one in attack:
        one.result()
    posted = round(time.monotonic() - begun, 1)
    time.sleep(5)
    ends = dict(heard.ends)
    return {"posts": posts, "seconds": posted, "ends": ends, "waiting_at_most": heard.most, "others": others}


def _ended(answer: tuple[dict[str, Any], float, float, float]) -> dict[str, Any]:
    last, asked, _, done = answer
    return {"ended": last.get("code", last.get("kind")), "seconds": round(done - asked, 2)}


# ---- large images


def large(server: Server, images: int, side: int, checks: int) -> dict[str, Any]:
    """Small files of many pixels, asked about by as many visitors at a time; then true labels of the last result."""
    photos = [_stripes(side, seed) for seed in range(images)]
    guests = [Visitor(server.base, number) for number in range(images)]
    wish = {**SELECTION, "image": ""}
    kinds: dict[str, tuple[str, dict[str, Any]]] = {
        "plan": ("segment", {"what": "plan", "selection": wish}),
        "run": ("run", {"selection": wish}),
        "copy": ("segment", {"what": "segment", "selection": wish, "options": {"longest": 320}}),
    }
    found = {name: _at_once(server, guests, *kind, photos) for name, kind in kinds.items()}
    for name, selection in (("everyday", wish), ("nuclei", {**NUCLEI, "image": ""})):
        found[f"check_{name}"] = _checks(server, guests[:checks], selection, photos[0], side)
    return {"file_kib": len(photos[0]) >> 10, "side": side, "images": images, **found, "uploads_left": server.uploads()}


def _at_once(
    server: Server, guests: list[Visitor], event: str, data: dict[str, Any], photos: list[bytes]
) -> dict[str, Any]:
    """Each asks the same of an image of their own."""
    told: Counter[str] = Counter()
    ends: Counter[str] = Counter()

    def ask(guest: Visitor, photo: bytes) -> None:
        upload = {"sent": guest.send(photo), "name": "own.png"}
        heard, last = _all(guest, event, {"request": "r", **data, "upload": upload})
        told.update(heard)
        ends[last.get("code", last["kind"])] += 1

    begun = time.monotonic()
    with peak(server) as memory, ThreadPoolExecutor(len(guests)) as pool:
        list(pool.map(ask, guests, photos))
    seconds = round(time.monotonic() - begun, 1)
    return {"ends": dict(ends), "told_to_wait": dict(told), "seconds": seconds, **memory}


def _all(guest: Visitor, event: str, data: dict[str, Any]) -> tuple[set[str], dict[str, Any]]:
    """What was said while it waited, and the last word."""
    guest.post(event, data)
    said, last = set(), {}
    for _, message in guest.hear():
        if message is None:
            break
        last = message
        if message.get("text") in ("progress.queue", "progress.memory"):
            said.add(message["text"])
    return said, last


def _checks(
    server: Server, guests: list[Visitor], selection: dict[str, Any], photo: bytes, side: int
) -> dict[str, Any]:
    upload = {"sent": guests[0].send(photo), "name": "own.png"}
    data = {"request": "r", "what": "segment", "selection": selection, "upload": upload, "options": {"longest": 320}}
    with peak(server) as run:
        result = guests[0].ask("segment", data)[0]
    fields = np.random.default_rng(1).integers(0, 3, (side // 40, side // 40), np.uint8)
    truth = np.kron(fields, np.ones((40, 40), np.uint8))
    memory = io.BytesIO()
    Image.fromarray(truth).save(memory, "PNG")
    ends: Counter[str] = Counter()
    told: Counter[str] = Counter()

    def ask(guest: Visitor) -> None:
        sent = guest.send(memory.getvalue())
        heard, last = _all(guest, "segment", {"request": "r", "what": "judge", "token": result["token"], "sent": sent})
        told.update(heard)
        ends[last.get("code", last["kind"])] += 1

    begun = time.monotonic()
    with peak(server) as held, ThreadPoolExecutor(len(guests)) as pool:
        list(pool.map(ask, guests))
    seconds = round(time.monotonic() - begun, 1)
    return {"ends": dict(ends), "told_to_wait": dict(told), "seconds": seconds, "run_mib": run["most_mib"], **held}


def _stripes(side: int, seed: int) -> bytes:
    """A small PNG of many pixels, made without holding them."""
    colours = np.random.default_rng(seed).integers(0, 256, (50, 3), np.uint8)
    packed, rows = zlib.compressobj(1), -(-side // len(colours))
    data = b"".join(packed.compress((b"\0" + colour.tobytes() * side) * rows) for colour in colours[:-1])
    data += packed.compress((b"\0" + colours[-1].tobytes() * side) * (side - rows * (len(colours) - 1)))
    parts = (
        (b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)),
        (b"IDAT", data + packed.flush()),
        (b"IEND", b""),
    )
    made = b"\x89PNG\r\n\x1a\n"
    for kind, content in parts:
        made += struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
    return made


# ---- connections that say nothing


def idle(server: Server, silent: int, more: int) -> dict[str, Any]:
    """Sockets that send nothing, half a header or half a body, then connections that ask for the page and stay."""
    port, opened = int(server.base.rpartition(":")[2]), []
    halves = [
        b"",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Half: ",
        b"POST /gradio_api/queue/join HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n\r\n{",
        b"POST /gradio_api/upload HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: multipart/form-data; boundary=x\r\n"
        b'Content-Length: 9000000\r\n\r\n--x\r\nContent-Disposition: form-data; name="files"; filename="a"\r\n\r\nxx',
    ]
    first = Visitor(server.base, 0)
    first.client.get(f"/gradio_api/file=made/{first.start['trace']}").raise_for_status()  # what the page opens on
    first.client.close()
    time.sleep(2)
    before, longest = server.process.num_fds(), 0.0
    for number in range(silent + more):
        one = socket.create_connection(("127.0.0.1", port), 10)
        one.sendall(halves[number % 4] if number < silent else b"GET /robots.txt HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        opened.append(one)
    begun, most = time.monotonic(), server.process.num_fds()
    for _ in range(5):
        asked = time.monotonic()
        httpx.get(server.base, trust_env=False, timeout=60).raise_for_status()
        longest = max(longest, time.monotonic() - asked)
    seen = {}
    while (handles := server.process.num_fds()) > before + 5 and time.monotonic() - begun < 60:
        seen[round(time.monotonic() - begun)] = handles
        time.sleep(1)
    back = round(time.monotonic() - begun, 1)
    for one in opened:
        one.close()
    return {
        "silent": silent,
        "more": more,
        "handles": {"before": before, "most": most, "back_after_seconds": back, "then": handles},
        "page_seconds_at_most": round(longest, 2),
    }


ATTACKS: dict[str, Callable[[Server, argparse.Namespace], dict[str, Any]]] = {
    "burst": lambda server, given: burst(server, given.posts, given.seconds),
    "large": lambda server, given: large(server, given.images, given.side, given.checks),
    "idle": lambda server, given: idle(server, given.silent, given.more),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("attack", nargs="*", choices=[[], *ATTACKS], help="default: all")
    parser.add_argument("--posts", type=int, default=260)
    parser.add_argument("--seconds", type=float, default=12, help="in which they are posted")
    parser.add_argument("--images", type=int, default=16)
    parser.add_argument("--side", type=int, default=8000, help="of each image, in pixels")
    parser.add_argument("--checks", type=int, default=4, help="of true labels at a time")
    parser.add_argument("--silent", type=int, default=300, help="connections that ask for nothing")
    parser.add_argument("--more", type=int, default=1050, help="connections that ask and stay")
    parser.add_argument("--json", type=Path, metavar="FILE")
    given = parser.parse_args()
    if (
        given.posts > MOST_POSTS
        or max(given.images, given.checks) > MOST_IMAGES
        or given.silent + given.more > MOST_SOCKETS
    ):
        parser.error(f"at most {MOST_POSTS} posts, {MOST_IMAGES} images and {MOST_SOCKETS} connections")
    result: dict[str, Any] = machine()
    for name in given.attack or ATTACKS:
        with tempfile.TemporaryDirectory() as folder:
            with served(Path(folder)) as server:
                result[name] = ATTACKS[name](server, given)
            result[name]["left_after_the_end"] = sorted(path.name for path in Path(folder).rglob("*"))
        print(name, json.dumps(result[name], indent=1), flush=True)
    if given.json:
        given.json.write_text(json.dumps(result, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
