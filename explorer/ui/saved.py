"""A finished run as its files: what can be taken along of it without computing anything again. No Gradio."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from explorer.cards import Card
from explorer.errors import ExplorerError
from explorer.files import EXAMPLES
from explorer.ui.image_store import ImageStore
from explorer.ui.inspector import Inspector
from explorer.ui.network_cache import NetworkCache
from explorer.ui.run_store import RunStore
from explorer.ui.stage.payload import png
from explorer.ui.state import Files, Selection
from explorer.ui.turns import Turns
from explorer.weights import Loaded


@dataclass(frozen=True, eq=False)
class Saved:
    """A run's JSON `file` and its pictures in a `folder`; `name` is the image's file name, `title` what it is called by
    language."""

    folder: Path
    file: str
    selection: Selection
    card: Card
    name: str
    title: dict[str, str]

    @cached_property
    def content(self) -> dict[str, Any]:
        """What payload.py wrote. Raises ExplorerError ("gone") where the files have made room for others."""
        return dict(json.loads(self.read(self.file)))

    def read(self, name: str) -> bytes:
        """A file of the run. Raises ExplorerError ("gone")."""
        try:
            return (self.folder / name).read_bytes()
        except OSError as error:
            raise ExplorerError("gone") from error

    @property
    def pictures(self) -> list[str]:
        """Names of all pictures that the page may ask for."""
        run = self.content
        names = [*run["pictures"].values(), run["probabilities"]["file"], *(stage["labels"] for stage in run["stages"])]
        return list(dict.fromkeys([*names, *(step["maps"]["file"] for step in run["steps"])]))


@contextmanager
def recorded(
    image: str | Path | np.ndarray,
    loaded: Loaded,
    size: int,
    device: str = "auto",
    page: int = 0,
    channels: Sequence[int] | None = None,
) -> Iterator[Saved]:
    """An image run through a network as the page runs it, its longer side `size` pixels; the files go with the context.

    Raises ExplorerError.
    """
    with Files() as files:
        pictures, networks = ImageStore(files, EXAMPLES), NetworkCache([loaded.card])
        networks.keep(loaded)
        runs = RunStore(files, pictures, networks, Inspector(files), Turns())
        path = files.folder / "image.png" if isinstance(image, np.ndarray) else Path(image)
        if isinstance(image, np.ndarray):
            path.write_bytes(png(image))
        taken = None if channels is None else tuple(channels)
        key, spec = pictures.add(path, path.name, page, channels=taken), loaded.spec
        selection = Selection(spec.model, loaded.card.name, spec.padding, key, size, device)
        run = runs.run(selection, lambda *_: None, lambda: False)
        yield Saved(
            files.folder, run.file, replace(selection, size=run.size), loaded.card, path.name, {"en": path.name}
        )
