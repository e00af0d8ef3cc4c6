"""An image of 10,000 x 10,000 pixels from file to file: python benchmarks/giant.py [--side N] [--tile N] [--json FILE].

Two images of the same photographs side by side are written as tiled TIFFs, one of a fourth of the other's side, and
segmented by `python -m explorer segment` in processes of their own, in tiles of the same size. The figure is the ratio
of their peak memories: bounded by the tile, it stays near 1 while the pixels grow sixteenfold.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import rasterio
from PIL import Image
from rasterio.windows import Window

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from explorer import images

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = ROOT / "assets" / "examples"


def write(path: Path, side: int) -> None:
    """Photographs side by side, mirrored at every border, without ever holding the whole."""
    photograph = images.read(EXAMPLES / "cat.jpg").pixels
    n = 500
    cell = np.asarray(Image.fromarray(photograph).resize((n, n)))
    rows = [np.concatenate([cell, cell[:, ::-1]], 1)]
    block = np.concatenate([rows[0], rows[0][::-1]], 0)
    how: dict[str, Any] = {"driver": "GTiff", "tiled": True, "blockxsize": 256, "blockysize": 256, "compress": "lzw"}
    with rasterio.open(path, "w", width=side, height=side, count=3, dtype="uint8", **how) as file:
        for top in range(0, side, 2 * n):
            strip = np.tile(block, (1, -(-side // (2 * n)), 1))[: min(2 * n, side - top), :side]
            file.write(strip.transpose(2, 0, 1), window=Window(0, top, side, len(strip)))


def run(path: Path, out: Path, tile: int, model: str, weights: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "explorer", "segment", str(path), "--model", model, "--weights", weights]
    command += ["--tile", str(tile), "--out", str(out), "--save", "mask,areas", "--json", "--device", "cpu"]
    began = time.perf_counter()
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=sys.stderr, text=True) as process:
        text = process.stdout.read() if process.stdout else ""
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{' '.join(command)} ended with {process.returncode}")
    about = json.loads(text)
    with rasterio.open(out / f"{path.stem}.mask.png") as mask:
        size = (mask.height, mask.width)
    assert size == (about["height"], about["width"])
    assert sum(area["pixels"] for area in about["areas"]) == size[0] * size[1]
    return {
        "size": list(size),
        "tiles": about["tiles"],
        "seconds": round(time.perf_counter() - began, 1),
        "forecast_mib": round(about["memory"]["forecast"] / 2**20),
        "peak_of_run_mib": round(about["memory"]["peak"] / 2**20),
        "peak_of_process_mib": round(used.ru_maxrss / 1024),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=10_000)
    parser.add_argument("--tile", type=int, default=1024, help="side of a tile's output in pixels")
    parser.add_argument("--model", default="fcn8s")
    parser.add_argument("--weights", default="fcn8s-everyday")
    parser.add_argument("--json", type=Path, metavar="FILE")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        runs = []
        for side in (given.side // 4, given.side):
            path = folder / f"{side}.tif"
            write(path, side)
            runs.append(run(path, folder / "out", given.tile, given.model, given.weights))
            print(json.dumps(runs[-1]), flush=True)
            path.unlink()
    small, large = runs
    result = {
        "machine": f"{platform.machine()}, {psutil.cpu_count()} cores, Python {platform.python_version()}",
        "model": given.model,
        "tile": given.tile,
        "runs": runs,
        "pixels_ratio": round((given.side / (given.side // 4)) ** 2, 2),
        "memory_ratio": round(large["peak_of_process_mib"] / small["peak_of_process_mib"], 3),
        "whole_image_mib": round(3 * given.side**2 / 2**20),
    }
    print(json.dumps(result, indent=1))
    if given.json:
        given.json.write_text(json.dumps(result, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
