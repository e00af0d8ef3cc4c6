"""Thin networks that learn from small crops for some seconds: enough to compare networks with each other."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

from explorer import metrics
from explorer.training.data import Sample, read_all, split
from explorer.training.sets import SETS

MEAN, STD = torch.tensor((0.485, 0.456, 0.406)), torch.tensor((0.229, 0.224, 0.225))  # ImageNet's, as the recipes use

Pixels = list[tuple[Tensor, Tensor]]  # image 3 x H x W, normalised; target H x W
Data = dict[str, tuple[Pixels, Pixels]]  # by data set: what is learnt from, and what is checked on


@dataclass(frozen=True)
class Plan:
    """The same for every run of a table, in which it is written. `data` is by question; `width` is a factor on the
    paper's channels; `crop` is in pixels of the images shrunk by `shrink`."""

    data: dict[str, str] = field(default_factory=dict)
    width: float = 1 / 16
    crop: int = 64
    shrink: int = 2
    batch: int = 2
    learning_rate: float = 0.004
    warmup: int = 20
    seeds: tuple[int, ...] = (0, 1, 2)


def prepared(plan: Plan, folder: Path) -> Data:
    """The data sets of a plan. Raises DataError for a file that is missing or broken."""
    data: Data = {}
    for name in sorted(set(plan.data.values())):
        learn, check, _ = split(name, read_all(name, folder, weights=False))
        data[name] = shrunk(learn, plan), shrunk(check, plan)
    return data


def shrunk(samples: list[Sample], plan: Plan) -> Pixels:
    """Images by area, labels by every n-th pixel; those smaller than a crop are left out."""
    made = []
    for sample in samples:
        height, width = (n // plan.shrink for n in sample.target.shape)
        if min(height, width) < plan.crop:
            continue
        small = np.array(Image.fromarray(sample.image).resize((width, height), Image.Resampling.BOX))
        image = ((torch.from_numpy(small).float() / 255 - MEAN) / STD).permute(2, 0, 1).contiguous()
        target = sample.target[:: plan.shrink, :: plan.shrink][:height, :width]
        made.append((image, torch.from_numpy(target.astype(np.int64))))
    return made


def batch_of(pixels: Pixels, plan: Plan, seed: int, step: int) -> tuple[Tensor, Tensor]:
    """N x 3 x crop x crop, N x crop x crop: drawn from (seed, step) alone, so alike for all rows."""
    rng = np.random.default_rng((seed, step))
    images, targets = [], []
    for i in rng.integers(len(pixels), size=plan.batch):
        image, target = pixels[i]
        top, left = (int(rng.integers(n - plan.crop + 1)) for n in target.shape)
        rows, columns = slice(top, top + plan.crop), slice(left, left + plan.crop)
        image, target = image[:, rows, columns], target[rows, columns]
        if rng.random() < 0.5:
            image, target = image.flip(2), target.flip(1)
        images.append(image)
        targets.append(target)
    return torch.stack(images), torch.stack(targets)


def middle(pixels: Pixels, plan: Plan) -> tuple[Tensor, Tensor]:
    """The central crop of each image."""
    cut = []
    for image, target in pixels:
        top, left = ((n - plan.crop) // 2 for n in target.shape)
        rows, columns = slice(top, top + plan.crop), slice(left, left + plan.crop)
        cut.append((image[:, rows, columns], target[rows, columns]))
    return torch.stack([image for image, _ in cut]), torch.stack([target for _, target in cut])


def learn(net: nn.Module, pixels: Pixels, plan: Plan, seed: int, steps: int, end: float) -> bool:
    """Train in place; False if the clock (time.monotonic) passed `end` before it was done."""
    net.train()
    optimiser = torch.optim.AdamW(net.parameters(), lr=plan.learning_rate, weight_decay=1e-4)
    for step in range(steps):
        if time.monotonic() > end:
            return False
        rate = min(1.0, (step + 1) / plan.warmup) * 0.5 * (1 + np.cos(np.pi * step / steps))
        optimiser.param_groups[0]["lr"] = plan.learning_rate * rate
        images, targets = batch_of(pixels, plan, seed, step)
        loss = F.cross_entropy(net(images), targets, ignore_index=metrics.IGNORE)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return True


def judged(net: nn.Module, pixels: Pixels, plan: Plan, classes: int) -> float:
    """Mean IoU on the central crop of each image."""
    net.eval()
    images, targets = middle(pixels, plan)
    with torch.inference_mode():
        labels = torch.cat([net(part).argmax(1) for part in images.split(16)])
    return metrics.mean_iou(metrics.confusion(targets.numpy(), labels.numpy(), classes))


def guessed(plan: Plan, data: Data) -> dict[str, dict[str, float]]:
    """What a network has to beat: by question the mean IoU of the best label, if it is said of every pixel."""
    found = {}
    for question, name in plan.data.items():
        targets, classes = middle(data[name][1], plan)[1].numpy(), len(SETS[name].classes)
        labels = [metrics.confusion(targets, np.full_like(targets, label), classes) for label in range(classes)]
        found[question] = max(metrics.mean_iou(matrix) for matrix in labels)
    return {"same_label": found}


def trained(
    net: nn.Module, question: str, seed: int, steps: int, plan: Plan, data: Data, end: float
) -> dict[str, float] | None:
    """Mean IoU after so many steps, and the seconds of a core that it took; None if the clock passed `end`."""
    name, began = plan.data[question], time.process_time()
    if not learn(net, data[name][0], plan, seed, steps, end):
        return None
    mean_iou = judged(net, data[name][1], plan, len(SETS[name].classes))
    return {"mean_iou": mean_iou, "seconds": round(time.process_time() - began, 2)}
