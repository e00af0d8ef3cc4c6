"""segment: label images, from file to file."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path
from typing import Any

from tqdm import tqdm

from explorer import api, giant, inference
from explorer.commands import CommandError, network_options
from explorer.errors import ExplorerError
from explorer.inference import Progress, RunOptions
from explorer.inference.plan import WAYS
from explorer.results import bundle, truth

TOO_LARGE = (
    "things are {times} times as large as in the photographs trained on; --size {side} is usually labelled better"
)
ENDINGS = (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp", ".gif", ".heic", ".heif")


def add(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Label every pixel of images. Images too large for memory are read and written piece by piece. Exit code 0: "
        "all done; 1: some images could not be used (a line each on stderr says why); 2: nothing could be done."
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
    parser.add_argument("--size", type=int, metavar="N", help="run on a copy with this longer side (default: as it is)")
    parser.add_argument("--precision", choices=tuple(inference.DTYPES), default="float32", help="number format")
    parser.add_argument("--way", choices=WAYS, default="auto", help="whole image, tiles, or what fits (default)")
    parser.add_argument("--tile", type=int, metavar="N", help="side of a tile's output in pixels (default: what fits)")
    parser.add_argument(
        "--truth", type=Path, metavar="PATH", help="true labels: a file, or a folder with the images' names"
    )
    parser.add_argument("--json", action="store_true", help="print JSON, a line per image")


@dataclass(frozen=True)
class Job:
    """What is done with every image."""

    given: argparse.Namespace
    loaded: api.Loaded
    options: RunOptions
    kinds: tuple[str, ...]


def run(given: argparse.Namespace) -> int:
    kinds = tuple(bundle.KINDS) if given.save == "all" else tuple(k for k in given.save.split(",") if k)
    if unknown := set(kinds) - set(bundle.KINDS):
        raise CommandError(f"cannot save {sorted(unknown)[0]!r}; choose of {', '.join(bundle.KINDS)}")
    if (given.tile is not None and given.tile < 1) or (given.size is not None and given.size < 1) or given.page < 1:
        raise CommandError("--tile, --size and --page count from 1")
    files = list(_files(given.images))
    options = RunOptions(given.device, given.precision, "tiles" if given.tile else given.way, given.tile)
    job = Job(given, api.network(given.model, given.weights, given.padding), options, kinds)
    given.out.mkdir(parents=True, exist_ok=True)
    failed = 0
    for path, stem in files:
        try:
            result = _one(path, stem, job)
        except ExplorerError as error:
            failed += 1
            print(f"error: {path}: {error}", file=sys.stderr)
        else:
            print(json.dumps(result, ensure_ascii=False) if given.json else _sentence(result), flush=True)
            for remark in result["remarks"]:
                if remark["code"] == "larger_than_trained":
                    print(f"note: {path}: {TOO_LARGE.format(**remark)}", file=sys.stderr)
    return 0 if not failed else 1 if failed < len(files) else 2


def _files(given: list[str]) -> Iterator[tuple[Path, str]]:
    """Files and the stems of their results, each stem once. Raises CommandError for a folder without images."""
    taken: set[str] = set()
    for name in given:
        path = Path(name)
        found = [path]
        if path.is_dir():
            found = sorted(p for p in path.iterdir() if p.suffix.lower() in ENDINGS and p.is_file())
            if not found:
                raise CommandError(f"the folder {path} holds no images ({', '.join(ENDINGS)})")
        for file in found:
            stems = chain([file.stem, file.name], (f"{file.name}-{number}" for number in count(2)))  # a.png and a.jpg
            stem = next(stem for stem in stems if stem not in taken)
            taken.add(stem)
            yield file, stem


def _one(path: Path, stem: str, job: Job) -> dict[str, Any]:
    try:
        photograph = giant.read(path, job.given.page - 1, job.given.channels, job.given.size)
    except ExplorerError as error:
        if error.code not in giant.TOO_LARGE or job.given.size:
            raise
        return _giant(path, stem, job)
    with _bar(path.name) as progress:
        result = api.segment(
            photograph,
            size=job.given.size,
            options=job.options,
            scores="scores" in job.kinds,
            progress=progress,
            loaded=job.loaded,
        )
    written = bundle.save(result, job.given.out, job.kinds, stem)
    return _report(result, written, _judged(path, result, stem, job, written))


def _giant(path: Path, stem: str, job: Job) -> dict[str, Any]:
    """An image too large for memory. Single objects are not told apart: they may reach over tiles."""
    goal = job.given.out / f"{stem}.mask.png"
    kinds = tuple(kind for kind in job.kinds if kind not in ("mask", "scores", *bundle.OF_OBJECTS))
    with (
        _bar(path.name) as progress,
        api.segment_file(
            path, goal, job.loaded, job.options, job.given.page - 1, progress, job.given.channels
        ) as result,
    ):
        return _report(result, [goal, *bundle.save(result, job.given.out, kinds, stem)], None)


def _judged(path: Path, result: api.Result, stem: str, job: Job, written: list[Path]) -> dict[str, Any] | None:
    given = job.given.truth
    if not given:
        return None
    place = given / f"{path.stem}.png" if given.is_dir() else given
    judged, classes = truth.judge_result(result, place)
    errors = job.given.out / f"{stem}.errors.png"
    errors.write_bytes(bundle.pictures.mask_png(judged.errors, truth.COLOURS))
    written.append(errors)
    return {**judged.figures(classes), "confusion": judged.matrix.tolist()}


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
    judged = f"; pixel accuracy {100 * result['truth']['pixel_accuracy']:.1f} %" if result.get("truth") else ""
    took = f"{result['seconds']['network']:.2f} s on {result['device']}{tiles}"
    return f"{result['image']}: {result['width']} x {result['height']}, {took}: {shares}{counted}{judged}"
