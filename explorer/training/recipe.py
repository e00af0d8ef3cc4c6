"""A recipe: everything that makes a training run, read from `recipes/NAME.json` or any JSON file."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any

from pydantic import ConfigDict, Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt

from explorer.checked import Text, checked_as
from explorer.models import MODELS, ModelSpec
from explorer.training.augment import Augmentation
from explorer.training.sets import FOLDS, SETS

FOLDER = Path(__file__).parent / "recipes"
COARSER_OF = {"fcn8s": {"fcn16s", "fcn32s"}, "fcn16s": {"fcn32s"}}  # networks whose outputs lie on one's trunk

Fold = Annotated[int, Field(ge=0, lt=FOLDS)]
Share = Annotated[float, Field(ge=0, lt=1)]


@dataclass(frozen=True)
class Geometry:
    """Batches of one padding."""

    share: PositiveFloat  # of the steps
    batch: PositiveInt  # images
    crop: tuple[PositiveInt, PositiveInt]  # network input, rows x columns
    begins: NonNegativeFloat = 0.0  # share of the steps before which this padding is not used


@dataclass(frozen=True)
class Recipe:
    __pydantic_config__ = ConfigDict(extra="forbid")  # a setting that is not known might be a slip of the pen

    name: str
    title: Text
    note: Text
    data_set: str  # key of SETS
    extra: dict[str, PositiveFloat] = field(default_factory=dict, kw_only=True)  # more sets: share of the images drawn
    start: str = field(default="", kw_only=True)  # another recipe, whose run's averaged weights this one begins with
    model: str  # key of MODELS
    width: float
    geometries: dict[str, Geometry]  # the first one is the main one
    mean: tuple[float, ...]
    std: tuple[float, ...]
    steps: PositiveInt
    augmentation: Augmentation
    fc_channels: int = 4096
    seed: NonNegativeInt = 0
    fold: Fold = field(default=0, repr=False)  # which part of the images validates; a run's state names its images
    learning_rate: float = 1e-3  # AdamW, largest value; linear warm-up, then half a cosine to zero
    weight_decay: float = 1e-2
    warm_up: float = 0.03  # share of the steps
    average: float = 0.998  # decay of the exponential moving average of the weights, which is what ships
    start_share: Share = 0.0  # of the weights begun with, in the average at the end (Wortsman et al. 2022, section 3)
    norm: bool = True  # batch norm in training, folded afterwards
    norm_frozen_from: float = 1.0  # share of the steps after which its running statistics are used as they are
    dropout: float = 0.5
    coarser: dict[str, float] = field(default_factory=dict)  # weight of the loss of FCN-32s and -16s on the trunk
    class_weights: tuple[float, ...] = ()  # in the loss; they stay in the prediction
    class_balance: float = 0.0  # class weights = frequency ** -this, if none are given; taken out of the prediction
    snapshots: tuple[int, ...] = ()  # the weights after so many steps are shipped too
    dice: float = 0.0  # weight of the soft Dice loss of class 1
    kinds_balance: float = 0.0  # a kind of image is drawn in proportion to its number ** (1 - this)
    groups_balance: float = 0.0  # and within it a group of near-duplicates (`data.signature`) likewise

    @property
    def spec(self) -> ModelSpec:
        channels, classes = len(self.mean), len(SETS[self.data_set].classes)
        return ModelSpec(self.model, next(iter(self.geometries)), self.width, self.fc_channels, channels, classes)

    def json(self) -> dict[str, Any]:
        """The settings without the texts."""
        settings = asdict(self)
        return {key: value for key, value in settings.items() if key not in ("title", "note", "seed")}


def _find(name: str) -> Path:
    path = FOLDER / f"{name}.json"
    path = path if path.is_file() else Path(name)
    if not path.is_file():
        known = ", ".join(sorted(p.stem for p in FOLDER.glob("*.json")))
        raise ValueError(f"there is no recipe {name!r}; bundled: {known}; or give a JSON file")
    return path


def _settings(path: Path, below: tuple[Path, ...] = ()) -> dict[str, Any]:
    """What a file says, on top of what the recipe it is like says."""
    raw: dict[str, Any] = json.loads(path.read_text("utf-8"))
    if (like := raw.pop("like", None)) is None:
        return raw
    if path in below:
        raise ValueError(f"{path.name} is like itself")
    return _settings(_find(like), (*below, path)) | raw


def read(name: str) -> Recipe:
    """The recipe of a bundled name or a file. Raises ValueError that says what is wrong with it.

    A file may say `"like": NAME`: the settings of that recipe hold where the file gives none.
    """
    path = _find(name)
    try:
        settings = _settings(path)
    except (AttributeError, TypeError, ValueError) as error:
        raise ValueError(f"the recipe {path.name} cannot be read: {error}") from error
    return _of(path.stem, settings)


def checked(recipe: Recipe) -> Recipe:
    """The recipe itself. Raises ValueError that says what of it is wrong or does not fit together."""
    return _of(recipe.name, asdict(recipe))


def _of(name: str, raw: dict[str, Any]) -> Recipe:
    try:
        recipe = checked_as(Recipe, {**raw, "name": name})
    except ValueError as error:
        raise ValueError(f"the recipe {name} cannot be used: {error}") from error
    if why := _fault(recipe):
        raise ValueError(f"the recipe {name} {why}")
    return recipe


def _fault(recipe: Recipe) -> str | None:
    geometries, extra = recipe.geometries, recipe.extra
    if {recipe.data_set, *extra} - SETS.keys() or recipe.model not in MODELS:
        return "names an unknown data set or network"
    if unknown := set(geometries) - set(MODELS[recipe.model].paddings):
        return f"names an unknown geometry, {sorted(unknown)[0]!r}"
    classes = SETS[recipe.data_set].classes
    if differing := [name for name in extra if SETS[name].classes != classes]:
        return f"mixes {recipe.data_set} with {differing[0]}, which has other classes"
    if sum(extra.values()) >= 1:
        return "draws a share of extra images that is not below 1 all in all"
    if all(g.begins for g in geometries.values()):
        return "has no geometry that begins at 0"
    if recipe.fold and SETS[recipe.data_set].published_validation:
        without = 'leave out --fold, or set "fold": 0'
        return f"wants fold {recipe.fold} of {recipe.data_set}, which is split as published; {without}"
    if late := [step for step in recipe.snapshots if not 0 <= step < recipe.steps]:
        return f"has {recipe.steps} steps and wants a snapshot at step {late[0]}"
    if recipe.start_share and not recipe.start:
        return f"wants a share of {recipe.start_share} of the weights begun with; it needs a start"
    if unknown := set(recipe.coarser) - COARSER_OF.get(recipe.model, set()):
        return f"wants {sorted(unknown)[0]!r} from the trunk of {recipe.model}, which does not have it"
    if recipe.class_weights and len(recipe.class_weights) != len(classes):
        return f"gives {len(recipe.class_weights)} class weights for {len(classes)} classes"
    if not recipe.title["en"]:
        return "needs a title"
    return None
