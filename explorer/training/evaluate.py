"""Measure networks on whole labelled images, each prepared as the app prepares it (mirrored to a legal size)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from explorer import inference, metrics, objects
from explorer.models import ModelSpec
from explorer.training import windows
from explorer.training.border import OBJECT, TOUCHING
from explorer.training.data import Sample

TILE = 828  # network input, pixels a side: larger canvases of valid networks are run in tiles


def scores_of(
    net: Callable[[Tensor], Any],
    spec: ModelSpec,
    image: np.ndarray,
    mean: tuple[float, ...],
    std: tuple[float, ...],
    device: torch.device,
) -> dict[str, Tensor]:
    """Class scores (C x H x W) of an H x W x 3 uint8 image, from a network or from each stream of one."""
    prepared = inference.prepare(image, spec, max(image.shape[:2]))
    canvas = inference.normalise(prepared.network, mean, std).to(device, memory_format=torch.channels_last)
    if spec.padding == "valid":
        far = inference.reach(spec)
        outputs = {
            spec.model: windows.run(lambda x: _streams(net(x), spec)[spec.model], canvas, TILE, far.sizes, far.shrink)
        }
    else:
        outputs = _streams(net(canvas), spec)
    height, width = image.shape[:2]
    return {key: scores[0, :, :height, :width] for key, scores in outputs.items()}


def _streams(result: Any, spec: ModelSpec) -> dict[str, Tensor]:
    """Scores by network: the streams that share a trunk (all FCNs), or the one plain network."""
    return result if isinstance(result, dict) else {spec.model: result}


@dataclass
class Tally:
    """What is counted of one network over images."""

    classes: int
    matrix: np.ndarray = field(init=False)
    band: np.ndarray = field(init=False)  # only pixels within 5 of a boundary
    dices: list[tuple[str, float]] = field(default_factory=list)
    objects: list[tuple[str, objects.Matches]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.matrix, self.band = (np.zeros((self.classes, self.classes), np.int64) for _ in range(2))

    def add(self, sample: Sample, labels: np.ndarray) -> None:
        self.matrix += metrics.confusion(sample.target, labels, self.classes)
        near = metrics.boundary_band(sample.target)
        self.band += metrics.confusion(np.where(near, sample.target, metrics.IGNORE), labels, self.classes)
        if sample.instances is not None:
            found = objects.instances_of(labels, OBJECT, TOUCHING)  # with their share of the touching border
            # Dice takes the class alone against all pixels of nuclei: what is called a touching border counts as missed
            pair = metrics.confusion(sample.instances > 0, labels == OBJECT, 2)
            self.dices.append((sample.kind, float(metrics.dice(pair)[1])))
            self.objects.append((sample.kind, objects.match(sample.instances, found)))

    def figures(self) -> dict[str, float]:
        """The FCN paper's four, the IoU along boundaries; for instances Dice (mean over images) and object F1."""
        found = {**metrics.summary(self.matrix), "boundary_iou": metrics.mean_iou(self.band)}
        if self.dices:
            found["nucleus_dice"] = _mean(d for _, d in self.dices)
            found["object_f1"] = _mean(m.f1 for _, m in self.objects)
            found["object_f1_pooled"] = sum((m for _, m in self.objects), objects.Matches(0, 0, 0)).f1
            for kind in sorted({kind for kind, _ in self.dices}):
                found[f"nucleus_dice_{kind}"] = _mean(d for k, d in self.dices if k == kind)
                found[f"object_f1_{kind}"] = _mean(m.f1 for k, m in self.objects if k == kind)
        return found


def _mean(values: Iterable[float]) -> float:
    known = [v for v in values if not np.isnan(v)]
    return float(np.mean(known)) if known else float("nan")


def measure(
    net: Callable[[Tensor], Any],
    spec: ModelSpec,
    samples: Iterable[Sample],
    mean: tuple[float, ...],
    std: tuple[float, ...],
    device: torch.device,
) -> dict[str, Tally]:
    """A tally per network of `net`, by its key in MODELS; `spec` is the network whose sizes hold."""
    tallies: dict[str, Tally] = {}
    with torch.inference_mode():
        for sample in samples:
            for key, scores in scores_of(net, spec, sample.image, mean, std, device).items():
                labels = scores.argmax(0).to(torch.uint8).cpu().numpy()
                tallies.setdefault(key, Tally(spec.classes)).add(sample, labels)
    return tallies
