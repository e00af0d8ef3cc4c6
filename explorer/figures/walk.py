"""The walk through a network as an animation: a frame a step, with its maps, its numbers, what a unit of it sees."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import astuple, dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from explorer.figures import palettes

SIZE = (960, 540)  # width and height of a frame, pixels
PAD = 20
HEAD = 64  # high is what stands above the maps
FOOT = 34
SIDE = 270  # wide is the input at the right
GAP = 1  # between tiles, pixels of the maps
SECONDS = 0.8  # a frame stays
OPACITY = 0.55  # of the prediction over the image, as on the page
QUALITY = 80  # of WebP
KINDS = ("webp", "gif")
FONTS = (  # with Korean letters, where systems have them; "" is Pillow's own, with English ones
    "",
    "NotoSansCJK-Regular.ttc",
    "NotoSansKR-Regular.otf",
    "NotoSansKR-Regular.ttf",
    "NanumGothic.ttf",
    "malgun.ttf",
    "AppleSDGothicNeo.ttc",
    "AppleGothic.ttf",
)

Read = Callable[[str], bytes]  # a picture of a run, by its name


@dataclass(frozen=True)
class Words:
    """What the numbers of a step are called."""

    jump: str = "jump"
    start: str = "start"
    field: str = "receptive field"
    either: str = " or "


ENGLISH = Words()


def walk(run: dict[str, Any], read: Read, kind: str = "webp", words: Words = ENGLISH) -> bytes:
    """An animated WebP or GIF of a run as the page has it (its JSON, and what reads its pictures). In English where
    this machine has no font with the letters of the `words`."""
    seen = _overlaid(run, read)
    first, *others = [frame(run, read, index, seen, words) for index in range(len(run["steps"]))]
    out = io.BytesIO()
    settings: dict[str, Any] = {"quality": QUALITY, "method": 2} if kind == "webp" else {"optimize": False}
    stays = [round(1000 * SECONDS)] * (1 + len(others))
    first.save(out, kind.upper(), save_all=True, append_images=others, duration=stays, loop=0, **settings)
    return out.getvalue()


def frame(run: dict[str, Any], read: Read, index: int, seen: Image.Image, words: Words = ENGLISH) -> Image.Image:
    """One step; `seen` is the network's input with the prediction over it."""
    step = run["steps"][index]
    page = Image.new("RGB", SIZE, "white")
    pen = ImageDraw.Draw(page)
    name = font_of("".join(astuple(words)))
    said = _numbers(run, step, ENGLISH if name is None else words)
    pen.text((PAD, 12), step["name"], "black", ImageFont.load_default(24))
    pen.text((PAD, 42), said, "#444", _font(name or "", 15))
    pen.text((SIZE[0] - PAD, 14), run["title"], "#444", ImageFont.load_default(20), anchor="ra")
    room = SIZE[0] - SIDE - 3 * PAD, SIZE[1] - HEAD - FOOT - PAD
    maps = coloured(_pixels(read(step["maps"]["file"])), step["maps"], run["classes"])
    page.paste(_fitted(_tiled(maps, step, room), room), (PAD, HEAD + 4))
    left = SIZE[0] - SIDE - PAD
    small = _fitted(seen, (SIDE, room[1]))
    page.paste(small, (left, HEAD + 4))
    if box := _field(run, step):
        scale = small.width / seen.width
        top, begin, bottom, end = (edge * scale for edge in box)
        corners = [left + begin, HEAD + 4 + top, left + max(end - 1, begin + 2), HEAD + 4 + max(bottom - 1, top + 2)]
        pen.rectangle(corners, outline="black", width=4)
        pen.rectangle(corners, outline=palettes.ROLES["field"], width=2)
    _progress(pen, run, index)
    return page


def coloured(codes: np.ndarray, maps: dict[str, Any], classes: list[dict[str, Any]]) -> np.ndarray:
    """A mosaic's codes (H x W uint8) in the colours that the page begins with, H x W x 3 uint8: each channel over its
    own range, zero in the middle where values have signs; classes in their own."""
    if maps.get("labels"):
        return np.array([info["colour"] for info in classes], np.uint8)[np.minimum(codes, len(classes) - 1)]
    low, high = np.array(maps["min"], float), np.array(maps["max"], float)
    signed = maps["signed"] or low.min() < 0
    table = palettes.lookup_table(palettes.DIVERGING if signed else palettes.SEQUENTIAL[0])
    height, width = maps["tile"]
    out = np.full((*codes.shape, 3), 255, np.uint8)
    for channel, (least, most) in enumerate(zip(low, high, strict=True)):
        top, left = channel // maps["columns"] * height, channel % maps["columns"] * width
        tile = np.s_[top : top + height, left : left + width]
        values = least + codes[tile] / 255 * (most - least)
        a, b = (-max(abs(least), abs(most)), max(abs(least), abs(most))) if signed else (least, most)
        at = (values - a) / (b - a) if b > a else np.full(values.shape, 0.5 if signed else 0.0)
        out[tile] = table[np.floor(at * 255 + 0.5).clip(0, 255).astype(np.uint8)]
    return out


def _tiled(mosaic: np.ndarray, step: dict[str, Any], room: tuple[int, int]) -> Image.Image:
    """A mosaic's tiles in as many columns as make them largest in a room (width, height)."""
    maps, count = step["maps"], step["shape"][0]
    height, width = maps["tile"]
    down, across = height + GAP, width + GAP
    scale = {n: min(room[0] / (n * across), room[1] / (-(-count // n) * down)) for n in range(1, count + 1)}
    columns = max(scale, key=lambda n: scale[n])
    sheet = np.full((-(-count // columns) * down - GAP, columns * across - GAP, 3), 255, np.uint8)
    for channel in range(count):
        top, left = channel // maps["columns"] * height, channel % maps["columns"] * width
        y, x = channel // columns * down, channel % columns * across
        sheet[y : y + height, x : x + width] = mosaic[top : top + height, left : left + width]
    return Image.fromarray(sheet)


@lru_cache(maxsize=32)
def _font(name: str, size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Raises OSError where this machine has none of that name."""
    return ImageFont.truetype(name, size) if name else ImageFont.load_default(size)


@lru_cache(maxsize=32)
def font_of(text: str) -> str | None:
    """The first of FONTS that this machine has with all letters of a text; None if it has none."""
    for name in FONTS:
        try:
            font = _font(name, 16)
        except OSError:
            continue
        missing = _drawn(font, "\U0010ffff")
        if all(_drawn(font, letter) != missing for letter in set(text) if not letter.isspace()):
            return name
    return None


def _drawn(font: ImageFont.FreeTypeFont | ImageFont.ImageFont, letter: str) -> tuple[tuple[int, int], bytes]:
    mask = font.getmask(letter)
    return mask.size, bytes(mask)


def _numbers(run: dict[str, Any], step: dict[str, Any], words: Words) -> str:
    channels, height, width = step["shape"]
    parts = [f"{height} x {width} x {channels}"]
    if step["rows"] is not None:
        axis, field = run["axes"][step["rows"]], words.either.join(map(str, step["field"]))
        parts += [f"{words.jump} {axis['jump']:g}", f"{words.start} {axis['start']:g}", f"{words.field} {field}"]
    return "   ·   ".join(parts)


def _field(run: dict[str, Any], step: dict[str, Any]) -> tuple[int, int, int, int] | None:
    """What the unit in the middle of a step's map sees of the input: top, left, bottom, right."""
    if step["rows"] is None:
        return None
    rows, cols = run["axes"][step["rows"]], run["axes"][step["cols"]]
    row, column = step["shape"][1] // 2, step["shape"][2] // 2
    if rows["lo"][row] > rows["hi"][row] or cols["lo"][column] > cols["hi"][column]:
        return None
    return rows["lo"][row], cols["lo"][column], rows["hi"][row] + 1, cols["hi"][column] + 1


def _overlaid(run: dict[str, Any], read: Read) -> Image.Image:
    """The network's input with the prediction where it lies."""
    seen = _pixels(read(run["pictures"]["network"])).astype(float)
    labels = _pixels(read(run["pictures"]["labels"]))
    colours = np.array([info["colour"] for info in run["classes"]], float)[labels]
    top, left = run["offset"]
    part = seen[top : top + labels.shape[0], left : left + labels.shape[1]]
    part += OPACITY * (colours - part)
    return Image.fromarray(np.rint(seen).astype(np.uint8))


def _pixels(content: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(content)))


def _fitted(picture: Image.Image, room: tuple[int, int]) -> Image.Image:
    """As large as the room allows; enlarged pixels stay squares."""
    scale = min(room[0] / picture.width, room[1] / picture.height)
    size = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
    return picture.resize(size, Image.Resampling.NEAREST if scale > 1 else Image.Resampling.BILINEAR)


def _progress(pen: ImageDraw.ImageDraw, run: dict[str, Any], index: int) -> None:
    """How far the walk is, and which path each step belongs to."""
    count, y = len(run["steps"]), SIZE[1] - FOOT + 6
    wide = (SIZE[0] - 2 * PAD) / count
    for at, step in enumerate(run["steps"]):
        colour = palettes.ROLES.get(step["role"], "#999") if at <= index else "#ddd"
        pen.rectangle([PAD + at * wide, y, PAD + (at + 1) * wide - 2, y + (10 if at == index else 6)], fill=colour)
