"""lab channel: what 1x1 layers and each level's 3x3 layers cost, and the products behind a value."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

from torch import Tensor, nn

from explorer import api, labs
from explorer.commands import CommandError
from explorer.labs.channels import PAPER
from explorer.models import MODELS, ModelSpec, without_weights


def add(parser: argparse.ArgumentParser) -> None:
    """What this lab can be told, beside what all can."""
    parser.set_defaults(truth=None)
    parser.add_argument("--layer", help="with an image: a 1x1 convolution (default: the last one)")
    parser.add_argument("--output", type=int, default=0, help="with an image: one of its channels (default: 0)")
    parser.add_argument("--place", metavar="ROW,COLUMN", help="with an image: of the network's input (default: middle)")


def found(
    given: argparse.Namespace,
    loaded: api.Loaded | None,
    placed: tuple[nn.Module, Tensor] | None,
    size: tuple[int, int] | None,
    place: Callable[[str, str], tuple[int, int]],
) -> dict[str, Any]:
    """What the lab finds, as plain data."""
    if not (loaded and placed):
        if given.layer or given.place:
            raise CommandError("--layer and --place need an image")
        side = PAPER[MODELS[given.model].family]
        return _costs(labs.channels(_spec(given), size or (side, side)))
    module, image = placed
    shape = (image.shape[2], image.shape[3])
    lab = labs.channels(loaded.spec, shape)
    step = given.layer or lab.mixers[-1].step
    if step not in {mixer.step for mixer in lab.mixers}:
        raise CommandError(f"{step!r} is no 1x1 convolution of this network")
    if not 0 <= given.output < lab[step].outputs:
        raise CommandError(f"{step} has {lab[step].outputs} channels, none at {given.output}")
    at = place("--place", given.place) if given.place else None
    unit = labs.field_of_view(given.model, loaded.spec.padding, shape, at)[step].unit
    made = labs.products(labs.runner(module, image, without_weights(loaded.spec)), step, *unit)
    products = made.of(given.output)
    heaviest = made.matrix.heaviest(given.output, 12)
    return {
        **_costs(lab),
        "layer": step,
        "unit": unit,
        "terms": [
            {
                "channel": c,
                "weight": made.matrix.weights[given.output, c],
                "value": made.values[c],
                "product": products[c],
            }
            for c in heaviest
        ],
        "sum": {
            "products": products.sum(),
            "bias": made.matrix.biases[given.output],
            "total": made.total(given.output),
            "network": made.scores[given.output],
        },
    }


def _spec(given: argparse.Namespace) -> ModelSpec:
    spec = ModelSpec(given.model)
    return replace(spec, padding=given.padding or MODELS[given.model].paddings[0])


def _costs(lab: labs.ChannelLab) -> dict[str, Any]:
    mixers = [{**asdict(one), "times": one.ratios[0], "times_macs": one.ratios[1]} for one in lab.mixers]
    changes = [
        {
            "from": one.before.step,
            "to": one.after.step,
            **{kind: getattr(one, kind) for kind in ("channels", "activations", "parameters", "macs")},
        }
        for one in lab.changes
    ]
    return {"size": lab.size, "mixers": mixers, "levels": lab.levels, "changes": changes}
