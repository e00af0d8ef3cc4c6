"""Files of a finished run that a page takes along: a map's exact values. No Gradio."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from explorer.errors import ExplorerError
from explorer.results.arrays import as_npy, as_tiff
from explorer.ui.asked import TakeQuestion, asked
from explorer.ui.inspector import Inspector
from explorer.ui.state import Bounded, Files

TAKEN_BYTES = 512 * 2**20  # of files that pages may still fetch
MOST_BYTES = 256 * 2**20  # of one map

ARRAYS: dict[str, Callable[[np.ndarray], bytes]] = {"npy": as_npy, "tiff": as_tiff}


class Taker:
    """Makes files of runs that the inspector knows; the last ones stay until others need their room."""

    def __init__(self, files: Files, inspector: Inspector) -> None:
        self.files, self.inspector = files, inspector
        self._made: Bounded[str] = Bounded(TAKEN_BYTES, lambda name: files.release([name]))

    def answer(self, data: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """First that it is begun, then the file, its name for the person and its bytes. Raises ExplorerError."""
        question = asked(TakeQuestion, data)
        yield {"kind": "begun"}
        if question.what not in ARRAYS:
            raise ExplorerError("bad_selection", f"there is no file {question.what!r} of a run")
        content = ARRAYS[question.what](self._map(question.run, question.step))
        name = f"{question.stem}-{question.step}.{question.what}"
        yield {"kind": "taken", "file": self._add(content, question.what), "name": name, "bytes": len(content)}

    def _map(self, run: str, step: str) -> np.ndarray:
        """A step's map, C x H x W float32 (labels uint8). Raises ExplorerError where it takes too much memory."""
        shape = self.inspector.shape(run, step)
        if (size := 4 * math.prod(shape)) > MOST_BYTES:
            mib = {"needed": round(size / 2**20), "most": MOST_BYTES // 2**20}
            raise ExplorerError("map_large", **mib)
        return self.inspector.map(run, step)

    def _add(self, content: bytes, suffix: str) -> str:
        name = self.files.add(content, f".{suffix}")
        self._made.put(object(), name, len(content))
        return name
