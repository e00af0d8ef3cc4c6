"""The field lab of the page: what a unit could see of the input, and how much of that it uses."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any

from pydantic import Field as Bounds
from pydantic import StrictInt, StrictStr

from explorer import labs
from explorer.figures import field as figures
from explorer.geometry import Box
from explorer.labs.field import ALL, LARGEST, LEAST, Effective, FieldLab, Joint, Seen
from explorer.labs.inputs import Input
from explorer.local import WindowRunner
from explorer.models import without_weights
from explorer.ui.labs.base import Bench, Question, Told, background, control, percent, place, told
from explorer.ui.labs.drawing import figure_json
from explorer.ui.state import Bounded
from explorer.ui.stretch import Stretch
from explorer.weights import Loaded

ONE = "one"  # channel, by its index
OF = (ALL, LARGEST, ONE)


@dataclass(frozen=True)
class Settings:
    """`place` is "row,column" of the network's input, `of` which of a unit's channels, `joint` a step that joins."""

    step: StrictStr = ""
    place: StrictStr = ""
    of: StrictStr = ALL
    channel: Annotated[StrictInt, Bounds(ge=0, le=9999)] = 0
    joint: StrictStr = ""


@dataclass(frozen=True, eq=False)
class _Kept:
    """A network on an image with what was measured at a place, by channel and step: another step costs nothing then."""

    loaded: Loaded
    given: Input
    local: WindowRunner
    found: dict[tuple[int | str, str], Effective]


_KEPT: Bounded[_Kept] = Bounded(4)  # counted, not in bytes; what is kept holds its keys, so that no id is used again


@lru_cache(maxsize=32)
def _lab(model: str, padding: str, size: tuple[int, int], at: tuple[int, int]) -> FieldLab:
    return labs.field_of_view(model, padding, size, at)


def _asked(bench: Bench, q: Question) -> tuple[FieldLab, Seen, Joint | None, int | str]:
    """The lab, the step, the joint and the channel that are asked for, or the nearest to that."""
    size = _size(bench.input(q))
    at = place(q.settings.place, size, (size[0] // 2, size[1] // 2))
    lab = _lab(q.selection.model, q.selection.padding, size, at)
    known = {seen.step: seen for seen in lab.changing}
    joints = {joint.step: joint for joint in lab.joints}
    joint = joints.get(q.settings.joint) or (lab.joints[-1] if joints else None)
    channel = q.settings.channel if q.settings.of == ONE else LARGEST if q.settings.of == LARGEST else ALL
    return lab, known.get(q.settings.step, lab.changing[-1]), joint, channel


def _size(given: Input) -> tuple[int, int]:
    return given.image.shape[2], given.image.shape[3]


def _kept(bench: Bench, q: Question, lab: FieldLab) -> _Kept | None:
    """What is kept of this network on this image at this place."""
    return _KEPT.get((id(bench.loaded(q).module), id(bench.input(q).image), lab.place))


def _known(kept: _Kept | None, channel: int | str) -> dict[str, Effective]:
    return {} if kept is None else {step: one for (of, step), one in list(kept.found.items()) if of == channel}


# ---- geometry


def geometry(bench: Bench, q: Question) -> dict[str, Any]:
    """What the unit could see, and what is known of other steps at the same place."""
    lab, seen, joint, channel = _asked(bench, q)
    found = _known(_kept(bench, q, lab), channel)
    drawn = figures.could_see(_picture(bench, q, lab), seen.inside, lab.place)
    return {
        "controls": _controls(bench, q, lab, seen, joint),
        "facts": {"could": [_could(seen)]},
        "figures": {"curve": figure_json(figures.curve(lab, found))},
        "pictures": {"could": bench.picture(drawn, photograph=True)},
    }


def _picture(bench: Bench, q: Question, lab: FieldLab) -> Any:
    return background(bench.input(q), bench.loaded(q), Box(0, 0, *lab.size))


def _could(seen: Seen) -> Told:
    row, column = seen.unit
    height, width = seen.whole.shape
    key = "lab.field.could" if seen.inside else "lab.field.could.nothing"
    inside = seen.inside.shape if seen.inside else (0, 0)
    params = {"step": seen.step, "row": row, "column": column, "height": height, "width": width}
    return told(key, **params, inside_height=inside[0], inside_width=inside[1])


def _controls(bench: Bench, q: Question, lab: FieldLab, seen: Seen, joint: Joint | None) -> list[dict[str, Any]]:
    of = q.settings.of if q.settings.of in OF else ALL
    made = [
        control("step", "select", told("lab.field.set.step"), seen.step, [(s.step, s.step) for s in lab.changing]),
        control("place", "text", told("lab.field.set.place"), f"{lab.place[0]},{lab.place[1]}"),
        control("of", "radios", told("lab.field.set.of"), of, [(one, told(f"lab.field.of.{one}")) for one in OF]),
    ]
    if of == ONE:
        label = told("lab.field.set.channel")
        made.append(control("channel", "number", label, q.settings.channel, min=0, max=9999, step=1))
    if joint:
        joints = [(one.step, one.step) for one in lab.joints]
        made.append(control("joint", "radios", told("lab.field.set.joint"), joint.step, joints))
    return made


# ---- experiments


def values(bench: Bench, q: Question, stretch: Stretch) -> dict[str, Any]:
    """Effective fields of the steps that show the way, and of the maps that meet at the skip."""
    lab, seen, joint, channel = _asked(bench, q)
    kept = _measured(bench, q, stretch, [(channel, s.step) for s in lab.marks], (channel, seen.step), joint)
    found = _known(kept, channel)
    last = found.get(lab.changing[-1].step)
    made: dict[str, Any] = {
        "facts": {
            "uses": _uses(found.get(seen.step), seen, channel),
            "last": [] if last is None or not last.pixels else [_last(last)],
            "joint": _joint(q, joint, _known(kept, ALL)),
        },
        "figures": {"curve": figure_json(figures.curve(lab, found))},
        "pictures": {},
    }
    if seen.step in found:
        drawn = figures.uses(_picture(bench, q, lab), found[seen.step], lab.place)
        made["pictures"]["uses"] = bench.picture(drawn)
    if joint:
        own = _known(kept, ALL)
        maps = {part: own[getattr(joint, part)] for part in PARTS}
        titled = [(figures.titled(f"lab.field.joint.{part}", one.size), one) for part, one in maps.items()]
        drawn_maps = zip(maps, figures.at_skip(titled), strict=True)
        made["figures"] |= {f"joint.{part}": figure_json(one) for part, one in drawn_maps}
    return made


PARTS = ("below", "skip", "step")  # of a joint


def every(bench: Bench, q: Question, stretch: Stretch) -> dict[str, Any]:
    """The effective field of every step on the way at which the field or the map changes."""
    lab, seen, _, channel = _asked(bench, q)
    kept = _measured(bench, q, stretch, [(channel, s.step) for s in lab.way], (channel, seen.step), None)
    return {"figures": {"curve": figure_json(figures.curve(lab, _known(kept, channel)))}}


def _measured(
    bench: Bench,
    q: Question,
    stretch: Stretch,
    wanted: Iterable[tuple[int | str, str]],
    shown: tuple[int | str, str],
    joint: Joint | None,
) -> _Kept:
    """What is wanted is measured, unless it was."""
    lab, loaded, given = _asked(bench, q)[0], bench.loaded(q), bench.input(q)
    kept = _kept(bench, q, lab)
    if kept is None:
        kept = _Kept(loaded, given, labs.runner(loaded.module, given.image, without_weights(loaded.spec)), {})
        _KEPT.put((id(loaded.module), id(given.image), lab.place), kept, 1)
    needed = dict.fromkeys((*wanted, shown, *((ALL, getattr(joint, part)) for part in PARTS if joint)))
    missing = [key for key in needed if key not in kept.found]
    for of in dict.fromkeys(of for of, _ in missing):
        steps = [step for channel, step in missing if channel == of]
        made = labs.measure(kept.local, lab, steps, of, bench.progress(stretch))
        kept.found.update({(of, step): one for step, one in made.items()})
    return kept


def _uses(found: Effective | None, seen: Seen, channel: int | str) -> list[Told]:
    if found is None:
        return [told("lab.field.no_channel", step=seen.step, channel=channel)]
    if not found.pixels:
        return [told("lab.field.silent", step=seen.step)]
    said = [told("lab.field.channel", channel=found.channel)] if channel == LARGEST else []
    return [
        *said,
        told("lab.field.uses", pixels=found.pixels, size=round(found.size, 1)),
        told("lab.field.middle", middle=percent(found.middle), even=percent(found.even)),
        told("lab.field.defined", least=f"{100 * LEAST:.2f}"),
    ]


def _last(found: Effective) -> Told:
    seen = found.seen
    share = percent(found.size / seen.size)
    params = {"step": seen.step, "size": round(found.size, 1), "whole": round(seen.size, 1)}
    return told("lab.field.last", **params, share=share, area=percent(share["percent"] ** 2))  # type: ignore[operator]


def _joint(q: Question, joint: Joint | None, found: dict[str, Effective]) -> list[Told]:
    """What the skip adds to the map from below."""
    if joint is None:
        return [told("lab.field.joint.none", model=q.selection.model)]
    below, skip, both = (found[getattr(joint, part)] for part in PARTS)
    said = [
        told(f"lab.field.joint.{part}.said", step=one.seen.step, size=round(one.size, 1), whole=round(one.seen.size, 1))
        for part, one in zip(PARTS, (below, skip, both), strict=True)
    ]
    if skip.mass + below.mass > 0:
        said.append(told("lab.field.joint.share", share=percent(skip.mass / (skip.mass + below.mass))))
    if below.field.peak > 0:
        times = skip.field.peak / below.field.peak
        said.append(told("lab.field.joint.peak", times=round(times, 1 if times > 1 else 3)))
        if times > 1 and skip.size < below.size:
            said.append(told("lab.field.joint.sharp"))
    return said


RUNS: dict[str, Callable[[Bench, Question, Stretch], dict[str, Any]]] = {"values": values, "every": every}
