"""How fast the stage answers in a real browser: python benchmarks/stage.py [--json FILE].

Starts the app, opens it in headless Chromium and measures, each over at least 200 actions: page opened to first maps,
first visit to a step, key press to maps drawn (maps at hand), pointer move to boxes drawn, unit held to its gradient
heat map; and what looking at every step costs the browser's processes in memory. As a yardstick in the same run, a
gr.Gallery and a gr.Image page step through the same mosaics the way one would build it without the stage: a button, a
Python event, a new value. The ratio between them is the figure; milliseconds belong to the machine.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import platform
import re
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.e2e.conftest import CHROMIUM, FLAGS, Server

ACTIONS = 200
# timed inside the page, from the event until a pixel of every canvas can be read: then all of it is drawn
TIMED = """async ([count, act]) => {
    const canvases = [...document.querySelectorAll('.fx-mosaic canvas, .fx-view canvas')], times = [];
    const painted = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
    for (let i = 0; i < count; i++) {
        await painted();
        const began = performance.now();
        (new Function('i', act))(i);
        for (const canvas of canvases) canvas.getContext('2d').getImageData(0, 0, 1, 1);
        times.push(performance.now() - began);
    }
    return times;
}"""
KEY = "document.dispatchEvent(new KeyboardEvent('keydown', {key: i % 40 < 20 ? 'ArrowRight' : 'ArrowLeft'}))"
MOVE = """const c = document.querySelector('.fx-mosaic canvas'), b = c.getBoundingClientRect();
const clientX = b.x + 5 + (i * 37) % (b.width - 10), clientY = b.y + 5 + (i * 23) % (b.height - 10);
c.dispatchEvent(new PointerEvent('pointermove', {clientX, clientY, bubbles: true}))"""


def summary(times: list[float]) -> dict[str, float]:
    return {
        "median_ms": round(float(np.median(times)), 2),
        "p95_ms": round(float(np.percentile(times, 95)), 2),
        "n": len(times),
    }


HOLD = """async (i) => {
    const c = document.querySelector('.fx-mosaic canvas'), b = c.getBoundingClientRect();
    const clientX = b.x + 9 + (i * 61) % (b.width - 18), clientY = b.y + 9 + (i * 47) % (b.height - 18);
    const box = document.querySelector('.fx-held'), began = performance.now();
    const at = {clientX, clientY, bubbles: true};
    for (const type of ['pointermove', 'click']) c.dispatchEvent(new PointerEvent(type, at));
    if (!document.querySelector('.fx-holding')) return null; // between two tiles
    while (box.textContent.includes('Computing')) await new Promise((done) => setTimeout(done, 1));
    await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
    const took = performance.now() - began;
    document.querySelector('.fx-held > button').click();
    return took;
}"""


def fresh(browser: Any, url: str) -> Any:
    """A page without anything cached."""
    page = blank(browser)
    page.goto(url)
    page.wait_for_selector(".fx[data-state=ready]")
    return page


def blank(browser: Any) -> Any:
    """An empty page of a person who was never here."""
    page = browser.new_context(viewport={"width": 1366, "height": 768}, locale="en-US").new_page()
    page.set_default_timeout(120_000)
    return page


def memory(browser: Any, page: Any) -> float:
    """MiB of all the browser's processes (proportional set size), after a garbage collection."""
    client = page.context.new_cdp_session(page)
    client.send("HeapProfiler.collectGarbage")
    page.wait_for_timeout(500)
    processes = browser.new_browser_cdp_session().send("SystemInfo.getProcessInfo")["processInfo"]
    total = 0
    for process in processes:
        text = Path(f"/proc/{process['id']}/smaps_rollup").read_text()
        total += int(re.search(r"^Pss:\s+(\d+)", text, re.M)[1])
    return total / 1024


def openings(browser: Any, server: Server) -> dict[str, float]:
    times = []
    for _ in range(ACTIONS):
        page = blank(browser)
        began = time.perf_counter()
        page.goto(server.url)
        page.wait_for_selector(".fx[data-state=ready]")
        times.append((time.perf_counter() - began) * 1000)
        page.context.close()
    return summary(times)


def visits(browser: Any, url: str) -> dict[str, float]:
    """Steps in random order, in fresh pages, until there are enough."""
    first: list[float] = []
    rng = np.random.default_rng(0)
    while len(first) < ACTIONS:
        page = fresh(browser, url)
        total = int(page.inner_text(".fx-count").split(" / ")[1])
        for i in rng.permutation(total):
            name = page.locator(f".fx-list li:nth-child({i + 1}) b").text_content()
            first.append(
                page.evaluate(
                    """async ([i, name]) => { const stage = document.querySelector('.fx'), began = performance.now();
                    document.querySelectorAll('.fx-net button')[i].click();
                    while (stage.dataset.step !== name) await new Promise((done) => setTimeout(done));
                    return performance.now() - began }""",
                    [int(i), name],
                )
            )
            page.wait_for_timeout(150)  # the neighbours are fetched; what follows is another place
        page.context.close()
    return summary(first)


def holds(page: Any) -> dict[str, float]:
    """Units all over all steps."""
    times: list[float] = []
    total = int(page.inner_text(".fx-count").split(" / ")[1])
    i = 0
    while len(times) < ACTIONS:
        page.evaluate("i => document.querySelectorAll('.fx-net button')[i].click()", 1 + i * 7 % (total - 1))
        page.wait_for_timeout(120)
        took = page.evaluate(HOLD, i)
        times += [took] if took is not None else []
        i += 1
    return summary(times)


def stage(browser: Any, url: str) -> dict[str, Any]:
    out: dict[str, Any] = {"first visit to a step": visits(browser, url)}
    page = fresh(browser, url)
    before = memory(browser, page)
    for _ in range(int(page.inner_text(".fx-count").split(" / ")[1])):
        page.keyboard.press("ArrowRight")
        page.wait_for_timeout(80)
    out["memory of all steps, MiB"] = round(memory(browser, page) - before, 1)
    page.locator(".fx-list li:nth-child(4) button").click()
    page.wait_for_timeout(500)
    page.evaluate(TIMED, [60, KEY])  # the range of steps is decoded now
    out["key to maps drawn"] = summary(page.evaluate(TIMED, [ACTIONS, KEY]))
    out["pointer to boxes drawn"] = summary(page.evaluate(TIMED, [ACTIONS, MOVE]))
    out["unit held to heat map"] = holds(page)
    page.context.close()
    return out


def plain_gradio(port: int, kind: str) -> None:
    """What one would write first: the maps as a gr.Gallery or one gr.Image, a new value for every step."""
    import gradio as gr

    rng = np.random.default_rng(0)
    steps = [[rng.integers(0, 255, (120, 120), np.uint8) for _ in range(64)] for _ in range(8)]
    sheets = [np.block([s[8 * r : 8 * r + 8] for r in range(8)]) for s in steps]
    with gr.Blocks() as demo:
        at = gr.State(0)
        out: Any = gr.Gallery(columns=8) if kind == "gallery" else gr.Image()
        button = gr.Button("next", elem_id="next")

        def go(i: int) -> tuple[int, Any]:
            i = (i + 1) % len(steps)
            return i, [np.stack([m] * 3, -1) for m in steps[i]] if kind == "gallery" else sheets[i]

        button.click(go, at, [at, out], show_progress="hidden")
    demo.launch(server_port=port, quiet=True)


def yardstick(browser: Any, kind: str, port: int) -> dict[str, float]:
    process = multiprocessing.get_context("spawn").Process(target=plain_gradio, args=(port, kind), daemon=True)
    process.start()
    page = browser.new_page()
    for _ in range(100):
        try:
            page.goto(f"http://127.0.0.1:{port}/")
            break
        except Exception:
            time.sleep(0.3)
    page.wait_for_selector("#next")
    times = []
    for _ in range(20):
        times.append(
            page.evaluate(
                """async () => {
                const key = () => [...document.querySelectorAll('img')].map((i) => i.src + i.complete).join();
                const before = key(), began = performance.now();
                document.querySelector('#next').click();
                const loaded = () => { const all = [...document.querySelectorAll('img')];
                    return all.length && key() !== before && all.every((i) => i.complete && i.naturalWidth) };
                while (!loaded()) await new Promise((done) => setTimeout(done, 2));
                return performance.now() - began }"""
            )
        )
    page.close()
    process.terminate()
    return summary(times)


def main() -> None:
    from playwright.sync_api import sync_playwright

    parser = argparse.ArgumentParser()
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    server = Server(Path("/tmp/benchmark-stage.log"))
    results: dict[str, Any] = {"machine": platform.processor() or platform.machine(), "date": time.strftime("%Y-%m-%d")}
    try:
        with sync_playwright() as play:
            browser = play.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
            results["page opened to first maps"] = openings(browser, server)
            results["FCN-8s, pad 100, 500 px"] = stage(browser, server.url + "?size=500")
            results["U-Net, valid, 572 px"] = stage(browser, server.url + "?model=unet&size=388&image=astronaut.jpg")
            for i, kind in enumerate(("gallery", "image")):
                results[f"gr.{kind.capitalize()}, button to new maps"] = yardstick(browser, kind, server.port + 1 + i)
            browser.close()
    finally:
        server.stop()
    key = results["FCN-8s, pad 100, 500 px"]["key to maps drawn"]["median_ms"]
    for kind in ("Gallery", "Image"):
        slow = results[f"gr.{kind}, button to new maps"]["median_ms"]
        results[f"gr.{kind} over the stage"] = round(slow / key, 1)
    text = json.dumps(results, indent=2)
    print(text)
    if arguments.json:
        arguments.json.write_text(text + "\n")


if __name__ == "__main__":
    main()
