"""The images of one server process: the examples, and what people uploaded, the last ones held in memory."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from explorer import images
from explorer.errors import ExplorerError
from explorer.images import Photograph
from explorer.images.synthetic import MADE
from explorer.inference.devices import give_back
from explorer.trace import CancelledError
from explorer.ui import i18n
from explorer.ui.i18n import in_all
from explorer.ui.stage.payload import png
from explorer.ui.state import Bounded, Files
from explorer.ui.turns import OnProgress, Turns
from explorer.ui.uploads import Uploads

IMAGE_BYTES = 256 * 2**20
ROOM = 2**30  # bytes, of all images that are decoded, judged by or made into files at a time
THUMBNAIL = 192  # pixels of the longer side


class ImageStore:
    """Examples by their file names and uploads by ids. `folder` holds the examples, `listed` says what they are."""

    def __init__(self, files: Files, folder: Path) -> None:
        self.files, self.folder = files, folder
        self.listed: list[dict[str, Any]] = json.loads((folder / "examples.json").read_text("utf-8"))
        self.uploads = Uploads(files.root / "uploads")
        self.memory = Turns(ROOM, "progress.memory")
        self._held: Bounded[Photograph] = Bounded(IMAGE_BYTES)
        self._uploads: Bounded[str] = Bounded(1000)  # path, page and channels -> image id
        self._identities: Bounded[str] = Bounded(5000)  # image id -> what its pixels are known by
        self._likely: Bounded[tuple[str | None, str | None]] = Bounded(1000)  # image id -> domain, likely one

    def examples(self) -> list[dict[str, Any]]:
        """The examples for the page, each with its thumbnail, and behind them the images that are made."""
        made = [
            {
                "file": name,
                "title": {lang: texts[f"sources.{name}"] for lang, texts in i18n.TEXTS.items()},
                "made": True,
            }
            | {"family": "", "credit": "", "licence": dict.fromkeys(i18n.TEXTS, ""), "source": ""}
            for name in MADE
        ]
        shown = [{**example, "title": in_all(example["title"])} for example in self.listed] + made
        return [{**example, "thumbnail": self._thumbnail(example["file"])} for example in shown]

    def _thumbnail(self, file: str) -> str:
        return self.files.add(png(images.resize(self._example(file).pixels, THUMBNAIL)), ".png")

    def _example(self, file: str) -> Photograph:
        return images.read(png(MADE[file]()), file) if file in MADE else images.read(self.folder / file)

    def add(
        self,
        path: Path,
        name: str,
        page: int = 0,
        progress: OnProgress = lambda *_: None,
        cancelled: Callable[[], bool] = lambda: False,
        channels: tuple[int, ...] | None = None,
    ) -> str:
        """Read an uploaded file, delete it and return the image's id. Raises ExplorerError with the reason.

        A file that was read for a question which was cancelled then is known by its path for the next one. The id is
        that of the pixels under this name: nobody's results are called as another person called the file.
        """
        if not path.is_file():
            known = self._uploads.get((path, page, channels))
            if known is None:
                raise ExplorerError("upload")
            return self._keep(replace(self.get(known), name=name or path.name))
        try:
            room = partial(self.memory.turn, progress, cancelled)
            key = self._keep(images.read(path, name, page, channels, room))
        except CancelledError:
            raise
        except BaseException:
            self.uploads.forget(path)
            raise
        give_back()  # what decoding a large one took
        self.uploads.forget(path)
        self._uploads.put((path, page, channels), key, 1)
        return key

    def _keep(self, photograph: Photograph) -> str:
        key = self.files.name(repr((photograph.identity, photograph.name)).encode())
        self._identities.put(key, photograph.identity, 1)
        self._held.put(key, photograph, photograph.pixels.nbytes)
        return key

    def identity(self, key: str) -> str:
        """What an image's pixels are known by; they are not read again for it. Raises ExplorerError."""
        found = self._identities.get(key)
        if found is None:
            found = self.get(key).identity
            self._identities.put(key, found, 1)
        return found

    def get(self, key: str) -> Photograph:
        """An example by its file name or an upload by its id. Raises ExplorerError."""
        photograph = self._held.get(key)
        if photograph is None and self.is_example(key):
            photograph = self._example(key)
            self._held.put(key, photograph, photograph.pixels.nbytes)
        if photograph is None:
            raise ExplorerError("image_gone" if key else "no_image")
        return photograph

    def is_example(self, key: str) -> bool:
        return key in MADE or any(example["file"] == key for example in self.listed)

    def domain(self, key: str) -> str | None:
        """What an image shows: "everyday" or "nuclei"; None where its colours do not tell. Raises ExplorerError."""
        return self._shown(key)[0]

    def likely(self, key: str) -> str | None:
        """The same to choose weights by (`images.likely`). Raises ExplorerError."""
        return self._shown(key)[1]

    def _shown(self, key: str) -> tuple[str | None, str | None]:
        if listed := [example["family"] for example in self.listed if example["file"] == key]:
            return str(listed[0]), str(listed[0])
        if key in MADE:
            return None, None
        found = self._likely.get(key)
        if found is None:
            pixels = self.get(key).pixels
            found = images.domain_of(pixels), images.likely(pixels)
            self._likely.put(key, found, 1)
        return found
