"""Who may know whom: ui -> lessons, figures, labs -> inference, trace -> models -> geometry; gradio in ui alone."""

from __future__ import annotations

import ast
import pkgutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import explorer

ROOT = Path(explorer.__file__).parent
MODULES = sorted(
    info.name
    for info in pkgutil.walk_packages([str(ROOT)], "explorer.")
    if not info.name.endswith("__main__") and not info.name.startswith("explorer.ui")
)
LEVELS = {  # a module may import what lies on a lower level, or on its own where it is the same package
    "alter": 1,
    "checked": 0,
    "errors": 0,
    "geometry": 0,
    "files": 0,
    "operations": 1,
    "graph": 2,
    "roles": 2,
    "stats": 2,
    "strips": 0,
    "images": 2,
    "metrics": 2,
    "objects": 2,
    "models": 3,
    "trace": 3,
    "cards": 4,
    "compare": 5,
    "masks": 5,
    "fields": 5,
    "giant": 5,
    "local": 5,
    "refinement": 5,
    "replay": 5,
    "weights": 5,
    "inference": 6,
    "unit": 6,
    "labs": 7,
    "training": 8,
    "figures": 8,
    "lessons": 7,
    "results": 7,
    "api": 8,
    "commands": 11,  # its check of lessons asks what the page has
    "notebook": 10,  # shows the page
    "ui": 9,
}
BLOCK = """
import sys
class Block:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {blocked!r}:
            raise ImportError(name + " is blocked")
sys.meta_path.insert(0, Block())
import importlib
for name in {modules!r}:
    importlib.import_module(name)
print(*sorted(name for name in sys.modules if "." not in name))
"""


def import_without(blocked: set[str], modules: list[str]) -> set[str]:
    """Import modules in a fresh interpreter where `blocked` cannot be imported; the top-level modules it then holds."""
    code = BLOCK.format(blocked=blocked, modules=modules)
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT.parent, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return set(done.stdout.split())


def imports(path: Path) -> Iterator[str]:
    """Names of explorer's modules that a file imports anywhere, functions included."""
    package = ("explorer", *path.relative_to(ROOT).parent.parts)
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) + 1 - node.level]) if node.level else ""
            origin = ".".join(filter(None, (base, node.module)))
            yield from (f"{origin}.{alias.name}" for alias in node.names)


def test_everything_but_the_ui_imports_without_gradio():
    assert {"explorer.geometry", "explorer.models.fcn", "explorer.trace"} <= set(MODULES)
    assert "gradio" not in import_without({"gradio", "gradio_client"}, MODULES)


def test_the_core_needs_torch_and_numpy_alone():
    core = ["explorer.geometry", "explorer.models", "explorer.operations", "explorer.trace", "explorer.local"]
    loaded = import_without({"gradio", "plotly", "PIL", "safetensors", "pandas", "scipy"}, core)
    assert "torch" in loaded


def test_inference_needs_no_scipy():
    assert "torch" in import_without({"gradio", "plotly", "safetensors", "scipy"}, ["explorer.inference"])


def test_geometry_needs_numpy_alone():
    loaded = import_without({"torch", "torchvision", "PIL", "plotly", "scipy"}, ["explorer.geometry"])
    assert "torch" not in loaded
    tops = {name.split(".")[0] for path in (ROOT / "geometry").glob("*.py") for name in imports(path)}
    assert tops - set(sys.stdlib_module_names) == {"numpy", "explorer"}


@pytest.mark.parametrize("path", sorted(ROOT.rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT)))
def test_knowledge_goes_one_way(path):
    names = list(imports(path))
    own = path.relative_to(ROOT).parts[0].removesuffix(".py")
    if own != "ui":
        assert not [name for name in names if name.split(".")[0] == "gradio"]
    if own not in LEVELS:
        return  # explorer itself and its command line may know everything below the page
    for name in names:
        top, *rest = name.split(".")
        if top == "explorer" and rest and rest[0] in LEVELS and rest[0] != own:
            assert LEVELS[rest[0]] < LEVELS[own] or {rest[0], own} <= {"figures", "labs", "lessons"}, name


@pytest.mark.parametrize(
    "path",
    [
        ROOT / "trace.py",
        ROOT / "graph.py",
        *(p for room in ("geometry", "operations", "models") for p in sorted((ROOT / room).glob("*.py"))),
    ],
)
def test_no_crop_offset_is_typed_in(path):
    """5, 9, 4 and 16 are ordinary numbers too; a literal that reaches Crop is caught whatever it is."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    excused: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and any(getattr(t, "id", "") == "VGG16_FEATURES" for t in node.targets):
            excused |= {id(child) for child in ast.walk(node)}  # torchvision's indices of layers
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and type(node.value) is int and id(node) not in excused:
            assert node.value not in (19, 27, 31, 40, 88), f"{path.name}:{node.lineno}"
        if isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) == "Crop":
            arguments = [*node.args, *(keyword.value for keyword in node.keywords)]
            assert not [a for a in arguments if isinstance(a, ast.Constant)], f"{path.name}:{node.lineno}"
