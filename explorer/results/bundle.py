"""The files that a segmented image becomes, by what they are."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from explorer.models import MODELS
from explorer.results import pictures, tables
from explorer.results.polygons import Polygon, coco, geojson, polygons
from explorer.results.result import Result

OVERVIEW = 4096  # pixels; of an image too large for memory the overlay is a smaller copy


def mask(result: Result) -> bytes:
    """Indexed PNG: pixel = class."""
    return pictures.mask_png(result.labels[:, :], result.card.colours, "mask", described(result))


def overlay(result: Result) -> bytes:
    """The classes' colours over the image, objects outlined; PNG, at most OVERVIEW pixels a side."""
    height, width = result.pixels.shape[:2]
    step = -(-max(height, width) // OVERVIEW)
    if step > 1:
        rows = range(0, height - height % step, step) if height >= step else range(0, 1)
        pixels = np.concatenate([result.pixels[y : y + 1, 0:width][:, ::step] for y in rows])
        labels = np.concatenate([result.labels[y : y + 1, 0:width][:, ::step] for y in rows])
        made = pictures.overlay(pixels, labels, result.card.colours, clear=result.card.background)
        return pictures.png(made, "overlay")
    made = pictures.overlay(result.pixels[:, :], result.labels[:, :], result.card.colours, clear=result.card.background)
    if result.instances is not None:
        made[pictures.outlines(result.instances)] = 255
    return pictures.png(made, "overlay")


def areas(result: Result) -> bytes:
    """CSV: class, pixels, share."""
    return tables.as_csv(result.areas, tables.Area).encode("utf-8")


def objects(result: Result) -> bytes:
    """CSV: one line per object."""
    assert result.instances is not None
    return tables.as_csv(tables.things(result.instances), tables.Thing).encode("utf-8")


def instances(result: Result) -> bytes:
    """16-bit PNG: pixel = number of the object."""
    assert result.instances is not None
    return pictures.instances_png(result.instances, described(result))


def polygons_geojson(result: Result) -> bytes:
    """Regions, or objects where there are any, as GeoJSON."""
    shapes, one = _shapes(result)
    return json.dumps(geojson(shapes, result.card.classes, one), ensure_ascii=False).encode("utf-8")


def polygons_coco(result: Result) -> bytes:
    """The same as a COCO file."""
    shapes, one = _shapes(result)
    size = tuple(result.pixels.shape[:2])
    info = {"description": described(result), **dict(zip(SETTINGS, settings(result), strict=True))}
    return json.dumps(coco(shapes, result.card.classes, result.name, size, one, info)).encode("utf-8")


def _shapes(result: Result) -> tuple[Iterator[Polygon], int | None]:
    """Polygons, and the class of all of them where they are objects."""
    if result.card.objects and result.instances is not None:
        return polygons(result.instances, without=0), result.card.objects[0]
    labels = result.labels if isinstance(result.labels, np.ndarray) else result.labels.band
    return polygons(labels, without=result.card.background), None


def way(result: Result) -> str:
    """How the image was run in the end: "whole", "tiles" (the same result), or the U-Net paper's abutting ones."""
    run = result.labelling
    return "whole" if len(run.tiles) == 1 else "paper" if run.plan.alone else "tiles"


SETTINGS = ("model", "weights", "padding", "run_at", "way", "precision", "sha256")


def settings(result: Result) -> tuple[str, ...]:
    """What a result depends on beside its image, in the order of SETTINGS."""
    run, plan, card = result.labelling, result.labelling.plan, result.card
    size = "{}x{}".format(*plan.size)
    return plan.spec.model, card.name, plan.spec.padding, size, way(result), run.precision, card.sha256


def described(result: Result) -> str:
    """The same in a sentence."""
    plan, card = result.labelling.plan, result.card
    network, trained = MODELS[plan.spec.model].title, MODELS[card.spec.model].title
    ways = {"whole": "whole image", "tiles": "tiles, same result as whole", "paper": "the paper's abutting tiles"}
    parts = [
        f"{network} with the weights {card.name}" + (f", trained as {trained}" if trained != network else ""),
        f"sha256 {card.sha256}" if card.sha256 else "drawn at random",
        f"{plan.spec.padding} padding",
        "run at {} x {} pixels".format(*plan.size),
        ways[way(result)],
        result.labelling.precision,
    ]
    return "; ".join(parts)


def command(result: Result) -> str:
    """The command that makes this result again."""
    run, plan = result.labelling, result.labelling.plan
    done = {note.code: note.details for note in result.notes}
    page = done.get("page", {}).get("page", 1)
    size = max(plan.size) if tuple(plan.size) != tuple(result.pixels.shape[:2]) else "full"
    options = {
        "model": plan.spec.model,
        "weights": result.card.name,
        "padding": plan.spec.padding,
        "size": size if size != "full" or result.card.is_too_large(plan.size) else None,
        "page": page if page > 1 else None,
        "channels": done["channels"]["taken"].replace(" ", "") if "channels" in done else None,
        "precision": run.precision if run.precision != "float32" else None,
        "way": "paper" if plan.alone else None,
    }
    told = [part for key, value in options.items() if value is not None for part in (f"--{key}", str(value))]
    return shlex.join(["python", "-m", "explorer", "segment", result.name or "image.png", *told])


def about(result: Result) -> dict[str, Any]:
    """What was done, for machines."""
    run, plan = result.labelling, result.labelling.plan
    counted = {} if result.instances is None else {"objects": int(result.instances.max(initial=0))}
    return {
        "image": result.name,
        "command": command(result),
        "height": result.pixels.shape[0],
        "width": result.pixels.shape[1],
        "model": plan.spec.model,
        "padding": plan.spec.padding,
        "weights": result.card.name,
        "trained_as": result.card.spec.model,
        "sha256": result.card.sha256,
        "network_input": list(plan.network),
        "run_at": list(plan.size),
        "device": run.device,
        "precision": run.precision,
        "way": way(result),
        "tiles": len(run.tiles),
        "tile_side": plan.side,
        "seconds": {key: round(value, 3) for key, value in result.seconds.items()},
        "step_seconds": {key: round(value, 4) for key, value in run.step_seconds.items()},
        "memory": {"forecast": plan.bytes, "peak": run.peak, "free_before": plan.free},
        "notes": [str(note) for note in result.notes],
        "remarks": [{"code": remark.code, **remark.details} for remark in result.remarks],
        "areas": [vars(area) for area in result.areas],
        **counted,
    }


def run(result: Result) -> bytes:
    """JSON: network, weights, padding, way, precision, and all else of `about`."""
    return (json.dumps(about(result), ensure_ascii=False, indent=2) + "\n").encode("utf-8")


KINDS: dict[str, tuple[str, Callable[[Result], bytes] | None]] = {  # what: ending of the file's name, how it is made
    "mask": ("mask.png", mask),
    "overlay": ("overlay.png", overlay),
    "areas": ("areas.csv", areas),
    "geojson": ("regions.geojson", polygons_geojson),
    "coco": ("coco.json", polygons_coco),
    "instances": ("instances.png", instances),
    "objects": ("objects.csv", objects),
    "run": ("run.json", run),
    "scores": ("scores.npz", None),  # before the softmax, classes x H x W, at the size that the network ran at
}
OF_OBJECTS = ("instances", "objects")


def kinds_of(result: Result) -> list[str]:
    """Of what kinds there can be files: of objects where they are told apart, of scores where they were kept."""
    missing = set() if result.instances is not None else set(OF_OBJECTS)
    if result.labelling.outputs.scores is None:
        missing.add("scores")
    return [kind for kind in KINDS if kind not in missing]


def write(result: Result, kind: str, file: BinaryIO) -> None:
    """One file. `kind` is one of `kinds_of(result)`."""
    make = KINDS[kind][1]
    if make:
        file.write(make(result))
    else:  # piece by piece
        np.savez_compressed(file, scores=result.labelling.outputs.scores)


def save(result: Result, folder: str | Path, kinds: tuple[str, ...], stem: str = "") -> list[Path]:
    """Write files of these kinds into a folder, where there can be any. Returns what was written."""
    folder, stem = Path(folder), stem or Path(result.name).stem or "image"
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    there = kinds_of(result)
    for kind in (kind for kind in kinds if kind in there):
        path = folder / f"{stem}.{KINDS[kind][0]}"
        with path.open("wb") as file:
            write(result, kind, file)
        written.append(path)
    return written
