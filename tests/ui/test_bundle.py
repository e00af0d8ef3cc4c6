"""The stage in one piece each: all modules, each behind what it needs; all parts of the page; all styles."""

from __future__ import annotations

import json
import posixpath
import re
from pathlib import Path

import pytest

from explorer.figures.palettes import PAGE
from explorer.ui import stage
from explorer.ui.stage.bundle import STYLES, bundle, ordered, page, styles

FOLDER = Path(stage.__file__).parent
COLOUR = re.compile(r"(?<!\.)#(?:[0-9a-f]{3,4}){1,2}\b(?!\()|\b(?:rgba?|hsla?)\(\s*[\d.]|0x[0-9a-f]{8}\b", re.I)


def there(suffix: str) -> set[str]:
    return {path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob(f"*{suffix}")}


def test_every_module_is_there_and_stands_behind_what_it_needs() -> None:
    modules = ordered(FOLDER)
    assert modules.keys() == there(".js") - {"types.js"}  # none lies about unused
    names = list(modules)
    for name, text in modules.items():
        needed = re.findall(r"^import [^;]*? from '(\.[\w./]+)';", text, re.MULTILINE)
        assert len(needed) == len(re.findall(r"^import ", text, re.MULTILINE))  # no other way of importing
        paths = [posixpath.normpath(posixpath.join(posixpath.dirname(name), other)) for other in needed]
        assert all(names.index(other) < names.index(name) for other in paths)
        assert text == (FOLDER / name).read_text("utf-8")
    found = re.match(r"const MODULES = (\[.*?\]);\n", bundle(FOLDER), re.DOTALL)
    assert dict(json.loads(found[1])) == modules


def test_modules_that_need_each_other_are_refused(tmp_path: Path) -> None:
    (tmp_path / "view").mkdir()
    (tmp_path / "main.js").write_text("import { a } from './view/a.js';")
    (tmp_path / "view" / "a.js").write_text("import { b } from '../main.js';")
    with pytest.raises(ValueError, match=r"main\.js -> view/a\.js -> main\.js"):
        bundle(tmp_path)


def test_a_view_knows_no_other_view() -> None:
    views = {"explore", "segment", "compare"}
    for name, text in ordered(FOLDER).items():
        for other in re.findall(r"from '\.\./(\w+)/", text):
            assert other not in views - {posixpath.dirname(name)}, name


def test_every_part_of_the_page_is_in_it() -> None:
    whole = page(FOLDER)
    assert "part:" not in whole
    assert whole.count('<div class="fx"') == 1
    for name in there(".html"):
        first = next(line.strip() for line in (FOLDER / name).read_text("utf-8").splitlines())
        assert first in whole, name


def test_every_icon_that_is_shown_is_drawn_once() -> None:
    drawn = re.findall(r'<symbol id="([\w-]+)"', page(FOLDER))
    assert len(drawn) == len(set(drawn))
    assert set(re.findall(r'<use href="#([\w-]+)"', page(FOLDER))) == set(drawn)


def test_every_style_sheet_is_in_its_place() -> None:
    assert set(STYLES) == there(".css")
    assert len(styles(FOLDER)) == sum(len((FOLDER / name).read_text("utf-8")) for name in STYLES)


@pytest.mark.parametrize("name", sorted(there(".css") | there(".js") | there(".html")))
def test_colours_stand_in_the_palette_and_the_themes_alone(name: str) -> None:
    text = (FOLDER / name).read_text("utf-8")
    if name == "theme.css":
        text = re.sub(r"^(?:\.dark )?\.fx \{.*?^\}", "", text, count=2, flags=re.MULTILINE | re.DOTALL)
    assert [found[0] for found in COLOUR.finditer(text)] == []
    roles = re.findall(r"var\(--fx-([\w-]+)\)", text) + re.findall(r"\broles\.(\w+)", text)
    assert set(roles) <= set(PAGE)


@pytest.mark.parametrize("name", sorted(there(".css") | there(".js") | there(".html")))
def test_no_file_is_longer_than_can_be_read(name: str) -> None:
    assert len((FOLDER / name).read_text("utf-8").splitlines()) <= 300


def test_colours_are_found_where_they_stand() -> None:
    for text in ("#fff", "#0000", "#e8ecf2", "rgba(0, 0, 0, .5)", "0xb3f0e442"):
        assert COLOUR.search(f"color: {text};")
    for text in ("#fx-icon-keys", "rgb(${colour})", "0xff", "this.#add", "#feed(i)"):
        assert not COLOUR.search(text)
