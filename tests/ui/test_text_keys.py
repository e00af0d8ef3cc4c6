"""Every key that the code can ask for is in the tables, and none that it does not."""

from __future__ import annotations

import ast
import re
from dataclasses import fields
from pathlib import Path

from explorer import alter, figures, images, inference, labs, masks, results, weights
from explorer.figures.palettes import SEQUENTIAL
from explorer.images.synthetic import MADE
from explorer.inference.plan import WAYS
from explorer.labs import scaling, shared, surgery
from explorer.models import MODELS
from explorer.operations import kinds
from explorer.results import bundle
from explorer.training import channels, scale, taps
from explorer.ui.asked import COPIES
from explorer.ui.labs import channel, evidence, field, tap
from explorer.ui.labs import scale as scale_lab
from tests.ui.texts import DEVICES, EN, PARSED, SCRIPTS, UI, WEIGHT_NOTES, without_comments

LABS = Path(labs.__file__).parent
FIGURES = Path(figures.__file__).parent
PREFIXES = {key.split(".")[0] for key in EN}
KEY = re.compile(rf"""['"`]((?:{"|".join(sorted(PREFIXES))})(?:\.[\w${{}}.]+)+)['"`]""")


def keys_in_scripts() -> tuple[set[str], set[str]]:
    """Keys written out in the scripts, and templates such as `words.${op}` with their places marked by *."""
    plain, templates = set(), set()
    for script in SCRIPTS.values():
        for key in KEY.findall(without_comments(script)):
            (templates if "${" in key else plain).add(re.sub(r"\$\{[^}]*\}", "*", key))
    return plain, templates


def error_codes() -> set[str]:
    """Codes that the server sends: ExplorerError("..."), {"kind": "error", "code": "..."}."""
    found = set(images.SENTENCES)
    for path in [
        *UI.rglob("*.py"),
        *LABS.glob("*.py"),
        *Path(inference.__file__).parent.glob("*.py"),
        *Path(masks.__file__).parent.glob("*.py"),
        Path(alter.__file__),
    ]:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "ExplorerError":
                found |= {c.value for c in ast.walk(node.args[0]) if isinstance(c, ast.Constant)}
            if isinstance(node, ast.Dict):
                said = {k.value: v for k, v in zip(node.keys, node.values, strict=True) if isinstance(k, ast.Constant)}
                if getattr(said.get("kind"), "value", "") == "error" and isinstance(said.get("code"), ast.Constant):
                    found.add(said["code"].value)
    return {str(code) for code in found}


def codes_of_scripts() -> set[str]:
    """Codes that the page itself makes: { code: '...' }, code: test ? 'a' : 'b', fail('...')."""
    found: set[str] = set()
    for script in SCRIPTS.values():
        text = without_comments(script)
        for rest in re.findall(r"\bcode:([^,}]*)", text):
            found |= set(re.findall(r"'(\w+)'", rest))
        found |= set(re.findall(r"#fail\('(\w+)'\)", text))
    return found


def keys_in_python() -> set[str]:
    """Keys written out in Python: the progress of runs, names of languages, what a page that is not built says, and
    what labs and their figures say."""
    found = set()
    for path in [*UI.rglob("*.py"), *FIGURES.glob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                key = re.fullmatch(r"(?:t:)?((progress|error|language|lab)\.[\w.]*\w)", node.value)
                found |= {key[1]} if key else set()
    return found


def templates_in_python() -> set[str]:
    """Keys with places in them, such as f"lab.crop.mode.{mode}", with * for each place."""
    found = set()
    for path in UI.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.JoinedStr):
                text = "".join(part.value if isinstance(part, ast.Constant) else "*" for part in node.values)
                found |= {text} if text.startswith(("lab.", "sources.")) else set()
    return found


def remark_codes() -> set[str]:
    """Codes of what is remarked on a run: Remark("...")."""
    found = set()
    for path in [p for package in (inference, results) for p in Path(package.__file__).parent.glob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Remark":
                found.add(node.args[0].value)
    return found


KINDS = {*kinds(), "unknown"}
PROBES = {f"altered.{way}{of}" for way in ("scale", "swap") for of in ("", ".channel")}
PROBES |= {"difference.plain", "difference.image", "difference.weights"}
FRAMES = {"network", "resized", "original"}
CHIPS = {"shape", "jump", "field", "start", "parameters", "macs", "ms"}
FAMILIES = {
    "words.*": KINDS,
    "chip.*": CHIPS,
    "chip.*.help": CHIPS,
    "path.*": {"contracting", "skip", "expansive"},
    "hint.*": {"unit", "crop", "chances"},
    "op.*": KINDS,
    "facts.*.unseen": {"accuracy", "dice"},
    "facts.*.validation": {"accuracy", "dice"},
    "words.*.aligned": {"add", "concat"},
    "words.conv.*": {"fc6", "fc7"},
    "words.maxpool.*": {"even", "ceil", "floor"},
    "derive.*": {"input", "same", "ceil", "floor", "crop"},
    "note.*": WEIGHT_NOTES | {f"image.{code}" for code in images.NOTES} | {"smaller_for_room", "no_precision", *PROBES},
    "sources.*": set(MADE),
    "channels.letter.*": {"red", "green", "blue"},
    "channels.*": {"colour", "grey", "one", "red", "green", "blue"},
    "notice.*": {images.EVERYDAY, images.NUCLEI},
    "notice.take.*": {images.EVERYDAY, images.NUCLEI},
    "compare.file.*": {"mask", "overlay"},
    "error.*": error_codes() | codes_of_scripts(),
    "padding.*": {padding for model in MODELS.values() for padding in model.paddings},
    "device.*": {"auto", *DEVICES},
    "device.*.name": DEVICES,
    "unit.field.*": FRAMES,
    "maps.colours.*": {name.lower() for name in SEQUENTIAL},
    "figure.unet.*": {"conv", "conv1", "copy", "pool", "up"},
    "figure.fcn.*": {"thin", "conv1", "copy", "up"},
    "picture.*": FRAMES,
    "picture.shown.*": {"prediction", "stage", "changes", "confidence", "entropy"},
    "segment.state.*": {"waiting", "ready", "done", "old", "failed"},
    "segment.layer.*": {"prediction", "confidence", "errors", "differs"},
    "segment.way.*": {*WAYS, *COPIES} - {"auto"},
    "precision.*": set(inference.DTYPES),
    "lab.crop.mode.*": set(labs.MODES),
    "lab.crop.cut.*": set(surgery.KINDS),
    "lab.crop.meet.*": {"own", "other"},
    "lab.crop.head.*": {"crop", "units", "reference", "offset", "centre", "aligned", "misalignment"},
    "lab.border.kind.*": {kind for model in MODELS for kind in labs.borders(model)},
    "probe.how.*": {"zero", "scale", "swap"},
    "lab.cam.head.*": {"channel", "weight", "share"},
    "lab.crop.sweep.*": {"untouched", "truth"},
    "lab.judged.*": {"untouched", "truth"},
    "lab.tap.fits.*": {"none", "tap", "below"},
    "lab.tap.way.*": set(tap.WAYS.values()),
    "lab.tap.way.said.*": set(tap.WAYS.values()),
    "lab.tap.way.short.*": set(tap.WAYS.values()),
    "lab.tap.head.*": {"step", "way", "jump", "start", "up", "fits", "own"},
    "lab.scale.set.*": {field.name for field in fields(scaling.Design)},
    "lab.scale.far.*": {"own", "full", "layers", "kernel", "dilation"},
    "lab.scale.forecast.*": {"own", "full"},
    "lab.scale.head.*": set(scale_lab.HEAD),
    "lab.scale.sizes.head.*": {"size", "map", "network", "connected"},
    "lab.scale.measure.head.*": {"network", "macs", "seconds", "memory"},
    "lab.shift.axis.*": set(shared.AXES),
    "lab.shift.head.*": {"step", "jump", "period", "field", "units", "repeats"},
    "lab.shift.changed.*": {"least", "most"},
    "lab.field.of.*": set(field.OF),
    "lab.field.joint.*": set(field.PARTS),
    "lab.field.joint.*.said": set(field.PARTS),
    "lab.channel.whose.*": {channel.HAND, channel.PAPER},
    "lab.channel.levels.*": {"doubled", "kept"},
    "lab.channel.head.*": {
        *("layer", "channels", "parameters", "wide", "times", "macs", "wide_macs", "times_macs"),
        *("step", "map", "activations"),
    },
    "lab.evidence.head.*": {*evidence.TAPS, *evidence.SCALE, *evidence.CHANNELS},
    "lab.evidence.*": {
        *("better", "worse", "undecided", "before", "after"),
        *channels.ROWS["channels"],
        *(name for module in (taps, scale, channels) for name in module.Plan().data.values()),
    },
    "file.*": {*bundle.KINDS, "zip"},
    "remark.*": remark_codes(),
    "truth.*": set(masks.REMARKS),
}


def wanted_keys() -> set[str]:
    plain, templates = keys_in_scripts()
    wanted = plain | PARSED.keys | keys_in_python()
    for template in templates | templates_in_python():
        wanted |= {template.replace("*", choice, 1) for choice in FAMILIES[template]}
    return wanted


def test_every_family_of_keys_is_known_here():
    """A new `family.${x}` in a script has to be listed in FAMILIES, or the next two tests would not see it."""
    _, templates = keys_in_scripts()
    assert templates | templates_in_python() == set(FAMILIES)


def test_every_key_that_is_asked_for_exists():
    assert sorted(wanted_keys() - set(EN)) == []


def test_no_text_is_unused():
    assert set(EN) - wanted_keys() == set()


def test_the_searches_find_something():
    """If a search stopped matching, the tests above would hold for nothing."""
    plain, _ = keys_in_scripts()
    assert {"bar.run", "chip.or", "crop.kept", "words.input.resized", "error.clipboard", "progress.upload"} <= plain
    assert {"bar.weights", "steps.next", "app.short", "sources.drop"} <= PARSED.keys
    assert {"bad_selection", "image_gone", "no_image", "upload", "internal", "no_device", "weights"} <= error_codes()
    assert {"gone", "connection", "upload", "too_large_bytes"} <= codes_of_scripts()
    assert {"progress.weights", "progress.step"} <= keys_in_python()


def test_the_codes_of_weights_notes_are_those_of_the_module():
    names = {name for name in vars(weights) if name.isupper() and isinstance(getattr(weights, name), str)}
    assert {getattr(weights, name) for name in names} == WEIGHT_NOTES
