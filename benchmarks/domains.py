"""How often is what an image shows told right from its colours?

    python benchmarks/domains.py --nuclei DIR --photographs DIR [DIR ...] [--json benchmarks/domains.json]

Every image of the folders is looked at as it is, and as a grey one: the hardest case, since fluorescence is grey, too.
Counted are those that are noticed, those that are passed over in silence, and false alarms.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from explorer import images

ENDINGS = (".png", ".jpg", ".jpeg", ".tif", ".tiff")


def counted(folders: list[Path], domain: str, grey: bool) -> dict[str, int]:
    found = {"images": 0, "noticed": 0, "silent": 0, "false_alarms": 0}
    for path in sorted(p for folder in folders for p in folder.iterdir() if p.suffix.lower() in ENDINGS):
        pixels = images.read(path).pixels
        if grey:
            pixels = np.asarray(Image.fromarray(pixels).convert("L").convert("RGB"))
        told = images.domain_of(pixels)
        found["images"] += 1
        found["noticed" if told == domain else "silent" if told is None else "false_alarms"] += 1
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--nuclei", type=Path, nargs="+", required=True)
    parser.add_argument("--photographs", type=Path, nargs="+", required=True)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    sets = {images.NUCLEI: given.nuclei, images.EVERYDAY: given.photographs}
    result = {
        domain: {name: counted(folders, domain, name == "grey") for name in ("as_they_are", "grey")}
        for domain, folders in sets.items()
    }
    print(json.dumps(result, indent=1))
    if given.json:
        given.json.write_text(json.dumps(result, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
