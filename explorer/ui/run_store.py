"""Runs whose steps are looked at: made once for the same pixels and settings, the last ones kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from explorer import images, inference
from explorer.alter import Altered
from explorer.images import Photograph
from explorer.inference import Prepared, RunOptions, Segmentation
from explorer.inference.plan import SHARE
from explorer.models import MODELS, ModelSpec
from explorer.refinement import labelling
from explorer.ui import alterations, ending, zerogpu
from explorer.ui.catalog import SIZES, device_words, image_notes, legend, network_notes
from explorer.ui.image_store import ImageStore
from explorer.ui.inspector import Inspector, Scene
from explorer.ui.network_cache import NetworkCache
from explorer.ui.probing import Baseline, OnStep, Probe, visiting
from explorer.ui.stage.payload import Recorder
from explorer.ui.state import Bounded, Files, Selection
from explorer.ui.stretch import Stretch
from explorer.ui.turns import OnProgress, Turns
from explorer.weights import Loaded

MOST_SHOWN = 1600  # longer side of the original as the page shows it
FILE_BYTES = 256 * 2**20  # of runs of examples, and as many of people's own images


@dataclass(frozen=True)
class Run:
    """A finished run: the JSON file the page loads, and all files that go with it."""

    file: str
    names: tuple[str, ...]
    scene: Scene
    size: int  # of the selection; where memory had no room for it, the next smaller one that it had room for


class RunStore:
    """Runs by what they depend on: the selection, with the image's pixels in place of its name."""

    def __init__(
        self, files: Files, pictures: ImageStore, networks: NetworkCache, inspector: Inspector, turns: Turns
    ) -> None:
        self.files, self.pictures, self.networks = files, pictures, networks
        self.inspector, self.turns = inspector, turns
        # apart, so that nobody's images displace what is answered at once to everyone
        self._runs: Bounded[Run] = Bounded(FILE_BYTES, lambda run: files.release(list(run.names)))
        self._examples: Bounded[Run] = Bounded(FILE_BYTES, self._runs.dropped)

    def run(self, selection: Selection, progress: OnProgress, cancelled: Callable[[], bool]) -> Run:
        """Run a selection, or find it among the last ones. Raises ExplorerError, or CancelledError when cancelled."""
        name, identity = selection.image, self.pictures.identity(selection.image)
        selection = replace(selection, device=inference.pick_device(selection.device), image=identity)
        runs = self._examples if self.pictures.is_example(name) else self._runs
        if known := self._known(runs, selection):
            return known
        with self.turns.turn(progress, cancelled):
            if known := self._known(runs, selection):  # run while this one waited
                return known
            photograph = self.pictures.get(name)
            recorder = Recorder(self.files.unwritten() if zerogpu.borrows(selection.device) else self.files)
            try:
                run = self._run(selection, photograph, recorder, progress, cancelled)
            except BaseException:
                if recorder.files is self.files:
                    self.files.release(recorder.names)
                raise
            runs.put(selection, run, self.files.bytes(list(run.names)))
        return run

    def promise(self, selection: Selection) -> str:
        """The name of what the page opens on, before it is run: whoever opens the page meanwhile waits for it."""
        self._promised = selection, self.files.promise(".json")
        return self._promised[1]

    def opening(self) -> None:
        """Run what the page opens on. Its files stay as long as this process: every new page asks for them."""
        selection, name = self._promised
        if zerogpu.BORROWS:  # whoever opens the page sees it, whether a card is lent or not
            selection = replace(selection, device=zerogpu.OWN)
        try:
            run = self.run(selection, lambda *_: None, ending.is_near)
            self.files.hold(list(run.names))
            self.inspector.add(name, run.scene)
            self.inspector.pin(name)
            self.files.keep(name, (self.files.folder / run.file).read_bytes())
        finally:
            self.files.coming.discard(name)

    def _known(self, runs: Bounded[Run], selection: Selection) -> Run | None:
        """A run that is still there, unless memory had no room for the size wanted; it can be asked about again."""
        run = runs.get(selection)
        if not run or run.size != selection.size:
            return None
        self.inspector.add(run.file, run.scene)
        return run

    def _run(
        self,
        selection: Selection,
        photograph: Photograph,
        recorder: Recorder,
        progress: OnProgress,
        cancelled: Callable[[], bool],
    ) -> Run:
        progress(0.05, "progress.weights", {})
        loaded = self.networks.get(selection)
        size, notes = _room(loaded.spec, photograph.size, selection)
        prepared = inference.prepare(photograph.pixels, loaded.spec, size)
        fields = inference.network_fields(loaded.spec)

        probe = Probe(selection, prepared, self.pictures, self.networks)
        altered = probe.altered()
        before, stretch = probe.baseline(), Stretch(progress, cancelled, 0.1, 0.98)
        tellers = (None, None) if zerogpu.borrows(selection.device) else _tellers(stretch, bool(selection.against))
        macs = inference.plan(loaded.spec, prepared.resized.shape[:2], RunOptions(selection.device)).macs
        work = partial(_traced, loaded, prepared, selection.device, altered, recorder, before, tellers)
        done, recorder = zerogpu.on_card(macs * (2 if before else 1), work, selection.device)
        recorder.write(self.files)
        about = {
            "title": MODELS[selection.model].title,
            "deviceName": device_words(selection.device),
            "classes": legend(loaded.card),
            "notes": notes + network_notes(loaded) + image_notes(photograph.notes) + alterations.notes(selection),
            "difference": bool(selection.against),
        }
        file = recorder.finish(done, prepared, images.resize(photograph.pixels, MOST_SHOWN), fields, about)
        shapes = {step.name: step.shape for step in done.trace.steps}
        scene = Scene(loaded, prepared.network, shapes, labelling(done.trace), altered, before)
        self.inspector.add(file, scene)
        return Run(file, tuple(recorder.names), scene, size)


def _tellers(stretch: Stretch, twice: bool) -> tuple[OnStep, OnStep]:
    """Progress of the run that another is the difference from, and of the run."""
    first, second = stretch.parts([1, 1]) if twice else (stretch, stretch)
    return _steps(first), _steps(second)


def _traced(
    loaded: Loaded,
    prepared: Prepared,
    device: str,
    altered: Altered,
    recorder: Recorder,
    before: Baseline | None,
    tellers: tuple[OnStep | None, OnStep | None],
) -> tuple[Segmentation, Recorder]:
    """A run and its maps: all that the page needs of it, on the CPU."""
    pre = loaded.card.preprocessing
    with visiting(recorder, before, device, tellers[0]) as visit:
        done = inference.trace_and_label(loaded.module, prepared, pre.mean, pre.std, device, tellers[1], visit, altered)
    return replace(done, trace=replace(done.trace, final=done.trace.final.cpu())), recorder


def _steps(stretch: Stretch) -> Callable[[int, int, str], bool]:
    """Progress of a run, step by step."""

    def step(done: int, total: int, name: str) -> bool:
        share = stretch.low + (stretch.high - stretch.low) * done / total
        stretch.progress(share, "progress.step", {"done": done + 1, "total": total, "name": name})
        return not stretch.cancelled()

    return step


def _room(spec: ModelSpec, size: tuple[int, int], selection: Selection) -> tuple[int, list[dict[str, Any]]]:
    """The working size wanted, or the next smaller one that memory has room for, and what is said of that.

    Where it has room for none, the one wanted is tried: a forecast is no proof.
    """
    options = RunOptions(selection.device, way="whole")
    wanted = None
    for side in (selection.size, *sorted((s for s in SIZES if s < selection.size), reverse=True)):
        plan = inference.plan(spec, images.resized_shape(size, side), options)
        wanted = wanted or plan
        if plan.fits:
            if plan is wanted:
                return side, []
            mib = {"needed": round(wanted.bytes / 2**20), "free": round(SHARE * (plan.free or 0) / 2**20)}
            return side, [{"code": "smaller_for_room", "details": {"wanted": selection.size, "size": side, **mib}}]
    return selection.size, []
