"""The batches of a training: which images, how changed, all drawn from the seed and the step."""

from __future__ import annotations

from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from explorer.inference import placement
from explorer.training import augment
from explorer.training.data import Sample, signature
from explorer.training.recipe import Recipe

Batch = tuple[str, Tensor, Tensor, Tensor]  # geometry, images, targets, weights


def chances_of(samples: list[Sample], recipe: Recipe) -> np.ndarray:
    """Chance of each sample to be drawn: rare kinds, and rare groups of a kind, more often than they occur."""
    kinds = [s.kind for s in samples]
    groups = [signature(s) for s in samples] if recipe.groups_balance else kinds
    kind, group = (np.unique(names, return_inverse=True, return_counts=True)[1:] for names in (kinds, groups))
    share = group[1][group[0]] ** -recipe.groups_balance
    share *= (kind[1] ** (1 - recipe.kinds_balance) / np.bincount(kind[0], share))[kind[0]]
    return share / share.sum()


class Batches(Dataset[Batch]):
    """Batch of a step: which geometry, which images, how deformed, all drawn from (seed, step)."""

    def __init__(self, recipe: Recipe, samples: list[Sample], extra: dict[str, list[Sample]] | None = None) -> None:
        self.recipe, self.samples = recipe, list(samples)
        share = chances_of(samples, recipe)
        chances = [share * (1 - sum(recipe.extra.values()))]
        for name, part in recipe.extra.items():
            more = (extra or {})[name]
            self.samples += more
            chances.append(np.full(len(more), part / len(more)))
        self.chance = np.concatenate(chances)
        self.margins = {}
        for padding, geometry in recipe.geometries.items():
            placed = placement(replace(recipe.spec, padding=padding))
            if illegal := [n for n in geometry.crop if n not in placed.sizes]:
                near = " or ".join(map(str, placed.sizes.nearest(illegal[0])))
                raise ValueError(
                    f"a crop of {illegal[0]} pixels does not fit the network in {padding!r} geometry; take {near}"
                )
            self.margins[padding] = (placed.margin, placed.margin)

    def __call__(self, step: int) -> Batch:
        recipe = self.recipe
        rng = np.random.default_rng((recipe.seed, step))
        shares = np.array([g.share * (step >= g.begins * recipe.steps) for g in recipe.geometries.values()])
        padding = list(recipe.geometries)[rng.choice(len(shares), p=shares / shares.sum())]
        geometry = recipe.geometries[padding]
        pairs = [
            augment.draw(self.samples[i], geometry.crop, self.margins[padding], recipe.augmentation, recipe.mean, rng)
            for i in rng.choice(len(self.samples), geometry.batch, p=self.chance)
        ]
        mean, std = (torch.tensor(v)[:, None, None] for v in (recipe.mean, recipe.std))
        images = torch.stack([(pair.image - mean) / std for pair in pairs])
        return padding, images, torch.stack([p.target for p in pairs]), torch.stack([p.weight for p in pairs])

    __getitem__ = __call__  # as the data loader asks for them

    def ahead(self, step: int, end: int, workers: int = 0) -> Generator[Batch, None, None]:
        """The batches from `step` on, made while the last ones are in use: the next one beside the training, or (for
        a device that is faster than one thread can feed) several by as many processes; the same batches either way."""
        if workers:
            yield from DataLoader(self, None, sampler=range(step, end), num_workers=workers, prefetch_factor=4)
            return
        with ThreadPoolExecutor(1, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            coming = pool.submit(self, step)
            for following in range(step + 1, end + 1):
                batch, coming = coming.result(), pool.submit(self, following)
                yield batch
