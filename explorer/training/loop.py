"""The training loop. A step follows from (seed, step) alone: a run that was killed goes on as if it had not been.

The state (weights, average, optimiser, step, seconds spent) is written to a temporary file that then takes the old
one's place: after Ctrl-C, a crash or kill -9 the last whole state is there.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from explorer.training import augment
from explorer.training.data import Sample
from explorer.training.evaluate import measure
from explorer.training.loss import class_weights, loss_of
from explorer.training.nets import Nets
from explorer.training.recipe import Recipe

Batch = tuple[str, Tensor, Tensor, Tensor]  # geometry, images, targets, weights


def has_bfloat16(device: torch.device) -> bool:
    """Whether the processor multiplies bfloat16 in hardware (elsewhere it is slower than float32)."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported()
    try:
        flags = Path("/proc/cpuinfo").read_text()
    except OSError:
        return False
    return "avx512_bf16" in flags or "amx_bf16" in flags


class Batches:
    """Batch of a step: which geometry, which images, how deformed, all drawn from (seed, step)."""

    def __init__(self, recipe: Recipe, samples: list[Sample]) -> None:
        self.recipe, self.samples = recipe, samples
        _, where, counts = np.unique([s.kind for s in samples], return_inverse=True, return_counts=True)
        share = counts[where] ** -recipe.kinds_balance
        self.chance = share / share.sum()
        templates = Nets(recipe.spec, tuple(recipe.geometries), (), normed=False).sizes
        self.margins = {}
        for padding, geometry in recipe.geometries.items():
            made = [templates[padding].output_size(n) for n in geometry.crop]  # type: ignore[operator]
            if None in made:
                raise ValueError(f"a crop of {geometry.crop} does not fit the network in {padding!r} geometry")
            self.margins[padding] = tuple((n - m) // 2 for n, m in zip(geometry.crop, made, strict=True))

    def __call__(self, step: int) -> Batch:
        recipe = self.recipe
        rng = np.random.default_rng((recipe.seed, step))
        shares = np.array([g.share for g in recipe.geometries.values()])
        padding = list(recipe.geometries)[rng.choice(len(shares), p=shares / shares.sum())]
        geometry = recipe.geometries[padding]
        pairs = [
            augment.draw(self.samples[i], geometry.crop, self.margins[padding], recipe.augmentation, recipe.mean, rng)
            for i in rng.choice(len(self.samples), geometry.batch, p=self.chance)
        ]
        mean, std = (torch.tensor(v)[:, None, None] for v in (recipe.mean, recipe.std))
        images = torch.stack([(pair.image - mean) / std for pair in pairs])
        return padding, images, torch.stack([p.target for p in pairs]), torch.stack([p.weight for p in pairs])

    def ahead(self, step: int, end: int) -> Iterator[Batch]:
        """The batches from `step` on, the next one made while the last one is in use."""
        with ThreadPoolExecutor(1) as pool:
            coming = pool.submit(self, step)
            for following in range(step + 1, end + 1):
                batch, coming = coming.result(), pool.submit(self, following)
                yield batch


class Run:
    """One training run in a folder. `finish()` trains to the end, from the last saved state if there is one."""

    def __init__(
        self,
        recipe: Recipe,
        samples: list[Sample],
        folder: Path,
        device: torch.device,
        minutes: float | None = None,
        save_every: float = 60.0,
        say: Callable[[str], None] = lambda line: print(line, file=sys.stderr, flush=True),
    ) -> None:
        self.recipe, self.folder, self.device, self.minutes = recipe, folder, device, minutes
        self.save_every, self.say = save_every, say
        torch.manual_seed(recipe.seed)
        paddings, coarser = tuple(recipe.geometries), tuple(recipe.coarser)
        self.live, self.average = (Nets(recipe.spec, paddings, coarser, recipe.norm) for _ in range(2))
        for nets in (self.live, self.average):
            nets.to(device)
        self.average.first.load_state_dict(self.live.first.state_dict())
        self.average.eval()
        self.batches = Batches(recipe, samples)
        self.class_weights = class_weights(recipe, samples).to(device)
        decayed = [p for p in self.live.first.parameters() if p.requires_grad and p.ndim > 1]
        plain = [p for p in self.live.first.parameters() if p.requires_grad and p.ndim <= 1]
        groups = [{"params": decayed, "weight_decay": recipe.weight_decay}, {"params": plain, "weight_decay": 0.0}]
        self.optimiser = torch.optim.AdamW(groups, lr=recipe.learning_rate)
        self.step, self.seconds, self.loss = 0, 0.0, 0.0  # the loss is a running mean
        self.file = folder / "state.pt"

    @property
    def progress(self) -> float:
        """Share of the run that is done: steps, or minutes where a limit is given and comes first."""
        timed = self.seconds / (60 * self.minutes) if self.minutes else 0.0
        return min(1.0, max(self.step / self.recipe.steps, timed))

    def finish(self, check: list[Sample] | None = None, checks: int = 2) -> None:
        """Train to the end; measure the average on `check` that many times on the way."""
        self.resume()
        saved = began = time.monotonic()
        spent, measured = self.seconds, math.floor(self.progress * checks)
        precise = torch.autocast(self.device.type, torch.bfloat16) if has_bfloat16(self.device) else nullcontext()
        batches = self.batches.ahead(self.step, self.recipe.steps)
        while self.progress < 1:
            loss = self._one(next(batches), precise)
            self.loss = 0.98 * self.loss + 0.02 * loss if self.step else loss
            self.step += 1
            self.seconds = spent + time.monotonic() - began
            if self.step % 10 == 0 or self.progress >= 1:
                self.say(self.line())
            if self.progress >= 1 or time.monotonic() - saved > self.save_every:
                self.save()
                saved = time.monotonic()
            if check and self.progress < 1 and math.floor(self.progress * checks) > measured:
                measured = math.floor(self.progress * checks)
                self.say(f"  average so far: {self.measure(check)}")
        batches.close()  # type: ignore[attr-defined]

    def _one(self, batch: Batch, precise: Any) -> float:
        padding, *tensors = batch
        images, target, weight = (t.to(self.device, non_blocking=True) for t in tensors)
        recipe, progress = self.recipe, self.progress
        warm = min(1.0, (progress + 1 / recipe.steps) / recipe.warm_up) if recipe.warm_up else 1.0
        for group in self.optimiser.param_groups:
            group["lr"] = recipe.learning_rate * warm * 0.5 * (1 + math.cos(math.pi * progress))
        torch.manual_seed(recipe.seed * 1_000_003 + self.step)  # dropout
        self.live.train(progress >= recipe.norm_frozen_from, recipe.dropout)
        with precise:
            outputs = self.live.streams[padding](images.contiguous(memory_format=torch.channels_last))
        loss = torch.zeros((), device=self.device)
        for name, scores in outputs.items():
            share = recipe.coarser.get(name, 1.0)
            loss = loss + share * loss_of(scores, target, weight, self.class_weights, recipe.dice)
        if not torch.isfinite(loss):
            raise FloatingPointError(f"the loss of step {self.step} is {loss.item()}")
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.live.first.parameters(), 5.0)
        self.optimiser.step()
        self._follow()
        return loss.item()

    def _follow(self) -> None:
        """Move the average towards the weights; at first faster, so that it forgets the start."""
        keep = min(self.recipe.average, (1 + self.step) / (10 + self.step))
        pairs = zip(self.average.first.state_dict().values(), self.live.first.state_dict().values(), strict=True)
        floats = [(a, b) for a, b in pairs if a.is_floating_point()]
        torch._foreach_lerp_([a for a, _ in floats], [b for _, b in floats], 1 - keep)

    def line(self) -> str:
        """One line of progress: steps, loss (running mean), rate, time left."""
        images = sum(g.share * g.batch for g in self.recipe.geometries.values())
        images /= sum(g.share for g in self.recipe.geometries.values())
        rate = self.step / max(self.seconds, 1e-9)
        left = self.seconds * (1 - self.progress) / max(self.progress, 1e-9)
        return (
            f"step {self.step}/{self.recipe.steps} {self.progress:4.0%}  loss {self.loss:.3f}  "
            f"{rate * images:.1f} images/s  {left / 60:.1f} min left"
        )

    def measure(self, samples: list[Sample], nets: Nets | None = None) -> dict[str, dict[str, dict[str, float]]]:
        """{geometry: {network: figures}} of the averaged weights."""
        nets, recipe = nets or self.average, self.recipe
        nets.eval()
        return {
            padding: measure(nets.streams[padding], nets.sizes[padding], samples, recipe.mean, recipe.std, self.device)
            for padding in recipe.geometries
        }

    def save(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        temporary = self.file.with_suffix(".tmp")
        torch.save(
            {
                "recipe": repr(self.recipe),
                "step": self.step,
                "seconds": self.seconds,
                "loss": self.loss,
                "live": self.live.first.state_dict(),
                "average": self.average.first.state_dict(),
                "optimiser": self.optimiser.state_dict(),
            },
            temporary,
        )
        temporary.replace(self.file)

    def resume(self) -> None:
        if not self.file.is_file():
            return
        state = torch.load(self.file, map_location=self.device, weights_only=True)
        if state["recipe"] != repr(self.recipe):
            raise ValueError(f"{self.file} belongs to another recipe or seed; use another folder or remove it")
        self.live.first.load_state_dict(state["live"])
        self.average.first.load_state_dict(state["average"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.step, self.seconds, self.loss = state["step"], state["seconds"], state["loss"]
        self.say(f"going on from step {self.step}")
