"""What a page may send, as declared classes: whatever else comes is refused as "bad_selection"."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, Field, StrictInt, StrictStr

from explorer import inference
from explorer.checked import checked_as
from explorer.errors import ExplorerError
from explorer.inference.plan import SIDES, WAYS
from explorer.ui.state import Selection

T = TypeVar("T")

COPIES = ("trained", "smaller")  # ways of running one: as large as the photographs trained on, or of those sides
OWN = "own"  # networks are compared at the image's own size, however large, and not each at the size that suits it


def asked(kind: type[T], raw: Any) -> T:
    """What a page sent. Raises ExplorerError("bad_selection") that names the field."""
    try:
        return checked_as(kind, raw)
    except ValueError as error:
        raise ExplorerError("bad_selection", str(error)) from error


def channels_of(raw: Any) -> tuple[int, ...] | None:
    """The channels that a page asks for, from 0; None for what is no list of numbers."""
    is_list = isinstance(raw, list) and all(type(number) is int for number in raw)
    return tuple(raw[:4]) if is_list and raw else None


def _one_of(*choices: str) -> AfterValidator:
    def known(value: str) -> str:
        if value not in choices:
            raise ValueError(f"should be one of {', '.join(choices)}")
        return value

    return AfterValidator(known)


Length = Annotated[int, Field(strict=True, ge=1, le=100_000)]  # pixels
TileSide = Annotated[int, Field(strict=True, ge=SIDES[-1], le=100_000)]  # pixels
Index = Annotated[StrictInt, Field(ge=0)]


@dataclass(frozen=True)
class Options:
    """How to run; `longest` is the longer side to run at, None the image's own."""

    way: Annotated[str, _one_of(*WAYS, *COPIES, OWN)] = "auto"
    side: TileSide | None = None
    longest: Length | None = None
    precision: Annotated[str, _one_of(*inference.DTYPES)] = "float32"


@dataclass(frozen=True)
class SegmentQuestion:
    """About images at their own size. Each `what` reads the fields that it needs."""

    what: StrictStr
    selection: Selection | None = None
    options: Options = Options()
    selections: Annotated[list[Selection], Field(min_length=2, max_length=4)] | None = None  # to compare
    tokens: list[StrictStr] = field(default_factory=list)  # results to export, or to judge by the same labels
    file: StrictStr = ""
    token: StrictStr = ""  # the result to judge
    path: Path | None = None  # of its true labels


@dataclass(frozen=True)
class TakeQuestion:
    """For a file of a finished run: of which kind (`what`), the `stem` of its name, how the run is looked at (`look`,
    part of an address), and the page's language."""

    run: StrictStr
    step: StrictStr
    what: StrictStr
    selection: Selection
    stem: Annotated[StrictStr, Field(max_length=120, pattern=r"^[^/\\\x00-\x1f]*$")] = "run"
    look: Annotated[StrictStr, Field(max_length=2000)] = ""
    language: StrictStr = "en"


@dataclass(frozen=True)
class InspectQuestion:
    """About a finished run: a unit, a channel or the principal components of a step."""

    run: StrictStr
    step: StrictStr
    what: StrictStr
    channel: Index | None = None
    row: Index | None = None
    column: Index | None = None
