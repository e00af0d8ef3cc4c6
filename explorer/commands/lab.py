"""lab: one experiment on a network, as the page's labs make it."""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor, nn

from explorer import api, images, inference, labs, masks
from explorer.cards import ClassInfo
from explorer.checked import json_ready
from explorer.commands import CommandError, lab_cam, lab_channel, lab_field, lab_scale, lab_shift
from explorer.commands.plainly import plain, text
from explorer.labs.inputs import Input, network_input, plain_input
from explorer.models import MODELS, ModelSpec


def add(parser: argparse.ArgumentParser) -> None:
    parser.description = "One experiment on a network. Without an image it is geometry alone: any size, no weights."
    commands = parser.add_subparsers(dest="lab", required=True)
    crop = _parser(commands, "crop", "where crops cut, what meets there, and what another crop would predict", "unet")
    crop.add_argument("--mode", choices=labs.MODES, default="aligned", help="where crops cut (default: aligned)")
    crop.add_argument("--crop", action="append", default=[], metavar="NAME=MODE", help="another mode for one crop")
    crop.add_argument("--shift", action="append", default=[], metavar="NAME=UNITS", help="move one crop by units")
    crop.add_argument("--seed", type=int, default=0, help="of --mode random (default: 0)")
    crop.add_argument("--unit", metavar="ROW,COLUMN", default="0,0", help="of each crop, whose fields are compared")
    crop.add_argument("--sweep", action="store_true", help="with an image: IoU against misalignment, crop by crop")
    border = _parser(commands, "border", "how much of each field is padding, and which pixels reach what", "unet")
    border.add_argument("--kind", help="how the border is treated: valid, same, mirrored, paper or in-phase")
    border.add_argument("--vectors", type=int, default=labs.VECTORS, help="with an image: random vectors (default: 16)")
    tap = _parser(commands, "tap", "which maps the skips could take, and what each score layer brings", "fcn8s")
    tap.add_argument("--scale", action="append", default=[], metavar="LAYER=FACTOR", help="scale a stream; 0: off")
    tap.add_argument("--pixel", metavar="ROW,COLUMN", help="with an image: the terms of this pixel of the output")
    lab_scale.add(commands)
    lab_shift.add(_parser(commands, "shift", "what of maps and labels moves with the image, what stays", "fcn8s"))
    lab_field.add(
        _parser(commands, "field", "what a unit could see at each step, and how much of that it uses", "unet")
    )
    lab_cam.add(_parser(commands, "cam", "why a class was seen in a region: gradient-weighted activation", "fcn8s"))
    lab_channel.add(
        _parser(commands, "channel", "what 1x1 layers do, and what more channels on smaller maps cost", "fcn8s")
    )
    for parser in (crop, tap):
        parser.add_argument("--truth", metavar="PATH", help="with an image: its true labels")


def _parser(commands: Any, name: str, said: str, model: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(name, help=said, description=said[0].upper() + said[1:] + ".")
    parser.add_argument("image", nargs="?", help="an image file, to make predictions for")
    parser.add_argument("--model", choices=sorted(MODELS), default=model, help=f"network (default: {model})")
    parser.add_argument("--weights", metavar="NAME", help="with an image: bundled checkpoint, or path of one")
    parser.add_argument("--padding", help="paper, same or valid (default: the paper's, if trained in it)")
    parser.add_argument(
        "--size", metavar="N", help="the network's input: N or HEIGHTxWIDTH pixels, also where it refuses"
    )
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or mps")
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser


def run(given: argparse.Namespace) -> int:
    """What a lab finds, as JSON or as tables."""
    own = {"crop": _crop, "border": _border, "tap": _tap, "field": _field, "channel": _channel, "cam": _cam}
    others = {"scale": lab_scale.found, "shift": lab_shift.run}
    found = (own | others)[given.lab](given)
    if given.json:
        print(json.dumps(json_ready(plain(found)), indent=1, allow_nan=False))
    else:
        print("\n".join(text(plain(found))))
    return 0


# ---- labs


def _crop(given: argparse.Namespace) -> dict[str, Any]:
    modes, shifts = _pairs(given.crop), {name: _whole(n) for name, n in _pairs(given.shift).items()}
    settings = {"mode": given.mode, "modes": modes, "shifts": shifts, "seed": given.seed}
    loaded, entered = _entered(given)
    padding = loaded.spec.padding if loaded else given.padding or ""
    lab = labs.crop(given.model, padding, _shape(given, entered), **settings)
    row, column = _place("--unit", given.unit)
    found: dict[str, Any] = {
        "size": lab.size,
        "legal": lab.legal,
        "nearest": lab.nearest,
        "output": lab.output,
        "steps": lab.steps,
        "crops": [_about(crop, row, column) for crop in lab.crops],
    }
    if loaded and entered:
        module, image = _placed(loaded, entered, given)
        found["prediction"] = labs.predict(module, image, labs.placing(**settings), entered.truth).figures
        if given.sweep:
            found["sweep"] = labs.sweep(module, image, (), entered.truth)
    return found


def _about(crop: labs.CropOf, row: int, column: int) -> dict[str, Any]:
    cuts = {}
    for name, cut in (("rows", crop.rows), ("cols", crop.cols)):
        facts = (
            "mode",
            "units",
            "offset",
            "aligned",
            "centre",
            "dropped",
            "padded",
            "misalignment",
            "seen",
        )
        cuts[name] = {fact: getattr(cut, fact) for fact in (*facts, "limits", "jump")}
        cuts[name]["reference_units"] = cut.reference
    own = (len(crop.rows.own), len(crop.cols.own))
    met = crop.meeting(row, column) if 0 <= row < own[0] and 0 <= column < own[1] else None
    return {"name": crop.name, "of": crop.of, "reference": crop.reference, "join": crop.join, **cuts, "meeting": met}


def _border(given: argparse.Namespace) -> dict[str, Any]:
    kind = given.kind or given.padding or labs.borders(given.model)[0]
    size, found = _size(given.size) or (572, 572), {}
    if given.image:
        spec = labs.spec_of(ModelSpec(given.model), kind)
        pixels = images.read(given.image).pixels
        loaded = api.network(given.model, given.weights, spec.padding, api.domain_of(pixels, given.model))
        mirror, side = kind == labs.MIRRORED, max(_size(given.size) or (320,))
        image = plain_input(loaded, pixels, side, not mirror)
        module = labs.with_border(loaded.module, given.model, kind)
        device = inference.pick_device(given.device)
        on = inference.on_device(module, device), image.to(device)
        size = (image.shape[2], image.shape[3])
        found = _dependence(labs.dependence(*on, mirror, given.vectors), given.json)
    elif given.weights:
        raise CommandError("--weights needs an image")
    lab = labs.border(given.model, kind, size)
    reached = [*lab.skips, lab.output]
    return {
        "kind": kind,
        "size": lab.size,
        "image": lab.image,
        "first": lab.first,
        "margin": lab.margin,
        "lost": lab.lost,
        "outside": [
            {"step": o.step, "most": max(o.rows.max(), o.cols.max()), "free": o.free, "blind": o.blind}
            | ({"rows": o.rows, "cols": o.cols} if given.json else {})
            for o in lab.outside
        ],
        "reached": [
            {"step": r.step, "seen": r.seen, "kept": r.share, "unreached": r.unreached}
            | ({"rows": r.rows, "cols": r.cols} if given.json else {})
            for r in reached
        ],
        **found,
    }


def _dependence(found: labs.Dependence, whole: bool) -> dict[str, Any]:
    """By distance from the edge of the image: all of them, and each pixel, or some to be read."""
    means = found.by_distance
    if whole:
        arrays = {"root": found.root, "error": found.error, "by_distance": means}
        return {"dependence": {"vectors": found.vectors, **arrays}}
    some = [d for d in (0, *(2**k for k in range(12))) if d < len(means)]
    return {"vectors": found.vectors, "dependence": [{"pixels from the edge": d, "root": means[d]} for d in some]}


def _tap(given: argparse.Namespace) -> dict[str, Any]:
    factors = {name: _number(factor) for name, factor in _pairs(given.scale).items()}
    loaded, entered = _entered(given)
    skips = labs.taps(given.model, loaded.spec.padding if loaded else given.padding or "")
    found: dict[str, Any] = {"skips": [_skip(skip) for skip in skips]}
    if not (loaded and entered):
        if factors or given.pixel:
            raise CommandError("--scale and --pixel need an image")
        return found
    streams = labs.Streams(*_placed(loaded, entered, given))
    split, scaled = streams.split(), streams.scaled(factors, entered.truth)
    found["rest"] = split.rest
    if given.pixel:
        row, column = _place("--pixel", given.pixel)
        try:
            terms = split.at(row, column)
        except IndexError as error:
            raise CommandError(str(error)) from error
        scores = split.output.scores[0, :, row, column].tolist()
        found["terms"] = [
            {"class": info.id, **{name: term[c] for name, term in terms.items()}, "score": scores[c]}
            for c, info in enumerate(loaded.card.classes)
        ]
    return {**found, "factors": factors, "figures": scaled.figures}


def _skip(skip: labs.SkipTaps) -> dict[str, Any]:
    facts = ("step", "operation", "way", "upsampling", "fits", "offset", "apart", "taken")
    taps = [
        {fact: getattr(tap, fact) for fact in facts}
        | {"jump": tap.grid.jump, "start": tap.grid.start, "start_below": tap.below.start}
        for tap in skip.taps
    ]
    return {"join": skip.join, "taken": skip.taken, "below": skip.below, "taps": taps}


def _cam(given: argparse.Namespace) -> dict[str, Any]:
    loaded, entered = _entered(given)
    return lab_cam.found(given, loaded, _placed(loaded, entered, given) if loaded and entered else None)


def _field(given: argparse.Namespace) -> dict[str, Any]:
    loaded, entered = _entered(given)
    placed = _placed(loaded, entered, given) if loaded and entered else None
    return lab_field.found(given, loaded, placed, _shape(given, entered), _place)


def _channel(given: argparse.Namespace) -> dict[str, Any]:
    loaded, entered = _entered(given)
    placed = _placed(loaded, entered, given) if loaded and entered else None
    return lab_channel.found(given, loaded, placed, _size(given.size), _place)


# ---- what is given


def _entered(given: argparse.Namespace) -> tuple[api.Loaded, Input] | tuple[None, None]:
    """The network and its input, if there is an image."""
    if not given.image:
        if given.truth or given.weights or getattr(given, "sweep", False):
            raise CommandError("--truth, --weights and --sweep need an image")
        return None, None
    photograph = images.read(given.image)
    domain = api.domain_of(photograph.pixels, given.model)
    loaded = api.network(given.model, given.weights, given.padding, domain)
    real = _truth(given, photograph, loaded.card.classes) if given.truth else None
    return loaded, network_input(loaded, photograph.pixels, size=_size(given.size), truth=real)


def _truth(given: argparse.Namespace, photograph: images.Photograph, classes: tuple[ClassInfo, ...]) -> np.ndarray:
    path = Path(given.truth)
    said = masks.declared((path.parent,), classes)
    found = masks.read(path, photograph.size, classes, said, said is not None, notes=photograph.notes)
    for remark in found.remarks:
        print(f"note: {remark}", file=sys.stderr)
    assert found.labels is not None
    return found.labels


def _shape(given: argparse.Namespace, entered: Input | None) -> tuple[int, int]:
    """Height and width of the network's input."""
    if entered:
        return entered.image.shape[2], entered.image.shape[3]
    return _size(given.size) or (572, 572)


def _placed(loaded: api.Loaded, entered: Input, given: argparse.Namespace) -> tuple[nn.Module, Tensor]:
    """Network and input on the device that was asked for."""
    device = inference.pick_device(given.device)
    return inference.on_device(loaded.module, device), entered.image.to(device)


def _size(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    if not re.fullmatch(r"\d+(x\d+)?", text):
        raise CommandError(f"--size is N or HEIGHTxWIDTH, not {text!r}")
    sides = [int(n) for n in text.split("x")]
    return sides[0], sides[-1]


def _place(option: str, text: str) -> tuple[int, int]:
    if not re.fullmatch(r"\d+,\d+", text):
        raise CommandError(f"{option} is ROW,COLUMN, not {text!r}")
    row, column = map(int, text.split(","))
    return row, column


def _pairs(given: list[str]) -> dict[str, str]:
    if odd := [text for text in given if text.count("=") != 1]:
        raise CommandError(f"{odd[0]!r} is no NAME=VALUE")
    return {text.split("=")[0]: text.split("=")[1] for text in given}


def _whole(text: str) -> int:
    if not re.fullmatch(r"[+-]?\d+", text):
        raise CommandError(f"a shift is a whole number of units, not {text!r}")
    return int(text)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise CommandError(f"a factor is a number, not {text!r}") from error
