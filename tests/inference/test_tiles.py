"""Labels of images of any size: tiles are exact, and a run says how far it is and leaves its module alone."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from explorer import inference
from explorer.errors import ExplorerError
from explorer.geometry import Region
from explorer.inference import Outputs, Plan, RunOptions, label, plan
from explorer.local import WindowRunner
from explorer.trace import CancelledError, trace
from tests.conftest import VARIANTS
from tests.inference.made import MEAN, STD, canvas_of, network, picture, run, untiled


@st.composite
def tilings(draw: st.DrawFn) -> tuple[int, int, int]:
    """Height, width and tile side, with at most three tiles along each side: each tile costs its halo."""
    height, width = (draw(st.integers(16, 260)) for _ in range(2))
    return height, width, draw(st.integers(-(-max(height, width) // 3), max(height, width)))


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(VARIANTS), tilings(), st.integers(0, 9))
def test_tiled_equals_untiled(case: tuple[str, str], tiling: tuple[int, int, int], seed: int) -> None:
    """Scores within 1e-4, labels wherever the two best scores are not as good as equal."""
    height, width, side = tiling
    spec, module = network(*case)
    pixels = picture(height, width, seed)
    whole = untiled(spec, module, pixels)
    done = run(spec, module, pixels, RunOptions("cpu", way="tiles", side=side))
    assert len(done.tiles) == -(-height // side) * -(-width // side)
    apart = np.abs(done.outputs.scores - whole).max()
    assert apart <= 1e-4, apart
    best = np.sort(whole, 0)
    clear = best[-1] - best[-2] > 2e-4
    assert (done.outputs.labels == whole.argmax(0))[clear].all()


@pytest.mark.parametrize("case", VARIANTS)
def test_the_whole_image_at_once_is_the_module_itself(case: tuple[str, str]) -> None:
    spec, module = network(*case)
    pixels = picture(150, 210)
    done = run(spec, module, pixels, RunOptions("cpu", way="whole"))
    assert len(done.tiles) == 1
    whole = untiled(spec, module, pixels)
    np.testing.assert_allclose(done.outputs.scores, whole, rtol=0, atol=1e-4)
    chance = torch.from_numpy(whole).softmax(0).amax(0)
    np.testing.assert_allclose(done.outputs.confidence, chance, rtol=0, atol=1e-4)


@given(st.integers(1, 40), st.integers(0, 100), st.integers(-150, 150), st.integers(1, 200))
def test_a_canvas_is_the_mirrored_image_as_far_out_as_asked(n: int, before: int, low: int, length: int) -> None:
    reach_out = 400
    line = np.pad(np.arange(n), reach_out, mode="reflect")
    found = inference.canvas.mirrored(low, low + length, before, n)
    np.testing.assert_array_equal(found, line[reach_out + low - before :][:length])


@pytest.mark.parametrize("case", VARIANTS)
def test_a_window_of_the_canvas_is_that_of_the_prepared_image(case: tuple[str, str]) -> None:
    spec, _ = network(*case)
    pixels = picture(61, 83)
    prepared = inference.prepare(pixels, spec, 83)
    canvas = canvas_of(spec, pixels)
    assert canvas.shape == prepared.network.shape[:2]
    for top, left, height, width in ((0, 0, 5, 9), (40, 17, 21, 60), (0, 0, *canvas.shape)):
        box = Region((top, top + height), (left, left + width))
        np.testing.assert_array_equal(canvas.crop(box), prepared.network[top : top + height, left : left + width])


def test_the_units_that_a_tile_reads_are_those_that_geometry_gives() -> None:
    """The input windows of tiles against the receptive fields of their pixels."""
    spec, module = network("fcn8s", "paper")
    size = (120, 150)
    made = plan(spec, size, RunOptions("cpu", way="tiles", side=50))
    done = trace(module, torch.zeros(1, 3, *size))
    for tile in made.tiles:
        for axis, span, reads in zip(
            (done.output.rows, done.output.cols), tile.output.spans, tile.input.spans, strict=True
        ):
            assert reads == (axis.lo[slice(*span)].min(), axis.hi[slice(*span)].max() + 1)


def test_the_papers_tiles_are_windows_run_alone_and_differ() -> None:
    """572 pixels in, 388 out, abutting: each is the plain module on its own mirrored window (FACTS: not exact)."""
    spec, module = network("unet", "valid")
    pixels = picture(500, 700)
    done = run(spec, module, pixels, RunOptions("cpu", way="paper"))
    assert [t.output.rows + t.output.cols for t in done.tiles] == [
        (0, 388, 0, 388), (0, 388, 388, 700), (388, 500, 0, 388), (388, 500, 388, 700)
    ]  # fmt: skip
    around = np.pad(pixels, ((92, 400), (92, 400), (0, 0)), mode="reflect")
    for tile in done.tiles:
        (top, bottom), (left, right) = tile.output.spans
        assert tile.input == Region((top, top + 572), (left, left + 572))
        with torch.inference_mode():
            alone = module(inference.normalise(around[top : top + 572, left : left + 572], MEAN, STD))[0]
        found = done.outputs.scores[:, top:bottom, left:right]
        np.testing.assert_allclose(found, alone[:, : bottom - top, : right - left], rtol=0, atol=1e-4)
    exact = run(spec, module, pixels, RunOptions("cpu", way="tiles", side=384))
    assert np.abs(exact.outputs.scores - done.outputs.scores).max() > 0.01
    with pytest.raises(ExplorerError, match="valid"):
        plan(network("fcn8s", "paper")[0], (300, 300), RunOptions("cpu", way="paper"))


def test_progress_runs_from_nothing_to_all_and_can_stop() -> None:
    spec, module = network("fcn8s", "same")
    seen: list[inference.Progress] = []
    done = run(spec, module, picture(130, 140), RunOptions("cpu", way="tiles", side=70), progress=seen.append)
    shares = [p.share for p in seen]
    assert shares == sorted(shares)
    assert shares[0] == 0
    assert 0.8 < shares[-1] <= 1
    assert {p.tile for p in seen} == {1, 2, 3, 4}
    assert {p.tiles for p in seen} == {4}
    assert seen[-1].seconds_left is not None
    assert set(done.step_seconds) == {p.step for p in seen}
    assert sum(done.step_seconds.values()) <= done.seconds
    count = iter(range(10**6))
    with pytest.raises(CancelledError):
        run(spec, module, picture(130, 140), RunOptions("cpu"), progress=lambda p: next(count) < 20)


def test_bfloat16_keeps_scores_in_float32_and_nearly_all_labels() -> None:
    spec, module = network("unet", "same")
    made = plan(spec, (160, 160), RunOptions("cpu"))
    half = Plan(**{**vars(made), "precision": "bfloat16"})  # also where the processor has no hardware for it
    pixels = np.kron(picture(10, 10), np.ones((16, 16, 1), np.uint8))
    exact = run(spec, module, pixels, RunOptions("cpu"))
    outputs = Outputs.in_memory((160, 160), spec.classes, scores=True)
    label(module, canvas_of(spec, pixels), half, outputs)
    assert outputs.scores.dtype == np.float32
    assert (outputs.labels == exact.outputs.labels).mean() > 0.95
    rounded = torch.from_numpy(outputs.scores).bfloat16().float().numpy()
    assert (rounded != outputs.scores).mean() > 0.9  # not cut to 8 bits
    assert module.training is False
    assert next(module.parameters()).dtype == torch.float32


def test_the_same_module_can_run_in_several_places_at_once() -> None:
    """A run neither moves nor changes the module that others hold."""
    spec, module = network("fcn16s", "same")
    before = {name: value.clone() for name, value in module.state_dict().items()}
    run(spec, module, picture(60, 60), RunOptions("cpu"))
    assert all(torch.equal(before[name], value) for name, value in module.state_dict().items())


@pytest.mark.parametrize(
    ("case", "size", "options"),
    [
        (("fcn8s", "paper"), (300, 400), RunOptions("cpu", way="tiles", side=1)),
        (("fcn8s", "same"), (5000, 5000), RunOptions("cpu", way="tiles", side=3)),
        (("unet", "valid"), (2000, 2000), RunOptions("cpu", way="paper", side=1)),
        (("unet", "same"), (7000, 9000), RunOptions("cpu", way="tiles", side=32)),
    ],
)
def test_a_plan_that_asks_for_far_too_much_is_refused_before_it_is_made(monkeypatch, case, size, options) -> None:
    for maker in ("cut", "Tile"):  # no tile is made
        monkeypatch.setattr(sys.modules[plan.__module__], maker, None)
    with pytest.raises(ExplorerError) as caught:
        plan(network(*case)[0], size, options)
    assert caught.value.code == "too_many_tiles"


def test_planning_takes_a_look_a_row_and_a_column_and_can_be_stopped(monkeypatch) -> None:
    spec, _ = network("fcn8s", "paper")
    options, looks = RunOptions("cpu", way="tiles", side=8), []
    regions = WindowRunner.regions
    monkeypatch.setattr(WindowRunner, "regions", lambda *given: looks.append(given) or regions(*given))
    made = plan(spec, (160, 200), options)
    assert len(made.tiles) == 20 * 25
    assert len(looks) < 100
    answers = iter([False] * 9 + [True])
    with pytest.raises(CancelledError):
        plan(spec, (160, 200), options, cancelled=lambda: next(answers))
