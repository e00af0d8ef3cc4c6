"""What happens when a person runs a network: image, weights, run, pictures. Knows no Gradio, so tests can call it."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from explorer import cards, images, inference, weights
from explorer.fields import Reach, whole_fields
from explorer.files import EXAMPLES
from explorer.models import MODELS, ModelSpec, without_weights
from explorer.trace import CancelledError
from explorer.ui.catalog import SHOWN, SIZES, catalog, device_words, first, network_notes, told
from explorer.ui.inspector import Inspector, Scene
from explorer.ui.stage.payload import Recorder, png
from explorer.ui.state import Bounded, Files, Selection
from explorer.ui.turns import Progress, Turns

log = logging.getLogger(__name__)

MOST_SHOWN = 1600  # longer side of the original as the page shows it
IMAGE_BYTES = 400 * 2**20
FILE_BYTES = 512 * 2**20


class StageError(Exception):
    """Something to tell the person: `code` is a key "error.<code>" of the texts, `details` fills it."""

    def __init__(self, code: str, details: dict[str, Any] | None = None) -> None:
        super().__init__(code)
        self.code, self.details = code, details or {}


@dataclass(frozen=True)
class Run:
    """A finished run: the JSON file the page loads, and all files that go with it."""

    file: str
    names: tuple[str, ...]
    scene: Scene


class Workbench:
    """Images, networks and runs of one server process."""

    def __init__(self, checkpoints: Path = weights.CHECKPOINTS, examples: Path = EXAMPLES) -> None:
        self.files = Files()
        self.cards = cards.with_snapshots(checkpoints)
        self.examples = examples
        self.listed: list[dict[str, Any]] = json.loads((examples / "examples.json").read_text("utf-8"))
        if not self.cards:
            raise weights.WeightsError(
                "no_weights", f"There are no weights in {checkpoints}. Restore the folder.", file=str(checkpoints)
            )
        self.images: Bounded[images.Photograph] = Bounded(IMAGE_BYTES)
        self._uploads: Bounded[str] = Bounded(1000)  # path and page -> image id, the last thousand
        self.inspector = Inspector(self.files)
        self._alike: Bounded[Selection] = Bounded(1000)  # pixels and settings -> the last run of them
        self.runs: Bounded[Run] = Bounded(FILE_BYTES, lambda run: self.files.release(list(run.names)))
        self.turns = Turns()

    # ---- what the page starts with

    def catalog(self) -> dict[str, Any]:
        """Networks, weights, examples, sizes, devices, colours and texts, as plain data."""
        return catalog(self.cards, [{**e, "thumbnail": self._thumbnail(e["file"])} for e in self.listed])

    def first(self) -> Selection:
        """What the page opens on."""
        return first(self.cards, self.listed)

    def _thumbnail(self, file: str) -> str:
        return self.files.add(png(images.resize(images.read(self.examples / file).pixels, 192)), ".png")

    def opening(self) -> tuple[Selection, Run]:
        """What the page opens on, run. Its files stay as long as this process: every new page asks for them."""
        wish = self.first()
        done = self.run(wish, lambda *_: None, lambda: False)
        self.files.hold(list(done.names))
        self.inspector.pin(done.file)
        return wish, done

    # ---- images

    def add_image(self, path: Path, name: str, page: int = 0) -> str:
        """Read an uploaded file and return the image's id. Raises StageError with the reason.

        Uploads lie under a name made of their content, so that two people who send the same file at once share it;
        what the first one's run has read and deleted is known by its path for the second. The id is that of the pixels
        under this name: nobody's results are called as another person called the file.
        """
        try:
            there = path.is_file()
        except (OSError, ValueError) as error:
            raise StageError("upload") from error
        if not there:
            known = self._uploads.get((path, page))
            if known is None:
                raise StageError("upload")
            return self._keep(replace(self.image(known), name=name or path.name))
        key = self._keep(self._read(path, name, page))
        self._uploads.put((path, page), key, 1)
        return key

    def _keep(self, photograph: images.Photograph) -> str:
        key = self.files.name(repr((_identity(photograph), photograph.name)).encode())
        self.images.put(key, photograph, photograph.pixels.nbytes)
        return key

    @staticmethod
    def _read(path: Path, name: str = "", page: int = 0) -> images.Photograph:
        try:
            return images.read(path, name, page)
        except images.ImageError as error:
            raise StageError(error.code, error.details) from error

    def image(self, key: str) -> images.Photograph:
        """An example by its file name or an upload by its id."""
        if any(example["file"] == key for example in self.listed):
            photograph = self.images.get(key)
            if photograph is None:
                photograph = self._read(self.examples / key)
                self.images.put(key, photograph, photograph.pixels.nbytes)
            return photograph
        photograph = self.images.get(key)
        if photograph is None:
            raise StageError("image_gone" if key else "no_image")
        return photograph

    # ---- running

    def check(self, raw: Any) -> Selection:
        """A selection out of what a page sent. Raises StageError for anything that is not on offer."""
        try:
            wish = Selection(**{name: raw[name] for name in Selection.__annotations__})
            known = (
                all(type(value) in (str, int) for value in vars(wish).values())
                and wish.model in SHOWN
                and wish.padding in MODELS[wish.model].paddings
                and any(card.name == wish.checkpoint for card in weights.cards_for(wish.model, self.cards))
                and wish.size in SIZES
                and wish.device in ("auto", *inference.devices())
                and isinstance(wish.image, str)
            )
        except (KeyError, TypeError) as error:
            raise StageError("bad_selection") from error
        if not known:
            raise StageError("bad_selection")
        return wish

    def run(self, wish: Selection, progress: Progress, cancelled: Callable[[], bool]) -> Run:
        """Run a selection, or find it among the last ones. Raises StageError, or CancelledError when cancelled."""
        photograph = self.image(wish.image)
        try:
            device = inference.pick_device(wish.device)
        except inference.InferenceError as error:
            raise StageError(error.code, told(error.details)) from error
        key = replace(wish, device=device)
        found = self._known(key)
        if found:
            return found
        alike = replace(key, image=_identity(photograph))
        with self.turns.turn(progress, cancelled):
            found = self._known(key) or self._renamed(alike, key, wish)  # perhaps run while this one waited
            if found:
                return found
            recorder = Recorder(self.files)
            try:
                run = self._run(wish, photograph, recorder, progress, cancelled)
            except BaseException:
                self.files.release(recorder.names)
                raise
            self._put(key, alike, run)
        return run

    def _put(self, key: Selection, alike: Selection, run: Run) -> Run:
        self.runs.put(key, run, self.files.bytes(list(run.names)))
        self._alike.put(alike, key, 1)
        return run

    def _renamed(self, alike: Selection, key: Selection, wish: Selection) -> Run | None:
        """A run of the same pixels under another name, told as one of this image: pages hear of no other id.

        Only for whoever has the turn: its files must not be put out meanwhile.
        """
        known = self._alike.get(alike)
        found = known and self.runs.get(known)
        if not found:
            return None
        content = json.loads((self.files.folder / found.file).read_text("utf-8")) | {"selection": asdict(wish)}
        shared = [name for name in found.names if name != found.file]
        file = self.files.add(json.dumps(content, separators=(",", ":")).encode(), ".json")
        self.files.hold(shared)
        self.inspector.add(file, found.scene)
        return self._put(key, alike, Run(file, (*shared, file), found.scene))

    def network(self, wish: Selection) -> weights.Loaded:
        """The network of a selection, loaded once. Raises StageError."""
        return _load(next(card for card in self.cards if card.name == wish.checkpoint), wish.model, wish.padding)

    def _known(self, key: Selection) -> Run | None:
        """A run that is still there; it can be asked about again."""
        found = self.runs.get(key)
        if found:
            self.inspector.add(found.file, found.scene)
        return found

    def _run(
        self,
        wish: Selection,
        photograph: images.Photograph,
        recorder: Recorder,
        progress: Progress,
        cancelled: Callable[[], bool],
    ) -> Run:
        progress(0.05, "progress.weights", {})
        loaded = self.network(wish)
        card = loaded.card
        device = inference.pick_device(wish.device)
        prepared = inference.prepare(photograph.pixels, loaded.spec, wish.size)
        fields = _fields(loaded.spec)

        def step(done: int, total: int, name: str) -> bool:
            progress(0.1 + 0.88 * done / total, "progress.step", {"done": done + 1, "total": total, "name": name})
            return not cancelled()

        pre = card.preprocessing
        try:
            done = inference.segment(
                loaded.module, prepared, pre.mean, pre.std, device, progress=step, visit=recorder.visit
            )
        except inference.InferenceError as error:
            raise StageError(error.code, told(error.details)) from error
        notes = network_notes(loaded)
        notes += [{"code": f"image.{n.code}", "details": n.details} for n in photograph.notes]
        about = {
            "selection": asdict(wish),
            "title": MODELS[wish.model].title,
            "deviceName": device_words(device),
            "classes": [{"name": c.name, "colour": c.colour} for c in card.classes],
            "notes": notes,
        }
        original = images.resize(photograph.pixels, MOST_SHOWN)
        file = recorder.finish(done, prepared, original, fields, about)
        shapes = {step.name: step.shape for step in done.trace.steps}
        scene = Scene(card, wish.model, wish.padding, prepared.network, shapes)
        self.inspector.add(file, scene)
        return Run(file, tuple(recorder.names), scene)


@lru_cache(maxsize=8)
def _load(card: weights.Card, model: str, padding: str) -> weights.Loaded:
    try:
        return weights.load(card, model, padding)
    except weights.WeightsError as error:
        log.warning("%s", error)
        titles = {"model": MODELS[model].title, "trained": MODELS[card.spec.model].title, "name": card.name}
        raise StageError("too_coarse" if error.code == "too_coarse" else "weights", titles) from error


def _identity(photograph: images.Photograph) -> str:
    """Pixels and what was done to get them: equal pixels of another origin have other notes to show."""
    return photograph.digest + repr(photograph.notes)


@lru_cache(maxsize=32)
def _fields(spec: ModelSpec) -> dict[str, Reach]:
    """Unclipped receptive fields per step: measured on an input that holds the largest field several times."""
    sizes = inference.reach(spec).sizes
    return whole_fields(without_weights(spec), spec.in_channels, sizes.at_least(1500))


__all__ = ["CancelledError", "Run", "StageError", "Workbench"]
