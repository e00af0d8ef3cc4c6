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
from explorer.ui import app
from explorer.ui.segmenter import Segmenter
from explorer.ui.session import Workbench
from tests import nasty

SELECTION = {"model": "fcn8s", "checkpoint": "fcn8s-everyday", "padding": "same", "size": 320, "device": "cpu"}
QUARTERS = 4  # memory is measured after each, with nothing kept


def emptied() -> tuple[Segmenter, int]:
    """A page that keeps no image and no result yet, and the bytes that this process holds then."""
    segmenter = Workbench().segmenter
    gc.collect()
    give_back()
    return segmenter, psutil.Process().memory_info().rss


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mutated", type=int, default=10_000, metavar="N")
    parser.add_argument("--json", type=Path, metavar="FILE")
    given = parser.parse_args()
    warnings.simplefilter("ignore")  # Pillow's remarks on the damage
    segmenter = Workbench().segmenter
    named: dict[str, str] = {}
    wrong: dict[str, str] = {}
    outcomes: Counter[str] = Counter()
    slowest = 0.0
    with tempfile.TemporaryDirectory() as folder:
        app.get_upload_folder = lambda: folder
        path = Path(folder, "own.png")
        for name, (make, expected) in tqdm(nasty.collection().items(), desc="collection"):
            data, began = make(), time.perf_counter()
            said = nasty.send(segmenter, path, data, SELECTION)
            slowest = max(slowest, time.perf_counter() - began)
            named[name] = said.get("code", said["kind"])
            if named[name] != expected:
                wrong[name] = f"{named[name]}, expected {expected}"
        del data, segmenter
        segmenter, before = emptied()
        levels = []
        threads = threading.active_count()
        for i, data in enumerate(tqdm(nasty.mutations(given.mutated), desc="damaged")):
            began = time.perf_counter()
            said = nasty.send(segmenter, path, data, SELECTION)
            slowest = max(slowest, time.perf_counter() - began)
            outcomes[said.get("code", said["kind"])] += 1
            if said.get("code") == "internal":
                wrong[f"damaged {i}"] = "internal"
            if (i + 1) * QUARTERS // given.mutated > i * QUARTERS // given.mutated:
                del segmenter
                segmenter, level = emptied()
                levels.append(level - before)
        left = sorted(p.name for p in Path(folder).iterdir())
    result = {
        "machine": f"{platform.machine()}, {psutil.cpu_count()} cores, Python {platform.python_version()}",
        "collection": {"files": len(named), "outcomes": dict(Counter(named.values()).most_common())},
        "damaged": {"files": given.mutated, "outcomes": dict(outcomes.most_common())},
        "wrong": wrong,
        "slowest_seconds": round(slowest, 2),
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
