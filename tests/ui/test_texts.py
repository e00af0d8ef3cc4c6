"""The two languages: same keys, same placeholders, every key that the code can ask for, none that it does not.

Texts outside the tables would stay in one language, so pages and scripts are searched for them too.
"""

from __future__ import annotations

import ast
import json
import re
import string
from html.parser import HTMLParser
from pathlib import Path

import pytest

from explorer import images, inference, results, weights
from explorer.figures.palettes import SEQUENTIAL
from explorer.inference.plan import WAYS
from explorer.models import MODELS
from explorer.operations import kinds
from explorer.results import bundle, truth
from explorer.ui.asked import COPIES
from explorer.ui.i18n import TEXTS
from explorer.ui.stage.bundle import ordered, page

UI = Path(__file__).resolve().parents[2] / "explorer" / "ui"
STAGE = UI / "stage"
EN, KO = TEXTS["en"], TEXTS["ko"]
HANGUL = re.compile(r"[\u1100-\u11ff\u3130-\u318f\uac00-\ud7a3]")
SCRIPTS = ordered(STAGE)
PAGE = page(STAGE)

WITHOUT_HANGUL = {  # names that are written alike in Korean
    "bar.pixels",
    "held.summands",
    "number.percent",
    "chip.macs",
    "device.cpu",
    "device.cuda",
    "device.cuda.name",
    "device.mps",
    "device.mps.name",
    "maps.colours.cividis",
    "maps.colours.viridis",
    "file.coco",
    "file.geojson",
    "op.relu",
    "precision.bfloat16",
    "precision.float16",
    "precision.float32",
}


def placeholders(text: str) -> set[str]:
    return set(re.findall(r"\{(\w+)\}", text))


def fields(template: str) -> set[str]:
    """Placeholders of a Python format string, whatever their format."""
    return {name for _, name, _, _ in string.Formatter().parse(template) if name}


def without_comments(script: str) -> str:
    script = re.sub(r"/\*.*?\*/", "", script, flags=re.S)
    return re.sub(r"(?<![:'\"`/])//[^\n]*", "", script)


# ---- the tables


def test_the_tables_have_the_same_keys_and_none_twice():
    assert list(TEXTS) == ["en", "ko"]
    for language in TEXTS:
        raw = (UI / "texts" / f"{language}.json").read_text("utf-8")
        pairs = json.loads(raw, object_pairs_hook=list)
        keys = [key for key, _ in pairs]
        assert len(keys) == len(set(keys))
        assert keys == sorted(EN)


@pytest.mark.parametrize("language", TEXTS)
def test_no_text_is_empty_or_broken(language):
    for key, text in TEXTS[language].items():
        assert isinstance(text, str), key
        assert text.strip(), key
        assert text.count("{") == text.count("}") == len(re.findall(r"\{\w+\}", text)), key
        assert "\ufffd" not in text, key
        assert "  " not in text, key


@pytest.mark.parametrize("key", sorted(EN))
def test_both_languages_take_the_same_placeholders(key):
    assert placeholders(EN[key]) == placeholders(KO[key])


def test_each_table_is_in_its_language():
    assert not [key for key, text in EN.items() if HANGUL.search(text)]
    assert {key for key, text in KO.items() if not HANGUL.search(text)} == WITHOUT_HANGUL
    same = {key for key in EN if EN[key] == KO[key]}
    assert same <= WITHOUT_HANGUL


def test_korean_sentences_end_alike():
    """Sentences (those that close with a full stop in English) close with one in Korean too."""
    odd = [key for key in EN if EN[key].rstrip().endswith(".") != KO[key].rstrip().endswith(".")]
    assert odd == []


# ---- the keys that are asked for


class Attributes(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.keys: set[str] = set()
        self.texts: list[str] = []
        self.labels: list[tuple[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name == "data-t" or name.startswith("data-t-"):
                self.keys.add(value or "")
            if name in ("aria-label", "title", "alt", "placeholder", "aria-description") and value:
                self.labels.append((name, value))

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.texts.append(data.strip())


PARSED = Attributes()
PARSED.feed(PAGE)

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
    for path in [*UI.rglob("*.py"), *Path(inference.__file__).parent.glob("*.py"), Path(truth.__file__)]:
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
    """Keys written out in Python: the progress of runs, names of languages, what a page that is not built says."""
    found = set()
    for path in UI.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found |= {node.value} if re.fullmatch(r"(progress|error|language)\.[\w.]+", node.value) else set()
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
WEIGHT_NOTES = {weights.COARSER_THAN_TRAINED, weights.OTHER_GEOMETRY, weights.RESCALED_SKIPS}
FRAMES = {"network", "resized", "original"}
DEVICES = {"cuda", "mps", "cpu"}
FAMILIES = {
    "words.*": KINDS,
    "op.*": KINDS,
    "facts.*.unseen": {"accuracy", "dice"},
    "facts.*.validation": {"accuracy", "dice"},
    "words.*.aligned": {"add", "concat"},
    "words.conv.*": {"fc6", "fc7"},
    "words.maxpool.*": {"even", "ceil", "floor"},
    "derive.*": {"input", "same", "ceil", "floor", "crop"},
    "note.*": WEIGHT_NOTES | {f"image.{code}" for code in images.NOTES},
    "error.*": error_codes() | codes_of_scripts(),
    "padding.*": {padding for model in MODELS.values() for padding in model.paddings},
    "device.*": {"auto", *DEVICES},
    "device.*.name": DEVICES,
    "unit.field.*": FRAMES,
    "maps.colours.*": {name.lower() for name in SEQUENTIAL},
    "figure.unet.*": {"conv", "conv1", "copy", "pool", "up"},
    "figure.fcn.*": {"thin", "conv1", "copy", "up"},
    "picture.shown.*": {"prediction", "confidence", "entropy"},
    "maps.low*": {"", ".signed"},
    "segment.state.*": {"waiting", "ready", "done", "old", "failed"},
    "segment.layer.*": {"prediction", "confidence", "errors", "differs"},
    "segment.way.*": {*WAYS, *COPIES} - {"auto"},
    "precision.*": set(inference.DTYPES),
    "file.*": {*bundle.KINDS, "zip"},
    "remark.*": remark_codes(),
    "maps.high*": {"", ".signed"},
}


def wanted_keys() -> set[str]:
    plain, templates = keys_in_scripts()
    wanted = plain | PARSED.keys | keys_in_python()
    for template in templates:
        wanted |= {template.replace("*", choice, 1) for choice in FAMILIES[template]}
    return wanted


def test_every_family_of_keys_is_known_here():
    """A new `family.${x}` in a script has to be listed in FAMILIES, or the next two tests would not see it."""
    _, templates = keys_in_scripts()
    assert templates == set(FAMILIES)


def test_every_key_that_is_asked_for_exists():
    assert sorted(wanted_keys() - set(EN)) == []


def test_no_text_is_unused():
    assert set(EN) - wanted_keys() == set()


def test_the_searches_find_something():
    """If a search stopped matching, the tests above would hold for nothing."""
    plain, _ = keys_in_scripts()
    assert {"bar.run", "chip.jump", "crop.kept", "words.input.resized", "error.clipboard", "progress.upload"} <= plain
    assert {"bar.weights", "steps.next", "app.short", "sources.drop"} <= PARSED.keys
    assert {"bad_selection", "image_gone", "no_image", "upload", "internal", "no_device", "weights"} <= error_codes()
    assert {"gone", "connection", "upload", "too_large_bytes"} <= codes_of_scripts()
    assert {"progress.weights", "progress.step"} <= keys_in_python()


def test_the_codes_of_weights_notes_are_those_of_the_module():
    names = {name for name in vars(weights) if name.isupper() and isinstance(getattr(weights, name), str)}
    assert {getattr(weights, name) for name in names} == WEIGHT_NOTES


# ---- what fills them


@pytest.mark.parametrize("code", sorted(images.SENTENCES))
def test_a_refused_image_says_the_same_in_both_places(code):
    for language in TEXTS:
        assert placeholders(TEXTS[language][f"error.{code}"]) == fields(images.SENTENCES[code])


@pytest.mark.parametrize("code", sorted(images.NOTES))
def test_a_note_on_an_image_says_the_same_in_both_places(code):
    for language in TEXTS:
        assert placeholders(TEXTS[language][f"note.image.{code}"]) == fields(images.NOTES[code])


def test_notes_on_weights_and_device_names_are_filled():
    for language in TEXTS:
        for code in WEIGHT_NOTES:
            given = {"trained", "model", "geometries", "padding"}
            assert placeholders(TEXTS[language][f"note.{code}"]) <= given
        for device in DEVICES:
            assert placeholders(TEXTS[language][f"device.{device}.name"]) <= {"name"}
        assert placeholders(TEXTS[language]["error.no_device"]) == {"device"}
        assert placeholders(TEXTS[language]["error.weights"]) == {"name"}
        assert placeholders(TEXTS[language]["error.too_coarse"]) == {"name", "trained", "model"}
        assert placeholders(TEXTS[language]["progress.step"]) <= {"done", "total", "name"}


# ---- nothing said outside the tables

CAPS = {*"uowasdcp,.+-0→←↑↓", "Home", "End", "Space", "Shift", "Enter", "Esc"}  # as they stand on the keyboard


def test_the_page_has_no_words_of_its_own():
    units = re.compile(r"[\d.]+×")  # per cent are written in another way in each language
    assert [text for text in PARSED.texts if text not in CAPS and not units.fullmatch(text)] == []
    assert PARSED.labels == []


@pytest.mark.parametrize("name", sorted(SCRIPTS))
def test_the_scripts_have_no_words_of_their_own(name):
    script = without_comments(SCRIPTS[name])
    assert not HANGUL.search(script)
    shown = re.findall(
        r"""(?:textContent|innerText|innerHTML|\.title|\.alt|placeholder|ariaLabel)\s*[=:]\s*(['"`])(.*?)\1""", script
    )
    shown += re.findall(r"""setAttribute\(\s*'(?:title|aria-label|aria-valuetext|alt)',\s*(['"`])(.*?)\1""", script)
    bare = [re.sub(r"\$\{[^{}]*(?:\{[^{}]*\}[^{}]*)*\}", "", text) for _, text in shown]
    assert [text for text in bare if re.search(r"[A-Za-z]{2,}", text)] == []
    assert not re.search(r"\b(alert|confirm|prompt)\(", script)


@pytest.mark.parametrize("name", sorted(SCRIPTS))
def test_no_sentence_hides_in_a_string_of_a_script(name):
    """Three words in a row in a string are a sentence; what goes to the console is for developers."""
    script = re.sub(r"console\.\w+\([^\n]*\);", "", without_comments(SCRIPTS[name]))
    strings = [text for _, text in re.findall(r"""(['"`])((?:(?!\1)[^\\\n])*)\1""", script)]
    assert [text for text in strings if re.search(r"[A-Za-z]{2,} [a-z]{2,} [a-z]{2,}", text)] == []


def test_no_korean_in_python_but_in_the_tables():
    assert [str(p) for p in UI.rglob("*.py") if HANGUL.search(p.read_text("utf-8"))] == []
