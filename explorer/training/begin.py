"""What a run begins with, where its recipe names another one: that run's averaged weights, or the published ones.

A finished run's state is taken over as it is. Where there is none, a checkpoint of that name will do: its plain
network gets batch norm again, which at first changes nothing of what it computes.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from explorer import cards, weights
from explorer.cards import CHECKPOINTS
from explorer.training import norm
from explorer.training.loss import unbalance
from explorer.training.nets import Nets
from explorer.training.recipe import Recipe

CALIBRATION = 6  # batches whose statistics the norms of a published network begin with


@dataclass(frozen=True)
class Beginning:
    """Tensors by name, with the norms of training or (`plain`) without; `made`: recipe, steps, seed, of a file its
    sha256."""

    weights: dict[str, Tensor]
    made: dict[str, Any]
    plain: bool
    source: str  # to be named in messages


def read_state(file: Path, device: torch.device) -> dict[str, Any]:
    """The state of a run. Raises ValueError that names the file if it cannot be read."""
    try:
        state = torch.load(file, map_location=device, weights_only=True)
        if not {"recipe", "step", "average"} <= state.keys():
            raise ValueError("it holds something else")
    except Exception as error:  # torch, zip and pickle each raise their own
        why = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ValueError(f"{file} is no state of a run ({why}); remove it to begin anew") from error
    return dict(state)


def find(recipe: Recipe, runs: Path, published: Iterable[Path], device: torch.device) -> Beginning:
    """The averaged weights of the run that `recipe.start` names: of its state in `runs`, or else from a folder of
    checkpoints. Raises ValueError if there are none, the run has not ended, or the file cannot be used."""
    file = runs / recipe.start / "state.pt"
    if file.is_file():
        state = read_state(file, device)
        done, wanted = state["step"], state.get("steps", state["step"])
        if done < wanted:
            raise ValueError(
                f"the recipe starts from {recipe.start!r}, which has done {done} of {wanted} steps; let it finish"
            )
        _same_fold(recipe, state.get("fold", 0), file)
        made = {"recipe": recipe.start, "steps": done, "seed": state.get("seed")}
        return Beginning(state["average"], made, False, str(file))
    for folder in (*published, CHECKPOINTS):
        if not (path := folder / f"{recipe.start}.json").is_file():
            continue
        card = cards.read_card(path)
        _same_fold(recipe, card.fold, path)
        state = {k: v.to(device) for k, v in weights.load(card).module.state_dict().items()}
        made = {"recipe": card.name, "steps": card.recipe.get("steps_made"), "seed": card.seed, "sha256": card.sha256}
        print(f"beginning with the published weights {card.file}", file=sys.stderr)
        return Beginning(state, made, True, str(card.file))
    raise ValueError(
        f"the recipe starts from {recipe.start!r}: train that first ({file} does not exist, nor do weights so named)"
    )


def _same_fold(recipe: Recipe, fold: int, source: Path) -> None:
    """Raises ValueError for weights that were trained on images that are to validate now."""
    if fold != recipe.fold:
        raise ValueError(
            f"{source} left out fold {fold} of the images, this run leaves out fold {recipe.fold}, which those weights "
            f"have seen; train {recipe.start!r} with --fold {recipe.fold} first"
        )


def take_over(
    begin: Beginning, nets: Nets, class_weights: Tensor | None, batch: Callable[[int], tuple[Any, ...]]
) -> None:
    """Let `nets` begin with these weights. Raises ValueError if they do not fit.

    A skip's score layer that they lack starts from zero, so that the finer network first predicts what the coarser
    one did (Long et al. 2015, section 4.2).

    class_weights  of the loss, which a plain network has had taken out (`loss.unbalance`); None without any
    batch          step -> (padding, images, ...), to calibrate the norms of a plain network on
    """
    own = nets.first.state_dict()
    found = {k: v for k, v in begin.weights.items() if not k.startswith("upscore")}  # fixed filters
    if begin.plain:
        found = norm.named_as_normed(found, own)
    if differing := [k for k, v in found.items() if k not in own or own[k].shape != v.shape]:
        raise ValueError(f"{begin.source} does not fit the recipe: its {differing[0]} is missing or of another size")
    skips = {k: torch.zeros_like(v) for k, v in own.items() if k.startswith("score_pool") and k not in found}
    nets.first.load_state_dict({**own, **skips, **found})
    if not begin.plain:
        return
    if class_weights is not None:
        unbalance(nets.first, 1 / class_weights)  # the inverse weights put them back in
    nets.eval()
    device = next(nets.first.parameters()).device
    some = (batch(step)[:2] for step in range(CALIBRATION))
    norm.calibrate(nets.plain, ((padding, images.to(device)) for padding, images in some))
