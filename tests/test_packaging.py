"""What `pip install .` brings: the package with weights and examples in it, and its commands; help without torch."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]
HELP = """
import sys
from explorer.__main__ import main
from explorer.ui.main import main as page
for command in (main, page):
    try:
        command(["--help"])
    except SystemExit as stopped:
        assert not stopped.code
assert not {"torch", "gradio", "torchvision", "numpy", "scipy"} & sys.modules.keys()
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (found,) = folder.glob("*.whl")
    return found


def below(*places: str) -> set[str]:
    """The files of some places, without what Python compiled."""
    paths = [
        path for place in places for path in ((ROOT / place).rglob("*") if (ROOT / place).is_dir() else [ROOT / place])
    ]
    return {str(path.relative_to(ROOT)) for path in paths if path.is_file() and path.suffix != ".pyc"}


def test_a_wheel_holds_the_package_with_weights_and_examples_and_nothing_else(wheel: Path) -> None:
    held = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    data = below("checkpoints", "assets/examples", "assets/truth", "assets/CREDITS.md", "assets/icon.svg")
    package = {name for name in held if not name.startswith("explorer/_data/")}
    assert held - package == {f"explorer/_data/{name}" for name in data}
    assert package >= below("explorer")
    assert {Path(name).suffix for name in package} == {".py", ".js", ".ts", ".css", ".html", ".json", ".md"}


def test_dependencies_are_those_of_requirements_txt(wheel: Path) -> None:
    archive = zipfile.ZipFile(wheel)
    (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
    needed = [Requirement(one) for one in Parser().parsestr(archive.read(name).decode()).get_all("Requires-Dist")]
    listed = (line.split("#")[0].strip() for line in (ROOT / "requirements.txt").read_text("utf-8").splitlines())
    assert {one for one in needed if not one.marker} == {Requirement(line) for line in listed if line}
    (plotly,) = (one for one in needed if one.name == "plotly")
    assert [plotly.specifier.contains(version) for version in ("6.9", "7.1", "8.0")] == [False, True, False]


def test_installed_it_finds_its_weights_and_examples(wheel: Path, tmp_path: Path) -> None:
    """Unpacked as pip would, and run from an empty folder."""
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    (tmp_path / "empty").mkdir()
    place = {**os.environ, "PYTHONPATH": str(tmp_path / "site")}

    def run(*arguments: str) -> str:
        command = [sys.executable, *arguments]
        done = subprocess.run(command, cwd=tmp_path / "empty", env=place, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    found = json.loads(run("-m", "explorer", "info", "unet-nuclei", "--json"))
    assert found["weights"][0]["name"] == "unet-nuclei"
    held = "from explorer.files import *; print(DATA, len([*CHECKPOINTS.glob('*.json')]), len([*EXAMPLES.iterdir()]))"
    own = [len([*(ROOT / "checkpoints").glob("*.json")]), len([*(ROOT / "assets/examples").iterdir()])]
    assert run("-c", held).split() == [str(tmp_path / "site/explorer/_data"), *map(str, own)]
    run("-c", "from explorer.files import ICON; from explorer.ui import session; session.Workbench(); ICON.read_text()")


def test_help_comes_without_torch() -> None:
    done = subprocess.run([sys.executable, "-c", HELP], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "evaluate" in done.stdout
    assert "--port" in done.stdout
