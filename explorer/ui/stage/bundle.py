"""All of the stage's modules in one file: one request instead of forty, which Gradio's own scripts would queue up with.

Each module stays a module of its own, under an address that the browser makes for it (a blob); the page learns these
addresses in the order in which modules need each other. Nothing in a module is changed but where its imports come from.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

IMPORT = re.compile(r"""(?<=from )'\./([^']+)'""")

LOADER = r"""
const urls = {};
for (const [name, text] of MODULES) {
  const code = text.replace(/(?<=from )'\.\/([^']+)'/g, (_, other) => `'${urls[other]}'`);
  urls[name] = URL.createObjectURL(new Blob([`${code}\n//# sourceURL=stage/${name}`], { type: 'text/javascript' }));
}
export const modules = urls;
export const { mount } = await import(urls['main.js']);
"""


def bundle(folder: Path) -> str:
    """The source of one module that exports `mount` of `main.js`, and the addresses of all as `modules`.

    Raises ValueError if modules need each other.
    """
    return f"const MODULES = {json.dumps(list(ordered(folder).items()), ensure_ascii=False)};{LOADER}"


def ordered(folder: Path, first: str = "main.js") -> dict[str, str]:
    """Source texts by name: `first` and all that it needs, each behind those that it needs itself."""
    done: dict[str, str] = {}

    def add(name: str, above: tuple[str, ...]) -> None:
        if name in above:
            raise ValueError(f"modules import each other: {' -> '.join((*above, name))}")
        if name not in done:
            text = (folder / name).read_text("utf-8")
            for other in IMPORT.findall(text):
                add(other, (*above, name))
            done[name] = text

    add(first, ())
    return done
