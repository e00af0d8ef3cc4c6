"""A class at one server: visitors run examples that are known already, and images of their own, for a minute.

Starts the app by itself, on this machine alone, with a temporary folder of its own, and stops it afterwards. Says how
long the examples took, who was overtaken, what memory is held afterwards, and which files were left.
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
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psutil
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
SELECTION = {"model": "fcn8s", "checkpoint": "fcn8s-everyday", "padding": "same", "size": 320, "device": "cpu"}
MOST_VISITORS, MOST_SECONDS = 100, 600
OWN = 0.3  # share of the questions that are about an image of one's own


@dataclass
class Seen:
    """What all visitors saw; `own` are (when asked, when taken, when done) of the runs that had to wait."""

    examples: list[float] = field(default_factory=list)
    own: list[tuple[float, float, float]] = field(default_factory=list)
    errors: Counter[str] = field(default_factory=Counter)


class Visitor:
    def __init__(self, base: str, number: int) -> None:
        self.client = httpx.Client(base_url=base, timeout=300, trust_env=False)
        self.random, self.session = random.Random(number), f"visitor{number}"
        config = self.client.get("/config").json()
        self.events = {target[1]: d["id"] for d in config["dependencies"] for target in d["targets"]}
        start = json.loads(next(c for c in config["components"] if c["type"] == "html")["props"]["value"])
        self.examples = [e["file"] for e in start["catalog"]["examples"] if e["family"] == "everyday"]

    def ask(self, event: str, data: dict[str, Any]) -> tuple[dict[str, Any], float, float, float]:
        """The last message of an answer; when it was asked for, when that was taken, and when the answer came."""
        body = {"data": [], "event_data": data, "fn_index": self.events[event], "session_hash": self.session}
        asked = time.monotonic()
        self.client.post("/gradio_api/queue/join", json=body).raise_for_status()
        taken, last = time.monotonic(), {}
        with self.client.stream("GET", "/gradio_api/queue/data", params={"session_hash": self.session}) as stream:
            for line in stream.iter_lines():
                message = json.loads(line[5:]) if line.startswith("data:") else {}
                values = (message.get("output") or {}).get("data") or []
                if values and isinstance(values[0], str):
                    last = json.loads(values[0])
                if message.get("msg") == "process_completed":
                    if not message["success"]:
                        last = {"kind": "error", "code": "gradio"}
                    break
        return last, asked, taken, time.monotonic()

    def example(self, name: str) -> tuple[dict[str, Any], float, float, float]:
        return self.ask("run", {"request": "r", "selection": {**SELECTION, "image": name}})

    def own(self) -> tuple[dict[str, Any], float, float, float]:
        seed = self.random.randrange(2**31)
        small = np.random.default_rng(seed).integers(0, 256, (24, 32, 3), np.uint8)
        photo = io.BytesIO()
        Image.fromarray(small).resize((640, 480), Image.Resampling.BICUBIC).save(photo, "JPEG")
        (sent,) = self.client.post("/gradio_api/upload", files={"files": ("own.jpg", photo.getvalue())}).json()
        upload = {"sent": sent, "name": "own.jpg"}
        return self.ask("run", {"request": "r", "selection": {**SELECTION, "image": ""}, "upload": upload})

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


def overtaken(own: list[tuple[float, float, float]]) -> int:
    """Pairs of runs of which the second was asked for after the first was taken, and done before it."""
    return sum(later[0] > first[1] and later[2] < first[2] for first in own for later in own)


def load(visitors: int, seconds: float) -> dict[str, Any]:
    """Start the app, let the visitors in, stop it."""
    with tempfile.TemporaryDirectory() as folder:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        environment = {**os.environ, "TMPDIR": folder}
        app = subprocess.Popen([sys.executable, ROOT / "app.py", "--port", str(port)], env=environment, cwd=ROOT)
        try:
            base = f"http://127.0.0.1:{port}"
            _until_ready(app, base)
            process = psutil.Process(app.pid)
            at_start = process.memory_info().rss
            guests = [Visitor(base, number) for number in range(visitors)]
            for name in guests[0].examples:
                guests[0].example(name)
            seen, until = Seen(), time.monotonic() + seconds
            threads = [threading.Thread(target=guest.visit, args=(until, seen)) for guest in guests]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            time.sleep(10)
            found = {
                "examples": {"answered": len(seen.examples), **_percentiles(seen.examples)},
                "own_images": {
                    "answered": len(seen.own),
                    **_percentiles([done - asked for asked, _, done in seen.own]),
                },
                "errors": dict(seen.errors),
                "overtaken": overtaken(seen.own),
                "memory_mib": {"start": at_start >> 20, "after": process.memory_info().rss >> 20},
                "uploads_left": [str(path.name) for path in Path(folder).glob("*/uploads/*")],
            }
        finally:
            app.terminate()
            app.wait(30)
        return {**found, "left_after_the_end": sorted(str(p.relative_to(folder)) for p in Path(folder).rglob("*"))}


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


def _percentiles(seconds: list[float]) -> dict[str, float]:
    if not seconds:
        return {}
    return {f"p{p}_seconds": round(float(np.percentile(seconds, p)), 3) for p in (50, 95, 100)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--visitors", type=int, default=30)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--json", type=Path, metavar="FILE")
    given = parser.parse_args()
    if not (0 < given.visitors <= MOST_VISITORS and 0 < given.seconds <= MOST_SECONDS):
        parser.error(f"at most {MOST_VISITORS} visitors and {MOST_SECONDS} seconds")
    busy = psutil.cpu_percent(5)
    result = {
        "machine": f"{platform.machine()}, {psutil.cpu_count()} cores, Python {platform.python_version()}",
        "visitors": given.visitors,
        "seconds": given.seconds,
        "busy_before_percent": busy,
        **load(given.visitors, given.seconds),
    }
    print(json.dumps(result, indent=1))
    if given.json:
        given.json.write_text(json.dumps(result, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
