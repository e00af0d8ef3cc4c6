"""README and docs: links lead somewhere, commands and Python run, numbers are those of the cards."""

from __future__ import annotations

import contextlib
import re
import shlex
from pathlib import Path

import pytest
from huggingface_hub import SpaceCard
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from benchmarks import accuracy as benchmark
from explorer import __main__ as commands
from explorer import api, cards
from explorer.commands import accuracy
from explorer.training import __main__ as training
from explorer.ui import main as page

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
README = PAGES[0].read_text("utf-8")
BODY = README.split("---\n", 2)[2]  # without the front matter of the Space
MAINS = {
    "python -m explorer.training": training.main,
    "python -m explorer": commands.main,
    "python benchmarks/accuracy.py": benchmark.main,
    "python app.py": page.main,
}
each_page = pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


@each_page
def test_links_lead_to_files(path: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", path.read_text("utf-8")):
        assert link.startswith("https://") or (path.parent / link).exists(), link


def test_the_readme_can_be_read_at_a_sitting() -> None:
    assert len(BODY.split()) <= 600
    assert (ROOT / "assets/crop.webp").stat().st_size < 2 * 2**20


def test_the_front_matter_is_that_of_a_space_and_fits_the_requirements() -> None:
    """Hugging Face's own class reads it; what it says of versions and files holds here."""
    front = SpaceCard(README).data
    needed = [
        Requirement(line) for line in (ROOT / "requirements.txt").read_text("utf-8").splitlines() if line[0] != "#"
    ]
    (gradio,) = (one for one in needed if one.name == "gradio")
    (python,) = re.findall(r'^requires-python = "(.*)"', (ROOT / "pyproject.toml").read_text("utf-8"), re.MULTILINE)
    assert front.sdk == "gradio"
    assert gradio.specifier.contains(front.sdk_version)
    assert SpecifierSet(python).contains(front.python_version)
    assert (ROOT / front.app_file).is_file()
    assert front.suggested_hardware == "cpu-basic"
    colours = {"red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray"}
    assert {front.colorFrom, front.colorTo} <= colours
    assert len(front.short_description) <= 60
    assert {"fcn", "u-net"} <= set(front.tags)
    terms = (ROOT / front.license_link).read_text("utf-8")
    assert front.license == "other"
    assert re.fullmatch(r"[a-z0-9.-]+", front.license_name)
    assert "Apache License 2.0" in terms
    assert all(f"`{card.name}`" in terms for card in cards.available())


def test_the_readme_begins_with_the_two_commands() -> None:
    """CI runs the second block."""
    first, second, *_ = blocks(README, "sh")
    assert first == "pip install -r requirements.txt && python app.py\n"
    assert second == "pip install -r requirements-dev.txt && python -m pytest\n"


@each_page
def test_commands_have_the_options_that_are_given(
    path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of the explorer are parsed as they stand; of all others the files that they name are there."""
    monkeypatch.setattr(commands, "_run", lambda given: 0)
    monkeypatch.setattr(training, "_train", lambda given: 0)
    lines = [line for block in blocks(path.read_text("utf-8"), "sh") for line in re.split(r"\n|&&", block)]
    for line in filter(None, (line.split("#")[0].strip() for line in lines)):
        start = next((start for start in MAINS if f"{line} ".startswith(f"{start} ")), "")
        words = shlex.split(line.removeprefix(start))
        if start in ("python -m explorer.training", "python -m explorer"):
            assert MAINS[start](words) == 0, line
        elif start:
            with contextlib.suppress(SystemExit):
                MAINS[start](["--help"])
            known = set(re.findall(r"--[\w-]+", capsys.readouterr().out))
            assert {word for word in words if word.startswith("--")} <= known, line
        else:
            assert all((ROOT / word).is_file() for word in words if word.endswith((".py", ".txt"))), line


@pytest.mark.parametrize("path", [p for p in PAGES if "```python" in p.read_text("utf-8")], ids=lambda path: path.name)
def test_python_runs(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, *_ = blocks(path.read_text("utf-8"), "python")  # others ask a server: tests/ui/test_endpoints.py
    monkeypatch.chdir(tmp_path)
    (tmp_path / "assets").symlink_to(ROOT / "assets")
    exec(compile(code, path.name, "exec"), {})
    made = {"pagoda.mask.png", "pagoda.overlay.png", "pagoda.areas.csv"}
    assert {p.name for p in (tmp_path / "results").iterdir()} == made
    assert "sky" in capsys.readouterr().out


def test_the_table_of_accuracy_is_that_of_the_cards() -> None:
    rows = dict(re.findall(r"^\| `([\w-]+)` \| (.*) \|$", BODY, re.MULTILINE))
    assert rows.keys() == {card.name for card in cards.available()}
    for name, said in rows.items():
        card = cards.find(name)
        unseen = card.metrics["unseen"]
        of, errors = (unseen[key][card.spec.padding][card.spec.model] for key in ("figures", "standard_errors"))
        assert said == accuracy.line(of, errors)
        assert accuracy.images(unseen["images"], of) in BODY


def test_the_tour_goes_to_steps_that_exist() -> None:
    steps = {
        step.name for model in ("fcn8s", "unet") for step in api.trace(ROOT / "assets/icon.png", model, size=64).steps
    }
    tour = BODY.split("tour")[1].split("\n## ")[0]
    named = set(re.findall(r"`(\w{2,})`", tour))
    assert {"crop_d2c", "fuse_pool3"} <= named <= steps
