"""segment: label images, from file to file."""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from explorer import api, giant, inference, masks
from explorer.commands import FULL, CommandError, network_options, size_option
from explorer.errors import ExplorerError
from explorer.files import listed
from explorer.giant import GiantImage, LabelFile
from explorer.inference import Progress, RunOptions
from explorer.inference.plan import WAYS
from explorer.models import MODELS
from explorer.results import bundle, truth
from explorer.results.truth_parts import judge_parts
from explorer.training import sets

TOO_LARGE = (
    "things are {times} times as large as in the photographs trained on; --size {side} is usually labelled better"
)
MIDDLE = 1024  # pixels a side that show what a giant image is of

log = logging.getLogger(__name__)
ENDINGS = (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp", ".gif", ".heic", ".heif")


def add(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Label every pixel of images. Images too large for memory are read and written piece by piece. Exit code 0: "
        "all done; 1: some images could not be used (a line each on stderr says why); 2: none could. Weights, padding "
        "and size are those that the page takes for the image, unless given; each line says which."
    )
    parser.add_argument("images", nargs="+", metavar="IMAGE", help="image files, or folders of them")
    network_options(parser)
    parser.add_argument(
        "--out", type=Path, default=Path("segmented"), metavar="DIR", help="folder for results (default: segmented)"
    )
    parser.add_argument(
        "--save",
        default="mask,overlay,areas,run",
        metavar="KINDS",
        help=f"what to write, commas between: {', '.join(bundle.KINDS)}; or all (default: mask,overlay,areas,run)",
    )
    size_option(parser)
    parser.add_argument("--precision", choices=tuple(inference.DTYPES), default="float32", help="number format")
    parser.add_argument("--way", choices=WAYS, default="auto", help="whole image, tiles, or what fits (default)")
    parser.add_argument("--tile", type=int, metavar="N", help="side of a tile's output in pixels (default: what fits)")
    parser.add_argument(
        "--truth", type=Path, metavar="PATH", help="true labels: a file, or a folder with the images' names"
    )
    sets.numbers_option(parser)
    parser.add_argument("--json", action="store_true", help="print JSON, a line per image")


@dataclass(frozen=True)
class Job:
    """What is done with every image."""

    given: argparse.Namespace
    options: RunOptions
    kinds: tuple[str, ...]
    networks: dict[str | None, api.Loaded]  # by what images show

    def network(self, pixels: np.ndarray | None = None) -> api.Loaded:
        """The network for an image (H x W x 3): with the weights that were named, or those for what it shows."""
        given = self.given
        domain = None if given.weights or pixels is None else api.domain_of(pixels, given.model)
        usual = self.networks.get(None)
        if domain not in self.networks and not (usual and usual.card.domain == domain):
            self.networks[domain] = api.network(given.model, given.weights, given.padding, domain)
        return self.networks.get(domain) or self.networks[None]


def run(given: argparse.Namespace) -> int:
    kinds = tuple(bundle.KINDS) if given.save == "all" else tuple(k for k in given.save.split(",") if k)
    if unknown := set(kinds) - set(bundle.KINDS):
        raise CommandError(f"cannot save {sorted(unknown)[0]!r}; choose of {', '.join(bundle.KINDS)}")
    if (given.tile is not None and given.tile < 1) or given.page < 1:
        raise CommandError("--tile, --size and --page count from 1")
    if given.truth and not os.path.exists(given.truth):
        raise CommandError(f"there are no true labels at {given.truth}")
    options = RunOptions(given.device, given.precision, "tiles" if given.tile else given.way, given.tile)
    job = Job(given, options, kinds, {})
    job.network()  # what no image can be run with is known at once, and said once
    inference.pick_device(given.device)
    given.out.mkdir(parents=True, exist_ok=True)
    files = list(_files(given.images))
    failed = sum(not _told(path, stem, job) for path, stem in files)
    if len(files) > 1 and not given.json:
        print(f"{len(files)} images: {len(files) - failed} done, {failed} failed")
    return 0 if not failed else 1 if failed < len(files) else 2


def _told(path: Path, stem: str, job: Job) -> bool:
    """Label an image and say what came of it. Whatever goes wrong with it, the next one is done."""
    try:
        result = _one(path, stem, job)
    except Exception as error:  # a full disk, a name that is too long, a fault of a reader
        log.debug("%s was not labelled", path, exc_info=True)
        why = _why(error)
        print(f"error: {path}: {why}", file=sys.stderr)
        print(json.dumps({"image": path.name, "error": why}) if job.given.json else f"{path.name}: failed")
        return False
    remarks = [TOO_LARGE.format(**one) for one in result["remarks"] if one["code"] == "larger_than_trained"]
    for remark in (*remarks, *(one["text"] for one in result.get("truth", {}).get("remarks", ()))):
        print(f"note: {path}: {remark}", file=sys.stderr)
    print(json.dumps(result, ensure_ascii=False) if job.given.json else _sentence(result), flush=True)
    return True


def _why(error: Exception) -> str:
    """In one line; what no part of the explorer foresaw with its kind."""
    said = " ".join(str(error).split())
    return said if isinstance(error, (ExplorerError, CommandError, OSError)) else f"{type(error).__name__}: {said}"


def _files(given: list[str]) -> Iterator[tuple[Path, str]]:
    """Files and the stems of their results, each stem once; a folder that has none, or cannot be listed, as it is."""
    taken: set[str] = set()
    for name in given:
        path = Path(name)
        found = [path]
        if os.path.isdir(name):
            with suppress(OSError):
                found = listed(path, ENDINGS) or found
        for file in found:
            stems = chain([file.stem, file.name], (f"{file.name}-{number}" for number in count(2)))  # a.png and a.jpg
            stem = next(stem for stem in stems if stem not in taken)
            taken.add(stem)
            yield file, stem


def _one(path: Path, stem: str, job: Job) -> dict[str, Any]:
    if os.path.isdir(path):
        os.listdir(path)  # says so where it is not allowed
        raise CommandError(f"the folder holds no images ({', '.join(ENDINGS)})")
    copied = None if job.given.size == FULL else job.given.size
    try:
        photograph = giant.read(path, job.given.page - 1, job.given.channels, copied)
    except ExplorerError as error:
        if error.code not in giant.TOO_LARGE or copied:
            raise
        return _giant(path, stem, job)
    loaded, size = job.network(photograph.pixels), job.given.size
    with _bar(path.name) as progress:
        result = api.segment(
            photograph,
            size=loaded.card.side_for(photograph.size) if size is None else size,
            options=job.options,
            scores="scores" in job.kinds,
            progress=progress,
            loaded=loaded,
        )
    written = bundle.save(result, job.given.out, job.kinds, stem)
    return _report(result, written, _judged(path, result, stem, job, written))


def _giant(path: Path, stem: str, job: Job) -> dict[str, Any]:
    """An image too large for memory. Single objects are not told apart: they may reach over tiles."""
    goal = job.given.out / f"{stem}.mask.png"
    kinds = tuple(kind for kind in job.kinds if kind not in ("mask", "scores", *bundle.OF_OBJECTS))
    with (
        _bar(path.name) as progress,
        GiantImage(path, job.given.page - 1, job.given.channels) as image,
        api.segment_file(
            path,
            goal,
            job.network(_middle(image)),
            job.options,
            job.given.page - 1,
            progress,
            job.given.channels,
        ) as result,
    ):
        written = [goal, *bundle.save(result, job.given.out, kinds, stem)]
        return _report(result, written, _judged(path, result, stem, job, written))


def _middle(image: GiantImage) -> np.ndarray:
    tops = [max(0, (n - MIDDLE) // 2) for n in image.shape[:2]]
    return image[tuple(slice(top, min(top + MIDDLE, n)) for top, n in zip(tops, image.shape[:2], strict=True))]


def _judged(path: Path, result: api.Result, stem: str, job: Job, written: list[Path]) -> dict[str, Any] | None:
    given = job.given.truth
    if not given:
        return None
    place, classes = masks.beside(given, path.stem) if given.is_dir() else given, result.card.classes
    numbering = sets.declared(job.given.numbers, (place.parent, place.parent.parent), classes)
    others, goal = sets.numberings(classes), job.given.out / f"{stem}.errors.png"
    if isinstance(result.labels, np.ndarray):
        judged, classes = truth.judge_result(result, place, numbering, others)
        goal.write_bytes(bundle.pictures.mask_png(judged.errors, truth.COLOURS, "errors"))
    else:
        with LabelFile(goal, result.labels.shape, truth.COLOURS) as errors:
            judged, classes = judge_parts(result, place, errors, numbering, others)
            errors.finish(bundle.pictures.words("errors"))
    written.append(goal)
    said = {"labels": place.name, "numbers": judged.numbers, "remarks": [remark.json() for remark in judged.remarks]}
    return {**said, **judged.figures(classes), "confusion": judged.matrix.tolist()}


def _report(result: api.Result, written: list[Path], judged: dict[str, Any] | None) -> dict[str, Any]:
    return {**bundle.about(result), "files": [str(p) for p in written], **({"truth": judged} if judged else {})}


@contextmanager
def _bar(name: str) -> Iterator[Any]:
    """A progress bar on stderr; silent where stderr is no terminal."""
    with tqdm(
        total=100, desc=name, unit="%", leave=False, disable=None, bar_format="{desc} {bar} {n:.0f} % {postfix}"
    ) as bar:

        def tell(progress: Progress) -> None:
            bar.n = 100 * progress.share
            left = "" if progress.seconds_left is None else f", {progress.seconds_left:.0f} s left"
            bar.set_postfix_str(f"tile {progress.tile}/{progress.tiles}{left}")

        yield tell


def _sentence(result: dict[str, Any]) -> str:
    largest = sorted((a for a in result["areas"] if a["pixels"]), key=lambda a: -a["pixels"])[:3]
    shares = ", ".join(f"{a['name_en']} {100 * a['share']:.1f} %" for a in largest)
    counted = f"; {result['objects']} objects" if "objects" in result else ""
    tiles = f", {result['tiles']} tiles" if result["tiles"] > 1 else ""
    took = f"{result['seconds']['network']:.2f} s on {result['device']}{tiles}"
    network = f"{MODELS[result['model']].title}, {result['weights']}, {result['padding']} padding"
    at = "{1} x {0}".format(*result["run_at"])
    size = f"{result['width']} x {result['height']}"
    ran = f"{network}{'' if at == size else f', at {at}'}"
    judged = _judgement(result["truth"]) if result.get("truth") else ""
    return f"{result['image']}: {size}, {ran}, {took}: {shares}{counted}{judged}"


def _judgement(figures: dict[str, Any]) -> str:
    said = [("pixel accuracy", figures["pixel_accuracy"]), ("object F1", figures.get("object_f1"))]
    shares = [f"{name} {100 * share:.1f} %" for name, share in said if share is not None]
    return f"; {', '.join(shares) or 'nothing to judge by'} (numbers: {figures['numbers']})"
