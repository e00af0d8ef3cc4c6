"""A person's image at its own size: what a run would take, the run itself, several networks side by side. No Gradio."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np

from explorer import api, compare, images, inference
from explorer.errors import ExplorerError
from explorer.images import Photograph
from explorer.inference import Outputs, RunOptions
from explorer.inference.plan import WAYS
from explorer.models import MODELS
from explorer.ui.asked import OWN, SegmentQuestion, asked
from explorer.ui.catalog import image_notes
from explorer.ui.image_store import ImageStore
from explorer.ui.keeping import MOST_SHOWN, Keeper, jpeg
from explorer.ui.network_cache import NetworkCache
from explorer.ui.state import Bounded, Files, Selection
from explorer.ui.turns import OnProgress, Turns

MOST_SCORES = 128 * 2**20  # bytes of class scores that are kept for a download
SMALLER = (1024, 640)  # longer sides of the smaller copies that are offered


@dataclass(frozen=True)
class Job:
    """What a page wants run, checked; `longest` is the longer side to run at, None the image's own."""

    selection: Selection
    options: RunOptions
    longest: int | None


@dataclass(frozen=True)
class Stretch:
    """A part of a longer task: tells its progress on a stretch of the whole's bar, and hears when to stop."""

    progress: OnProgress
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

    def __init__(self, files: Files, pictures: ImageStore, networks: NetworkCache, turns: Turns) -> None:
        self.files, self.pictures, self.networks, self.turns = files, pictures, networks, turns
        self.kept = Keeper(files)
        self.shown: Bounded[str] = Bounded(50, lambda name: files.release([name]))  # pictures of images not run

    def answer(self, data: dict[str, Any], progress: OnProgress, cancelled: Callable[[], bool]) -> dict[str, Any]:
        """What a page asks for by `what`. Raises ExplorerError, or CancelledError when cancelled."""
        question = asked(SegmentQuestion, data)
        runs = {"segment": self._segment, "compare": self._compare, "paper": self._paper}
        quick = {"plan": self._plan, "export": self.kept.export, "judge": self.kept.judge}
        if question.what in quick:
            return quick[question.what](question)
        if question.what not in runs:
            raise ExplorerError("bad_selection", f"there is no question {question.what!r}")
        with self.turns.turn(progress, cancelled):
            return runs[question.what](question, Stretch(progress, cancelled))

    def _job(self, question: SegmentQuestion, selection: Selection | None = None) -> Job:
        """What a page asked for. Raises ExplorerError for what is not on offer."""
        selection, options = self.networks.check(selection or question.selection), question.options
        way = options.way if options.way in WAYS else "auto"
        return Job(selection, RunOptions(selection.device, options.precision, way, options.side), options.longest)

    # ---- before the run

    def _plan(self, question: SegmentQuestion) -> dict[str, Any]:
        """Read the image and say what each way of running it would take."""
        job = self._job(question)
        selection, options = job.selection, job.options
        photograph = self.pictures.get(selection.image)
        loaded = self.networks.get(selection)
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
        picture = self.files.add(jpeg(images.resize(photograph.pixels, MOST_SHOWN)), ".jpg")
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
            "notes": image_notes(photograph.notes),
            "offers": offers,
            "chosen": offers.index(chosen),
            "trained": {"side": card.trained_side} if too_large else None,
            "device": device,
            "precisions": inference.precisions(device),
        }

    # ---- runs

    def _segment(self, question: SegmentQuestion, stretch: Stretch) -> dict[str, Any]:
        job = self._job(question)
        photograph = self.pictures.get(job.selection.image)
        result = self._run(job, photograph, stretch)
        stretch.progress(0.97, "progress.pictures", {})
        return {"kind": "segmented", **self.kept.add(result, photograph)}

    def _run(self, job: Job, photograph: Photograph, stretch: Stretch) -> api.Result:
        loaded = self.networks.get(job.selection)
        size = images.resized_shape(photograph.size, job.longest or max(photograph.size))
        return api.segment(
            photograph,
            size=job.longest,
            options=job.options,
            scores=_keeps_scores(loaded, size),
            progress=stretch.teller(MODELS[job.selection.model].title),
            loaded=loaded,
        )

    def _paper(self, question: SegmentQuestion, stretch: Stretch) -> dict[str, Any]:
        """The paper's abutting tiles against the exact ones: how much differs, and where."""
        job = self._job(question)
        photograph = self.pictures.get(job.selection.image)
        exact, abutting = (
            self._run(replace(job, options=replace(job.options, way=way, side=None)), photograph, stretch.part(i, 2))
            for i, way in enumerate(("tiles", "paper"))
        )
        differs = exact.labels != abutting.labels
        scores = [result.labelling.outputs.scores for result in (exact, abutting)]
        apart = None if scores[0] is None else max(float(np.abs(a - b).max()) for a, b in zip(*scores, strict=True))
        stretch.progress(0.97, "progress.pictures", {})
        return {
            "kind": "segmented",
            **self.kept.add(abutting, photograph, differs=differs.astype(np.uint8)),
            "difference": {"share": float(differs.mean()), "score": apart},
        }

    def _compare(self, question: SegmentQuestion, stretch: Stretch) -> dict[str, Any]:
        """Two to four selections of one image: each one's result, and every pair's agreement."""
        if question.selections is None:
            raise ExplorerError("bad_selection", "there is nothing to compare")
        image = self._job(question).selection.image  # the one that was uploaded, if one was
        jobs = [self._job(question, replace(one, image=image)) for one in question.selections]
        photograph = self.pictures.get(image)
        if question.options.way != OWN:
            jobs = [self._suited(job, photograph) for job in jobs]
        results = [self._run(job, photograph, stretch.part(i, len(jobs))) for i, job in enumerate(jobs)]
        stretch.progress(0.97, "progress.pictures", {})
        kept = [self.kept.add(result, photograph) for result in results]
        pairs = []
        for (a, one), (b, other) in combinations(enumerate(results), 2):
            if [c.id for c in one.card.classes] == [c.id for c in other.card.classes]:
                far = compare.apart(one.labels, other.labels)
                same = compare.agreement(one.labels, other.labels)
                pairs.append({"a": a, "b": b, "agreement": same, "apart": far and vars(far)})
        return {"kind": "compared", "image": image, "results": kept, "pairs": pairs}

    def _suited(self, job: Job, photograph: Photograph) -> Job:
        """At the size trained on, if the image shows things larger than that and no size is asked for."""
        card = self.networks.get(job.selection).card
        if job.longest or not card.is_too_large(photograph.size):
            return job
        return replace(job, longest=card.trained_side)


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
