"""Which units feed a unit: the page's windows are those of the operations, on every step of every network."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from explorer import cards, weights
from explorer.cards import CHECKPOINTS
from explorer.operations import along
from explorer.operations.layers import Add, Concat, Crop
from explorer.ui.i18n import TEXTS
from tests.e2e.conftest import Visit
from tests.e2e.test_layer import settled

EN = TEXTS["en"]
WINDOWS = """async (units) => {
    const named = (end) => performance.getEntriesByType('resource').find((r) => r.name.endsWith(end)).name;
    const { modules } = await import(document.querySelector('link[rel=modulepreload][href*="gradio_api/file="]').href);
    const { reads, clip } = await import(modules['explore/windows.js']);
    const { Trace } = await import(modules['explore/trace.js']);
    const file = document.querySelector('.fx').dataset.run;
    const trace = await Trace.load(file, () => named(file), {});
    const sizes = (name) => trace.step(name).shape;
    return trace.steps.filter((s) => s.inputs.length).map((step) => [step.name, units(step.shape).map((unit) =>
        [unit, reads(trace, step, unit).map(({ name, rows, cols, channel }) =>
            [name, clip(rows, sizes(name)[1]), clip(cols, sizes(name)[2]), channel])])]);
}""".replace("async (units) =>", "async () =>").replace(
    "units(step.shape)",
    "[0, 1, 7, 1e9].map((k) => ({channel: Math.min(k, step.shape[0] - 1), row: Math.min(2 * k, step.shape[1] - 1),"
    " column: Math.min(3 * k, step.shape[2] - 1)}))",
)


def expected(module: Any, axis: int, size: int, index: int) -> list[int]:
    """Half-open units of a map of `size` that output unit `index` reads, by the geometry's taps."""
    if isinstance(module, Add | Concat):
        return [index, index + 1]
    if isinstance(module, Crop):
        return [index + module.offset, index + module.offset + 1]
    read = [int(i[index]) for i, valid in along(module, axis).taps(size) if valid[index]]
    return [min(read), max(read) + 1] if read else [0, 0]


@pytest.mark.parametrize("query", ["", "?model=fcn32s&padding=same", "?model=unet", "?model=unet&padding=same"])
def test_windows_are_those_of_the_operations(visit: Visit, query: str) -> None:
    visit.open(query)
    at = settled(visit)
    card = next(c for c in cards.available(CHECKPOINTS) if c.name == at["checkpoint"])
    net = weights.load(card, at["model"], at["padding"]).module
    shapes = visit.page.evaluate(
        "async () => { const file = document.querySelector('.fx').dataset.run;"
        "const { name } = performance.getEntriesByType('resource').find((r) => r.name.endsWith(file));"
        "const { steps } = await (await fetch(name)).json();"
        "return Object.fromEntries(steps.map((s) => [s.name, s.shape])) }"
    )
    found = visit.page.evaluate(WINDOWS)
    assert len(found) > 20
    for name, units in found:
        if name == "argmax":  # appended to what the network computes: it reads its own place
            continue
        module = net.get_submodule(name)
        for unit, windows in units:
            if isinstance(module, Concat):
                ((source, _, _, channel),) = windows
                before = [s for s in shapes if s == source]
                assert before
                assert 0 <= channel < shapes[source][0]
            else:
                assert len(windows) == (2 if isinstance(module, Add) else 1)
            for source, rows, cols, _ in windows:
                _, height, width = shapes[source]
                assert rows == expected(module, 0, height, unit["row"]), (name, unit)
                assert cols == expected(module, 1, width, unit["column"]), (name, unit)


def test_the_channels_of_a_concatenation_are_those_of_its_inputs(visit: Visit) -> None:
    visit.open("?model=unet")
    found = {name: units for name, units in visit.page.evaluate(WINDOWS) if name.startswith("concat")}
    assert len(found) == 4
    for units in found.values():
        first, last = units[0][1][0], units[-1][1][0]
        assert first[0].startswith("upconv")
        assert first[3] == 0
        assert last[0].startswith("crop")
        assert units[-1][0]["channel"] == 2 * last[3] + 1  # both halves are equally deep


@pytest.mark.parametrize(
    "visit", [{"viewport": {"width": 1366, "height": 768}}, {"viewport": {"width": 1024, "height": 900}}], indirect=True
)
def test_the_window_is_said_and_drawn_on_the_map_before(visit: Visit) -> None:
    visit.open().go("pool3")
    canvas = visit.page.locator(".fx-mosaic canvas").bounding_box()
    visit.page.mouse.move(canvas["x"] + 0.05 * canvas["width"], canvas["y"] + 0.06 * canvas["height"])
    row, column = map(int, re.search(r"unit \((\d+), (\d+)\)", visit.text(".fx-unit")).groups())
    said = EN["feeds.window"].format(
        rows=f"{2 * row}–{2 * row + 1}", columns=f"{2 * column}–{2 * column + 1}"
    )  # 2 x 2, stride 2
    visit.page.locator(f".fx-feeds small:text-is({said!r})").wait_for()  # the map before may still be on its way
    assert visit.text(".fx-feeds b").startswith("relu3_3 · ")
    place = visit.page.evaluate("() => { const c = document.querySelector('.fx-thumb'); return [c.width, c.height] }")
    shape = visit.page.evaluate("() => document.querySelector('.fx-chips b').textContent")
    height, width = (2 * int(n) for n in shape.split(" × ")[:2])
    field = [0xF0, 0xE4, 0x42]
    pixels = visit.pixels(".fx-thumb").astype(int)
    near = np.abs(pixels - field).max(-1) < 12
    rows, columns = np.nonzero(near)
    assert near.sum() > 8
    assert (rows.min() + rows.max() + 1) / 2 == pytest.approx((2 * row + 1) / height * place[1], abs=1.5)
    assert (columns.min() + columns.max() + 1) / 2 == pytest.approx((2 * column + 1) / width * place[0], abs=1.5)
    visit.page.locator(".fx-feeds button").click()
    visit.page.wait_for_selector(".fx[data-step=relu3_3]")


def test_at_a_crop_both_branches_are_shown_with_what_is_kept(visit: Visit) -> None:
    visit.open().go("crop_pool4")
    names = visit.page.locator(".fx-feeds b")
    assert [text.split(" · ")[0] for text in names.all_inner_texts()] == ["score_pool4", "upscore2"]
    kept = [0x00, 0x9E, 0x73]
    visit.page.wait_for_function(
        "() => [...document.querySelectorAll('.fx-feeds b')].every((b) => /· \\d+$/.test(b.textContent))"
    )
    for k in (0, 1):
        there = visit.page.evaluate(
            """([k, [r, g, b]]) => { const c = document.querySelectorAll('.fx-thumb')[k];
            const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
            let n = 0;
            for (let i = 0; i < d.length; i += 4) n += d[i] === r && d[i + 1] === g && d[i + 2] === b;
            return n }""",
            [k, kept],
        )
        assert there > 20
    canvas = visit.page.locator(".fx-mosaic canvas").bounding_box()
    columns = round(canvas["width"] / 120)
    visit.page.mouse.move(canvas["x"] + canvas["width"] / columns / 2, canvas["y"] + 40)
    row, column = map(int, re.search(r"unit \((\d+), (\d+)\)", visit.text(".fx-unit")).groups())
    for k, shift in ((1, 0), (2, 5)):
        said = EN["feeds.unit"].format(row=row - shift, column=column - shift)
        visit.page.locator(f".fx-feeds li:nth-child({k}) small:text-is({said!r})").wait_for()
