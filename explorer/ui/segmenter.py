"""A person's image at its own size: what a run would take, the run itself, several networks side by side. No Gradio."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from explorer import api, compare, images, inference
from explorer.errors import ExplorerError
from explorer.images import Photograph
from explorer.inference import Outputs, RunOptions
from explorer.inference.plan import WAYS
from explorer.models import MODELS
from explorer.ui.keeping import MOST_SHOWN, Keeper, jpeg
from explorer.ui.session import Workbench
from explorer.ui.state import Bounded, Selection
from explorer.ui.turns import Progress

MOST_SCORES = 128 * 2**20  # bytes of class scores that are kept for a download
SMALLER = (1024, 640)  # longer sides of the smaller copies that are offered
COPIES = ("trained", "smaller")  # ways of running one: as large as the photographs trained on, or of those sides
OWN = "own"  # networks are compared at the image's own size, however large, and not each at the size that suits it
MOST_COMPARED = 4


@dataclass(frozen=True)
class Asked:
    """What a page wants run; `longest` is the longer side to run at, None the image's own."""

    selection: Selection
    options: RunOptions
    longest: int | None


@dataclass(frozen=True)
class Stretch:
    """A part of a longer task: tells its progress on a stretch of the whole's bar, and hears when to stop."""

    progress: Progress
    cancelled: Callable[[], bool]
    low: float = 0.05
    high: float = 0.95

    def part(self, i: int, n: int) -> Stretch:
        """The i-th of n."""
        width = (self.high - self.low) / n
        return replace(self, low=self.low + i * width, high=self.low + (i + 1) * width)

    def teller(self, title: str) -> Callable[[inference.Progress], bool]:
        """What a run is given to tell by."""

        def tell(at: inference.Progress) -> bool:
            details = {"model": title, "tile": at.tile, "tiles": at.tiles, "step": at.step}
            known = at.seconds_left is not None and self.high - self.low > 0.5  # the whole task's, not a part's
            text = "progress.segment.left" if known else "progress.segment"
            share = self.low + (self.high - self.low) * at.share
            self.progress(share, text, {**details, "seconds": round(at.seconds_left or 0)})
            return not self.cancelled()

        return tell


class Segmenter:
    """Runs at full size of one server process."""

    def __init__(self, bench: Workbench) -> None:
        self.bench, self.kept = bench, Keeper(bench.files)
        self.shown: Bounded[str] = Bounded(50, lambda name: bench.files.release([name]))  # pictures of images not run

    def answer(self, data: dict[str, Any], progress: Progress, cancelled: Callable[[], bool]) -> dict[str, Any]:
        """What a page asks for by `what`. Raises ExplorerError, or CancelledError when cancelled."""
        runs = {"segment": self._segment, "compare": self._compare, "paper": self._paper}
        quick = {"plan": self._plan, "export": self.kept.export, "judge": self.kept.judge}
        what = data.get("what")
        if what in quick:
            return quick[what](data)
        if what in runs:
            with self.bench.turns.turn(progress, cancelled):
                return runs[what](data, Stretch(progress, cancelled))
        raise ExplorerError("bad_selection")

    def _asked(self, data: dict[str, Any]) -> Asked:
        """What a page sent, checked. Raises ExplorerError for what is not on offer."""
        selection = self.bench.check(data.get("selection"))
        options = data.get("options", {})
        if not isinstance(options, dict):
            raise ExplorerError("bad_selection")
        way, side, longest = options.get("way", "auto"), options.get("side"), options.get("longest")
        precision = options.get("precision", "float32")
        numbers = all(v is None or (type(v) is int and 1 <= v <= 100_000) for v in (side, longest))
        if way not in (*WAYS, *COPIES, OWN) or precision not in inference.DTYPES or not numbers:
            raise ExplorerError("bad_selection")
        way = way if way in WAYS else "auto"
        return Asked(selection, RunOptions(selection.device, precision, way, side), longest)

    # ---- before the run

    def _plan(self, data: dict[str, Any]) -> dict[str, Any]:
        """Read the image and say what each way of running it would take."""
        asked = self._asked(data)
        selection, options = asked.selection, asked.options
        photograph = self.bench.image(selection.image)
        loaded = self.bench.network(selection)
        size, card = photograph.size, loaded.card
        whole, tiles = (_offer(loaded, size, options, way) for way in ("whole", "tiles"))
        offers = [whole, tiles] if tiles["tiles"] > 1 else [whole]  # one alone is the whole image
        copies: dict[int | None, str] = {**dict.fromkeys(SMALLER, "smaller"), card.trained_side: "trained"}
        for longest, way in copies.items():
            if longest and longest < max(size):
                small = _offer(loaded, images.resized_shape(size, longest), options, "auto")
                offers.append({**small, "longest": longest, "way": way})
        if loaded.spec.padding == "valid":
            papers = _offer(loaded, size, options, "paper")
            offers += [papers] if papers["tiles"] > 1 else []
        too_large = card.is_too_large(size)
        wanted = [offer for offer in offers if (offer["way"] == "trained") == too_large]
        chosen = next((offer for offer in (*wanted, *offers) if offer["fits"]), offers[-1])
        picture = self.bench.files.add(jpeg(images.resize(photograph.pixels, MOST_SHOWN)), ".jpg")
        self.shown.put(selection.image, picture, 1)
        device = inference.pick_device(options.device)
        return {
            "kind": "planned",
            "image": selection.image,
            "name": photograph.name,
            "picture": picture,
            "size": list(size),
            "page": photograph.page,
            "pages": photograph.pages,
            "notes": [{"code": f"image.{n.code}", "details": n.details} for n in photograph.notes],
            "offers": offers,
            "chosen": offers.index(chosen),
            "trained": {"side": card.trained_side} if too_large else None,
            "device": device,
            "precisions": inference.precisions(device),
        }

    # ---- runs

    def _segment(self, data: dict[str, Any], stretch: Stretch) -> dict[str, Any]:
        asked = self._asked(data)
        photograph = self.bench.image(asked.selection.image)
        found = self._run(asked, photograph, stretch)
        stretch.progress(0.97, "progress.pictures", {})
        return {"kind": "segmented", **self.kept.add(found, photograph)}

    def _run(self, asked: Asked, photograph: Photograph, stretch: Stretch) -> api.Result:
        loaded = self.bench.network(asked.selection)
        size = images.resized_shape(photograph.size, asked.longest or max(photograph.size))
        return api.segment(
            photograph,
            size=asked.longest,
            options=asked.options,
            scores=_keeps_scores(loaded, size),
            progress=stretch.teller(MODELS[asked.selection.model].title),
            loaded=loaded,
        )

    def _paper(self, data: dict[str, Any], stretch: Stretch) -> dict[str, Any]:
        """The paper's abutting tiles against the exact ones: how much differs, and where."""
        asked = self._asked(data)
        photograph = self.bench.image(asked.selection.image)
        exact, abutting = (
            self._run(
                replace(asked, options=replace(asked.options, way=way, side=None)), photograph, stretch.part(i, 2)
            )
            for i, way in enumerate(("tiles", "paper"))
        )
        differs = exact.labels != abutting.labels
        scores = [found.labelling.outputs.scores for found in (exact, abutting)]
        apart = None if scores[0] is None else max(float(np.abs(a - b).max()) for a, b in zip(*scores, strict=True))
        stretch.progress(0.97, "progress.pictures", {})
        return {
            "kind": "segmented",
            **self.kept.add(abutting, photograph, differs=differs.astype(np.uint8)),
            "difference": {"share": float(differs.mean()), "score": apart},
        }

    def _compare(self, data: dict[str, Any], stretch: Stretch) -> dict[str, Any]:
        """Two to four selections of one image: each one's result, and every pair's agreement."""
        wanted = data.get("selections")
        if not isinstance(wanted, list) or not 2 <= len(wanted) <= MOST_COMPARED:
            raise ExplorerError("bad_selection")
        image = self._asked(data).selection.image  # the one that was uploaded, if one was
        asked = [self._asked({**data, "selection": {**one, "image": image}}) for one in wanted if isinstance(one, dict)]
        photograph = self.bench.image(image)
        if data.get("options", {}).get("way") != OWN:
            asked = [self._suited(one, photograph) for one in asked]
        found = [self._run(one, photograph, stretch.part(i, len(asked))) for i, one in enumerate(asked)]
        stretch.progress(0.97, "progress.pictures", {})
        results = [self.kept.add(one, photograph) for one in found]
        pairs = []
        for a in range(len(found)):
            for b in range(a + 1, len(found)):
                if found[a].card.classes == found[b].card.classes:
                    far = compare.apart(found[a].labels, found[b].labels)
                    same = compare.agreement(found[a].labels, found[b].labels)
                    pairs.append({"a": a, "b": b, "agreement": same, "apart": far and vars(far)})
        return {"kind": "compared", "image": image, "results": results, "pairs": pairs}

    def _suited(self, asked: Asked, photograph: Photograph) -> Asked:
        """At the size trained on, if the image shows things larger than that and no size is asked for."""
        card = self.bench.network(asked.selection).card
        if asked.longest or not card.is_too_large(photograph.size):
            return asked
        return replace(asked, longest=card.trained_side)


def _keeps_scores(loaded: api.Loaded, size: tuple[int, int]) -> bool:
    return 4 * size[0] * size[1] * loaded.spec.classes <= MOST_SCORES


def _offer(loaded: api.Loaded, size: tuple[int, int], options: RunOptions, way: str) -> dict[str, Any]:
    """What running an image of a size in a way would take."""
    held = Outputs.bytes(size, loaded.spec.classes, _keeps_scores(loaded, size))
    made = inference.plan(loaded.spec, size, replace(options, way=way, side=None), held)
    shapes = [tile.output.shape for tile in made.tiles]
    return {
        "way": way,
        "size": list(size),
        "tiles": len(shapes),
        "tile": [max(sides) for sides in zip(*shapes, strict=True)],  # of the largest
        "bytes": made.bytes,
        "free": made.free,
        "fits": made.fits,
    }
