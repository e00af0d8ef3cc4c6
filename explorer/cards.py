"""Cards: what tensors alone cannot say. The network they were trained as, the geometries, the classes and their
colours, the preprocessing, data and terms, recipe, figures, and the sha256 of the weights file.
"""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Hashable, Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field
from typing_extensions import TypedDict

from explorer.checked import Text, checked_as
from explorer.errors import ExplorerError
from explorer.files import CHECKPOINTS
from explorer.models import MODELS, ModelSpec, without_weights

SNAPSHOTS = "snapshots"  # folder, within one of checkpoints, of weights on the way


Side = Annotated[int, Field(strict=True, gt=0)]
Byte = Annotated[int, Field(strict=True, ge=0, le=255)]


def _known(spec: Any) -> Any:
    """Refuses settings that no network has: they might matter."""
    if isinstance(spec, dict) and (unknown := spec.keys() - ModelSpec.__dataclass_fields__):
        raise ValueError(f"{min(unknown)!r} is unknown")
    return spec


class _Augmentation(TypedDict, total=False):
    scale: Annotated[tuple[float, ...], Field(min_length=1)]


class _Recipe(TypedDict, total=False):
    """What is read of a recipe; the rest is for people."""

    name: str | None
    data_set: str
    fold: Annotated[int, Field(strict=True, ge=0)] | None
    steps_made: Annotated[int, Field(strict=True, ge=0)] | None
    augmentation: _Augmentation


class _Metrics(TypedDict, total=False):
    validation: dict[str, Any]
    unseen: dict[str, Any]


def _readable(kind: Any) -> AfterValidator:
    """Refuses a mapping whose entries that are read have the wrong types; it stays as it is."""

    def check(value: dict[str, Any]) -> dict[str, Any]:
        checked_as(kind, value)
        return value

    return AfterValidator(check)


@dataclass(frozen=True)
class ClassInfo:
    """One class of the prediction, by index: what code knows it by, its name per language and its colour (RGB)."""

    id: Annotated[str, Field(pattern="^[a-z0-9_]+$")]
    name: Text = field(hash=False)
    colour: tuple[Byte, Byte, Byte]


@dataclass(frozen=True)
class Preprocessing:
    """Network input = (rgb / 255 - mean) / std, per channel in the order red, green, blue."""

    mean: tuple[float, ...]
    std: tuple[float, ...]


@dataclass(frozen=True)
class Card:
    """What travels with a weights file."""

    name: str  # the file's stem
    title: Text = field(hash=False)
    spec: Annotated[ModelSpec, BeforeValidator(_known)]  # as trained; its padding is the main geometry
    geometries: tuple[str, ...]  # paddings trained in
    classes: tuple[ClassInfo, ...]
    preprocessing: Preprocessing
    data: Text = field(hash=False)
    licence: Text = field(hash=False)  # terms of the weights
    recipe: Annotated[dict[str, Any], _readable(_Recipe)] = field(hash=False)
    seed: int
    # "validation": "figures" and "standard_errors" by geometry and network, shares of 1, on so many "images" in so many
    # "groups" of similar ones, which "rule" left out of training. "unseen": the same of the card's own network, cross-
    # validated: images of "folds" that had no say in the recipe, each fold labelled by a training without it. There
    # "classes" has, by class id, how many "images" show it and its IoU by geometry, in per cent.
    # "training_images": how many, "training_sets": of which sets
    metrics: Annotated[dict[str, Any], _readable(_Metrics)] = field(hash=False)
    note: Text = field(hash=False)
    sha256: str = ""  # of the weights file
    domain: str = ""  # what the images show: "everyday" or "nuclei", as examples are sorted; "" for something else
    trained_side: Side | None = None  # median longer side, in pixels, of the photographs trained on; None: any scale
    folder: Path = CHECKPOINTS  # where the card was read; not written

    @property
    def file(self) -> Path:
        return self.folder / f"{self.name}.safetensors"

    @property
    def is_snapshot(self) -> bool:
        """Whether the weights are from the way, not from the end of a training run."""
        return self.folder.name == SNAPSHOTS

    @property
    def family(self) -> str:
        return MODELS[self.spec.model].family

    @property
    def widths(self) -> tuple[float, int, int, int]:
        """What sizes the layers: on weights that agree in it, a network makes maps of one shape."""
        return self.spec.width, self.spec.fc_channels, self.spec.in_channels, self.spec.classes

    @property
    def colours(self) -> list[tuple[int, int, int]]:
        """Of the classes, by index."""
        return [info.colour for info in self.classes]

    @property
    def fold(self) -> int:
        """The part of the images, counted from 0, that the weights have not seen."""
        return int(self.recipe.get("fold") or 0)

    @property
    def steps_made(self) -> int | None:
        """Steps of training that made the weights; None where the card does not say."""
        steps = self.recipe.get("steps_made")
        return steps if isinstance(steps, int) else None

    @property
    def background(self) -> int | None:
        """The class that stands for nothing in particular; None where every pixel is something."""
        return self._index("background")

    @property
    def objects(self) -> tuple[int, int] | None:
        """The classes "inside an object" and "border where two touch", where the network tells single objects apart."""
        inside, touching = self._index("nucleus"), self._index("touching_border")
        return None if inside is None or touching is None else (inside, touching)

    @property
    def usual_side(self) -> float | None:
        """Longer side, in pixels, of a photograph that shows things halfway between as small and as large as training
        made them by changing the scale. None of weights that name no size: a micrograph's scale is the instrument's."""
        if self.trained_side is None:
            return None
        scales = self.recipe.get("augmentation", {}).get("scale", (1,))
        return self.trained_side * sum(scales) / len(scales)

    def is_too_large(self, size: tuple[int, int]) -> bool:
        """Whether an image of a size (height, width) goes beyond `usual_side`. There a copy of `trained_side` begins to
        be labelled better than the image itself (measured: benchmarks/size.json)."""
        return self.usual_side is not None and max(size) > self.usual_side

    def side_for(self, size: tuple[int, int]) -> int | None:
        """The longer side that an image of a size (height, width) is run at unless another is asked for; None: its
        own."""
        return self.trained_side if self.is_too_large(size) else None

    def _index(self, key: str) -> int | None:
        return next((i for i, info in enumerate(self.classes) if info.id == key), None)

    def json(self) -> dict[str, Any]:
        fields = asdict(self)
        del fields["folder"], fields["name"]
        return fields


def read_card(path: Path) -> Card:
    """The card of `NAME.json`. Raises ExplorerError("bad_card") with what is wrong with it."""
    try:
        card = checked_as(Card, {**json.loads(path.read_text("utf-8")), "name": path.stem, "folder": path.parent})
        if not card.sha256:
            raise ValueError("'sha256' is missing")
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise _bad_card(path, str(error)) from error
    check_card(path, card)
    return card


def check_card(path: Path, card: Card) -> None:
    """Raises ExplorerError("bad_card") unless what the card says fits together."""
    spec, channels = card.spec, card.spec.in_channels
    if spec.model not in MODELS:
        raise _bad_card(path, f"the network {spec.model!r} is unknown")
    paddings = MODELS[spec.model].paddings
    if unknown := {spec.padding, *card.geometries} - set(paddings):
        raise _bad_card(path, f"the geometry {sorted(unknown)[0]!r} is unknown; known: {', '.join(paddings)}")
    if spec.padding not in card.geometries:
        raise _bad_card(path, f"its main geometry {spec.padding!r} is not among those trained in")
    try:
        without_weights(spec)
    except (RuntimeError, TypeError, ValueError, OverflowError, ZeroDivisionError) as error:
        raise _bad_card(path, f"no network has its width and channels ({str(error).splitlines()[0][:80]})") from error
    if len({info.id for info in card.classes}) != len(card.classes):
        raise _bad_card(path, "two of its classes have one id")
    if len(card.classes) != spec.classes:
        raise _bad_card(path, f"it names {len(card.classes)} classes for a network of {spec.classes}")
    mean, std = card.preprocessing.mean, card.preprocessing.std
    if len(mean) != channels or len(std) != channels or min(std) <= 0:
        raise _bad_card(path, f"its preprocessing is not {channels} means and {channels} positive deviations")


def _bad_card(path: Path, why: str) -> ExplorerError:
    return ExplorerError(
        "bad_card", f"The card {path.name} cannot be used: {why}. Restore the file.", file=path.name, why=why
    )


def available(folder: Path = CHECKPOINTS) -> tuple[Card, ...]:
    """All cards of a folder whose weights file exists, by name. A broken or lonely card is left out with a warning."""
    cards = []
    for path in sorted(Path(folder).glob("*.json"), key=lambda path: path.stem):
        try:
            card = read_card(path)
            if not card.file.is_file():
                raise no_weights(card)
        except ExplorerError as error:
            warnings.warn(str(error), stacklevel=2)
        else:
            cards.append(card)
    return tuple(cards)


def with_snapshots(folder: Path = CHECKPOINTS) -> tuple[Card, ...]:
    """All cards of a folder, then those of weights on the way. Raises ExplorerError if there are none."""
    cards = available(folder) + available(Path(folder) / SNAPSHOTS)
    if not cards:
        raise ExplorerError("no_weights", f"There are no weights in {folder}. Restore the folder.", file=str(folder))
    return cards


def series(known: Iterable[Card]) -> dict[str, tuple[Card, ...]]:
    """Weights of one training in the order of their steps, by the name of the last ones: snapshots and what became of
    them, the same network by the same recipe, seed and fold. Weights that stand alone are none."""
    trainings: dict[Hashable, list[Card]] = {}
    for card in known:
        if (recipe := card.recipe.get("name")) and card.steps_made is not None:
            trainings.setdefault((recipe, card.spec, card.seed, card.fold), []).append(card)
    found = [sorted(cards, key=lambda card: card.steps_made or 0) for cards in trainings.values()]
    return {
        cards[-1].name: tuple(cards)
        for cards in found
        if len(cards) > 1 and all(card.is_snapshot for card in cards[:-1])
    }


def find(name: str) -> Card:
    """The card of a bundled checkpoint or snapshot by name, or by the path of the weights or the card.

    Raises ExplorerError.
    """
    path = Path(name)
    bundled = {p.stem: p for place in (CHECKPOINTS, CHECKPOINTS / SNAPSHOTS) for p in place.glob("*.json")}
    path = bundled.get(name) or (path.with_suffix(".json") if path.name else path)
    if not os.path.isfile(path):
        known = f"Bundled: {', '.join(sorted(bundled))}; or give the path of a card."
        why = f"There is no checkpoint {name!r}."
        if os.path.isfile(name):
            why = (
                f"{name} is there, but not in this project's format: it has no card {path.name} beside it, and weights "
                "of other programs cannot be loaded."
            )
        raise ExplorerError("no_card", f"{why} {known}", file=name)
    return read_card(path)


def no_weights(card: Card) -> ExplorerError:
    """The error to raise for a card whose weights file is gone."""
    return ExplorerError(
        "no_weights",
        f"The card {card.name}.json has no weights file {card.file.name} beside it. Restore it or remove the card.",
        file=card.file.name,
    )
