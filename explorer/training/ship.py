"""From a finished run to checkpoints: batch norm folded, the stored precision chosen, what is stored measured."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from explorer import weights
from explorer.inference import has_bfloat16
from explorer.training.data import Sample
from explorer.training.loop import Run
from explorer.training.nets import Nets
from explorer.training.sets import SETS
from explorer.weights import LANGUAGES, Card, Preprocessing

State = dict[str, Tensor]
STEP = {"en": "{title}, after {step} steps", "ko": "{title}, {step}스텝 학습 후"}


@dataclass(frozen=True)
class Split:
    """How the images were divided."""

    rule: str
    training: int
    validation: int


def ship(run: Run, validation: list[Sample], folder: Path, split: Split) -> list[Card]:
    """Write the run's averaged weights to `folder`, its snapshots to the folder `snapshots` in it; all cards."""
    final = run.plain(run.average)
    state = final.state_dict()
    half = {name: tensor.half().float() for name, tensor in state.items()}
    stored = torch.float16 if _lost(run, state, half, validation[::4]) < 0.001 else torch.float32
    cards = [_write(run, half if stored == torch.float16 else state, stored, validation, folder, split)]
    for step in run.recipe.snapshots:
        file = run.snapshot_file(step)
        kept = torch.load(file, weights_only=True)
        cards.append(_write(run, kept, stored, validation, folder / "snapshots", split, step))
    return cards


def _write(
    run: Run, state: State, stored: torch.dtype, samples: list[Sample], folder: Path, split: Split, step: int = -1
) -> Card:
    recipe, data_set = run.recipe, SETS[run.recipe.data_set]
    name, title = recipe.name, recipe.title
    if step >= 0:
        name = f"{name}-step{step}"
        title = {lang: STEP[lang].format(title=recipe.title[lang], step=step) for lang in LANGUAGES}
    nets = Nets(recipe.spec, tuple(recipe.geometries), tuple(recipe.coarser), normed=False)
    nets.first.load_state_dict(state)
    sets = [data_set, *(SETS[extra] for extra in recipe.extra)]
    made = {"steps_made": run.step if step < 0 else step, "minutes": round(run.seconds / 60, 1)}
    card = Card(
        name=name,
        title=title,
        spec=recipe.spec,
        geometries=tuple(recipe.geometries),
        classes=data_set.classes,
        preprocessing=Preprocessing(recipe.mean, recipe.std),
        data={lang: " ".join(s.data[lang] for s in sets) for lang in LANGUAGES},
        licence={lang: " ".join(s.licence[lang] for s in sets) for lang in LANGUAGES},
        recipe={**recipe.json(), **made, **_machine(run)},
        seed=recipe.seed,
        metrics={
            "split": split.rule,
            "training_images": split.training,
            "validation_images": split.validation,
            "figures": _figures(run, state, samples),
        },
        note=recipe.note,
    )
    return weights.save(folder / f"{name}.safetensors", nets.first, card, stored)


def _lost(run: Run, full: State, half: State, samples: list[Sample]) -> float:
    """What half precision costs at most, in mean IoU (Dice for nuclei), over geometries and networks."""
    key = "nucleus_dice" if SETS[run.recipe.data_set].instances else "mean_iou"
    before, after = (_figures(run, state, samples) for state in (full, half))
    return max(before[g][m][key] - after[g][m][key] for g in before for m in before[g])


def _figures(run: Run, state: State, samples: list[Sample]) -> dict[str, dict[str, dict[str, float]]]:
    found = run.measure(samples, state)
    return {g: {m: {k: round(v, 4) for k, v in f.items()} for m, f in by.items()} for g, by in found.items()}


def _machine(run: Run) -> dict[str, Any]:
    precision = "bfloat16" if has_bfloat16(run.device.type) else "float32"
    return {"torch": torch.__version__, "python": platform.python_version(), "precision": precision}
