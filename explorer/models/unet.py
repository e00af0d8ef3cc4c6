"""U-Net (Ronneberger, Fischer, Brox: MICCAI 2015, Fig. 1), with the blob names of the authors' release (d0c, u3a, ...).

The defaults are the paper's figure: 31,030,658 parameters with 1 channel in and 2 classes. The released Caffe net
differs in details (ReLU behind each up-convolution, dropout at the bottom); those are not built in here.
"""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn

from explorer.geometry import Grid, Op, covered, crop_offset, legal_sizes
from explorer.models.layers import Concat, Crop, Input, he_normal_, operation, scaled

CHANNELS = (64, 128, 256, 512, 1024)  # levels 0..4
PADDING = {"valid": 0, "same": 1}  # zero padding of the 3x3 convolutions


class UNet(nn.Module):
    """N x in_channels x H x W -> N x classes x H' x W'.

    padding  "valid": H' = H - 184, H and W are 16 m + 12 and at least 188 (572 -> 388 in the paper);
             "same": H' = H, a multiple of 16. Weights fit both. Other sizes raise SizeError.
    width    factor on all channels (1 = paper).

    Contracting path: level l makes d{l}b and d{l}c by 3x3 convolutions. Expansive path: u{l}a is the up-convolved map,
    u{l}b its concatenation with the cropped skip d{l}c, u{l}c and u{l}d come by 3x3 convolutions. Sizes of the
    paper are named on the right. Crop offsets follow from the grids.
    """

    def __init__(
        self,
        padding: str = "valid",
        width: float = 1.0,
        in_channels: int = 1,
        classes: int = 2,
    ) -> None:
        super().__init__()
        if padding not in PADDING:
            raise ValueError(f"padding is one of {', '.join(PADDING)}, not {padding!r}")
        self.padding, self.classes = padding, classes
        self.levels = len(CHANNELS)
        pad = PADDING[padding]
        self.down: list[list[str]] = []  # per level: convolutions and ReLUs up to d{l}c
        self.pools: list[str] = []  # below level l
        self.up: list[list[str]] = []  # per level 3..0: up-convolution, crop, concatenation, convolutions
        self.along: dict[str, Op] = {}  # what each step does along an axis: rows and columns are alike

        at, skips, channels = Grid(), [], in_channels
        for level, paper in enumerate(CHANNELS):  # 568, 280, 136, 64, 28
            out = scaled(paper, width)
            names = self._convolutions(f"d{level}", "abc", channels, out, pad)
            self.down.append(names)
            at, channels = self._grid(names, at), out
            skips.append(at)
            if level < self.levels - 1:
                self.pools.append(f"pool_d{level}c")
                self.add_module(self.pools[level], nn.MaxPool2d(2, 2))  # 284, 140, 68, 32
                at = self._grid([self.pools[level]], at)
        for level in range(self.levels - 2, -1, -1):
            out = scaled(CHANNELS[level], width)
            upconv, crop, concat = f"upconv_u{level}a", f"crop_d{level}c", f"concat_u{level}b"
            self.add_module(upconv, nn.ConvTranspose2d(channels, out, 2, 2))  # 56, 104, 200, 392
            at = self._grid([upconv], at)
            self.add_module(crop, Crop(crop_offset(skips[level], at)))
            self.add_module(concat, Concat())
            names = self._convolutions(f"u{level}", "bcd", 2 * out, out, pad)  # 52, 100, 196, 388
            self.up.append([upconv, crop, concat, *names])
            at, channels = self._grid(names, at), out
        self.score = nn.Conv2d(channels, classes, 1)
        self.input = Input(in_channels, legal_sizes(self.output_size, period=2 ** (self.levels - 1)))
        self.apply(he_normal_)

    def _convolutions(self, level: str, blobs: str, channels: int, out: int, pad: int) -> list[str]:
        names = []
        for a, b in pairwise(blobs):
            for name, module in (
                (f"conv_{level}{a}_{b}", nn.Conv2d(channels, out, 3, padding=pad)),
                (f"relu_{level}{b}", nn.ReLU()),
            ):
                self.add_module(name, module)
                names.append(name)
            channels = out
        return names

    def _grid(self, names: list[str], at: Grid) -> Grid:
        for name in names:
            self.along[name] = operation(self.get_submodule(name), 0)
            at = self.along[name].grid(at)
        return at

    def forward(self, image: Tensor) -> Tensor:
        x = self.input(image)
        skips = []
        for level, names in enumerate(self.down):
            for name in names:
                x = self.get_submodule(name)(x)
            if level < self.levels - 1:
                skips.append(x)
                x = self.get_submodule(self.pools[level])(x)
        for upconv, crop, concat, *names in self.up:
            x = self.get_submodule(upconv)(x)
            x = self.get_submodule(concat)(x, self.get_submodule(crop)(skips.pop(), x))
            for name in names:
                x = self.get_submodule(name)(x)
        return self.score(x)

    def output_size(self, n: int) -> int | None:
        """Output pixels along one axis for n input pixels; None where a pooling would drop a row or nothing is left."""
        for level, names in enumerate(self.down):
            for name in names:
                n = self.along[name].size(n)
            if n < 1:
                return None
            if level < self.levels - 1:
                pool = self.along[self.pools[level]]
                if not covered(pool, n).all():
                    return None
                n = pool.size(n)
        for upconv, _, _, *names in self.up:  # the skip is cut to the up-convolved map's size
            for name in (upconv, *names):
                n = self.along[name].size(n)
        return n if n > 0 else None
