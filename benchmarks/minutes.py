"""How long did each recipe take, whole, on which device?

python benchmarks/minutes.py [FOLDER ...] [--kept FILE] [--json FILE]

The bundled cards, and the cards that `python -m explorer.training NAME --data DIR --out FOLDER` wrote. Minutes are
those of all steps, stopped and resumed runs added up; reading the images before and labelling the validation images
after them is not counted, other work on the same machine is. A recipe that starts from another one needs that one's
minutes first. What a card does not say (older ones name no device) is left out. With --kept the rows of an earlier
table stay: runs whose cards are gone.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import earlier
from explorer.cards import CHECKPOINTS, Card, written
from explorer.errors import ExplorerError

SAID = ("fold", "start", "device", "precision", "minutes", "images_per_second", "torch")


def row(card: Card) -> dict[str, Any]:
    """What a card says of the run that made it. Raises ValueError if it does not say how long that was."""
    recipe = card.recipe
    if "minutes" not in recipe or "steps_made" not in recipe:
        raise ValueError(f"{card.file.with_suffix('.json')} does not say how long its recipe took")
    said = {key: recipe[key] for key in SAID if recipe.get(key) is not None}
    return {"recipe": recipe["name"], "seed": card.seed, "steps": recipe["steps_made"], **said}


def table(folders: list[Path], former: list[dict[str, Any]] | None = None) -> list[dict[str, Any]]:
    """A row per bundled card and per card of the folders, and those of an earlier table, by name, then minutes. Raises
    ValueError or ExplorerError."""
    rows = [row(card) for card in written(CHECKPOINTS)]
    for folder in folders:
        rows += [row(card) for card in written(folder)]
    rows += [one for one in former or [] if one not in rows]
    return sorted(rows, key=lambda r: (r["recipe"], r["minutes"]))


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", type=Path, nargs="*", metavar="FOLDER")
    parser.add_argument("--kept", type=Path, metavar="FILE", help="an earlier table, for cards that are gone")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args(arguments)
    try:
        rows = table(given.folders, earlier.rows(given.kept, "recipe", "steps", "minutes"))
    except (ValueError, ExplorerError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    if given.json:
        kept = "--kept benchmarks/minutes.json " * bool(given.kept)
        folders = "FOLDER ... " * bool(given.folders)
        command = f"python benchmarks/minutes.py {folders}{kept}--json benchmarks/minutes.json"
        given.json.write_text(json.dumps({"command": command, "rows": rows}, indent=1) + "\n")
    for one in rows:
        made = " ".join(str(one[key]) for key in ("device", "precision") if key in one)
        print(f"{one['recipe']:24} {one['steps']:6} steps {one['minutes']:6} min  {made}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
