"""Answers of the page's server as plain data for programs: numbers, English sentences, pictures as data URLs."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import torch

from explorer.cards import Card
from explorer.errors import ExplorerError
from explorer.inference import network_fields
from explorer.labs.walk import legal, network_of
from explorer.models import ModelSpec
from explorer.operations.layers import SizeError
from explorer.trace import trace
from explorer.ui.words import plain, tell

KINDS = {".png": "image/png", ".jpg": "image/jpeg"}
OF_A_STEP = ("name", "op", "inputs", "role", "shape", "settings", "parameters", "macs", "ms", "stats", "field")


def url(content: bytes, suffix: str) -> str:
    """A picture as a data URL."""
    return f"data:{KINDS[suffix]};base64,{base64.b64encode(content).decode('ascii')}"


def classes(card: Card) -> list[dict[str, Any]]:
    """What the indices in labels mean; colours are red, green, blue."""
    return [{"index": i, "id": c.id, "name": c.name["en"], "colour": c.colour} for i, c in enumerate(card.classes)]


def run(folder: Path, file: str, wanted: str) -> dict[str, Any]:
    """A finished run out of the JSON that the page loads, with the maps of the step `wanted`, if one is. Raises
    ExplorerError for a step that there is not."""
    told = json.loads((folder / file).read_text("utf-8"))
    steps = {step["name"]: step for step in told["steps"]}
    if wanted and wanted not in steps:
        raise ExplorerError("bad_selection", f"the argument step is one of {', '.join(steps)}, not {wanted!r}")
    named = [{**one, "name": one["name"]["en"]} for one in told["classes"]]
    made = {
        **{key: told[key] for key in ("title", "device", "seconds", "parameters", "macs", "frames", "offset", "crops")},
        "classes": [{"index": i, **c, "share": s} for i, (c, s) in enumerate(zip(named, told["shares"], strict=True))],
        "steps": [_step(step, told["axes"]) for step in told["steps"]],
        "labels": _picture(folder, told["pictures"]["labels"]),
    }
    if wanted:
        maps = steps[wanted]["maps"]
        about = {key: maps[key] for key in ("tile", "columns", "reduction", "min", "max")}
        made["maps"] = {"step": wanted, "picture": _picture(folder, maps["file"]), **about}
    return made


def _step(step: dict[str, Any], axes: list[dict[str, Any]]) -> dict[str, Any]:
    along = {} if step["rows"] is None else {key: axes[step["rows"]][key] for key in ("jump", "start")}
    return {**{key: step[key] for key in OF_A_STEP}, **along}


def geometry(model: str, padding: str, size: tuple[int, int]) -> dict[str, Any]:
    """A network of the paper's width, without weights. `field` are the extents of receptive fields far from any edge.
    Raises ExplorerError for a size that it does not take, with the nearest ones."""
    network, spec = network_of(model, padding), ModelSpec(model, padding)
    try:
        made = trace(network, torch.empty(1, spec.in_channels, *size, device="meta"), keep=False)
    except SizeError as error:
        raise ExplorerError("bad_selection", str(error)) from error
    sizes, fields = legal(network), network_fields(spec)
    steps = [
        {
            **{"name": step.name, "op": step.operation, "inputs": step.inputs, "role": step.role},
            **{"shape": step.shape[1:], "settings": step.settings, "parameters": step.parameters, "macs": step.macs},
            **{"jump": float(step.rows.grid.jump), "start": float(step.rows.grid.start)},
            "field": sorted({hi - lo + 1 for lo, hi in fields[step.name]}),
        }
        for step in made.steps
    ]
    totals = {"parameters": made.parameters, "macs": made.macs}
    return {"legal": {"least": sizes.minimum, "step": sizes.period}, **totals, "steps": plain(steps)}


def lab(folder: Path, found: dict[str, Any], figures: bool) -> dict[str, Any]:
    """What a lab found: `facts` say it in sentences and with the numbers in them, `settings` what can be changed."""
    made = {
        "lab": found["lab"],
        "what": found["what"],
        "settings": [_setting(control) for control in found.get("controls", ())],
        "facts": {slot: [_fact(fact) for fact in facts] for slot, facts in found.get("facts", {}).items()},
        "tables": {
            slot: {"head": plain(table["head"]), "rows": [plain(row["cells"]) for row in table["rows"]]}
            for slot, table in found.get("tables", {}).items()
            if table
        },
        "pictures": {slot: _picture(folder, file) for slot, file in found.get("pictures", {}).items() if file},
    }
    return {**made, "figures": plain(found.get("figures", {}))} if figures else made


def _setting(control: dict[str, Any]) -> dict[str, Any]:
    made = {"name": control["set"], "label": tell(control["label"]), "value": control["value"]}
    made |= {key: control[key] for key in ("min", "max", "step") if key in control}
    return {**made, "choices": [value for value, _ in control["options"]]} if "options" in control else made


def _fact(fact: list[Any]) -> dict[str, Any]:
    return {"text": tell(fact), "values": plain(fact[1]) if len(fact) > 1 else {}}


def _picture(folder: Path, file: str) -> str:
    return url((folder / file).read_bytes(), Path(file).suffix)
