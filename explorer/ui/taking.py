"""Files of a finished run that a page takes along: exact values, a page without a server, an animation. No Gradio."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from explorer.errors import ExplorerError
from explorer.figures.walk import KINDS, walk
from explorer.images.synthetic import MADE
from explorer.results.arrays import as_npy, as_tiff
from explorer.results.notebook import as_notebook
from explorer.ui.asked import TakeQuestion, asked
from explorer.ui.image_store import ImageStore
from explorer.ui.inspector import Inspector
from explorer.ui.network_cache import NetworkCache
from explorer.ui.offline import page_of
from explorer.ui.saved import Saved
from explorer.ui.state import Bounded, Files

TAKEN_BYTES = 512 * 2**20  # of files that pages may still fetch
MOST_BYTES = 256 * 2**20  # of one map

ARRAYS: dict[str, Callable[[np.ndarray], bytes]] = {"npy": as_npy, "tiff": as_tiff}


class Taker:
    """Makes files of runs that the inspector knows; the last ones stay until others need their room."""

    def __init__(self, files: Files, pictures: ImageStore, networks: NetworkCache, inspector: Inspector) -> None:
        self.files, self.pictures, self.networks, self.inspector = files, pictures, networks, inspector
        self._made: Bounded[str] = Bounded(TAKEN_BYTES, lambda name: files.release([name]))

    def answer(self, data: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """First that it is begun, then the file, its name for the person and its bytes. Raises ExplorerError."""
        question = asked(TakeQuestion, data)
        yield {"kind": "begun"}
        content = self._content(question)
        of_step = f"-{question.step}" if question.what in ARRAYS else ""
        name = f"{question.stem}{of_step}.{question.what}"
        yield {"kind": "taken", "file": self._add(content, question.what), "name": name, "bytes": len(content)}

    def _content(self, question: TakeQuestion) -> bytes:
        shape = self.inspector.shape(question.run, question.step)
        if question.what in ARRAYS:
            if (size := 4 * math.prod(shape)) > MOST_BYTES:
                raise ExplorerError("map_large", needed=round(size / 2**20), most=MOST_BYTES // 2**20)
            return ARRAYS[question.what](self.inspector.map(question.run, question.step))
        saved = self._saved(question)
        if question.what == "html":
            return page_of(saved, f"?{question.look}").encode("utf-8")
        if question.what in KINDS:
            return walk(saved.content, saved.read, question.what)
        if question.what == "ipynb":
            return self._notebook(question, saved).encode("utf-8")
        raise ExplorerError("bad_selection", f"there is no file {question.what!r} of a run")

    def _saved(self, question: TakeQuestion) -> Saved:
        """The run's files, and what its image is called."""
        selection = self.networks.check(question.selection)
        listed = {example["file"]: example["title"] for example in self.pictures.examples()}
        name = self.pictures.get(selection.image).name
        title = listed.get(selection.image, {"en": name})
        card = self.networks.get(selection).card
        return Saved(self.files.folder, question.run, selection, card, name, title)

    def _notebook(self, question: TakeQuestion, saved: Saved) -> str:
        """Raises ExplorerError ("notebook_altered") for what the Python API does not make."""
        selection = saved.selection
        if selection.altered or selection.against:
            raise ExplorerError("notebook_altered")
        image = f'image = "{saved.name}"  # the path of your own image'
        if selection.image in MADE:
            image = f"from explorer.images.synthetic import MADE\n\nimage = MADE[{selection.image!r}]()"
        elif selection.image in {example["file"] for example in self.pictures.listed}:
            image = f"from explorer.files import EXAMPLES\n\nimage = EXAMPLES / {selection.image!r}"
        settings = {key: getattr(selection, key) for key in ("model", "checkpoint", "padding", "size")}
        settings |= self.pictures.get(selection.image).reading
        steps = [step for step in saved.content["steps"] if not step["maps"].get("labels")]
        traced = question.step if question.step in {step["name"] for step in steps} else steps[-1]["name"]
        title = f"{saved.title['en']} · {saved.content['title']}"
        return as_notebook(title, image, settings, question.step, traced)

    def _add(self, content: bytes, suffix: str) -> str:
        name = self.files.add(content, f".{suffix}")
        self._made.put(object(), name, len(content))
        return name
