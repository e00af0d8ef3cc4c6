"""How fast the labs answer in a real browser: python benchmarks/labs.py [--lab LAB ...] [--json FILE].

Starts the app, opens each lab in headless Chromium and measures from a slider's move to the plot drawn anew, and in the
same process how long each lab's forward pass takes on the bundled networks, once its network is loaded.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from explorer.ui import catalog
from explorer.ui.session import Workbench
from explorer.ui.state import Selection
from tests.e2e.conftest import CHROMIUM, FLAGS, Server

MOVES = 40
PAGES = {
    "crop, U-Net": ("view=labs&lab=crop&model=unet&padding=valid", "regions"),
    "crop, FCN-8s": ("view=labs&lab=crop&model=fcn8s&padding=paper", "regions"),
    "border, U-Net": ("view=labs&lab=border&model=unet&padding=valid", "lost"),
    "border, FCN-8s": ("view=labs&lab=border&model=fcn8s&padding=paper", "lost"),
}
MOVED = """async ([slot, moves]) => {
    const slider = document.querySelector('.fx-lab-range input[type=range]'), times = [];
    const figure = document.querySelector(`.fx-lab:not([hidden]) [data-figure=${slot}]`);
    for (let i = 0; i < moves; i++) {
        const began = performance.now();
        const drawn = new Promise((done) => figure.once('plotly_afterplot', done));
        slider.value = Number(slider.value) + (i % 2 ? 1 : 2);
        slider.dispatchEvent(new Event('input', { bubbles: true }));
        await drawn;
        times.push(performance.now() - began);
        await new Promise((done) => setTimeout(done, 120));
    }
    return times;
}"""
RUNS = [
    ("crop", "values", "unet", "valid", {"mode": "centre"}),
    ("crop", "values", "fcn8s", "paper", {"mode": "centre"}),
    ("crop", "values", "fcn8s", "paper", {"cuts.fuse_pool4": "swap"}),
    ("border", "values", "fcn8s", "paper", {}),
    ("border", "dependence", "unet", "valid", {}),
    ("border", "dependence", "fcn8s", "paper", {}),
    ("tap", "values", "fcn8s", "paper", {}),
    ("tap", "values", "fcn8s", "same", {}),
    ("shift", "values", "unet", "same", {}),
    ("shift", "values", "fcn8s", "same", {}),
    ("shift", "sweep", "fcn8s", "same", {}),
    ("field", "values", "unet", "valid", {}),
    ("field", "values", "fcn8s", "paper", {}),
    ("field", "every", "fcn8s", "paper", {}),
]


def sliders(labs: list[str]) -> dict[str, Any]:
    """Milliseconds from a slider's move to its plot."""
    from playwright.sync_api import sync_playwright

    found: dict[str, Any] = {}
    server = Server(Path(tempfile.mkdtemp()) / "log.txt")
    try:
        with sync_playwright() as play:
            page = play.chromium.launch(executable_path=CHROMIUM, args=FLAGS).new_page()
            for name, (query, slot) in PAGES.items():
                if labs and name.split(",")[0] not in labs:
                    continue
                page.goto(f"{server.url}?{query}")
                page.wait_for_selector(".fx-labs[data-answered$=values]", timeout=60_000)
                page.wait_for_timeout(1000)
                times = page.evaluate(MOVED, [slot, MOVES])
                found[name] = {
                    "median_ms": round(float(np.median(times))),
                    "p95_ms": round(float(np.percentile(times, 95))),
                }
    finally:
        server.stop()
    return found


def forwards(labs: list[str]) -> dict[str, float]:
    """Seconds of a lab's answer, the second of two: the first one loads the network."""
    bench = Workbench()
    found = {}
    for lab, what, model, padding, settings in RUNS:
        if labs and lab not in labs:
            continue
        card = next(m["cards"][0] for m in catalog.catalog(bench.networks.cards, [])["models"] if m["key"] == model)
        seconds = []
        for image in ("pagoda.jpg", "cat.jpg"):
            chosen = vars(Selection(model, card, padding, image, 320, "cpu"))
            began = time.perf_counter()
            question = {"lab": lab, "what": what, "selection": chosen, "settings": settings}
            bench.labs.answer(question, lambda *_: None, lambda: False)
            seconds.append(time.perf_counter() - began)
        name = lab if what == "values" else f"{lab}, {what}"
        name += ", surgery" if any(key.startswith("cuts.") for key in settings) else ""
        found[f"{name}, {model}, {padding}"] = round(seconds[-1], 2)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--lab", action="append", default=[], help="only this one; others keep what the file has")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    kept = json.loads(given.json.read_text("utf-8")) if given.json and given.lab and given.json.exists() else {}
    found: dict[str, Any] = {"machine": platform.machine()}
    for name, measure in (("slider_to_plot", sliders), ("forward_s", forwards)):
        found[name] = {**kept.get(name, {}), **measure(given.lab)}
    print(json.dumps(found, indent=1))
    if given.json:
        given.json.write_text(json.dumps(found, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
