"""A further network is one file of its own, its line in the registry and a card: everything else follows."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from explorer import api, inference
from explorer.graph import align
from explorer.inference import RunOptions
from explorer.models import MODELS, Model, ModelSpec
from explorer.operations.layers import Input, scaled
from explorer.ui import app
from explorer.ui.session import Workbench
from tests.ui import made as ui


class Plain(nn.Module):
    """A toy without skips: two convolutions, a pooling by three, class scores, bilinear up-sampling."""

    def __init__(self, width: float, classes: int) -> None:
        super().__init__()
        channels = scaled(16, width)
        self.input = Input(3)
        self.one, self.relu = nn.Conv2d(3, channels, 3, padding=1), nn.ReLU()
        self.pool = nn.MaxPool2d(3, 3)
        self.two, self.classify = nn.Conv2d(channels, channels, 5, padding=2), nn.Conv2d(channels, classes, 1)
        self.up = nn.ConvTranspose2d(classes, classes, 3, 3)
        align(self)

    def forward(self, image: Tensor) -> Tensor:
        x = self.pool(self.relu(self.one(self.input(image))))
        return self.up(self.classify(self.two(x)))


SPEC = ModelSpec("plain", "same", width=0.5, classes=4)


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workbench:
    line = Model("Plain", "plain", ("same",), "everyday", lambda s: Plain(s.width, s.classes), size=192)
    monkeypatch.setitem(MODELS, "plain", line)
    ui.fill(tmp_path)
    ui.save_random(tmp_path, "plain", SPEC, domain="everyday")
    return Workbench(tmp_path)


def test_the_page_offers_it(bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    ui.opens_small(monkeypatch)
    catalog = json.loads(json.dumps(app.beginning(bench)))["catalog"]
    (model,) = (one for one in catalog["models"] if one["key"] == "plain")
    assert (model["title"], model["paddings"], model["cards"]) == ("Plain", ["same"], ["plain"])
    (card,) = (one for one in catalog["cards"] if one["name"] == "plain")
    assert card["width"]["share"] == 0.5
    assert card["width"]["fc"] is None  # it has no such layers
    assert set(card["width"]["whole"]) == {"plain"}


def test_its_steps_can_be_looked_at(bench: Workbench) -> None:
    selection = bench.networks.check(ui.raw(model="plain", checkpoint="plain", padding="same"))
    done = ui.run(bench, selection)
    run = json.loads((bench.files.folder / done.file).read_text("utf-8"))
    steps = {step["name"]: step for step in run["steps"]}
    assert [step["role"] for step in run["steps"]] == ["input", *["contracting"] * 5, "score", "score"]  # and argmax
    assert [step["level"] for step in run["steps"]] == [0, 0, 0, 1, 1, 1, 0, 0]
    assert not run["crops"]
    assert steps["pool"]["size"][0]["code"] == "plain"
    question = {"what": "unit", "run": done.file, "step": "two", "channel": 1, "row": 3, "column": 4}
    *_, answer = bench.inspector.answer(question)
    assert answer["arithmetic"]["count"] == 25 * 8
    assert answer["field"]["most"] > 0


def test_it_labels_images_of_any_size_whole_and_in_tiles(bench: Workbench) -> None:
    loaded = bench.networks.get(bench.networks.check(ui.raw(model="plain", checkpoint="plain", padding="same")))
    assert loaded.module.input.sizes.period == 3
    pixels = ui.photo(100, 131)
    whole, tiles = (
        api.segment(pixels, loaded=loaded, options=RunOptions("cpu", way=way, side=side), scores=True)
        for way, side in (("whole", None), ("tiles", 48))
    )
    assert whole.labels.shape == (100, 131)
    assert len(tiles.labelling.tiles) == 9
    np.testing.assert_allclose(tiles.labelling.outputs.scores, whole.labelling.outputs.scores, rtol=0, atol=1e-5)
    assert len(np.unique(whole.labels)) > 1
    canvas = inference.prepare(pixels, SPEC, 131)
    with torch.inference_mode():
        image = inference.normalise(canvas.network, ui.MEAN, ui.STD)
        expected = loaded.module(image)[0, :, :100, :131].argmax(0).numpy()
    np.testing.assert_array_equal(whole.labels, expected)
