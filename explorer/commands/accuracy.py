"""How good weights are, in words: one line for a padding and a table of the classes."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

Shares = Mapping[str, float | None]  # by figure, shares of 1; None where no image says
WITHIN = "± is one standard error, over the images or, of micrographs, over groups of similar ones."


def line(figures: Shares, errors: Shares) -> str:
    """The figures of one padding in words.

    >>> line({"pixel_accuracy": 0.8355, "mean_iou": 0.6255}, {"mean_iou": 0.0173})
    '83.6 % of pixels, mean IoU 62.6 ± 1.7'
    >>> line({"nucleus_dice": 0.9271, "object_f1": 0.8279, "pixel_accuracy": 0.98, "mean_iou": 0.66}, {})
    'Dice 92.7, object F1 82.8, 98.0 % of pixels'
    """
    wanted = {"pixel_accuracy": "", "mean_iou": "mean IoU"}
    if _of_nuclei(figures):
        wanted = {"nucleus_dice": "Dice", "object_dice": "with the touching border", "object_f1": "object F1"}
        wanted["pixel_accuracy"] = ""
    said = []
    for key, name in wanted.items():
        value, error = figures.get(key), errors.get(key)
        if value is not None and name:
            said.append(f"{name} {percent(value)}{'' if error is None else f' ± {percent(error)}'}")
        elif value is not None:
            said.append(f"{percent(value)} % of pixels")
    return ", ".join(said)


def images(number: int, figures: Shares, kind: str = "") -> str:
    """So many photographs, or micrographs where nuclei are told apart.

    >>> images(1, {}), images(1234, {"nucleus_dice": 0.9}, "validation ")
    ('1 photograph', '1,234 validation micrographs')
    """
    return f"{number:,} {kind}{'micrograph' if _of_nuclei(figures) else 'photograph'}{'s' * (number != 1)}"


def _of_nuclei(figures: Shares) -> bool:
    return figures.get("nucleus_dice") is not None


def per_class(columns: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The lines of a table with a row for each class: by each column's heading its cells by class, None if empty."""
    names = list(next(iter(columns.values())))
    wide = max(map(len, ("class", *names)))
    head = f"{'class':{wide}}" + "".join(f"{heading:>8}" for heading in columns)
    cells = {name: ["-" if of[name] is None else of[name] for of in columns.values()] for name in names}
    return [head, *(f"{name:{wide}}" + "".join(f"{cell:>8}" for cell in row) for name, row in cells.items())]


def percent(share: float) -> Decimal:
    """Of a share of 1, with one decimal. What lies halfway is rounded up, as on the page: cards have four decimals."""
    return (100 * Decimal(repr(share))).quantize(Decimal("0.1"), ROUND_HALF_UP)
