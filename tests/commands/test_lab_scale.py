"""python -m explorer lab scale: what it prints is what the lab gives."""

from __future__ import annotations

import json

import pytest

from explorer.labs import scaling, scaling_run, unpooled
from explorer.labs.scaling import Design
from tests.commands.made import run

GIVEN = ("--poolings", 2, "--convolutions", 1, "--width", 4, "--growth", 1.5, "--size", 32, "--bottleneck")


def test_scale_prints_what_the_lab_gives(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("lab", "scale", *GIVEN, "--measure", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    design = Design(poolings=2, convolutions=1, width=4, growth=1.5, size=32, bottleneck=True)
    assert [layer["macs"] for layer in found["layers"]] == [layer.macs for layer in scaling.layers(design)]
    full = scaling.full_resolution(design)
    assert [layer["field"] for layer in found["full_resolution"]] == [layer.field for layer in full]
    assert [one["network"] for one in found["total"]] == ["with poolings", "at full resolution", "fcn8s", "unet"]
    assert found["total"][3]["parameters"] == 31_030_658  # Ronneberger et al. 2015
    ways = unpooled.without_poolings(design)
    assert [(one["way"], one["field"]) for one in found["without_poolings"]] == [
        (one.way, one.layers[-1].field) for one in ways
    ]
    assert [one["size"] for one in found["sizes"]] == [32, 64, 128]
    assert len({one["parameters"] for one in found["sizes"]}) == 1
    held = [scaling_run.forecast(design, poolings).activations for poolings in (True, False)]
    assert [one["activation_bytes"] for one in found["measured"]] == held


def test_scale_refuses_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("lab", "scale", "--kernel", 4) == 2
    assert "choose kernel from 1 to 7" in capsys.readouterr().err
    assert run("lab", "scale", "--poolings", 0) == 0
    assert "without_poolings: -" in capsys.readouterr().out
