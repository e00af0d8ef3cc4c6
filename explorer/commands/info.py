"""info: what is known of weights."""

from __future__ import annotations

import argparse
import json
from decimal import ROUND_HALF_UP, Decimal
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
    """A line per geometry: what to expect of other images, where the card says it, then the figures on its own
    validation images and whether they had a say in the recipe; last what stands behind ±."""
    model, lines, grouped = card["spec"]["model"], [], False
    without_say: list[int] = []  # folds that told what to expect
    for word, part in (("expect", card["metrics"].get("unseen")), ("measured", card["metrics"].get("validation"))):
        figures = _by_geometry(part, model) if part else []
        if not figures:
            continue
        images, groups = (part.get(key) or 0 for key in ("images", "groups"))
        whose = _counted(images, "image" if word == "expect" else "validation image")
        if 0 < groups < images:
            grouped = True
            whose += f" in {_counted(groups, 'group')} of similar ones"
        if word == "expect" and part.get("folds"):
            without_say = part["folds"]
            whose += f", left out in turn when the recipe was trained: {_named(without_say, 'fold')}"
        elif without_say:
            fold = card["recipe"].get("fold") or 0
            whose += f", fold {fold} of those" if fold in without_say else ", by which the recipe was chosen"
        lines += [f"{word:12} {line} ({whose})" for line in figures]
    if any("±" in line for line in lines):
        over = "groups of similar images (few, so rather too small)" if grouped else "the images"
        lines.append(f"{'±':12} standard error over {over}")
    return lines


def _counted(number: int, word: str) -> str:
    return f"{number:,} {word}{'' if number == 1 else 's'}"


def _named(numbers: list[int], word: str) -> str:
    return f"{word}{'' if len(numbers) == 1 else 's'} {', '.join(map(str, numbers))}"


def _by_geometry(part: dict[str, Any], model: str) -> list[str]:
    """The figures of a network, in words; with standard errors where they are known. What no image says is None."""
    lines = []
    noted = part.get("standard_errors") or {}
    for geometry, by in (part.get("figures") or {}).items():
        of, errors = (each.get(model) or {} for each in (by, noted.get(geometry) or {}))
        told = []
        for key, name in FIGURES.items():
            if (value := of.get(key)) is not None:
                off = errors.get(key)
                told.append(f"{name} {percent(value)}{'' if off is None else f' ± {percent(off)}'} %")
        if told:
            lines.append(f"{geometry}: {', '.join(told)}")
    return lines


def percent(share: float) -> Decimal:
    """Of a share of 1, with one decimal. What lies halfway is rounded up, as on the page: cards have four decimals."""
    return (100 * Decimal(repr(share))).quantize(Decimal("0.1"), ROUND_HALF_UP)


def _device(name: str) -> dict[str, Any]:
    return {
        "name": inference.device_name(name),
        "precisions": inference.precisions(name),
        "free_bytes": inference.free_memory(name),
    }
