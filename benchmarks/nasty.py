"""What becomes of image files that make trouble: python benchmarks/nasty.py [--mutated N] [--json FILE].

The collection of tests/nasty.py and N damaged files (10,000) go the whole way of a visitor's upload: read, planned,
segmented by the bundled FCN-8s as a small copy. Counted are the outcomes; what is neither a result nor a refusal with
a sentence is a failure. Afterwards nothing may be left: no uploaded file, no thread; and memory, measured after each
quarter of the damaged files with nothing kept, has to level off.
"""

from __future__ import annotations

import argparse
import gc
import json
import platform
import sys
import tempfile
import threading
import time
import warnings
from collections import Counter
from pathlib import Path

import psutil
from tqdm import tqdm

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from explorer.inference.devices import give_back
from explorer.ui.segmenter import Segmenter
from explorer.ui.session import Workbench
from tests import nasty

SELECTION = {"model": "fcn8s", "checkpoint": "fcn8s-everyday", "padding": "same", "size": 320, "device": "cpu"}
QUARTERS = 4  # memory is measured after each, with nothing kept


def send(segmenter: Segmenter, data: bytes) -> tuple[str, float]:
    """What becomes of a file, and after how many seconds."""
    began = time.perf_counter()
    last = nasty.send(segmenter, data, SELECTION)
    return last.get("code", last["kind"]), time.perf_counter() - began


def emptied() -> tuple[Segmenter, int]:
    """A page that keeps no image and no result yet, and the bytes that this process holds then."""
    segmenter = Workbench().segmenter
    gc.collect()
    give_back()
    return segmenter, psutil.Process().memory_info().rss


def collected() -> tuple[dict[str, str], dict[str, str], float]:
    """What became of each file of the collection, what is wrong about it, and the longest time in seconds."""
    segmenter = Workbench().segmenter
    named: dict[str, str] = {}
    wrong: dict[str, str] = {}
    slowest = 0.0
    for name, (make, expected) in tqdm(nasty.collection().items(), desc="collection"):
        named[name], seconds = send(segmenter, make())
        slowest = max(slowest, seconds)
        if named[name] != expected:
            wrong[name] = f"{named[name]}, expected {expected}"
    return named, wrong, slowest


def damaged(count: int) -> tuple[list[str], list[int], float]:
    """What became of `count` damaged files, the bytes held after each quarter of them, and the longest time."""
    segmenter, before = emptied()
    outcomes: list[str] = []
    levels: list[int] = []
    slowest = 0.0
    for i, data in enumerate(tqdm(nasty.mutations(count), desc="damaged")):
        outcome, seconds = send(segmenter, data)
        outcomes.append(outcome)
        slowest = max(slowest, seconds)
        if (i + 1) * QUARTERS // count > i * QUARTERS // count:
            del segmenter
            segmenter, level = emptied()
            levels.append(level - before)
    return outcomes, levels, slowest


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mutated", type=int, default=10_000, metavar="N")
    parser.add_argument("--json", type=Path, metavar="FILE")
    given = parser.parse_args()
    warnings.simplefilter("ignore")  # Pillow's remarks on the damage
    with tempfile.TemporaryDirectory() as folder:
        tempfile.tempdir = folder
        named, wrong, slowest = collected()
        threads = threading.active_count()
        outcomes, levels, slowest_damaged = damaged(given.mutated)
        left = sorted(p.name for p in Path(folder).glob("*/uploads/*"))
    wrong |= {f"damaged {i}": outcome for i, outcome in enumerate(outcomes) if outcome == "internal"}
    result = {
        "machine": f"{platform.machine()}, {psutil.cpu_count()} cores, Python {platform.python_version()}",
        "collection": {"files": len(named), "outcomes": dict(Counter(named.values()).most_common())},
        "damaged": {"files": given.mutated, "outcomes": dict(Counter(outcomes).most_common())},
        "wrong": wrong,
        "slowest_seconds": round(max(slowest, slowest_damaged), 2),
        "uploads_left": left,
        "threads_more": threading.active_count() - threads,
        "memory_more_mib": [round(level / 2**20, 1) for level in levels],
    }
    print(json.dumps(result, indent=1))
    if given.json:
        given.json.write_text(json.dumps(result, indent=1) + "\n", "utf-8")
    sys.exit(bool(wrong or left))


if __name__ == "__main__":
    main()
