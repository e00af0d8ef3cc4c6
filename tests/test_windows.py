"""Where windows of a network of valid convolutions may begin."""

from __future__ import annotations

import torch

from explorer.models import ModelSpec, build


def test_abutting_tiles_of_the_papers_388_pixels_are_not_exact() -> None:
    """Why the stride is a multiple of 16: a window that starts 388 pixels on pools other pairs of pixels."""
    torch.manual_seed(0)
    net = build(ModelSpec("unet", "valid", 1 / 32, 8, 3, 3)).eval().double()
    x = torch.randn(1, 3, 572, 572 + 400, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        whole = net(x)
        second = net(x[..., 388 : 388 + 572])
        inside = net(x[..., 384 : 384 + 572])
    assert (second - whole[..., 388 : 388 + 388]).abs().max() > 1e-6
    torch.testing.assert_close(inside, whole[..., 384 : 384 + 388], rtol=0, atol=1e-11)
