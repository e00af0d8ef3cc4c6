"""A class at one server: visitors run examples that are known already, and images of their own, a minute at a time.

Starts the app by itself, on this machine alone, with a temporary folder of its own, and stops it afterwards. Says how
long the examples took, who was overtaken, what memory is held after each load, and which files were left.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import platform
import random
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psutil
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
SELECTION = {"model": "fcn8s", "checkpoint": "fcn8s-everyday", "padding": "same", "size": 320, "device": "cpu"}
MOST_VISITORS, MOST_SECONDS, MOST_LOADS = 100, 600, 10
OWN = 0.3  # share of the questions that are about an image of one's own
REST = 10  # seconds after a load, until what it left is looked at


@dataclass
class Seen:
    """What all visitors saw; `own` are (when asked, when taken, when done) of the runs that had to wait."""

    examples: list[float] = field(default_factory=list)
    own: list[tuple[float, float, float]] = field(default_factory=list)
    errors: Counter[str] = field(default_factory=Counter)


class Visitor:
    """One page, as far as the server sees it."""

    def __init__(self, base: str, number: int) -> None:
        self.client = httpx.Client(base_url=base, timeout=300, trust_env=False)
        self.random, self.session = random.Random(number), f"visitor{number}"
        config = self.client.get("/config").json()
        self.events = {target[1]: d["id"] for d in config["dependencies"] for target in d["targets"]}
        self.start = json.loads(next(c for c in config["components"] if c["type"] == "html")["props"]["value"])
        self.examples = [e["file"] for e in self.start["catalog"]["examples"] if e["family"] == "everyday"]

    def post(self, event: str, data: Any) -> str:
        """Ask without listening: the number of the question."""
        body = {"data": [], "event_data": data, "fn_index": self.events[event], "session_hash": self.session}
        answer = self.client.post("/gradio_api/queue/join", json=body)
        answer.raise_for_status()
        return str(answer.json()["event_id"])

    def hear(self) -> Iterator[tuple[str, dict[str, Any] | None]]:
        """Messages of all questions of this session, by their numbers, until all are answered; None where one ended."""
        with self.client.stream("GET", "/gradio_api/queue/data", params={"session_hash": self.session}) as stream:
            for line in stream.iter_lines():
                message = json.loads(line[5:]) if line.startswith("data:") else {}
                if text := _text((message.get("output") or {}).get("data")):
                    yield message["event_id"], json.loads(text)
                if message.get("msg") == "process_completed":
                    if not message["success"]:
                        yield message["event_id"], {"kind": "error", "code": "gradio"}
                    yield message["event_id"], None

    def ask(self, event: str, data: dict[str, Any]) -> tuple[dict[str, Any], float, float, float]:
        """The last message of an answer; when it was asked for, when that was taken, and when the answer came."""
        asked = time.monotonic()
        self.post(event, data)
        taken, last = time.monotonic(), {}
        for _, message in self.hear():
            if message is None:
                break
            last = message
        return last, asked, taken, time.monotonic()

    def send(self, content: bytes) -> str:
        answer = self.client.post("/gradio_api/upload", files={"files": ("own", content)})
        answer.raise_for_status()
        return str(answer.json()[0])

    def example(self, name: str) -> tuple[dict[str, Any], float, float, float]:
        return self.ask("run", {"request": "r", "selection": {**SELECTION, "image": name}})

    def own(self) -> tuple[dict[str, Any], float, float, float]:
        return self.ask("run", self.question())

    def question(self) -> dict[str, Any]:
        """For a run of an image that nobody has sent before."""
        small = np.random.default_rng(self.random.randrange(2**31)).integers(0, 256, (24, 32, 3), np.uint8)
        photo = io.BytesIO()
        Image.fromarray(small).resize((640, 480), Image.Resampling.BICUBIC).save(photo, "JPEG")
        upload = {"sent": self.send(photo.getvalue()), "name": "own.jpg"}
        return {"request": "r", "selection": {**SELECTION, "image": ""}, "upload": upload}

    def visit(self, until: float, seen: Seen) -> None:
        while time.monotonic() < until:
            is_own = self.random.random() < OWN
            try:
                last, asked, taken, done = self.own() if is_own else self.example(self.random.choice(self.examples))
            except (httpx.HTTPError, ValueError) as error:
                seen.errors[type(error).__name__] += 1
                continue
            if last.get("kind") != "done":
                seen.errors[last.get("code", last.get("kind", "nothing"))] += 1
            elif is_own:
                seen.own.append((asked, taken, done))
            else:
                seen.examples.append(done - asked)
            time.sleep(self.random.uniform(0.2, 1.0))


def _text(values: Any) -> str:
    """What a message of Gradio holds: after the first one it says what is to be put in its place."""
    value = values[0] if values else ""
    if isinstance(value, list):
        value = value[-1][2] if value else ""
    return str(value or "")


def overtaken(own: list[tuple[float, float, float]]) -> int:
    """Pairs of runs of which the second was asked for after the first was taken, and done before it."""
    return sum(later[0] > first[1] and later[2] < first[2] for first in own for later in own)


class Server:
    """The app in a process of its own; `folder` is all that it may write to."""

    def __init__(self, base: str, folder: Path, process: psutil.Process) -> None:
        self.base, self.folder, self.process = base, folder, process

    def mib(self) -> int:
        """What it holds in memory."""
        return int(self.process.memory_info().rss) >> 20

    def uploads(self) -> list[str]:
        return [path.name for path in self.folder.glob("*/uploads/*")]


@contextmanager
def served(folder: Path) -> Iterator[Server]:
    """The app on a free port, until the block is left."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, ROOT / "app.py", "--no-open", "--port", str(port)]
    app = subprocess.Popen(command, env={**os.environ, "TMPDIR": str(folder)}, cwd=ROOT)
    try:
        _until_ready(app, f"http://127.0.0.1:{port}")
        yield Server(f"http://127.0.0.1:{port}", folder, psutil.Process(app.pid))
    finally:
        app.terminate()
        app.wait(30)


def _until_ready(app: subprocess.Popen[bytes], base: str) -> None:
    for _ in range(300):
        if app.poll() is not None:
            raise SystemExit("the app did not start")
        try:
            httpx.get(base, timeout=5, trust_env=False)
            return
        except httpx.HTTPError:
            time.sleep(0.4)
    raise SystemExit("the app did not answer")


def measure(visitors: int, seconds: float, loads: int) -> dict[str, Any]:
    """Let the visitors in, again and again; who come later are others."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with served(folder) as server:
            first = Visitor(server.base, -1)
            start = server.mib()
            for example in first.examples:
                first.example(example)
            found = [load(server, [Visitor(server.base, n * 1000 + i) for i in range(visitors)], seconds)
                     for n in range(loads)]  # fmt: skip
        left = sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))
    return {"memory_at_start_mib": start, "loads": found, "left_after_the_end": left}


def load(server: Server, guests: list[Visitor], seconds: float) -> dict[str, Any]:
    seen, until = Seen(), time.monotonic() + seconds
    threads = [threading.Thread(target=guest.visit, args=(until, seen)) for guest in guests]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for guest in guests:
        guest.client.close()
    time.sleep(REST)
    return {
        "examples": {"answered": len(seen.examples), **_percentiles(seen.examples)},
        "own_images": {"answered": len(seen.own), **_percentiles([done - asked for asked, _, done in seen.own])},
        "errors": dict(seen.errors),
        "overtaken": overtaken(seen.own),
        "memory_after_mib": server.mib(),
        "uploads_left": server.uploads(),
    }


def _percentiles(seconds: list[float]) -> dict[str, float]:
    if not seconds:
        return {}
    return {f"p{p}_seconds": round(float(np.percentile(seconds, p)), 3) for p in (50, 95, 100)}


def machine() -> dict[str, Any]:
    """Where it is measured, and how busy that was before."""
    text = f"{platform.machine()}, {psutil.cpu_count()} cores, Python {platform.python_version()}"
    return {"machine": text, "busy_before_percent": psutil.cpu_percent(5)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--visitors", type=int, default=30)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--loads", type=int, default=4, help="one after the other, at the same server")
    parser.add_argument("--json", type=Path, metavar="FILE")
    given = parser.parse_args()
    bounds = ((given.visitors, MOST_VISITORS), (given.seconds, MOST_SECONDS), (given.loads, MOST_LOADS))
    if not all(0 < value <= most for value, most in bounds):
        parser.error(f"at most {MOST_VISITORS} visitors, {MOST_SECONDS} seconds and {MOST_LOADS} loads")
    asked = {"visitors": given.visitors, "seconds": given.seconds}
    result = {**machine(), **asked, **measure(given.visitors, given.seconds, given.loads)}
    print(json.dumps(result, indent=1))
    if given.json:
        given.json.write_text(json.dumps(result, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
