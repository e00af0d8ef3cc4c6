"""info: what is known of weights."""

from __future__ import annotations

import argparse
import json
from typing import Any

from explorer import api, inference
from explorer.models import MODELS

FIGURES = {
    "pixel_accuracy": "pixel accuracy",
    "mean_iou": "mean IoU",
    "nucleus_dice": "Dice",
    "object_f1": "object F1 at IoU 0.5",
}


def add(parser: argparse.ArgumentParser) -> None:
    parser.description = "Say what is known of weights: network, classes, data, terms, figures; and of this machine."
    parser.add_argument("checkpoint", nargs="*", help="a bundled checkpoint or the path of one (default: all bundled)")
    parser.add_argument("--json", action="store_true", help="print JSON, the whole card")


def run(given: argparse.Namespace) -> int:
    found = api.info(given.checkpoint)
    machine = {name: _device(name) for name in inference.devices()}
    if given.json:
        print(json.dumps({"weights": found, "devices": machine}, indent=1, ensure_ascii=False))
        return 0
    for card in found:
        spec = card["spec"]
        print(f"{card['name']}: {card['title']['en']}")
        print(
            f"  network      {MODELS[spec['model']].title}, width {spec['width']:g}, {card['parameters']:,} parameters"
        )
        print(f"  geometries   {', '.join(card['geometries'])}")
        least, step = card["legal_inputs"]["least"], card["legal_inputs"]["step"]
        fields = " or ".join(map(str, card["receptive_field"]))
        print(f"  inputs       {least} + {step} k pixels a side; receptive field {fields}")
        print(f"  classes      {', '.join(c['name']['en'] for c in card['classes'])}")
        for line in _measured(card):
            print(f"  {line}")
        print(f"  data         {card['data']['en']}")
        print(f"  terms        {card['licence']['en']}")
        print()
    for name, about in machine.items():
        free = "" if about["free_bytes"] is None else f", {about['free_bytes'] / 2**30:.1f} GiB free"
        print(f"{name}: {about['name']}{free}; {', '.join(about['precisions'])}")
    return 0


def _measured(card: dict[str, Any]) -> list[str]:
    """A line per geometry: what to expect of other images, where the card says it, then the figures of its own ones."""
    metrics, model = card["metrics"], card["spec"]["model"]
    lines = []
    if others := metrics.get("other_folds"):
        whose = f"{others['images']} images that {others['folds']} more trainings of the recipe left out"
        lines += [f"expect       {line} ({whose})" for line in _by_geometry(others, model)]
    own = f"{metrics.get('validation_images', 0)} validation images"
    return lines + [f"measured     {line} ({own})" for line in _by_geometry(metrics, model)]


def _by_geometry(part: dict[str, Any], model: str) -> list[str]:
    """The figures of a network, in words; with standard errors where they are known. What no image says is None."""
    lines = []
    for geometry, by in part.get("figures", {}).items():
        of = by.get(model, {})
        errors = part.get("standard_errors", {}).get(geometry, {}).get(model, {})
        told = []
        for key, name in FIGURES.items():
            if (value := of.get(key)) is not None:
                off = errors.get(key)
                told.append(f"{name} {100 * value:.1f}{'' if off is None else f' ± {100 * off:.1f}'} %")
        if told:
            lines.append(f"{geometry}: {', '.join(told)}")
    return lines


def _device(name: str) -> dict[str, Any]:
    return {
        "name": inference.device_name(name),
        "precisions": inference.precisions(name),
        "free_bytes": inference.free_memory(name),
    }
