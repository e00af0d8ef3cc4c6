"""A folder of lessons (`en/*.md`, `ko/*.md`) against what the page has: whatever it lacks is named by file and line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qsl

from explorer.lessons.known import PLACES, RUN_PROPERTIES, STEP_PROPERTIES, UNIT_PROPERTIES, Known
from explorer.lessons.parse import read
from explorer.lessons.parts import Lesson, Problem, Step, Value


def check(folder: Path, known: Known) -> tuple[dict[str, dict[str, Lesson]], list[Problem]]:
    """The lessons of a folder, key -> language -> lesson, in the order of their file names; and every mistake. A
    lesson with a mistake in one of its files is left out."""
    lessons: dict[str, dict[str, Lesson]] = {}
    problems = [] if folder.is_dir() else [Problem(str(folder), 0, "there is no such folder")]
    files = {language: sorted((folder / language).glob("*.md")) for language in known.languages}
    if folder.is_dir() and not any(files.values()):
        said = " or ".join(f"{language}/" for language in known.languages)
        problems.append(Problem(str(folder), 0, f"there are no lessons: they are files *.md in {said}"))
    broken = set()
    for language, paths in files.items():
        for path in paths:
            lesson, found = read(path, language)
            if lesson is not None:
                found = list(_mistakes(lesson, known))
                lessons.setdefault(path.stem, {})[language] = lesson
            broken.update({path.stem} if found else set())
            problems += found
    for key, spoken in lessons.items():
        if key not in broken and (found := list(_together(key, spoken, known))):
            broken.add(key)
            problems += found
    return {key: lessons[key] for key in sorted(lessons) if key not in broken}, problems


def _together(key: str, spoken: dict[str, Lesson], known: Known) -> Iterator[Problem]:
    """What is wrong between the languages of one lesson."""
    first = next(iter(spoken.values()))
    if first.only and list(spoken) == [first.only]:
        return
    for language in known.languages:
        if language not in spoken:
            said = f"the lesson is missing in {language!r}: write it, or say 'only: {first.language}' in the other file"
            yield Problem(f"{language}/{key}.md", 0, said)
    for other in list(spoken.values())[1:]:
        file = f"{other.language}/{key}.md"
        if len(other.steps) != len(first.steps):
            said = f"it has {len(other.steps)} steps, in {first.language!r} there are {len(first.steps)}"
            yield Problem(file, 0, said)
            continue
        for step, same in zip(other.steps, first.steps, strict=True):
            for name in ("at", "reveal", "ring", "run"):
                if getattr(step, name) != getattr(same, name):
                    yield Problem(file, step.line, f"its {name}: is another than in {first.language!r}")
            kinds = [(s.ask.kind, len(s.ask.choices)) if s.ask else None for s in (step, same)]
            if kinds[0] != kinds[1]:
                yield Problem(file, step.line, f"it asks another question than in {first.language!r}")


def _mistakes(lesson: Lesson, known: Known) -> Iterator[Problem]:
    file = f"{lesson.language}/{lesson.key}.md"

    def at(line: int, reasons: Iterator[str]) -> Iterator[Problem]:
        yield from (Problem(file, line, reason) for reason in reasons)

    for step in lesson.steps:
        for address in filter(None, (step.at, step.reveal)):
            yield from at(step.line, _of_address(address, known))
        yield from at(step.line, _of_step(step, known))
    steps = sorted(lesson.steps, key=lambda step: step.line)
    for value in lesson.values:
        for one in filter(None, (value, value.other)):
            own = [step for step in steps if step.line <= one.line]
            yield from at(one.line, _of_value(one, own[-1] if own else steps[0], known))


def _asked(address: str) -> dict[str, str]:
    return dict(parse_qsl(address, keep_blank_values=True))


def _of_address(address: str, known: Known) -> Iterator[str]:
    asked = _asked(address)
    view = asked.get("view", "explore")
    if view not in known.views:
        yield f"there is no view {view!r}; there are {', '.join(sorted(known.views))}"
    lab = known.labs.get(asked.get("lab", ""))
    if "lab" in asked and lab is None:
        yield f"there is no lab {asked['lab']!r}; there are {', '.join(known.labs)}"
    if view == "labs" and "lab" not in asked:
        yield "an address of the labs names one: lab=NAME"
    for name, text in asked.items():
        if name in ("view", "lab", "step"):
            continue
        if name.startswith("lab."):
            setting = name.removeprefix("lab.")
            if lab and setting.partition(".")[0] not in lab.settings:
                yield f"the lab {asked['lab']} has no setting {setting!r}; it has {', '.join(sorted(lab.settings))}"
        elif name not in known.choices:
            yield f"an address has no {name!r}; it has {', '.join(sorted(known.choices))}"
        elif (choices := known.choices[name]) is not None and text not in choices:
            yield f"there is no {name} {text!r}; there are {', '.join(sorted(choices))}"
    if lab and (refused := lab.refuse({n[4:]: t for n, t in asked.items() if n.startswith("lab.")})):
        yield f"the lab {asked['lab']} does not take these settings: {refused}"
    step = asked.get("step")
    if step and step not in (names := _names(asked, known)):
        yield f"{asked.get('model', known.model)} has no step {step!r}; it has {', '.join(sorted(names))}"


def _names(asked: dict[str, str], known: Known) -> frozenset[str]:
    return known.steps(asked.get("model", known.model), asked.get("padding", ""))


def _of_step(step: Step, known: Known) -> Iterator[str]:
    asked = _asked(step.reveal or step.at)
    view, lab = asked.get("view", "explore"), known.labs.get(asked.get("lab", ""))
    if step.run and (lab is None or step.run not in lab.runs):
        yield f"there is no experiment {step.run!r} here; there are {', '.join(sorted(lab.runs)) if lab else 'none'}"
    if step.ask and step.ask.kind == "place" and view != "explore":
        yield "a place is asked for on the picture of 'explore'"
    if not step.ring:
        return
    kind, *names = step.ring
    places = PLACES.get(view, {})
    if kind not in places:
        yield f"ring: there is no {kind!r} in {view}; there are {', '.join(places)}"
    elif bool(places[kind]) != bool(names) or len(names) > 1:
        yield f"ring: {kind} {'is followed by the name of a ' + places[kind] if places[kind] else 'has no name'}"
    elif kind in ("facts", "figure", "table", "picture") and lab and names[0] not in lab.slots[kind]:
        yield f"ring: the lab has no {kind} {names[0]!r}; it has {', '.join(sorted(lab.slots[kind]))}"
    elif kind == "control" and lab and names[0].partition(".")[0] not in lab.settings:
        yield f"ring: the lab has no setting {names[0]!r}; it has {', '.join(sorted(lab.settings))}"
    elif kind == "step" and names[0] not in _names(asked, known):
        yield f"ring: the network has no step {names[0]!r}"


def _of_value(value: Value, step: Step, known: Known) -> Iterator[str]:
    asked = _asked(step.at)
    lab = asked.get("lab", "") if asked.get("view") == "labs" else ""
    if value.source in ("fact", "table") and not lab:
        yield "a lab's value stands in a step whose address is of a lab"
        return
    if value.source in ("step", "run", "unit") and asked.get("view", "explore") != "explore":
        yield f"a value of a {value.source} stands in a step whose address is of 'explore'"
        return
    yield from {"step": _step_value, "fact": _fact, "table": _table}.get(value.source, _plain)(value, asked, known)


def _step_value(value: Value, asked: dict[str, str], known: Known) -> Iterator[str]:
    name, what = value.parts
    if name not in _names(asked, known):
        yield f"{asked.get('model', known.model)} has no step {name!r}"
    if what not in STEP_PROPERTIES:
        yield f"a step has no {what!r}; it has {', '.join(STEP_PROPERTIES)}"


def _plain(value: Value, asked: dict[str, str], known: Known) -> Iterator[str]:
    names = {"run": RUN_PROPERTIES, "unit": UNIT_PROPERTIES}[value.source]
    if value.parts[0] not in names:
        yield f"a {value.source} has no {value.parts[0]!r}; it has {', '.join(names)}"
    if value.source == "unit" and "unit" not in asked:
        yield "a value of a unit needs one that is held: unit=ROW,COLUMN in the address"


def _fact(value: Value, asked: dict[str, str], known: Known) -> Iterator[str]:
    key, parameter = value.parts
    if key not in known.facts:
        near = [one for one in sorted(known.facts) if one.startswith(key.rpartition(".")[0] + ".")]
        yield f"no lab says {key!r}" + (f"; near it are {', '.join(near[:8])}" if near else "")
        return
    for name in (parameter, *(name for name, _ in value.where)):
        if name not in known.facts[key]:
            yield f"the sentence {key} has no {name!r}; it has {', '.join(sorted(known.facts[key])) or 'none'}"


def _table(value: Value, asked: dict[str, str], known: Known) -> Iterator[str]:
    slot, _, column = value.parts
    tables = known.labs[asked["lab"]].slots["table"] if asked["lab"] in known.labs else frozenset()
    if slot not in tables:
        yield f"the lab has no table {slot!r}; it has {', '.join(sorted(tables)) or 'none'}"
    columns = known.columns.get(asked["lab"], frozenset())
    if column not in columns:
        yield f"no table of the lab has a column {column!r}; there are {', '.join(sorted(columns))}"
