"""Lint, format, types and lengths are part of the test command, so that nobody has to remember them."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.parametrize(
    "command", [["ruff", "check", "."], ["ruff", "format", "--check", "."], ["mypy"]], ids=lambda c: "-".join(c[:2])
)
def test_clean(command: list[str]) -> None:
    done = subprocess.run([sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def tracked(*endings: str) -> dict[str, str]:
    """Name and text of each file with one of these endings that git tracks."""
    command = ["git", "ls-files", *(f"*.{ending}" for ending in endings)]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    assert names
    return {name: (ROOT / name).read_text("utf-8") for name in names if (ROOT / name).exists()}


def test_no_file_is_over_300_lines() -> None:
    lengths = {name: len(text.splitlines()) for name, text in tracked("py", "js", "css", "html").items()}
    assert {name: length for name, length in lengths.items() if length > 300} == {}


def test_no_python_function_is_over_50_lines() -> None:
    """Those of JavaScript are held to as many by the lint of tests/js."""
    functions = {
        f"{name}:{node.lineno} {node.name}": node.end_lineno - node.lineno + 1
        for name, text in tracked("py").items()
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    assert {function: length for function, length in functions.items() if length > 50} == {}
