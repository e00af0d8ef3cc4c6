"""Runs of thin networks, and what the page gets of them."""

from __future__ import annotations

import io
import json
from types import SimpleNamespace

import numpy as np
from PIL import Image

from explorer.figures.mosaic import mosaic
from explorer.inference import prepare, trace_and_label
from explorer.models import ModelSpec
from explorer.ui.stage.payload import Recorder
from explorer.ui.state import Files
from tests.ui.made import FCN, MEAN, STD, UNET, noise, random_network

CASES = {
    "fcn8s-paper": ("fcn8s", "paper", (150, 101)),
    "fcn8s-same": ("fcn8s", "same", (75, 100)),
    "fcn32s-paper": ("fcn32s", "paper", (64, 90)),
    "fcn32s-same": ("fcn32s", "same", (64, 90)),
    "fcn16s-paper": ("fcn16s", "paper", (64, 50)),
    "fcn16s-same": ("fcn16s", "same", (64, 50)),
    "unet-valid": ("unet", "valid", (388, 388)),
    "unet-same": ("unet", "same", (100, 75)),
}
ABOUT = {"title": "a title", "classes": [{"name": {"en": "a", "ko": "가"}, "colour": (1, 2, 3)}] * 7, "notes": []}


def refuse(word: str) -> None:
    raise AssertionError(f"{word} is no JSON")


def made(model: str, padding: str, size: tuple[int, int], original: tuple[int, int] | None = None) -> SimpleNamespace:
    base = UNET if model == "unet" else FCN
    spec = ModelSpec(**{**base.dict(), "model": model, "padding": padding})
    pixels = noise(*(original or size))
    prepared = prepare(pixels, spec, max(size))
    files = Files()
    recorder = Recorder(files)
    maps = {}

    def visit(step, value):
        recorder.visit(step, value)
        maps[step.name] = mosaic(value)

    done = trace_and_label(random_network(spec), prepared, MEAN, STD, visit=visit)
    fields = {step.name: ((-3, 4), (-1, 4)) for step in done.trace.steps[:-1]}
    name = recorder.finish(done, prepared, pixels, fields, ABOUT)
    data = json.loads((files.folder / name).read_text("utf-8"), parse_constant=refuse)
    return SimpleNamespace(
        spec=spec, pixels=pixels, prepared=prepared, files=files, done=done, maps=maps, data=data, fields=fields,
        names=recorder.names, name=name,
    )  # fmt: skip


def picture(case: SimpleNamespace, file: str) -> np.ndarray:
    with Image.open(io.BytesIO((case.files.folder / file).read_bytes())) as image:
        assert image.format == "PNG"
        return np.array(image)
