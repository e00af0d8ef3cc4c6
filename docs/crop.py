"""Make the README's picture of U-Net's crop: python docs/crop.py assets/crop.webp (needs Chromium and Playwright)."""

from __future__ import annotations

import io
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw
from playwright.sync_api import sync_playwright

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.e2e.conftest import CHROMIUM, FLAGS, Server, Visit

SHOWN = {"x": 296, "y": 58, "width": 1066, "height": 656}  # the map and the picture, without list and player
POINTER = ((0, 0), (0, 17), (4, 13), (7, 20), (10, 19), (7, 12), (12, 12))
AT = (0.02, 0.45), (0.07, 0.5), (0.12, 0.52), (0.3, 0.55), (0.45, 0.4), (0.6, 0.5), (0.8, 0.6), (0.93, 0.75)


def frames(visit: Visit) -> Iterator[tuple[Image.Image, int]]:
    """Pictures and their milliseconds: the pointer goes over the whole skip map, then over what the crop keeps."""
    visit.open().choose("U-Net").go("crop_d2c")
    page = visit.page
    page.locator("canvas").nth(2).click(position={"x": 340, "y": 20})  # a channel that shows roofs, sky and trees
    page.get_by_role("button", name="enlarge channel").click()
    page.keyboard.press("Escape")  # lets go of the unit that the click held
    for mode in ("whole", "cut"):
        page.locator(f"[data-cropview={mode}]").click()
        page.wait_for_timeout(800)
        box = page.locator("canvas").nth(2).bounding_box()
        yield picture(page, None), 1200
        for x, y in AT:
            at = box["x"] + x * box["width"], box["y"] + y * box["height"]
            page.mouse.move(*at)
            page.wait_for_timeout(300)
            yield picture(page, at), 550


def picture(page: Any, pointer: tuple[float, float] | None) -> Image.Image:
    image = Image.open(io.BytesIO(page.screenshot(clip=SHOWN))).convert("RGB")
    if pointer:
        x, y = pointer[0] - SHOWN["x"], pointer[1] - SHOWN["y"]
        shape = [(x + right, y + down) for right, down in POINTER]
        ImageDraw.Draw(image).polygon(shape, fill="white", outline="black")
    return image


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as play:
        server = Server(Path(folder) / "log.txt")
        try:
            browser = play.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
            page = browser.new_page(viewport={"width": 1366, "height": 768}, locale="en-US", color_scheme="light")
            (first, *others), times = zip(*frames(Visit(page, server.url)), strict=True)
            first.save(
                sys.argv[1], save_all=True, append_images=others, duration=list(times), loop=0, quality=70, method=6
            )
        finally:
            server.stop()


if __name__ == "__main__":
    main()
