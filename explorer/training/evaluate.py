"""Measure networks on whole labelled images, each prepared as the app prepares it (mirrored to a legal size)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import astuple, dataclass, field

import numpy as np
import torch
from torch import Tensor, nn

from explorer import images, inference, metrics, objects
from explorer.inference import Canvas, Outputs, RunOptions
from explorer.models import ModelSpec
from explorer.training.border import OBJECT, TOUCHING
from explorer.training.data import Sample, group_of

DRAWS = 1000  # resamplings behind a standard error


def scores_of(
    net: nn.Module,
    spec: ModelSpec,
    image: np.ndarray,
    mean: tuple[float, ...],
    std: tuple[float, ...],
    device: torch.device,
) -> dict[str, Tensor]:
    """Class scores (C x H x W) of an H x W x 3 uint8 image, from a network or from each stream of one.

    A network of valid convolutions, whose canvas is large, is run in tiles where the memory does not suffice.
    """
    height, width = image.shape[:2]
    if spec.padding == "valid":
        outputs = Outputs.in_memory((height, width), spec.classes, scores=True)
        held = Outputs.bytes((height, width), spec.classes, scores=True)
        plan = inference.plan(spec, (height, width), RunOptions(device.type), held)
        inference.label(net, Canvas.of(image, inference.placement(spec), mean, std), plan, outputs)
        return {spec.model: torch.from_numpy(outputs.scores)}
    prepared = inference.prepare(image, spec, max(height, width))
    canvas = inference.normalise(prepared.network, mean, std).to(device, memory_format=torch.channels_last)
    result = net(canvas)
    streams = result if isinstance(result, dict) else {spec.model: result}  # those that share a trunk, or one network
    return {key: scores[0, :, :height, :width] for key, scores in streams.items()}


@dataclass
class Tally:
    """What is counted of one network, image by image."""

    classes: int
    matrices: list[np.ndarray] = field(default_factory=list)
    bands: list[np.ndarray] = field(default_factory=list)  # only pixels within 5 of a boundary
    groups: list[str] = field(default_factory=list)  # by `group_of`
    kinds: list[str] = field(default_factory=list)  # of images with single objects, as are the next two
    dices: list[float] = field(default_factory=list)
    wholes: list[float] = field(default_factory=list)  # Dice of objects with their share of the touching border
    objects: list[objects.Matches] = field(default_factory=list)

    @property
    def matrix(self) -> np.ndarray:
        """The confusion matrix of all images."""
        return np.sum(self.matrices, 0)

    def add(self, sample: Sample, labels: np.ndarray) -> None:
        self.matrices.append(metrics.confusion(sample.target, labels, self.classes))
        self.groups.append(group_of(sample))
        near = metrics.boundary_band(sample.target)
        self.bands.append(metrics.confusion(np.where(near, sample.target, metrics.IGNORE), labels, self.classes))
        if sample.instances is not None:
            found = objects.instances_of(labels, OBJECT, TOUCHING)  # with their share of the touching border
            # Dice takes the class alone against all pixels of nuclei: what is called a touching border counts as missed
            pair = metrics.confusion(sample.instances > 0, labels == OBJECT, 2)
            self.kinds.append(sample.kind)
            self.dices.append(float(metrics.dice(pair)[1]))
            self.wholes.append(float(metrics.dice(metrics.confusion(sample.instances > 0, found > 0, 2))[1]))
            self.objects.append(objects.match(sample.instances, found))

    def figures(self, times: np.ndarray | None = None) -> dict[str, float]:
        """The FCN paper's four, the IoU along boundaries; for instances Dice (mean over images) and object F1.

        times  how often each image counts (once, if not given)
        """
        times = np.ones(len(self.matrices), np.int64) if times is None else times
        matrix, band = (np.tensordot(times, each, 1) for each in (self.matrices, self.bands))
        found = {**metrics.summary(matrix), "boundary_iou": metrics.mean_iou(band)}
        found |= {key: _mean(values, times) for key, values in self.of_images().items()}
        if self.objects:
            pooled = times @ np.array([astuple(m) for m in self.objects])
            found["object_f1_pooled"] = objects.Matches(*map(int, pooled)).f1
        return found

    def of_images(self) -> dict[str, np.ndarray]:
        """The figures that are means over images, of all kinds and of each, image by image (NaN: it has none)."""
        if not self.dices:
            return {}
        whole = np.array(self.wholes)
        single = {
            "nucleus_dice": np.array(self.dices),
            "object_dice": whole,
            "object_f1": np.array([m.f1 for m in self.objects]),
        }
        kinds = np.array(self.kinds)
        by_kind = {
            f"{key}_{kind}": np.where(kinds == kind, values, np.nan)
            for kind in sorted(set(self.kinds))
            for key, values in single.items()
        }
        return single | by_kind


def _mean(values: np.ndarray, times: np.ndarray) -> float:
    counted = ~np.isnan(values) & (times > 0)
    return float(np.average(values[counted], weights=times[counted])) if counted.any() else float("nan")


def standard_errors(tally: Tally, other: Tally | None = None, draws: int = DRAWS, seed: int = 0) -> dict[str, float]:
    """How far each figure would move with other images of the same sort: these ones resampled with replacement (Efron
    1979, "Bootstrap methods: another look at the jackknife"), groups of similar images whole (Field and Welsh
    2007, "Bootstrapping clustered data": the cluster bootstrap), as fields of one experiment are not independent. A
    few groups of very different sizes give too small a standard error rather than too large a one. With `other`, of
    the difference between two networks on the same images. NaN where fewer than two groups have a say.
    """
    numbers = {name: i for i, name in enumerate(dict.fromkeys(tally.groups))}
    group, count = np.array([numbers[name] for name in tally.groups]), len(numbers)
    moved: dict[str, list[float]] = {}
    for drawn in np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), draws):
        times = drawn[group]
        there = other.figures(times) if other else {}
        for key, value in tally.figures(times).items():
            moved.setdefault(key, []).append(value - there.get(key, 0.0))
    having = {key: len(set(group[~np.isnan(values)])) for key, values in tally.of_images().items()}
    return {
        key: float(np.nanstd(values)) if having.get(key, count) > 1 and not np.isnan(values).all() else float("nan")
        for key, values in moved.items()
    }


def measure(
    net: nn.Module,
    spec: ModelSpec,
    samples: Iterable[Sample],
    mean: tuple[float, ...],
    std: tuple[float, ...],
    device: torch.device,
    side: Callable[[tuple[int, int]], int | None] = lambda _: None,
    heard: Callable[[Sample, np.ndarray], None] | None = None,
) -> dict[str, Tally]:
    """A tally per network of `net`, by its key in MODELS; `spec` is the network whose sizes hold. `side` says of
    an image's size (height, width) what longer side it is run at, None for its own; `heard` is told of the labels
    (H x W) that each network gives each sample.
    """
    tallies: dict[str, Tally] = {}
    with torch.inference_mode():
        for sample in samples:
            size = sample.image.shape[:2]
            image = images.resize(sample.image, side(size) or max(size))
            for key, scores in scores_of(net, spec, image, mean, std, device).items():
                if image.shape == sample.image.shape:
                    labels = scores.argmax(0).to(torch.uint8).cpu().numpy()
                else:
                    labels = inference.labels_at(scores.float().cpu().numpy(), size)
                tallies.setdefault(key, Tally(spec.classes)).add(sample, labels)
                if heard:
                    heard(sample, labels)
    return tallies
