"""A person's image at its own size: what a run would take, the run itself, several networks side by side. No Gradio."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations
from typing import Any

import numpy as np

from explorer import api, compare, images, inference
from explorer.errors import ExplorerError
from explorer.images import BYTES_A_PIXEL, Photograph, Room
from explorer.inference import RunOptions
from explorer.inference.plan import WAYS
from explorer.models import MODELS
from explorer.ui import offers, zerogpu
from explorer.ui.asked import OWN, SegmentQuestion, asked
from explorer.ui.catalog import image_notes, told
from explorer.ui.image_store import ImageStore
from explorer.ui.keeping import MOST_SHOWN, Keeper, jpeg
from explorer.ui.network_cache import NetworkCache
from explorer.ui.speeds import Speeds
from explorer.ui.state import Bounded, Files, Selection
from explorer.ui.stretch import Stretch
from explorer.ui.turns import OnProgress, Turns
from explorer.ui.usual import shows


@dataclass(frozen=True)
class Job:
    """What a page wants run, checked; `longest` is the longer side to run at, None the image's own."""

    selection: Selection
    options: RunOptions
    longest: int | None

    def size(self, photograph: Photograph) -> tuple[int, int]:
        """Height and width to run at."""
        return images.resized_shape(photograph.size, self.longest or max(photograph.size))


class Segmenter:
    """Runs at full size of one server process."""

    RUNS = ("segment", "compare", "paper")  # what takes a turn

    def __init__(self, files: Files, pictures: ImageStore, networks: NetworkCache, turns: Turns) -> None:
        self.files, self.pictures, self.networks, self.turns = files, pictures, networks, turns
        self.kept, self.speeds = Keeper(files), Speeds(turns)
        self.shown: Bounded[str] = Bounded(50, lambda name: files.release([name]))  # pictures of images not run

    def answer(self, data: dict[str, Any], progress: OnProgress, cancelled: Callable[[], bool]) -> dict[str, Any]:
        """What a page asks for by `what`. Raises ExplorerError, or CancelledError when cancelled."""
        question = asked(SegmentQuestion, data)
        runs = {"segment": self._segment, "compare": self._compare, "paper": self._paper}
        files = {"export": self.kept.export, "judge": self.kept.judge}
        if question.what in files:
            with self.pictures.memory.turn(progress, cancelled, self.kept.need(question)):
                return files[question.what](question)
        if question.what == "plan":
            return self._plan(question, partial(self.pictures.memory.turn, progress, cancelled))
        if question.what == "forecast":
            return self._forecast(question, cancelled)
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

    def _plan(self, question: SegmentQuestion, room: Room) -> dict[str, Any]:
        """Say of an image what each way of running it would take; its small picture is made once there is room.

        A number format that the device does not have, out of another computer's address, gives way to one it has.
        """
        job = self._job(question)
        selection, options = job.selection, job.options
        device = inference.pick_device(options.device)
        there = inference.precisions(device)
        notes = image_notes(self.pictures.get(selection.image).notes)
        if options.precision not in there:
            missed = {"device": device, "precision": options.precision, "instead": there[0]}
            notes.append({"code": "no_precision", "details": told(missed)})
            options = replace(options, precision=there[0])
        photograph = self.pictures.get(selection.image)
        loaded = self.networks.get(selection)
        size, card = photograph.size, loaded.card
        made = offers.offers(loaded, size, options, self.speeds.known(loaded, options))
        too_large = card.is_too_large(size)
        with room(BYTES_A_PIXEL * photograph.pixels[..., 0].size):
            picture = self.files.add(jpeg(images.resize(photograph.pixels, MOST_SHOWN)), ".jpg")
            shown = shows(self, selection.image)
        self.shown.put(selection.image, picture, 1)
        return {
            "kind": "planned",
            "image": selection.image,
            "name": photograph.name,
            "picture": picture,
            "size": list(size),
            "page": photograph.page,
            "pages": photograph.pages,
            "notes": notes,
            **shown,
            "offers": made,
            "chosen": offers.chosen(made, too_large),
            "trained": {"side": card.trained_side} if too_large else None,
            "device": device,
            "precisions": there,
        }

    def _forecast(self, question: SegmentQuestion, cancelled: Callable[[], bool]) -> dict[str, Any]:
        """How long every offer of a plan takes, or every run of a comparison; measured if it is not known yet."""
        if question.selections is None:
            job = self._job(question)
            loaded = self.networks.get(job.selection)
            speed = self.speeds.measured(loaded, job.options, cancelled)
            made = offers.offers(loaded, self.pictures.get(job.selection.image).size, job.options, speed)
            return {"kind": "timed", "costs": made}
        jobs, photograph = self._rivals(question)
        return {"kind": "timed", "costs": [self._cost(job, photograph, cancelled) for job in jobs]}

    def _cost(self, job: Job, photograph: Photograph, cancelled: Callable[[], bool]) -> dict[str, Any]:
        loaded = self.networks.get(job.selection)
        speed = self.speeds.measured(loaded, job.options, cancelled)
        parameters = sum(tensor.numel() for tensor in loaded.module.parameters())
        return {**offers.cost(loaded, job.size(photograph), job.options, speed), "parameters": parameters}

    # ---- runs

    def _segment(self, question: SegmentQuestion, stretch: Stretch) -> dict[str, Any]:
        job = self._job(question)
        photograph = self.pictures.get(job.selection.image)
        result = self._run(job, photograph, stretch)
        stretch.progress(0.97, "progress.pictures", {})
        return {"kind": "segmented", **self.kept.add(result, photograph)}

    def labelled(self, data: dict[str, Any], progress: OnProgress, cancelled: Callable[[], bool]) -> api.Result:
        """What an image becomes at the size asked for, or at the one that suits the weights; it is not kept."""
        job = self._job(asked(SegmentQuestion, data))
        with self.turns.turn(progress, cancelled):
            photograph = self.pictures.get(job.selection.image)
            return self._run(self._suited(job, photograph), photograph, Stretch(progress, cancelled))

    def _run(self, job: Job, photograph: Photograph, stretch: Stretch) -> api.Result:
        loaded = self.networks.get(job.selection)
        size, tell = job.size(photograph), stretch.teller(MODELS[job.selection.model].title)
        work = partial(
            api.segment,
            photograph,
            size=job.longest,
            options=job.options,
            scores=offers.keeps_scores(loaded, size),
            loaded=loaded,
            speed=self.speeds.known(loaded, job.options),
        )
        if zerogpu.BORROWS:
            macs = inference.plan(loaded.spec, size, job.options).macs
            result = replace(zerogpu.on_card(macs, work), loaded=loaded)  # the network came back as a copy
        else:
            result = work(progress=tell, cancelled=stretch.cancelled)
        self.speeds.learn(result)
        return result

    def _paper(self, question: SegmentQuestion, stretch: Stretch) -> dict[str, Any]:
        """The paper's abutting tiles against the exact ones: how much differs, and where."""
        job = self._job(question)
        photograph = self.pictures.get(job.selection.image)
        jobs = [replace(job, options=replace(job.options, way=way, side=None)) for way in ("tiles", "paper")]
        exact, abutting = self._runs(jobs, photograph, stretch)
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
        jobs, photograph = self._rivals(question)
        image = jobs[0].selection.image
        results = self._runs(jobs, photograph, stretch)
        stretch.progress(0.97, "progress.pictures", {})
        kept = [self.kept.add(result, photograph) for result in results]
        pairs = []
        for (a, one), (b, other) in combinations(enumerate(results), 2):
            if [c.id for c in one.card.classes] == [c.id for c in other.card.classes]:
                far = compare.apart(one.labels, other.labels)
                same = compare.agreement(one.labels, other.labels)
                pairs.append({"a": a, "b": b, "agreement": same, "apart": far and vars(far)})
        return {"kind": "compared", "image": image, **shows(self, image), "results": kept, "pairs": pairs}

    def _rivals(self, question: SegmentQuestion) -> tuple[list[Job], Photograph]:
        """The runs of a comparison, and the image that they are of."""
        if question.selections is None:
            raise ExplorerError("bad_selection", "there is nothing to compare")
        image = self._job(question).selection.image  # the one that was uploaded, if one was
        jobs = [self._job(question, replace(one, image=image)) for one in question.selections]
        photograph = self.pictures.get(image)
        return (jobs if question.options.way == OWN else [self._suited(job, photograph) for job in jobs]), photograph

    def _runs(self, jobs: list[Job], photograph: Photograph, stretch: Stretch) -> list[api.Result]:
        """One after the other; the bar is shared out by how long each of them is forecast to take."""
        seconds = [self._seconds(job, photograph) for job in jobs]
        return [self._run(job, photograph, part) for job, part in zip(jobs, stretch.parts(seconds), strict=True)]

    def _seconds(self, job: Job, photograph: Photograph) -> float | None:
        loaded = self.networks.get(job.selection)
        speed = self.speeds.known(loaded, job.options)
        return speed.seconds(inference.plan(loaded.spec, job.size(photograph), job.options)) if speed else None

    def _suited(self, job: Job, photograph: Photograph) -> Job:
        """At the size trained on, if the image shows things larger than that and no size is asked for."""
        card = self.networks.get(job.selection).card
        return replace(job, longest=job.longest or card.side_for(photograph.size))
