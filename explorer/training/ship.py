"""From a finished run to checkpoints: batch norm folded, the stored precision chosen, what is stored measured."""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import isnan
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from explorer import weights
from explorer.cards import SNAPSHOTS, Card, Preprocessing
from explorer.checked import spoken
from explorer.inference import device_name
from explorer.training.data import Sample, group_of
from explorer.training.evaluate import Tally, standard_errors
from explorer.training.loop import Run
from explorer.training.nets import Nets
from explorer.training.recipe import Recipe, read
from explorer.training.sets import SETS

State = dict[str, Tensor]
Tallies = Mapping[str, Mapping[str, Tally]]  # by geometry and network
STEP = {"en": "Step {step} · {title}", "ko": "학습 {step}스텝 · {title}"}  # a narrow list shows the beginning
MOMENT = {
    "en": "{note} These are the weights of that moment; those of the last step are averaged over the steps before it.",
    "ko": "{note} 이 가중치는 해당 스텝의 값 그대로이고, 마지막 스텝의 가중치는 그 앞 스텝들의 평균입니다.",
}


@dataclass(frozen=True)
class Split:
    """How the images were divided."""

    rule: str
    training: dict[str, int]  # images per data set
    validation: int
    side: int | None  # median longer side of the main set's photographs for training


def ship(run: Run, validation: list[Sample], folder: Path, split: Split) -> list[Card]:
    """Write the run's averaged weights to `folder`, its snapshots to the folder `snapshots` in it; all cards."""
    final = run.plain(run.average)
    state = final.state_dict()
    stored = torch.float16 if _lost(run, state, _halved(state), validation) < 0.001 else torch.float32
    cards = [_write(run, state, stored, validation, folder, split)]
    for step in run.recipe.snapshots:
        kept = torch.load(run.snapshot_file(step), weights_only=True)
        made = step, kept["seconds"]
        cards.append(_write(run, kept["weights"], stored, validation, folder / SNAPSHOTS, split, made))
    return cards


def _halved(state: State) -> State:
    """The values that float16 keeps."""
    return {name: tensor.half().float() for name, tensor in state.items()}


def _write(
    run: Run,
    state: State,
    stored: torch.dtype,
    samples: list[Sample],
    folder: Path,
    split: Split,
    snapshot: tuple[int, float] | None = None,  # its step, and the seconds until then
) -> Card:
    recipe, data_set = run.recipe, SETS[run.recipe.data_set]
    step, seconds = snapshot or (run.step, run.seconds)
    name, title, note = _moment(recipe, step) if snapshot else (recipe.name, recipe.title, recipe.note)
    if stored == torch.float16:
        state = _halved(state)
    nets = Nets(recipe.spec, tuple(recipe.geometries), tuple(recipe.coarser), normed=False)
    nets.first.load_state_dict(state)
    sets = [data_set, *(SETS[extra] for extra in recipe.extra)]
    made = {
        "steps_made": step,
        "minutes": round(seconds / 60, 1),
        "images_per_second": round(run.seen / run.seconds, 1),
        "begun_from": run.begun_from,
        "commands": commands(recipe, run.device.type, run.threads, run.precision, "sha256" in run.begun_from),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "precision": run.precision,
        "device": device_name(run.device.type),
        "threads": run.threads,
    }
    card = Card(
        name=name,
        title=title,
        spec=recipe.spec,
        geometries=tuple(recipe.geometries),
        classes=data_set.classes,
        preprocessing=Preprocessing(recipe.mean, recipe.std),
        data={lang: " ".join(spoken(s.data, lang) for s in sets) for lang in data_set.data},
        licence={lang: " ".join(spoken(s.licence, lang) for s in sets) for lang in data_set.licence},
        recipe={**recipe.json(), **made},
        seed=recipe.seed,
        metrics=_metrics(run.tallies(samples, state), samples, split),
        note=note,
        domain=data_set.domain,
        trained_side=split.side,
    )
    return weights.save(folder / f"{name}.safetensors", nets.first, card, stored)


def _moment(recipe: Recipe, step: int) -> tuple[str, dict[str, str], dict[str, str]]:
    """Name, title and note of a snapshot."""
    title = {lang: spoken(STEP, lang).format(title=text, step=step) for lang, text in recipe.title.items()}
    note = {lang: spoken(MOMENT, lang).format(note=text) for lang, text in recipe.note.items()}
    return f"{recipe.name}-step{step}", title, note


def _metrics(tallies: Tallies, samples: list[Sample], split: Split) -> dict[str, Any]:
    """What a card holds of how good the weights are, and of what they were trained on."""
    return {
        "validation": {
            "rule": split.rule,
            "images": split.validation,
            "groups": len({group_of(sample) for sample in samples}),
            "figures": _rounded(tallies, Tally.figures),
            "standard_errors": _rounded(tallies, standard_errors),
        },
        "training_images": sum(split.training.values()),
        "training_sets": split.training,
    }


def _lost(run: Run, full: State, half: State, samples: list[Sample]) -> float:
    """What half precision costs at most, in mean IoU (Dice for nuclei), over geometries and networks."""
    key = "nucleus_dice" if SETS[run.recipe.data_set].instances else "mean_iou"
    before, after = (_rounded(run.tallies(samples, state), Tally.figures) for state in (full, half))
    return max((before[g][m][key] or 0) - (after[g][m][key] or 0) for g in before for m in before[g])


def _rounded(
    tallies: Tallies, of: Callable[[Tally], dict[str, float]]
) -> dict[str, dict[str, dict[str, float | None]]]:
    """Figures, or their standard errors, as cards hold them by geometry and network; None where there is nothing to
    measure on."""
    return {
        geometry: {
            model: {key: None if isnan(value) else round(value, 4) for key, value in of(tally).items()}
            for model, tally in by.items()
        }
        for geometry, by in tallies.items()
    }


def commands(
    recipe: Recipe, device: str, threads: int | None, precision: str, from_published: bool = False
) -> list[str]:
    """What makes the weights again, run by run, in the same folder. The last command names the device, its threads (of
    a CPU) and the precision: by itself each machine would take those that suit it, and make other weights. Begun from
    published weights, its run lies apart from that of the recipe it starts from, whose state would be taken instead."""
    fold = f" --fold {recipe.fold}"
    found = [f"python -m explorer.training {recipe.name} --data DIR --out DIR --seed {recipe.seed}{fold}"]
    if from_published:
        found[0] += f" --run runs/from-published/{recipe.name}"
    found[0] += f" --device {device}"
    if threads:
        found[0] += f" --threads {threads}"
    found[0] += f" --precision {precision}"
    while recipe.start:
        found.insert(0, f"python -m explorer.training {recipe.start} --data DIR --out DIR{fold}")
        try:
            recipe = read(recipe.start)
        except ValueError:  # a recipe of somebody's own, which was given by its path
            break
    return found
