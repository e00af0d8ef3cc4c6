"""Overlap tiles: the joined result is that of the whole canvas."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from explorer import inference
from explorer.models import ModelSpec, build
from explorer.training import windows

SPEC = ModelSpec("unet", "valid", 1 / 32, 8, 3, 3)
FAR = inference.placement(SPEC)


@pytest.fixture(scope="module")
def net() -> torch.nn.Module:
    torch.manual_seed(0)
    return build(SPEC).eval().double()


@given(st.integers(0, 60), st.integers(0, 700))
def test_a_plan_covers_the_output_once_from_windows_in_phase(extra: int, tile: int) -> None:
    canvas = FAR.sizes.minimum + extra * FAR.sizes.period
    try:
        found = windows.plan(canvas, tile, FAR.sizes, FAR.shrink)
    except ValueError as error:
        assert tile < canvas
        least = int(str(error).split("at least ")[1])
        assert tile < least
        assert windows.plan(max(canvas, least + 16), least, FAR.sizes, FAR.shrink)
        return
    covered = [t.to + i for t in found for i in range(t.take)]
    assert covered == list(range(canvas - FAR.shrink))
    for t in found:
        assert t.start % FAR.sizes.period == 0
        assert t.stop - t.start in FAR.sizes
        assert t.stop - t.start <= max(tile, 0) or len(found) == 1
        assert t.start + t.skip == t.to  # output pixel p of a window is input pixel p + margin in every frame
        assert t.stop <= canvas


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 12), st.integers(0, 12), st.integers(1, 10))
def test_tiled_equals_whole(net: torch.nn.Module, down: int, across: int, bigger: int) -> None:
    height, width = (FAR.sizes.minimum + 16 * n for n in (down, across))
    x = torch.randn(1, 3, height, width, dtype=torch.float64, generator=torch.Generator().manual_seed(down))
    with torch.inference_mode():
        joined = windows.run(net, x, 188 + 16 * bigger + 3, FAR.sizes, FAR.shrink)
        torch.testing.assert_close(joined, net(x), rtol=0, atol=1e-11)


def test_abutting_tiles_of_the_papers_388_pixels_are_not_exact(net: torch.nn.Module) -> None:
    """Why the stride is a multiple of 16: a window that starts 388 pixels on pools other pairs of pixels."""
    x = torch.randn(1, 3, 572, 572 + 400, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        whole = net(x)
        second = net(x[..., 388 : 388 + 572])
        inside = net(x[..., 384 : 384 + 572])
    assert (second - whole[..., 388 : 388 + 388]).abs().max() > 1e-6
    torch.testing.assert_close(inside, whole[..., 384 : 384 + 388], rtol=0, atol=1e-11)


def test_a_canvas_of_an_illegal_size_is_refused() -> None:
    with pytest.raises(ValueError, match="no legal input size"):
        windows.plan(573, 188, FAR.sizes, FAR.shrink)
