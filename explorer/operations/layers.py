"""Building blocks that torch has no module for.

Crop, Add, Concat, Scale and Input are leaf modules on purpose: torch.fx keeps each as one named step, and a size
check inside one does not break symbolic tracing. Argmax stands behind a network, in none of them.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from explorer import geometry
from explorer.geometry import LegalSizes


class SizeError(ValueError):
    """The network cannot take an input of this size; `nearest` holds the nearest legal (height, width) choices."""

    def __init__(self, size: tuple[int, int], nearest: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
        self.size, self.nearest = size, nearest
        heights, widths = (" or ".join(map(str, choices)) for choices in nearest)
        super().__init__(
            f"an input of {size[0]} x {size[1]} pixels does not fit this network; nearest legal sizes: "
            f"height {heights}, width {widths}"
        )


class Input(nn.Module):
    """The network's input, N x C x H x W, handed on unchanged. Raises SizeError unless H and W are legal."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = channels
        self.sizes = LegalSizes(1, 1)  # any; `align` finds those of a network

    def forward(self, x: Tensor) -> Tensor:
        if x.ndim != 4 or x.shape[1] != self.channels:
            raise ValueError(f"the network takes N x {self.channels} x H x W, not {' x '.join(map(str, x.shape))}")
        size = (int(x.shape[2]), int(x.shape[3]))
        if any(n not in self.sizes for n in size):
            raise SizeError(size, (self.sizes.nearest(size[0]), self.sizes.nearest(size[1])))
        return x


class Crop(nn.Module):
    """x[offset : offset + size of reference] on H and W. The offset aligns the two grids; it is not "half the rest".

    misaligned  accept an offset after which the grids do not meet (a variant's; the papers' networks insist on it)
    """

    def __init__(self, offset: int = 0, misaligned: bool = False) -> None:
        super().__init__()
        self.offset, self.misaligned = offset, misaligned

    def forward(self, x: Tensor, reference: Tensor) -> Tensor:
        o, h, w = self.offset, reference.shape[2], reference.shape[3]
        if o + h > x.shape[2] or o + w > x.shape[3]:
            raise geometry.GeometryError(
                f"a crop of {h} x {w} from offset {o} does not fit a map of {x.shape[2]} x {x.shape[3]}"
            )
        return x[:, :, o : o + h, o : o + w]

    def extra_repr(self) -> str:
        return f"offset={self.offset}"


class Add(nn.Module):
    """Sum of two maps: FCN fuses class scores (Long et al. 2015, section 4.2).

    misaligned  accept maps whose grids do not meet
    """

    def __init__(self, misaligned: bool = False) -> None:
        super().__init__()
        self.misaligned = misaligned

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        return a + b


class Concat(nn.Module):
    """[a, b] along the channels: U-Net puts the up-sampled map first, the cropped skip second.

    misaligned  accept maps whose grids do not meet
    """

    def __init__(self, misaligned: bool = False) -> None:
        super().__init__()
        self.misaligned = misaligned

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        return torch.cat((a, b), 1)


class Scale(nn.Module):
    """Multiplies by a fixed number (the "at once" FCN-8s tames pool4 and pool3 with it)."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: Tensor) -> Tensor:
        return x * self.factor

    def extra_repr(self) -> str:
        return f"factor={self.factor}"


class Argmax(nn.Module):
    """N x classes x H x W scores -> N x 1 x H x W, the index of the class with the largest one."""

    def forward(self, x: Tensor) -> Tensor:
        return x.argmax(1, keepdim=True).to(x.dtype)


class BilinearUp(nn.ConvTranspose2d):
    """Fixed bilinear up-sampling by `stride`, as a transposed convolution (Long et al. 2015, section 3.3).

    Kernel 2 x stride, no padding, no bias. The weight is stored dense (classes x classes x k x k) as in the released
    nets, is bilinear on the class diagonal and zero elsewhere, and is never trained.
    """

    def __init__(self, classes: int, stride: int) -> None:
        super().__init__(classes, classes, 2 * stride, stride, bias=False)
        self.weight.requires_grad_(False)

    def reset_parameters(self) -> None:
        if self.weight.is_meta:  # see he_normal_
            return
        kernel = self.kernel_size[0]
        factor = (kernel + 1) // 2
        centre = factor - 1 if kernel % 2 else factor - 0.5
        line = 1 - (torch.arange(kernel, dtype=torch.float64) - centre).abs() / factor
        with torch.no_grad():
            self.weight.zero_()
            for c in range(self.in_channels):
                self.weight[c, c] = torch.outer(line, line).to(self.weight)


def he_normal_(module: nn.Module) -> None:
    """Weights from N(0, sqrt(2 / fan_in)), biases zero (Ronneberger et al. 2015, section 3; He et al. 2015).

    On the meta device only shapes are wanted, and torch would load its compiler to fill them: they are left alone.
    """
    if any(parameter.is_meta for parameter in module.parameters(recurse=False)):
        return
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d) and not isinstance(module, BilinearUp):
        up = isinstance(module, nn.ConvTranspose2d)
        # an up-convolution of kernel = stride reads one unit per output: its fan-in is the input channels
        fan_in = module.in_channels * (1 if up else module.kernel_size[0] * module.kernel_size[1])
        nn.init.normal_(module.weight, std=(2 / fan_in) ** 0.5)
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def scaled(channels: int, width: float) -> int:
    """Channels of a trunk layer at a given width: at least one."""
    return max(1, round(channels * width))
