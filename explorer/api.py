"""The explorer from Python: `segment`, `trace` and `info`, as `python -m explorer` has them.

>>> from explorer import api
>>> result = api.segment("photo.jpg", "fcn8s")                       # doctest: +SKIP
>>> result.labels.shape, result.areas[0]                              # doctest: +SKIP
>>> api.save(result, "out", ("mask", "overlay", "areas"))            # doctest: +SKIP
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch

from explorer import cards, giant, images, inference, weights
from explorer.cards import Card, ClassInfo, Preprocessing
from explorer.errors import ExplorerError
from explorer.giant import GiantImage, LabelFile
from explorer.images import Photograph
from explorer.inference import DEFAULTS, Canvas, Outputs, Plan, Progress, RunOptions, Speed
from explorer.models import MODELS, ModelSpec, build, without_weights
from explorer.results.bundle import described, save
from explorer.results.pictures import words
from explorer.results.result import Result
from explorer.trace import Trace
from explorer.trace import trace as trace_module
from explorer.weights import Loaded

__all__ = ["Result", "canvas_and_plan", "domain_of", "info", "network", "save", "segment", "segment_file", "trace"]

RANDOM = "random"  # instead of weights: the paper's full width, drawn anew
EVERYTHING = 2**31 - 1  # a working size that no image exceeds


def network(
    model: str = "fcn8s", checkpoint: str | None = None, padding: str | None = None, domain: str | None = None
) -> Loaded:
    """A network with weights: `checkpoint` is a bundled one's name, a card's path, or "random" for the paper's width.

    Without one, the bundled weights that were trained as this network on images of the `domain` (`domain_of`) come
    first; without a padding, `weights.usual_padding`, as on the page. Raises ExplorerError.

    >>> network("unet").spec.padding
    'valid'
    """
    if checkpoint == RANDOM:
        return _untrained(model, padding)
    if checkpoint:
        card = cards.find(checkpoint)
        return weights.load(card, model, padding or (weights.usual_padding(card, model) if model in MODELS else None))
    fitting = weights.cards_for(model, cards.available()) if model in MODELS else ()
    if not fitting:
        raise ExplorerError(
            "unknown_network",
            f"There is no network {model!r} with bundled weights. Choose one of {', '.join(MODELS)}.",
            model=model,
        )
    card = weights.usual_card(fitting, domain)
    return weights.load(card, model, padding or weights.usual_padding(card, model))


def domain_of(pixels: np.ndarray, model: str = "fcn8s") -> str:
    """What an image (H x W x 3 uint8) most likely shows, to choose weights by (`images.likely`): "everyday" or
    "nuclei". Of a grey one that does not tell, it is what the network's paper is about.

    >>> domain_of(np.full((40, 50, 3), (200, 100, 50), np.uint8), "unet")
    'everyday'
    """
    return images.likely(pixels) or MODELS[model].domain


def _untrained(model: str, padding: str | None) -> Loaded:
    if model not in MODELS or (padding or MODELS[model].paddings[0]) not in MODELS[model].paddings:
        raise ExplorerError(
            "unknown_network", f"There is no network {model!r} with padding {padding!r}.", model=model, padding=padding
        )
    spec = ModelSpec(model, padding or MODELS[model].paddings[0])
    nothing = {"en": ""}
    classes = tuple(
        ClassInfo(f"class_{i}", {"en": f"class {i}", "ko": f"클래스 {i}"}, (i * 97 % 256, i * 57 % 256, i * 157 % 256))
        for i in range(spec.classes)
    )
    colours = Preprocessing((0.5,) * 3, (0.25,) * 3)
    card = Card(RANDOM, nothing, spec, (spec.padding,), classes, colours, nothing, nothing, {}, 0, {}, nothing)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Loaded(build(spec), card, spec)


def segment(
    image: str | Path | Photograph | np.ndarray,
    model: str = "fcn8s",
    checkpoint: str | None = None,
    padding: str | None = None,
    size: int | None = None,
    options: RunOptions = DEFAULTS,
    page: int = 0,
    scores: bool = False,
    progress: Callable[[Progress], bool | None] | None = None,
    loaded: Loaded | None = None,
    speed: Speed | None = None,
    channels: Sequence[int] | None = None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Result:
    """Label every pixel of an image. Weights that are not named are those for what it shows (`domain_of`).

    size      of the longer side at which the network runs; None: the image's own. The scores of a smaller copy are kept
              and enlarged to the image's, and each pixel takes its class there. A file too large for memory is read as
              that copy, whose labels are the result.
    options   device, precision, whole image or tiles
    loaded    a network at hand, instead of the three that name one
    speed     of it, so that `progress` says from the beginning how long the run takes (`inference.calibrate`)
    page, channels  of a file, from 0, as `images.read` has them
    cancelled  asked while the run is planned
    Raises ExplorerError; CancelledError when `progress` returns False or it is cancelled.

    >>> import numpy as np
    >>> result = segment(np.zeros((40, 50, 3), np.uint8), "unet")
    >>> result.labels.shape, int(result.counts.sum())
    ((40, 50), 2000)
    """
    began = time.perf_counter()
    photograph = image if isinstance(image, Photograph) else None
    if not isinstance(image, np.ndarray | Photograph):
        photograph = giant.read(image, page, channels, size)
    pixels = photograph.pixels if photograph else np.asarray(image)
    loaded = loaded or network(model, checkpoint, padding, domain_of(pixels, model) if model in MODELS else None)
    read, small = time.perf_counter(), images.resize(pixels, size or EVERYTHING)
    kept = small.shape[:2], loaded.spec.classes, scores or small.shape != pixels.shape
    canvas, plan = canvas_and_plan(loaded, small, options, Outputs.bytes(*kept), cancelled)
    outputs = Outputs.in_memory(*kept)
    labelling = inference.label(loaded.module, canvas, plan, outputs, progress, speed)
    labels = outputs.labels
    if outputs.scores is not None and small.shape != pixels.shape:
        labels = inference.labels_at(outputs.scores, pixels.shape[:2])
    counts = np.bincount(labels.ravel(), minlength=loaded.spec.classes)
    seconds = {"reading": read - began, "network": labelling.seconds}
    name, notes = (photograph.name, photograph.notes) if photograph else ("", ())
    return Result(name, loaded, pixels, notes, labelling, labels, counts, seconds)


def canvas_and_plan(
    loaded: Loaded, pixels: Any, options: RunOptions, held: int = 0, cancelled: Callable[[], bool] = lambda: False
) -> tuple[Canvas, Plan]:
    """The network's view of an image (array or file), and how it will be run with `held` bytes of results in memory."""
    steps = loaded.card.preprocessing
    plan = inference.plan(loaded.spec, pixels.shape[:2], options, held, cancelled)
    return Canvas.of(pixels, inference.placement(loaded.spec), steps.mean, steps.std), plan


@contextmanager
def segment_file(
    path: str | Path,
    goal: str | Path,
    loaded: Loaded,
    options: RunOptions = DEFAULTS,
    page: int = 0,
    progress: Callable[[Progress], bool | None] | None = None,
    channels: Sequence[int] | None = None,
) -> Iterator[Result]:
    """An image of any size from file to file: labels go to `goal` as an indexed PNG; memory stays that of a tile.

    A context: inside it, image and labels can be sliced. Raises what `segment` raises; `goal` is written whole or not
    at all.
    """
    began = time.perf_counter()
    with (
        GiantImage(path, page, channels) as image,
        LabelFile(Path(goal), image.shape[:2], loaded.card.colours) as labels,
    ):
        read = time.perf_counter()
        canvas, plan = canvas_and_plan(loaded, image, options, image.held)
        labelling = inference.label(loaded.module, canvas, plan, Outputs(labels), progress)
        counts = labels.counts[: loaded.spec.classes]
        seconds = {"reading": read - began, "network": labelling.seconds}
        result = Result(Path(path).name, loaded, image, tuple(image.notes), labelling, labels, counts, seconds)
        labels.finish(words("mask", described(result)))
        yield result


def trace(
    image: str | Path | Photograph | np.ndarray,
    model: str = "fcn8s",
    checkpoint: str | None = None,
    padding: str | None = None,
    size: int = 500,
    device: str = "auto",
    page: int = 0,
    channels: Sequence[int] | None = None,
    loaded: Loaded | None = None,
) -> Trace:
    """Run a network step by step and keep every map. `loaded` is one at hand, instead of the three that name one;
    weights that are not named are those for what the image shows (`domain_of`).

    >>> import numpy as np
    >>> run = trace(np.zeros((64, 64, 3), np.uint8), "fcn8s", padding="paper")
    >>> run["pool3"].shape[2:], run["pool3"].rows.grid.jump
    ((33, 33), Fraction(8, 1))
    """
    if not isinstance(image, np.ndarray | Photograph):
        image = giant.read(image, page, channels, size)
    pixels = image.pixels if isinstance(image, Photograph) else image
    loaded = loaded or network(model, checkpoint, padding, domain_of(pixels, model) if model in MODELS else None)
    prepared = inference.prepare(pixels, loaded.spec, size)
    steps = loaded.card.preprocessing
    where = inference.pick_device(device)
    module = inference.on_device(loaded.module, where)
    return trace_module(module, inference.normalise(prepared.network, steps.mean, steps.std).to(where))


def info(names: Iterable[str] = ()) -> list[dict[str, Any]]:
    """What is known of the bundled weights, or of those named: the card with the network's size and legal inputs.

    >>> [card["name"] for card in info(["unet-nuclei"])]
    ['unet-nuclei']
    """
    known = [cards.find(name) for name in names] or list(cards.with_snapshots())
    return [{"name": card.name, **card.json(), **_network(card.spec)} for card in known]


def _network(spec: ModelSpec) -> dict[str, Any]:
    placed = inference.placement(spec)
    side = placed.sizes.at_least(512)
    run = trace_module(without_weights(spec), torch.empty(1, spec.in_channels, side, side, device="meta"))
    middle = len(run.output.rows) // 2
    return {
        "parameters": run.parameters,
        "macs_at": {"input": run.steps[0].shape[2], "macs": run.macs},
        "receptive_field": sorted({int(n) for n in run.output.rows.extents[middle - 32 : middle + 32]}),
        "legal_inputs": {"least": placed.sizes.minimum, "step": placed.sizes.period},
        "margin": placed.margin,
    }
