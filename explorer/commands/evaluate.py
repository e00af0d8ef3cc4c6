"""evaluate: measure a checkpoint on labelled images."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import torch

from explorer import cards, inference
from explorer.commands import accuracy, size_option
from explorer.files import CHECKPOINTS
from explorer.models import MODELS
from explorer.training import report
from explorer.training.sets import SETS, numbers_option

BORDER = (
    "Dice takes what is called nucleus against all pixels of nuclei, so the border where two touch counts as missed "
    "unless it is given to them. Pixels and IoU take that border as it is drawn from the objects' numbers."
)


def add(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Measure a checkpoint on a folder of labelled images: images/ beside masks/ (photographs), instances16/ "
        "(micrographs), or the layout of another known data set. Exit code 0: all images were measured; 1: some could "
        "not be used (a line each on stderr says why); 2: none could."
    )
    bundled = ", ".join(sorted(p.stem for p in CHECKPOINTS.glob("*.json")))
    parser.add_argument("checkpoint", help=f"a bundled checkpoint ({bundled}) or the path of one")
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="the folder of labelled images")
    parser.add_argument("--data-set", choices=sorted(SETS), help="its layout (default: recognised by its folders)")
    parser.add_argument("--model", choices=sorted(MODELS), help="run as another network of the family")
    parser.add_argument(
        "--geometry",
        action="append",
        default=[],
        metavar="PADDING",
        help="paper, same or valid; may be given twice (default: those the card was trained in)",
    )
    size_option(parser)
    numbers_option(parser)
    parser.add_argument("--split", choices=report.SPLITS, default="all", help="images by the data set's rule")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or mps")
    parser.add_argument("--json", action="store_true", help="print JSON, with the confusion matrix")


def run(given: argparse.Namespace) -> int:
    result = report.evaluate(
        cards.find(given.checkpoint),
        given.data,
        given.model,
        tuple(given.geometry),
        given.split,
        inference.pick_device(given.device),
        given.data_set,
        given.numbers,
        given.size,
    )
    result["torch"] = torch.__version__
    for kind in ("left_out", "remarks"):
        for said in result[kind]:
            print(f"{'error' if kind == 'left_out' else 'note'}: {said}", file=sys.stderr)
    print(json.dumps(result, indent=1, allow_nan=False) if given.json else _table(result))
    return 1 if result["left_out"] else 0


def _table(result: dict[str, Any]) -> str:
    """A line for each padding, then the intersection over union of each class."""
    title = MODELS[result["network"]].title
    lines = [f"{result['checkpoint']} as {title}, {result['split']} images of {result['data']}"]
    lines[0] += f", numbers: {result['numbers']}"
    if left_out := len(result["left_out"]):
        lines.append(f"{left_out} images could not be used")
    columns = {}
    for padding, found in result["geometries"].items():
        said = accuracy.line(found["figures"], found["standard_errors"])
        lines.append(f"{padding}: {said}, on {accuracy.images(result['images'], found['figures'])}")
        columns[padding] = {n: None if share is None else accuracy.percent(share) for n, share in found["iou"].items()}
    ends = [f"IoU in per cent. {accuracy.WITHIN}"]
    if "objects" in found:
        ends.append(BORDER)
    return "\n".join((*lines, "", *accuracy.per_class(columns), "", *ends))
