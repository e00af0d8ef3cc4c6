"""The stage's modules in one file: all of them, each behind what it needs."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from explorer.ui import stage
from explorer.ui.stage.bundle import bundle, ordered

FOLDER = Path(stage.__file__).parent


def test_every_module_is_there_and_stands_behind_what_it_needs() -> None:
    modules = ordered(FOLDER)
    assert modules.keys() == {path.name for path in FOLDER.glob("*.js")}  # none lies about unused
    names = list(modules)
    for name, text in modules.items():
        needed = re.findall(r"import [^;]*? from '\./([\w.]+)';", text)
        assert len(needed) == len(re.findall(r"^import ", text, re.MULTILINE))  # no other way of importing
        assert all(names.index(other) < names.index(name) for other in needed)
        assert text == (FOLDER / name).read_text("utf-8")
    found = re.match(r"const MODULES = (\[.*?\]);\n", bundle(FOLDER), re.DOTALL)
    assert dict(json.loads(found[1])) == modules


def test_modules_that_need_each_other_are_refused(tmp_path: Path) -> None:
    (tmp_path / "main.js").write_text("import { a } from './a.js';")
    (tmp_path / "a.js").write_text("import { b } from './main.js';")
    with pytest.raises(ValueError, match=r"main\.js -> a\.js -> main\.js"):
        bundle(tmp_path)
