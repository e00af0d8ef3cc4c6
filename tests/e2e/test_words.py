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


@pytest.mark.parametrize(
    ("language", "query"),
    [("en", ""), ("ko", "&model=fcn16s&padding=same"), ("en", "&model=unet"), ("ko", "&model=unet")],
)
def test_the_arithmetic_of_every_sentence_is_right(visit: Visit, query: str, language: str) -> None:
    visit.open(f"?lang={language}{query}")
    run, _ = of_page(visit)
    for step in run.steps:
        visit.page.evaluate(
            "n => document.querySelectorAll('.fx-net button')[n].click()", [s.name for s in run.steps].index(step.name)
        )
        visit.page.wait_for_selector(f".fx[data-step={step.name}]")
        text = re.sub(r"(?<=\d),(?=\d{3})", "", visit.text(".fx-words").replace("\n", " "))
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


@pytest.mark.parametrize("query", ["?lang=ko", "?lang=ko&model=unet"])
def test_korean_particles_are_chosen_at_every_step(visit: Visit, query: str) -> None:
    """None is left to the reader, and a crop's offset has the one that its last digit asks for: 5로, 16으로, 40으로."""
    visit.open(query)
    visit.press("Home")
    visit.page.wait_for_selector(".fx[data-step=input]")
    said = [visit.text(".fx-words")]
    for _ in range(int(visit.text(".fx-count").split(" / ")[1]) - 1):
        before = visit.step
        visit.press("ArrowRight")
        visit.page.wait_for_function("n => document.querySelector('.fx').dataset.step !== n", arg=before)
        said.append(visit.text(".fx-words"))
    assert not [text for text in said if re.search(r"\((는|가|를|와|으)\)", text)]
    offsets = {word for text in said for word in re.findall(r"= (\d+\D+?) 정해지며", text)}
    assert offsets == ({"4로", "16으로", "40으로", "88로"} if "unet" in query else {"5로", "9로", "31로"})
