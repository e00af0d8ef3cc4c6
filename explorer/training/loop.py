"""The training loop. A step follows from (seed, step) alone: a run that was killed goes on as if it had not been.

The state (weights, average, optimiser, step, seconds spent) is written to a temporary file that then takes the old
one's place: after Ctrl-C, a crash or kill -9 the last whole state is there.
"""

from __future__ import annotations

import ctypes
import hashlib
import io
import math
import sys
import time
from contextlib import closing, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from tqdm import tqdm

from explorer.inference import has_bfloat16
from explorer.training import begin
from explorer.training.batches import Batch, Batches
from explorer.training.data import Sample
from explorer.training.evaluate import Tally, measure
from explorer.training.loss import class_weights, loss_of, unbalance
from explorer.training.nets import Nets
from explorer.training.recipe import Recipe
from explorer.weights import replace_file

PRECISIONS = ("bfloat16", "float32")


def keep_freed_memory() -> None:
    """Let the C library keep what is freed instead of handing it back to the system (glibc; elsewhere nothing).

    A training step frees and takes again the same hundreds of megabytes; without this a third of its time on a CPU
    goes into page faults.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return
    for option, value in ((-4, 0), (-1, 2**31 - 1), (-2, 2**28)):  # M_MMAP_MAX, M_TRIM_THRESHOLD, M_TOP_PAD
        mallopt(option, value)


def usual_precision(device: torch.device) -> str:
    """The one of PRECISIONS that a device trains in unless told otherwise."""
    return "bfloat16" if has_bfloat16(device.type) else "float32"


class Run:
    """One training run in a folder. `finish()` trains to the end, from the last saved state if there is one."""

    def __init__(
        self,
        recipe: Recipe,
        samples: list[Sample],
        folder: Path,
        device: torch.device,
        save_every: float = 60.0,
        extra: dict[str, list[Sample]] | None = None,
        published: tuple[Path, ...] = (),
        workers: int = 0,
        precision: str | None = None,
    ) -> None:
        """published: folders of checkpoints to begin with where the run that the recipe starts from is not at hand;
        workers: processes that make the batches, 0 for a thread of this one; precision: one of PRECISIONS, by default
        bfloat16 where the device has it in hardware."""
        self.recipe, self.folder, self.device, self.save_every = recipe, folder, device, save_every
        self.workers = workers
        self.precision = precision or usual_precision(device)
        self.threads = torch.get_num_threads() if device.type == "cpu" else None  # sums are split up by them
        torch.manual_seed(recipe.seed)
        paddings, coarser = tuple(recipe.geometries), tuple(recipe.coarser)
        self.live, self.average = (Nets(recipe.spec, paddings, coarser, recipe.norm) for _ in range(2))
        for nets in (self.live, self.average):
            nets.to(device)
        self.average.first.load_state_dict(self.live.first.state_dict())
        self.average.eval()
        self.batches = Batches(recipe, samples, extra)
        self.class_weights = class_weights(recipe, samples).to(device)
        decayed = [p for p in self.live.first.parameters() if p.requires_grad and p.ndim > 1]
        plain = [p for p in self.live.first.parameters() if p.requires_grad and p.ndim <= 1]
        groups = [{"params": decayed, "weight_decay": recipe.weight_decay}, {"params": plain, "weight_decay": 0.0}]
        self.optimiser = torch.optim.AdamW(groups, lr=recipe.learning_rate)
        self.step, self.seen, self.seconds, self.loss = 0, 0, 0.0, 0.0  # the loss is a running mean
        self.begun_from: dict[str, Any] = {}  # another run: its recipe, steps and seed; of published weights the sha256
        self.begun: dict[str, Tensor] = {}  # those weights, while the recipe wants a share of them in the end
        self.images = hashlib.sha256("\n".join(f"{s.name} {s.target.shape}" for s in self.batches.samples).encode())
        self.file = folder / "state.pt"
        if recipe.start and not self.file.is_file():
            self._begin(published)

    def _begin(self, published: tuple[Path, ...]) -> None:
        """Take over the averaged weights of the run that the recipe starts from."""
        recipe = self.recipe
        found = begin.find(recipe, self.folder.parent, published, self.device)
        class_weights = self.class_weights if recipe.class_balance else None
        begin.take_over(found, self.live, class_weights, self.batches)
        self.average.first.load_state_dict(self.live.first.state_dict())
        self.begun_from = found.made
        if recipe.start_share:
            self.begun = {k: v.clone() for k, v in self.average.first.state_dict().items()}

    @property
    def progress(self) -> float:
        """Share of the steps that are done."""
        return self.step / self.recipe.steps

    def finish(self, check: list[Sample] | None = None, checks: int = 2) -> None:
        """Train to the end; measure the average on `check` that many times on the way."""
        self.resume()
        saved = began = time.monotonic()
        spent, steps = self.seconds, self.recipe.steps
        half = self.precision == "bfloat16"
        precise = torch.autocast(self.device.type, torch.bfloat16) if half else nullcontext()
        often = 0.5 if sys.stderr.isatty() else 10.0  # seconds; a log file needs fewer lines
        bar = tqdm(
            desc=self.recipe.name, total=steps, initial=self.step, unit="step", dynamic_ncols=True, mininterval=often
        )
        with bar, closing(self.batches.ahead(self.step, steps, self.workers)) as batches:
            for batch in batches:
                if self.step in self.recipe.snapshots:
                    self._snapshot()
                images = len(batch[1])
                loss = self._one(batch, precise)
                self.loss = 0.98 * self.loss + 0.02 * loss if self.step else loss
                self.step += 1
                self.seen += images
                self.seconds = spent + time.monotonic() - began
                bar.set_postfix_str(f"loss {self.loss:.3f}, {self.seen / self.seconds:.1f} images/s", refresh=False)
                bar.update()
                if self.step == steps:
                    self._blend()
                if self.step == steps or time.monotonic() - saved > self.save_every:
                    self.save()
                    saved = time.monotonic()
                if check and self.step < steps and self.step * checks // steps > (self.step - 1) * checks // steps:
                    bar.write(f"  average so far: {self.measure(check)}", file=sys.stderr)

    def _snapshot(self) -> None:
        """Keep the weights of this step, folded, and the time that they took."""
        self.folder.mkdir(parents=True, exist_ok=True)
        kept = {"weights": self.plain(self.live).state_dict(), "seconds": self.seconds}
        torch.save(kept, self.snapshot_file(self.step))

    def snapshot_file(self, step: int) -> Path:
        return self.folder / f"snapshot-{step}.pt"

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

    def _blend(self) -> None:
        """Mix the weights begun with into the average: between two trainings of the same weights there often lies a
        better network than either (Wortsman et al. 2022, "Robust fine-tuning of zero-shot models")."""
        own = self.average.first.state_dict()
        for key, before in self.begun.items():
            if before.is_floating_point():
                own[key].lerp_(before, self.recipe.start_share)

    def plain(self, nets: Nets) -> nn.Module:
        """The network to ship, from the live or the averaged one: folded, the class weights of `class_balance` taken
        out, once there is something that they were learned with."""
        net = nets.folded()
        if self.recipe.class_balance and (self.step or self.begun_from):
            unbalance(net, self.class_weights)
        return net

    def measure(self, samples: list[Sample]) -> dict[str, dict[str, dict[str, float]]]:
        """{geometry: {network: figures}} of the weights to ship."""
        tallies = self.tallies(samples)
        return {padding: {name: tally.figures() for name, tally in by.items()} for padding, by in tallies.items()}

    def tallies(self, samples: list[Sample], state: dict[str, Tensor] | None = None) -> dict[str, dict[str, Tally]]:
        """{geometry: {network: tally}} of a plain network's weights, by default those to ship."""
        recipe = self.recipe
        nets = Nets(recipe.spec, tuple(recipe.geometries), tuple(recipe.coarser), normed=False)
        nets.first.load_state_dict(state or self.plain(self.average).state_dict())
        nets.to(self.device)
        nets.eval()
        found = {}
        for padding in recipe.geometries:
            spec = replace(recipe.spec, padding=padding)
            net = nets.plain[padding] if padding == "valid" else nets.streams[padding]
            found[padding] = measure(net, spec, samples, recipe.mean, recipe.std, self.device)
        return found

    def save(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        file = io.BytesIO()
        torch.save(
            {
                "recipe": repr(self.recipe),
                "images": self.images.hexdigest(),
                "steps": self.recipe.steps,
                "seed": self.recipe.seed,
                "fold": self.recipe.fold,
                "threads": self.threads,
                "precision": self.precision,
                "begun_from": self.begun_from,
                "begun": self.begun,
                "step": self.step,
                "seen": self.seen,
                "seconds": self.seconds,
                "loss": self.loss,
                "live": self.live.first.state_dict(),
                "average": self.average.first.state_dict(),
                "optimiser": self.optimiser.state_dict(),
            },
            file,
        )
        replace_file(self.file, file.getvalue())

    def resume(self) -> None:
        if not self.file.is_file():
            return
        state = begin.read_state(self.file, self.device)
        if state["recipe"] != repr(self.recipe):
            raise ValueError(f"{self.file} belongs to another recipe or seed; use another folder or remove it")
        if state.get("images", self.images.hexdigest()) != self.images.hexdigest():
            theirs, ours = state.get("fold", 0), self.recipe.fold
            why = f" (fold {theirs} left out, here it is fold {ours})" * (theirs != ours)
            raise ValueError(f"{self.file} was begun with other images{why}; use another folder or remove it")
        here = (self.threads, self.precision)
        if (before := (state.get("threads", here[0]), state.get("precision", here[1]))) != here:
            was, now = (f"{f'a CPU (threads: {n})' if n else 'a GPU'} in {kind}" for n, kind in (before, here))
            print(f"until now on {was}, from here on {now}: other roundings, so other weights", file=sys.stderr)
        self.live.first.load_state_dict(state["live"])
        self.average.first.load_state_dict(state["average"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.step, self.seen, self.seconds = state["step"], state["seen"], state["seconds"]
        self.loss, self.begun_from = state["loss"], state.get("begun_from", {})
        self.begun = state.get("begun", {})
        print(f"going on from step {self.step}", file=sys.stderr)
