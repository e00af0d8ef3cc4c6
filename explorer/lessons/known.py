"""What a check of lessons knows of the page: which addresses, places and values there are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

STEP_PROPERTIES = (
    *("height", "width", "channels", "jump", "start", "field", "parameters", "macs", "ms", "values"),
    *("zeros", "min", "max", "mean", "std", "misaligned", "level"),
)
RUN_PROPERTIES = ("parameters", "macs", "steps", "height", "width", "seconds", "class", "share")
UNIT_PROPERTIES = ("value", "terms", "bias", "field", "most", "half")
PLACES = {  # kinds of places that a step may point at, and whether they have a name: "" none, else what it is
    "explore": {
        **dict.fromkeys(("maps", "picture", "list", "words", "classes", "unit", "readout", "size", "player"), ""),
        "step": "step",
    },
    "labs": {
        **dict.fromkeys(("facts", "figure", "table", "picture"), "slot"),
        "control": "setting",
        "labs": "",
    },
    "segment": {"results": ""},
    "compare": {"results": ""},
}


@dataclass(frozen=True)
class LabKnown:
    """slots     by kind (facts, figure, table, picture): names
    runs      experiments that may be asked for
    refuse    says what is wrong with settings (name -> text of the address), or ""
    settings  names; of those that hold several, as "cuts", entries are set as "cuts.NAME"
    """

    slots: Mapping[str, frozenset[str]]
    runs: frozenset[str]
    settings: frozenset[str]
    refuse: Callable[[Mapping[str, str]], str]


@dataclass(frozen=True)
class Known:
    """languages  codes
    views      names
    labs       by name
    choices    of an address: parameter -> what it may be; None is anything
    steps      names of the steps of a network (model, padding "" for its first one)
    facts      keys of sentences that labs tell -> what fills them
    """

    languages: tuple[str, ...]
    views: frozenset[str]
    labs: Mapping[str, LabKnown]
    choices: Mapping[str, frozenset[str] | None]
    steps: Callable[[str, str], frozenset[str]]
    facts: Mapping[str, frozenset[str]]
    model: str
    columns: Mapping[str, frozenset[str]] = field(default_factory=dict)
