"""Helpers of the page's tests: small checkpoints of random weights, images, and what a page would send."""

from __future__ import annotations

import asyncio
import contextvars
import io
from collections.abc import AsyncIterator, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from explorer import weights
from explorer.cards import Card, ClassInfo, Preprocessing
from explorer.models import MODELS, ModelSpec, build
from explorer.operations.layers import BilinearUp
from explorer.ui.segmenter import Segmenter
from explorer.ui.session import Workbench
from explorer.ui.state import Selection

T = TypeVar("T")

MEAN, STD = (0.5, 0.4, 0.3), (0.2, 0.25, 0.3)


def opens_small(patch: pytest.MonkeyPatch) -> None:
    """The page opens on runs of 192 pixels, which are quick."""
    for key, model in MODELS.items():
        patch.setitem(MODELS, key, replace(model, size=192))


def random_network(spec: ModelSpec, seed: int = 0) -> nn.Module:
    """A network whose every stored tensor is random: FCN's score layers would be zero, and all labels alike."""
    torch.manual_seed(seed)
    module = build(spec)
    with torch.no_grad():
        for part in module.modules():
            if isinstance(part, nn.Conv2d | nn.ConvTranspose2d) and not isinstance(part, BilinearUp):
                fan_in = part.weight[0].numel() if isinstance(part, nn.Conv2d) else part.in_channels
                part.weight.normal_(std=(2 / fan_in) ** 0.5)
                part.bias.normal_(std=0.1)
    return module


def card_of(spec: ModelSpec, geometries: tuple[str, ...] = (), domain: str = "") -> Card:
    def text(words: str) -> dict[str, str]:
        return {"en": words, "ko": f"한국어 {words}"}

    return Card(
        name="?",
        title=text("random weights"),
        spec=spec,
        geometries=geometries or (spec.padding,),
        classes=tuple(ClassInfo(f"class_{i}", text(f"class {i}"), (i, 255 - i, 7 * i)) for i in range(spec.classes)),
        preprocessing=Preprocessing(MEAN[: spec.in_channels], STD[: spec.in_channels]),
        data=text("none"),
        licence=text("CC0"),
        recipe={},
        seed=0,
        metrics={},
        note=text("note"),
        domain=domain,
    )


def save_random(folder: Path, name: str, spec: ModelSpec, **more: Any) -> Card:
    return weights.save(Path(folder) / f"{name}.safetensors", random_network(spec), card_of(spec, **more))


FCN = ModelSpec("fcn8s", "paper", width=1 / 64, fc_channels=8, in_channels=3, classes=5)
UNET = ModelSpec("unet", "valid", width=1 / 32, in_channels=3, classes=3)


def fill(folder: Path) -> Path:
    """A thin FCN-8s for everyday photographs and a thin U-Net for nuclei."""
    save_random(folder, "fcn", FCN, domain="everyday")
    save_random(folder, "unet", UNET, domain="nuclei")
    return folder


def selection(model: str = "fcn8s", **changes: Any) -> Selection:
    """The smallest run of a network on an example."""
    family = "unet" if model == "unet" else "fcn"
    base = {
        "model": model,
        "checkpoint": family,
        "padding": "valid" if family == "unet" else "paper",
        "image": "cat.jpg",
        "size": 192,
        "device": "cpu",
    }
    return Selection(**{**base, **changes})


def run(bench: Workbench, wish: Selection, **callbacks: Callable[..., Any]) -> Any:
    progress = callbacks.get("progress", lambda *_: None)
    return bench.runs.run(wish, progress, callbacks.get("cancelled", lambda: False))


def raw(**changes: Any) -> dict[str, Any]:
    """A selection as a page sends it."""
    return {**asdict(selection()), **changes}


@cache
def photo(height: int = 64, width: int = 80, seed: int = 0) -> np.ndarray:
    """Random smooth pixels: no two are mistaken for each other, and resizing keeps some contrast."""
    random = np.random.default_rng(seed)
    small = random.integers(0, 256, (max(2, height // 8), max(2, width // 8), 3), np.uint8)
    pixels = np.array(Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC))
    pixels.setflags(write=False)
    return pixels


def noise(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def encoded(pixels: np.ndarray, kind: str = "PNG") -> bytes:
    memory = io.BytesIO()
    Image.fromarray(pixels).save(memory, kind)
    return memory.getvalue()


def listing(bench: Workbench) -> set[str]:
    """Names of all files in the public folder."""
    return {path.name for path in bench.files.folder.iterdir()}


def upload(
    holder: Workbench | Segmenter,
    tmp_path: Path,
    pixels: np.ndarray | None = None,
    name: str = "mine.png",
    data: bytes | None = None,
) -> str:
    """A file given to the workbench or to its segmenter, as an upload is; its id."""
    path = tmp_path / name
    path.write_bytes(encoded(noise(40, 50) if pixels is None else pixels) if data is None else data)
    return holder.pictures.add(path, name)


def heard(stream: AsyncIterator[dict[str, Any]]) -> list[dict[str, Any]]:
    """All that a page hears."""

    async def listen() -> list[dict[str, Any]]:
        return [message async for message in stream]

    return awaited(listen())


def awaited(coroutine: Coroutine[Any, Any, T]) -> T:
    """What a coroutine gives, in a thread of its own: browser tests keep a loop running in this one."""
    context = contextvars.copy_context()
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(context.run, asyncio.run, coroutine).result()


def sent(holder: Workbench | Segmenter, data: bytes) -> Path:
    """A file that a page sent: it goes by its name."""
    return holder.pictures.uploads.folder / holder.pictures.uploads.put(io.BytesIO(data))


def asked(path: Path | str, name: str = "mine.png", **changes: Any) -> dict[str, Any]:
    """What a page sends with an uploaded file."""
    wish = raw(model="fcn32s", padding="same", image="", **changes)
    return {"request": "r", "selection": wish, "upload": {"sent": Path(path).name, "name": name}}


def ask(
    segmenter: Segmenter, what: str, cancelled=lambda: False, said: list[Any] | None = None, **more: Any
) -> dict[str, Any]:
    """The answer to a question about an image at segmenter size; what it reports on the way goes into `said`."""

    def progress(*news: Any) -> None:
        if said is not None:
            said.append(news)

    return segmenter.answer({"what": what, **more}, progress, cancelled)


def picture(holder: Segmenter, name: str) -> np.ndarray:
    """A file of the public folder."""
    return np.asarray(Image.open(holder.files.folder / name))


__all__ = [
    "FCN",
    "MEAN",
    "STD",
    "UNET",
    "ask",
    "asked",
    "card_of",
    "encoded",
    "fill",
    "heard",
    "listing",
    "noise",
    "opens_small",
    "photo",
    "picture",
    "random_network",
    "raw",
    "run",
    "save_random",
    "selection",
    "sent",
    "upload",
]
