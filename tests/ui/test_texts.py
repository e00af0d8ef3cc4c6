"""The two languages: same keys, same placeholders, filled alike.

Texts outside the tables would stay in one language, so pages and scripts are searched for them too.
"""

from __future__ import annotations

import json
import re
import string

import pytest

from explorer import images
from explorer.ui.i18n import TEXTS
from tests.ui.texts import DEVICES, EN, HANGUL, KO, PARSED, SCRIPTS, UI, WEIGHT_NOTES, placeholders, without_comments

WITHOUT_HANGUL = {  # names that are written alike in Korean
    "channels.letter.red",
    "channels.letter.green",
    "channels.letter.blue",
    "bar.pixels",
    "held.summands",
    "lab.evidence.points",
    "number.percent",
    "lab.crop.off",
    "lab.crop.off.both",
    "lab.tap.px",
    "lab.border.kind.valid",
    "device.cpu",
    "device.cuda",
    "device.cuda.name",
    "device.mps",
    "device.mps.name",
    "maps.colours.cividis",
    "maps.colours.viridis",
    "file.coco",
    "file.geojson",
    "held.title.place",
    "op.argmax",
    "op.relu",
    "precision.bfloat16",
    "precision.float16",
    "precision.float32",
}


def fields(template: str) -> set[str]:
    """Placeholders of a Python format string, whatever their format."""
    return {name for _, name, _, _ in string.Formatter().parse(template) if name}


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


FORMATS = {"PNG", "SVG", "CSV", "NPY", "TIFF", "HTML", "WebP", "GIF", "Jupyter"}  # names in every language
CAPS = {
    *"uowasdcpnbl,.+-0→←↑↓",
    "PgUp",
    "PgDn",
    "Home",
    "End",
    "Space",
    "Shift",
    "Enter",
    "Esc",
}  # as they stand on the keyboard


def test_the_page_has_no_words_of_its_own():
    units = re.compile(r"[\d.]+×")  # per cent are written in another way in each language
    assert [text for text in PARSED.texts if text not in CAPS | FORMATS and not units.fullmatch(text)] == []
    assert PARSED.labels == []


@pytest.mark.parametrize("name", sorted(set(SCRIPTS) - {"particles.js"}))  # that one is the grammar of Korean
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
