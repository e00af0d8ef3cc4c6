"""FCN-32s, FCN-16s and FCN-8s on VGG-16 (Long, Shelhamer, Darrell: CVPR 2015; layers as in the authors' net.py).

The defaults are the paper's network for PASCAL VOC: 134,489,759 parameters with stride 8 and 21 classes.
"""

from __future__ import annotations

from torch import Tensor, nn

from explorer.graph import align
from explorer.operations.layers import Add, BilinearUp, Crop, Input, Scale, he_normal_, scaled

PADDING = {"paper": (100, 0), "same": (1, 3)}  # zero padding of conv1_1 and of fc6 (7x7)
AT_ONCE_SCALE = {"pool4": 0.01, "pool3": 0.0001}  # voc-fcn8s-atonce/net.py


def conv(channels: int, out: int, kernel: int = 3, padding: int = 1) -> nn.Conv2d:
    """A convolution of VGG-16: 3x3 that keeps the size, unless said otherwise."""
    return nn.Conv2d(channels, out, kernel, padding=padding)


def pool() -> nn.MaxPool2d:
    """2x2 max pooling that rounds up, as Caffe does."""
    return nn.MaxPool2d(2, 2, ceil_mode=True)


class Trunk(nn.Module):
    """VGG-16 as a fully convolutional network: its layers up to the class scores, without the way through them."""

    convolved = ("fc6", "fc7")  # fully connected layers of VGG-16, made into convolutions (section 3.1)

    def __init__(self, padding: str, width: float, fc_channels: int, in_channels: int, classes: int) -> None:
        super().__init__()
        first_pad, fc6_pad = PADDING[padding]
        c1, c2, c3, c4, c5 = self.channels = [scaled(channels, width) for channels in (64, 128, 256, 512, 512)]
        self.input = Input(in_channels)
        self.conv1_1, self.relu1_1 = conv(in_channels, c1, padding=first_pad), nn.ReLU()
        self.conv1_2, self.relu1_2 = conv(c1, c1), nn.ReLU()
        self.pool1 = pool()
        self.conv2_1, self.relu2_1 = conv(c1, c2), nn.ReLU()
        self.conv2_2, self.relu2_2 = conv(c2, c2), nn.ReLU()
        self.pool2 = pool()
        self.conv3_1, self.relu3_1 = conv(c2, c3), nn.ReLU()
        self.conv3_2, self.relu3_2 = conv(c3, c3), nn.ReLU()
        self.conv3_3, self.relu3_3 = conv(c3, c3), nn.ReLU()
        self.pool3 = pool()
        self.conv4_1, self.relu4_1 = conv(c3, c4), nn.ReLU()
        self.conv4_2, self.relu4_2 = conv(c4, c4), nn.ReLU()
        self.conv4_3, self.relu4_3 = conv(c4, c4), nn.ReLU()
        self.pool4 = pool()
        self.conv5_1, self.relu5_1 = conv(c4, c5), nn.ReLU()
        self.conv5_2, self.relu5_2 = conv(c5, c5), nn.ReLU()
        self.conv5_3, self.relu5_3 = conv(c5, c5), nn.ReLU()
        self.pool5 = pool()
        self.fc6, self.relu6, self.drop6 = conv(c5, fc_channels, 7, fc6_pad), nn.ReLU(), nn.Dropout(0.5)
        self.fc7, self.relu7, self.drop7 = conv(fc_channels, fc_channels, 1, 0), nn.ReLU(), nn.Dropout(0.5)
        self.score_fr = conv(fc_channels, classes, 1, 0)


class FCN(Trunk):
    """N x in_channels x H x W -> N x classes x H x W, any H and W of at least 1.

    stride      32, 16 or 8: how far the prediction is refined by the skips from pool4 and pool3.
    at_once     8s only: scale pool4 and pool3 by fixed factors so that all three streams train together.
    padding     "paper": 100 zeros around the image and none at fc6; "same": 1 and 3. Weights fit both.
    width       factor on the trunk's channels (1 = VGG-16); fc_channels is the width of fc6 and fc7.

    Skips fuse class scores by sum, poolings round up (Caffe), up-sampling is fixed bilinear. Crop offsets follow from
    the grids (5, 9, 31 with the paper's padding): there the skip is the larger map and is cropped, with "same" padding
    the up-sampled one is.
    """

    def __init__(
        self,
        stride: int = 8,
        at_once: bool = False,
        padding: str = "paper",
        width: float = 1.0,
        fc_channels: int = 4096,
        in_channels: int = 3,
        classes: int = 21,
    ) -> None:
        if stride not in (32, 16, 8):
            raise ValueError(f"FCN has stride 32, 16 or 8, not {stride}")
        if padding not in PADDING:
            raise ValueError(f"padding is one of {', '.join(PADDING)}, not {padding!r}")
        if at_once and stride != 8:
            raise ValueError("only FCN-8s is trained at once")
        super().__init__(padding, width, fc_channels, in_channels, classes)
        self.stride, self.at_once, self.padding, self.classes = stride, at_once, padding, classes
        if stride == 32:
            self.upscore = BilinearUp(classes, 32)
        if stride <= 16:
            self.upscore2 = BilinearUp(classes, 2)
            self.score_pool4 = conv(self.channels[3], classes, 1, 0)
            self.fuse_pool4 = Add()
        if stride == 16:
            self.upscore16 = BilinearUp(classes, 16)
        if stride == 8:
            self.upscore_pool4 = BilinearUp(classes, 2)
            self.score_pool3 = conv(self.channels[2], classes, 1, 0)
            self.fuse_pool3 = Add()
            self.upscore8 = BilinearUp(classes, 8)
        if at_once:
            self.scale_pool4, self.scale_pool3 = (Scale(AT_ONCE_SCALE[name]) for name in ("pool4", "pool3"))
        self._crops()
        self.apply(he_normal_)
        for name, part in self.named_children():
            if name.startswith("score_") and isinstance(part, nn.Conv2d):
                nn.init.zeros_(part.weight)  # Caffe's default filler, as in the authors' nets
        align(self)

    def _crops(self) -> None:
        """Of the two maps that are fused the larger one is cropped; the last crop makes the scores as large as the
        image. `align` finds the offsets."""
        if self.padding == "paper":
            if self.stride <= 16:
                self.crop_pool4 = Crop()
            if self.stride == 8:
                self.crop_pool3 = Crop()
        else:
            if self.stride <= 16:
                self.crop_upscore2 = Crop()
            if self.stride == 8:
                self.crop_upscore_pool4 = Crop()
        self.score = Crop()

    def forward(self, image: Tensor) -> Tensor:
        """Sizes at the right: height and width x channels of the paper's network on a 500 x 500 image."""
        data = self.input(image)  # 500 x 3
        x = self.relu1_1(self.conv1_1(data))  # 698 x 64
        x = self.relu1_2(self.conv1_2(x))  # 698 x 64
        x = self.pool1(x)  # 349 x 64
        x = self.relu2_1(self.conv2_1(x))  # 349 x 128
        x = self.relu2_2(self.conv2_2(x))  # 349 x 128
        x = self.pool2(x)  # 175 x 128
        x = self.relu3_1(self.conv3_1(x))  # 175 x 256
        x = self.relu3_2(self.conv3_2(x))  # 175 x 256
        x = self.relu3_3(self.conv3_3(x))  # 175 x 256
        pool3 = self.pool3(x)  # 88 x 256
        x = self.relu4_1(self.conv4_1(pool3))  # 88 x 512
        x = self.relu4_2(self.conv4_2(x))  # 88 x 512
        x = self.relu4_3(self.conv4_3(x))  # 88 x 512
        pool4 = self.pool4(x)  # 44 x 512
        x = self.relu5_1(self.conv5_1(pool4))  # 44 x 512
        x = self.relu5_2(self.conv5_2(x))  # 44 x 512
        x = self.relu5_3(self.conv5_3(x))  # 44 x 512
        x = self.pool5(x)  # 22 x 512
        x = self.drop6(self.relu6(self.fc6(x)))  # 16 x 4096
        x = self.drop7(self.relu7(self.fc7(x)))  # 16 x 4096
        x = self.score_fr(x)  # 16 x 21
        if self.stride == 32:
            return self.score(self.upscore(x), data)  # 544, cropped to 500 x 21

        x = self.upscore2(x)  # 34 x 21
        skip = self.score_pool4(self.scale_pool4(pool4) if self.at_once else pool4)  # 44 x 21
        if self.padding == "paper":
            skip = self.crop_pool4(skip, x)  # 34 x 21
        else:
            x = self.crop_upscore2(x, skip)
        x = self.fuse_pool4(x, skip)  # 34 x 21
        if self.stride == 16:
            return self.score(self.upscore16(x), data)  # 560, cropped to 500 x 21

        x = self.upscore_pool4(x)  # 70 x 21
        skip = self.score_pool3(self.scale_pool3(pool3) if self.at_once else pool3)  # 88 x 21
        if self.padding == "paper":
            skip = self.crop_pool3(skip, x)  # 70 x 21
        else:
            x = self.crop_upscore_pool4(x, skip)
        x = self.fuse_pool3(x, skip)  # 70 x 21
        return self.score(self.upscore8(x), data)  # 568, cropped to 500 x 21
