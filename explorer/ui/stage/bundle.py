"""The stage in one piece each: its modules, its styles, its page. The browser asks for one file instead of forty, which
Gradio's own scripts would queue up with, and nobody needs a build step.

Modules and styles lie by view: `explore/`, `segment/`, `compare/`, `labs/`, what they share above. Each module stays a
module of its own, under an address that the browser makes for it (a blob); the page learns these addresses in the order
in which modules need each other. Nothing in a module is changed but where its imports come from.
"""

from __future__ import annotations

import json
import posixpath
import re
from pathlib import Path

STYLES = (  # a later rule wins over an earlier one of the same weight
    "theme.css",
    "bar.css",
    "explore/network.css",
    "explore/maps.css",
    "explore/picture.css",
    "explore/refinement.css",
    "explore/steps.css",
    "explore/probe.css",
    "segment/segment.css",
    "compare/compare.css",
    "labs/labs.css",
    "lessons/lessons.css",
    "dialogs.css",
    "explore/figure.css",
    "screens.css",
    "classroom.css",
    "offline.css",
)

IMPORT = re.compile(r"""(?<=from )'(\.[^']+)'""")
PART = re.compile(r"^( *)<!-- part: (\S+) -->\n", re.MULTILINE)

LOADER = r"""
const urls = {};
for (const [name, text] of MODULES) {
  const code = text.replace(/(?<=from )'(\.[^']+)'/g, (_, other) => {
    return `'${urls[new URL(other, `http://stage/${name}`).pathname.slice(1)]}'`;
  });
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
    """Source texts by path below `folder`: `first` and all that it needs, each behind those that it needs itself."""
    done: dict[str, str] = {}

    def add(name: str, above: tuple[str, ...]) -> None:
        if name in above:
            raise ValueError(f"modules import each other: {' -> '.join((*above, name))}")
        if name not in done:
            text = (folder / name).read_text("utf-8")
            for other in IMPORT.findall(text):
                add(posixpath.normpath(posixpath.join(posixpath.dirname(name), other)), (*above, name))
            done[name] = text

    add(first, ())
    return done


def page(folder: Path, first: str = "stage.html") -> str:
    """The page's HTML: `first`, with every line <!-- part: PATH --> replaced by that file, indented as the line is."""

    def part(found: re.Match[str]) -> str:
        indent, name = found.groups()
        return re.sub(r"^(?=.)", indent, page(folder, name), flags=re.MULTILINE)

    return PART.sub(part, (folder / first).read_text("utf-8"))


def styles(folder: Path) -> str:
    """The page's CSS: all of `STYLES`, one behind the other."""
    return "".join((folder / name).read_text("utf-8") for name in STYLES)
