"""U-Net (Ronneberger, Fischer, Brox: MICCAI 2015, Fig. 1), with the blob names of the authors' release (d0c, u3a, ...).

The defaults are the paper's figure: 31,030,658 parameters with 1 channel in and 2 classes. The released Caffe net
differs in details (ReLU behind each up-convolution, dropout at the bottom); those are not built in here.
"""

from __future__ import annotations

from torch import Tensor, nn

from explorer.graph import align
from explorer.operations.layers import Concat, Crop, Input, he_normal_, scaled

PADDING = {"valid": 0, "same": 1}  # zero padding of the 3x3 convolutions


class UNet(nn.Module):
    """N x in_channels x H x W -> N x classes x H' x W'.

    padding  "valid": H' = H - 184, H and W are 16 m + 12 and at least 188 (572 -> 388 in the paper);
             "same": H' = H, a multiple of 16. Weights fit both. Other sizes raise SizeError.
    width    factor on all channels (1 = paper).

    Contracting path: level l makes d{l}b and d{l}c by 3x3 convolutions. Expansive path: u{l}a is the up-convolved map,
    u{l}b its concatenation with the cropped skip d{l}c, u{l}c and u{l}d come by 3x3 convolutions. Crop offsets follow
    from the grids.
    """

    def __init__(self, padding: str = "valid", width: float = 1.0, in_channels: int = 1, classes: int = 2) -> None:
        super().__init__()
        if padding not in PADDING:
            raise ValueError(f"padding is one of {', '.join(PADDING)}, not {padding!r}")
        self.padding, self.classes = padding, classes
        c0, c1, c2, c3, c4 = (scaled(channels, width) for channels in (64, 128, 256, 512, 1024))
        self.input = Input(in_channels)
        self._contracting(in_channels, c0, c1, c2, c3, c4)
        self._expansive(c0, c1, c2, c3, c4)
        self.score = nn.Conv2d(c0, classes, 1)
        self.apply(he_normal_)
        align(self)

    def _conv(self, channels: int, out: int) -> nn.Conv2d:
        return nn.Conv2d(channels, out, 3, padding=PADDING[self.padding])

    def _contracting(self, image: int, c0: int, c1: int, c2: int, c3: int, c4: int) -> None:
        conv, relu = self._conv, nn.ReLU
        self.conv_d0a_b, self.relu_d0b = conv(image, c0), relu()
        self.conv_d0b_c, self.relu_d0c = conv(c0, c0), relu()
        self.pool_d0c = nn.MaxPool2d(2, 2)
        self.conv_d1a_b, self.relu_d1b = conv(c0, c1), relu()
        self.conv_d1b_c, self.relu_d1c = conv(c1, c1), relu()
        self.pool_d1c = nn.MaxPool2d(2, 2)
        self.conv_d2a_b, self.relu_d2b = conv(c1, c2), relu()
        self.conv_d2b_c, self.relu_d2c = conv(c2, c2), relu()
        self.pool_d2c = nn.MaxPool2d(2, 2)
        self.conv_d3a_b, self.relu_d3b = conv(c2, c3), relu()
        self.conv_d3b_c, self.relu_d3c = conv(c3, c3), relu()
        self.pool_d3c = nn.MaxPool2d(2, 2)
        self.conv_d4a_b, self.relu_d4b = conv(c3, c4), relu()
        self.conv_d4b_c, self.relu_d4c = conv(c4, c4), relu()

    def _expansive(self, c0: int, c1: int, c2: int, c3: int, c4: int) -> None:
        conv, relu = self._conv, nn.ReLU
        self.upconv_u3a, self.crop_d3c, self.concat_u3b = nn.ConvTranspose2d(c4, c3, 2, 2), Crop(), Concat()
        self.conv_u3b_c, self.relu_u3c = conv(2 * c3, c3), relu()
        self.conv_u3c_d, self.relu_u3d = conv(c3, c3), relu()
        self.upconv_u2a, self.crop_d2c, self.concat_u2b = nn.ConvTranspose2d(c3, c2, 2, 2), Crop(), Concat()
        self.conv_u2b_c, self.relu_u2c = conv(2 * c2, c2), relu()
        self.conv_u2c_d, self.relu_u2d = conv(c2, c2), relu()
        self.upconv_u1a, self.crop_d1c, self.concat_u1b = nn.ConvTranspose2d(c2, c1, 2, 2), Crop(), Concat()
        self.conv_u1b_c, self.relu_u1c = conv(2 * c1, c1), relu()
        self.conv_u1c_d, self.relu_u1d = conv(c1, c1), relu()
        self.upconv_u0a, self.crop_d0c, self.concat_u0b = nn.ConvTranspose2d(c1, c0, 2, 2), Crop(), Concat()
        self.conv_u0b_c, self.relu_u0c = conv(2 * c0, c0), relu()
        self.conv_u0c_d, self.relu_u0d = conv(c0, c0), relu()

    def forward(self, image: Tensor) -> Tensor:
        """Sizes at the right: height and width x channels of the paper's network on a 572 x 572 image."""
        x = self.input(image)  # 572 x 1
        x = self.relu_d0b(self.conv_d0a_b(x))  # 570 x 64
        d0c = self.relu_d0c(self.conv_d0b_c(x))  # 568 x 64
        x = self.pool_d0c(d0c)  # 284 x 64
        x = self.relu_d1b(self.conv_d1a_b(x))  # 282 x 128
        d1c = self.relu_d1c(self.conv_d1b_c(x))  # 280 x 128
        x = self.pool_d1c(d1c)  # 140 x 128
        x = self.relu_d2b(self.conv_d2a_b(x))  # 138 x 256
        d2c = self.relu_d2c(self.conv_d2b_c(x))  # 136 x 256
        x = self.pool_d2c(d2c)  # 68 x 256
        x = self.relu_d3b(self.conv_d3a_b(x))  # 66 x 512
        d3c = self.relu_d3c(self.conv_d3b_c(x))  # 64 x 512
        x = self.pool_d3c(d3c)  # 32 x 512
        x = self.relu_d4b(self.conv_d4a_b(x))  # 30 x 1024
        x = self.relu_d4c(self.conv_d4b_c(x))  # 28 x 1024

        x = self.upconv_u3a(x)  # 56 x 512
        x = self.concat_u3b(x, self.crop_d3c(d3c, x))  # 56 x 1024: the skip is cropped from 64
        x = self.relu_u3c(self.conv_u3b_c(x))  # 54 x 512
        x = self.relu_u3d(self.conv_u3c_d(x))  # 52 x 512
        x = self.upconv_u2a(x)  # 104 x 256
        x = self.concat_u2b(x, self.crop_d2c(d2c, x))  # 104 x 512: from 136
        x = self.relu_u2c(self.conv_u2b_c(x))  # 102 x 256
        x = self.relu_u2d(self.conv_u2c_d(x))  # 100 x 256
        x = self.upconv_u1a(x)  # 200 x 128
        x = self.concat_u1b(x, self.crop_d1c(d1c, x))  # 200 x 256: from 280
        x = self.relu_u1c(self.conv_u1b_c(x))  # 198 x 128
        x = self.relu_u1d(self.conv_u1c_d(x))  # 196 x 128
        x = self.upconv_u0a(x)  # 392 x 64
        x = self.concat_u0b(x, self.crop_d0c(d0c, x))  # 392 x 128: from 568
        x = self.relu_u0c(self.conv_u0b_c(x))  # 390 x 64
        x = self.relu_u0d(self.conv_u0c_d(x))  # 388 x 64
        return self.score(x)  # 388 x 2
