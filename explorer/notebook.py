"""What a notebook shows inline: the page of one run, in a frame, without a server.

>>> from explorer import notebook
>>> notebook.look("photo.jpg", "fcn8s")                               # doctest: +SKIP
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode

import numpy as np

from explorer import api, images
from explorer.ui.offline import page_of
from explorer.ui.saved import recorded

__all__ = ["View", "look"]


@dataclass(frozen=True)
class View:
    """A page in one HTML document; notebooks show it `height` pixels high."""

    html: str = field(repr=False)
    height: int = 760

    def save(self, path: str | Path) -> Path:
        """Write the document; any browser opens it."""
        place = Path(path)
        place.write_text(self.html, "utf-8")
        return place

    def _repr_html_(self) -> str:
        text = html.escape(self.html)
        return f'<iframe srcdoc="{text}" style="width: 100%; height: {self.height}px; border: 0"></iframe>'


def look(
    image: str | Path | np.ndarray,
    model: str = "fcn8s",
    checkpoint: str | None = None,
    padding: str | None = None,
    size: int = 500,
    device: str = "auto",
    page: int = 0,
    step: str = "",
    channels: Sequence[int] | None = None,
) -> View:
    """Run a network step by step, as `api.trace` does with these arguments, and show the run; `step` is seen first.

    Raises ExplorerError.
    """
    pixels = image if isinstance(image, np.ndarray) else images.read(image, page=page, channels=channels).pixels
    loaded = api.network(model, checkpoint, padding, api.domain_of(pixels, model))
    with recorded(image, loaded, size, device, page, channels) as saved:
        return View(page_of(saved, f"?{urlencode({'step': step})}" if step else ""))
