"""The ways to run an image at its own size or as a copy, and what each of them takes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from explorer import images, inference
from explorer.inference import Outputs, RunOptions, Speed
from explorer.weights import Loaded

MOST_SCORES = 128 * 2**20  # bytes of class scores that are kept for a download
SMALLER = (1024, 640)  # longer sides of the smaller copies that are offered


def offers(loaded: Loaded, size: tuple[int, int], options: RunOptions, speed: Speed | None) -> list[dict[str, Any]]:
    """The ways to run an image of a size (height, width), for the page; of how long they take if a speed is known."""

    def offer(way: str, at: tuple[int, int] = size, **more: Any) -> dict[str, Any]:
        return {**cost(loaded, at, replace(options, way=way, side=None), speed), "way": way, **more}

    whole, tiles = offer("whole"), offer("tiles")
    made = [whole, tiles] if tiles["tiles"] > 1 else [whole]  # one alone is the whole image
    copies: dict[int | None, str] = {**dict.fromkeys(SMALLER, "smaller"), loaded.card.trained_side: "trained"}
    for longest, way in copies.items():
        if longest and longest < max(size):
            made.append({**offer("auto", images.resized_shape(size, longest)), "longest": longest, "way": way})
    if loaded.spec.padding == "valid":
        papers = offer("paper")
        if papers["seconds"] is not None:
            papers["seconds"] += tiles["seconds"]  # it is held against the exact tiles, which are run, too
        made += [papers] if papers["tiles"] > 1 else []
    return made


def chosen(made: list[dict[str, Any]], too_large: bool) -> int:
    """The offer to begin with: one that fits, of a photograph larger than those trained on the copy of their size."""
    wanted = [offer for offer in made if (offer["way"] == "trained") == too_large]
    return made.index(next((offer for offer in (*wanted, *made) if offer["fits"]), made[-1]))


def keeps_scores(loaded: Loaded, size: tuple[int, int]) -> bool:
    return 4 * size[0] * size[1] * loaded.spec.classes <= MOST_SCORES


def cost(loaded: Loaded, size: tuple[int, int], options: RunOptions, speed: Speed | None) -> dict[str, Any]:
    """What running an image of a size takes."""
    held = Outputs.bytes(size, loaded.spec.classes, keeps_scores(loaded, size))
    made = inference.plan(loaded.spec, size, options, held)
    shapes = [tile.output.shape for tile in made.tiles]
    return {
        "size": list(size),
        "tiles": len(shapes),
        "tile": [max(sides) for sides in zip(*shapes, strict=True)],  # of the largest
        "bytes": made.bytes,
        "free": made.free,
        "fits": made.fits,
        "seconds": speed and speed.seconds(made),
        "macs": made.macs,
    }
