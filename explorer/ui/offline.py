"""A run's page in one HTML file that needs no server: the stage's own scripts and styles, and all that they fetch.

What only a server can do (new runs, a unit's arithmetic, exact values) says so. No Gradio.
"""

from __future__ import annotations

import base64
import html
import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from explorer.ui import catalog, i18n, stage
from explorer.ui.saved import Saved
from explorer.ui.stage.bundle import bundle, page, styles

STAGE = Path(stage.__file__).parent
TITLE = "FCN · U-Net"

REFUSED = {"kind": "error", "code": "offline", "details": {}}  # what every question hears

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{styles}</style>
</head>
<body>
{page}
<script type="application/json" id="fx-saved">{data}</script>
<script type="module">{bundle}{script}</script>
</body>
</html>
"""

# In the place of Gradio's component: files are data, and every question is answered with that there is no server
SCRIPT = """
const { start, files, search, refused } = JSON.parse(document.getElementById('fx-saved').textContent);
const heard = [];
const props = { value: JSON.stringify(start) };
const answer = (message) => {
  props.value = JSON.stringify(message);
  for (const act of heard) act();
};
document.body.classList.toggle('dark', matchMedia('(prefers-color-scheme: dark)').matches);
mount({
  element: document.body, props, search,
  base: location.href,
  resolve: (name) => files[name] ?? '',
  upload: async () => ({ path: '' }),
  watch: (_, act) => heard.push(act),
  trigger: (event, { request }) => {
    if (event !== 'cancel') setTimeout(() => answer({ request, ...refused }));
  },
});
for (const control of document.querySelectorAll('.fx-bar select, .fx-image')) control.disabled = true;
"""


def page_of(saved: Saved, search: str = "") -> str:
    """A whole HTML document; `search` is the part of an address that says how the run is looked at.

    Raises ExplorerError ("gone").
    """
    selection = replace(saved.selection, image=saved.name)  # of an own image no page knows the id
    files = {name: _data(saved.read(name), "image/png") for name in saved.pictures}
    files[saved.file] = _data(saved.read(saved.file), "application/json")
    start = {"catalog": _catalog(saved), "selection": asdict(selection), "trace": saved.file}
    page_data = {"start": start, "files": files, "search": search, "refused": REFUSED}
    return PAGE.format(
        title=html.escape(f"{saved.name} · {saved.content['title']} · {TITLE}"),
        styles=styles(STAGE),
        page=page(STAGE).replace('class="fx"', 'class="fx fx-offline"', 1),
        data=_inside(json.dumps(page_data, ensure_ascii=False)),
        bundle=_inside(bundle(STAGE)),
        script=SCRIPT,
    )


def _catalog(saved: Saved) -> dict[str, Any]:
    """What the page has on offer: what was run, and nothing else."""
    selection, nothing = saved.selection, dict.fromkeys(i18n.TEXTS, "")
    example = {
        "file": saved.name,
        "family": saved.card.domain,
        "title": i18n.in_all(saved.title),
        "credit": "",
        "licence": nothing,
        "thumbnail": saved.content["pictures"]["resized"],
    }
    offers = catalog.catalog([saved.card], [example])
    models = [
        {**model, "paddings": [selection.padding], "cards": [saved.card.name]}
        for model in offers["models"]
        if model["key"] == selection.model
    ]
    own = {"models": models, "sizes": [selection.size], "devices": [selection.device]}
    return {**offers, **own, "lessons": [], "lessonsFile": "", "files": ""}


def _data(content: bytes, kind: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def _inside(text: str) -> str:
    """Text that stands in a script's element: nothing in it may end that element or begin a comment in it."""
    return text.replace("</", "<\\/").replace("<!--", "\\u003c!--")
