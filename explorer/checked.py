"""Data from outside (cards, recipes, what a page sends), checked against the classes that declare it; and JSON."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, TypeAdapter, ValidationError

T = TypeVar("T")


def _with_english(text: dict[str, str]) -> dict[str, str]:
    if "en" not in text:
        raise ValueError("'en' is missing")
    return text


Text = Annotated[dict[str, str], AfterValidator(_with_english)]  # by language; English is there for all others


def spoken(text: dict[str, str], language: str) -> str:
    """A text in a language, or in English where it has not been translated."""
    return text.get(language, text["en"])


class BeyondError(ValueError):
    """A number beyond its bounds: where it stands, what it is, and the nearest that is allowed."""

    def __init__(self, said: str, place: str, value: float, nearest: float) -> None:
        super().__init__(said)
        self.place, self.value, self.nearest = place, value, nearest


_adapter: Callable[[Any], TypeAdapter[Any]] = cache(TypeAdapter)


def checked_as(kind: type[T], raw: Any) -> T:
    """Plain data as an instance of a dataclass. Raises ValueError that names the first field that is wrong, and why;
    BeyondError where that is a number out of bounds."""
    try:
        made: T = _adapter(kind).validate_python(raw)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place, why = ".".join(map(str, first["loc"])), first["msg"].removeprefix("Value error, ")
        if first["type"] == "missing":
            raise ValueError(f"{place!r} is missing") from error
        if first["type"] == "unexpected_keyword_argument":
            raise ValueError(f"{place!r} is unknown") from error
        said = f"{place}: {why[0].lower()}{why[1:]}, not {first['input']!r:.60}"
        for bound in ("ge", "le"):
            if bound in first.get("ctx", {}) and isinstance(first["input"], int | float):
                raise BeyondError(said, place, first["input"], first["ctx"][bound]) from error
        raise ValueError(said) from error
    return made


def json_ready(value: Any) -> Any:
    """Plain data as JSON can say it: None for what is no finite number."""
    if isinstance(value, dict):
        return {key: json_ready(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [json_ready(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
