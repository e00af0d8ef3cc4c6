"""The sentence of every step: its arithmetic, evaluated, gives the sizes of the run."""

from __future__ import annotations

import re
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from math import ceil, floor

import pytest

from explorer.commands.accuracy import percent
from explorer.ui.i18n import TEXTS
from tests.e2e.conftest import Visit
from tests.e2e.test_layer import of_page

SUM = re.compile(r"((?:\(|\d)[\d()/·+−\- .]*?) = (−?\d+(?:\.\d+)?)")
POOLED = re.compile(r"(\((\d+)[^)]*\)/\d+ \+ 1) → (\d+)")


def evaluate(text: str) -> Fraction:
    """A sum as it is printed: 2·3, −1, (4 − 1)/2."""
    plain = re.sub(r"(\d+(?:\.\d+)?)", r"Fraction('\1')", text.replace("·", "*").replace("−", "-"))
    return eval(plain, {"Fraction": Fraction})


# what a crop's offset is called: with the particle that its last digit asks for, 5로, 16으로, 40으로
OFFSETS = {"": {"5로", "9로", "31로"}, "&model=unet": {"4로", "16으로", "40으로", "88로"}}


@pytest.mark.parametrize(
    ("language", "query"),
    [("en", ""), ("ko", ""), ("ko", "&model=fcn16s&padding=same"), ("en", "&model=unet"), ("ko", "&model=unet")],
)
def test_the_arithmetic_of_every_sentence_is_right(visit: Visit, query: str, language: str) -> None:
    visit.open(f"?lang={language}{query}")
    run, _ = of_page(visit)
    said = visit.walk(".fx-words")
    if language == "ko" and query in OFFSETS:
        assert not [text for text in said.values() if re.search(r"\((는|가|를|와|으)\)", text)]  # no particle is open
        assert {word for text in said.values() for word in re.findall(r"= (\d+\D+?) 정해지며", text)} == OFFSETS[query]
    for step in run.steps:
        text = re.sub(r"(?<=\d),(?=\d{3})", "", said[step.name].replace("\n", " "))
        _, channels, height, _ = step.shape
        before = [run[name].shape for name in step.inputs]
        if step.operation in ("conv", "upconv", "bilinear", "crop"):
            found = [(evaluate(left), evaluate(right)) for left, right in SUM.findall(text)]
            assert found, (step.name, text)
            assert all(left == right for left, right in found), (step.name, text)
            wanted = step.settings["offset"] if step.operation == "crop" else height
            assert wanted in [right for _, right in found], (step.name, text)
        if step.operation == "maxpool":
            arithmetic, size, result = POOLED.search(text).groups()
            assert int(size) == before[0][2]
            rounded = ceil if step.settings["ceil"] else floor
            assert rounded(evaluate(arithmetic)) == int(result) == height
        if step.operation == "concat":
            assert {str(b[1]) for b in before} | {str(channels)} <= set(re.findall(r"\d+", text))
        if step.operation in ("conv", "upconv"):
            assert re.search(rf"{before[0][1]} → {channels}\b", text), (step.name, text)
        for name in step.inputs if step.operation in ("add", "concat", "relu", "dropout", "crop") else ():
            assert name in text, (step.name, text)


SHARES = """async (texts) => {
    const { modules } = await import(document.querySelector('link[rel=modulepreload][href*="gradio_api/file="]').href);
    const { Words } = await import(modules['i18n.js']);
    const words = new Words(texts, 'en');
    return Array.from({ length: 10001 }, (_, n) => words.percentWithin(n / 10000, n / 10000));
}"""


def test_shares_are_rounded_by_their_decimal_digits(visit: Visit) -> None:
    """As the command line does: a figure of a card has four decimals, and 66.65 % is told as 66.7 % by either."""
    visit.open()
    for number, told in enumerate(visit.page.evaluate(SHARES, TEXTS)):
        digits = (Decimal(number) / 100).quantize(Decimal("0.1"), ROUND_HALF_UP)
        assert told.replace("\u00a0", " ") == f"{digits} ± {digits} %"
        assert percent(number / 10000) == digits
