"""What a person should know of true labels before their figures."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

REMARKS = {
    "one_object": "{name} has one number ({value}) for all objects. Its {parts} separate parts are counted as objects; "
    "those that touch count as one.",
    "few_objects": "{name} has {count} numbers in {parts} separate parts. Check whether they are classes.",
    "binary": "{name} holds only 0 and {value}, as a mask of something and nothing does; 0 is taken for {first}.",
    "no_background": "{name} has no pixel of the class {background}.",
    "nothing_judged": "{name} has no pixel that is judged.",
    "grey": "{name} is an RGB picture; each pixel's grey is taken for its number.",
    "turned": "{name} has the size of the image before it was turned upright (EXIF orientation {orientation}); the "
    "labels were turned with it.",
    "maybe_turned": "The image was turned upright on reading (EXIF orientation {orientation}), {name} is taken as it "
    "lies: if it was drawn on the unturned image, turn it as well.",
    "reduced": "{name} has the size of the whole image; of the copy that was read each pixel takes the label at its "
    "middle.",
    "not_single": "The image is read in parts, so its single objects are not compared; figures are of pixels.",
    "own": "{name} says that the explorer wrote it ({how}). Unless it was corrected by hand, figures say how far two "
    "runs agree, not how right they are.",
    "page": "Page {page} of {pages} of {name} is used, as of the image.",
    "other_numbers": "{name} agrees with {there:.1%} of the pixels if its numbers are read as {other}, with {here:.1%} "
    "as {numbers}; --numbers, or a classes.json beside the files, declares them.",
}


@dataclass(frozen=True)
class Remark:
    """What a person should know of true labels before their figures. `code` is a key of REMARKS, `details` fill it."""

    code: str
    details: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return REMARKS[self.code].format(**self.details)

    def json(self) -> dict[str, Any]:
        return {"code": self.code, **self.details, "text": str(self)}


def summed(remarks: Iterable[Remark]) -> list[str]:
    """What is to be said of many files, once each."""
    by_code: dict[str, list[Remark]] = {}
    for remark in remarks:
        by_code.setdefault(remark.code, []).append(remark)
    return [
        str(first) + (f" (So do or are {len(others)} more files.)" if others else "")
        for first, *others in by_code.values()
    ]
