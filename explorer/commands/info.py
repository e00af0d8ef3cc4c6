"""info: what is known of weights."""

from __future__ import annotations

import argparse
import json
from typing import Any

from explorer import api, inference
from explorer.commands import accuracy
from explorer.models import MODELS


def add(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Say what is known of weights: network, classes, accuracy, data, terms; and of this machine. For weights that "
        "are named, also the accuracy of each class."
    )
    parser.add_argument("checkpoint", nargs="*", help="a bundled checkpoint or the path of one (default: all bundled)")
    parser.add_argument("--json", action="store_true", help="print JSON, the whole card")


def run(given: argparse.Namespace) -> int:
    found = api.info(given.checkpoint)
    machine: dict[str, dict[str, Any]] = {
        name: {
            "name": inference.device_name(name),
            "precisions": inference.precisions(name),
            "free_bytes": inference.free_memory(name),
        }
        for name in inference.devices()
    }
    if given.json:
        print(json.dumps({"weights": found, "devices": machine}, indent=1, ensure_ascii=False))
        return 0
    for card in found:
        print(*_about(card), sep="\n")
        if given.checkpoint:
            print(*_classes(card), sep="\n")
        print()
    for name, about in machine.items():
        free = "" if about["free_bytes"] is None else f", {about['free_bytes'] / 2**30:.1f} GiB free"
        print(f"{name}: {about['name']}{free}; {', '.join(about['precisions'])}")
    return 0


def _about(card: dict[str, Any]) -> list[str]:
    spec, legal = card["spec"], card["legal_inputs"]
    fields = " or ".join(map(str, card["receptive_field"]))
    return [
        f"{card['name']}: {card['title']['en']}",
        f"  network      {MODELS[spec['model']].title}, width {spec['width']:g}, {card['parameters']:,} parameters",
        f"  geometries   {', '.join(card['geometries'])}",
        f"  inputs       {legal['least']} + {legal['step']} k pixels a side; receptive field {fields}",
        f"  classes      {', '.join(c['name']['en'] for c in card['classes'])}",
        *(f"  accuracy     {line}" for line in _accuracy(card)),
        f"  data         {card['data']['en']}",
        f"  terms        {card['licence']['en']}",
    ]


def _measured(card: dict[str, Any]) -> tuple[dict[str, Any], str, str]:
    """The card's best figures and how they came about: cross-validated, else of images that these weights left out."""
    if (unseen := card["metrics"].get("unseen") or {}).get("figures"):
        return unseen, "cross-validated on", ""
    return card["metrics"].get("validation") or {}, "on", "validation "


def _accuracy(card: dict[str, Any]) -> list[str]:
    """A line for each padding that was measured."""
    (part, how, kind), model = _measured(card), card["spec"]["model"]
    errors = part.get("standard_errors") or {}
    of = {padding: by.get(model) or {} for padding, by in (part.get("figures") or {}).items()}
    said = {
        padding: accuracy.line(figures, (errors.get(padding) or {}).get(model) or {}) for padding, figures in of.items()
    }
    return [
        f"{padding}: {line}, {how} {accuracy.images(part['images'], of[padding], kind)}"
        for padding, line in said.items()
        if line
    ]


def _classes(card: dict[str, Any]) -> list[str]:
    """The intersection over union of each class, on how many images; nothing where the card has none."""
    classes = _measured(card)[0].get("classes")
    if not classes:
        return []
    columns = {
        heading: {key.replace("_", " "): of[heading] for key, of in classes.items()}
        for heading in ("images", *card["geometries"])
    }
    return ["", *(f"  {line}" for line in accuracy.per_class(columns)), "", f"  IoU in per cent. {accuracy.WITHIN}"]
