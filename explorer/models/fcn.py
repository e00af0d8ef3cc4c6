"""FCN-32s, FCN-16s and FCN-8s on VGG-16 (Long, Shelhamer, Darrell: CVPR 2015; layers as in the authors' net.py).

The defaults are the paper's network for PASCAL VOC: 134,489,759 parameters with stride 8 and 21 classes.
"""

from __future__ import annotations

from torch import Tensor, nn

from explorer.geometry import Grid, crop_offset, legal_sizes
from explorer.models.layers import Add, BilinearUp, Crop, Input, Scale, he_normal_, operation, scaled

BLOCKS = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))  # channels and 3x3 convolutions of VGG-16's five blocks
PADDING = {"paper": (100, 0), "same": (1, 3)}  # zero padding of conv1_1 and of fc6 (7x7)
AT_ONCE_SCALE = {"pool4": 0.01, "pool3": 0.0001}  # voc-fcn8s-atonce/net.py


class FCN(nn.Module):
    """N x in_channels x H x W -> N x classes x H x W, any H and W of at least 1.

    stride      32, 16 or 8: how far the prediction is refined by the skips from pool4 and pool3.
    at_once     8s only: scale pool4 and pool3 by fixed factors so that all three streams train together.
    padding     "paper": 100 zeros around the image and none at fc6; "same": 1 and 3. Weights fit both.
    width       factor on the trunk's channels (1 = VGG-16); fc_channels is the width of fc6 and fc7.

    Sizes are named on the right for the paper's padding and a 500 x 500 image. Skips fuse class scores by sum,
    poolings round up (Caffe), up-sampling is fixed bilinear. Crop offsets follow from the grids (5, 9, 31 there).
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
        super().__init__()
        if stride not in (32, 16, 8):
            raise ValueError(f"FCN has stride 32, 16 or 8, not {stride}")
        if padding not in PADDING:
            raise ValueError(f"padding is one of {', '.join(PADDING)}, not {padding!r}")
        if at_once and stride != 8:
            raise ValueError("only FCN-8s is trained at once")
        self.stride, self.at_once, self.padding, self.classes = stride, at_once, padding, classes
        first_pad, fc6_pad = PADDING[padding]

        self.trunk: list[str] = []  # names in order
        channels, pool_channels = in_channels, {}
        for block, (out, convs) in enumerate(BLOCKS, 1):
            for i in range(1, convs + 1):
                pad = first_pad if (block, i) == (1, 1) else 1
                self._append(f"conv{block}_{i}", nn.Conv2d(channels, scaled(out, width), 3, padding=pad))
                self._append(f"relu{block}_{i}", nn.ReLU())
                channels = scaled(out, width)
            self._append(f"pool{block}", nn.MaxPool2d(2, 2, ceil_mode=True))  # 349, 175, 88, 44, 22
            pool_channels[f"pool{block}"] = channels
        for name, out, kernel, pad in (("6", fc_channels, 7, fc6_pad), ("7", fc_channels, 1, 0)):
            self._append(f"fc{name}", nn.Conv2d(channels, out, kernel, padding=pad))  # 16
            self._append(f"relu{name}", nn.ReLU())
            self._append(f"drop{name}", nn.Dropout(0.5))
            channels = out
        self._append("score_fr", nn.Conv2d(channels, classes, 1))  # 16 x 16 x classes

        grids = {"data": Grid()}
        at = grids["data"]
        for name in self.trunk:
            at = grids[name] = operation(self.get_submodule(name), 0).grid(at)

        self.fusions: list[dict[str, str]] = []
        for pool, up in (("pool4", "upscore2"), ("pool3", "upscore_pool4"))[: {32: 0, 16: 1, 8: 2}[stride]]:
            self.add_module(up, BilinearUp(classes, 2))  # 34, then 70
            at = operation(self.get_submodule(up), 0).grid(at)
            if at_once:
                self.add_module(f"scale_{pool}", Scale(AT_ONCE_SCALE[pool]))
            score = f"score_{pool}"
            self.add_module(score, nn.Conv2d(pool_channels[pool], classes, 1))  # 44, then 88
            offset = crop_offset(grids[pool], at)
            cropped = pool if offset >= 0 else up  # the map that begins earlier is the larger one
            self.add_module(f"crop_{cropped}", Crop(abs(offset)))
            at = grids[pool] if offset < 0 else at
            self.add_module(f"fuse_{pool}", Add())
            self.fusions.append({"pool": pool, "up": up, "cropped": cropped})
        self.last_up = {32: "upscore", 16: "upscore16", 8: "upscore8"}[stride]
        self.add_module(self.last_up, BilinearUp(classes, stride))  # 568
        at = operation(self.get_submodule(self.last_up), 0).grid(at)
        self.score = Crop(crop_offset(at, grids["data"]))  # 500

        chain = (*self.trunk, *(fusion["up"] for fusion in self.fusions), self.last_up)
        self.along = {name: operation(self.get_submodule(name), 0) for name in chain}  # rows and columns are alike
        self.input = Input(in_channels, legal_sizes(self.output_size, period=32))
        self.apply(he_normal_)
        for name, module in self.named_modules():
            if name.startswith("score_") and isinstance(module, nn.Conv2d):
                nn.init.zeros_(module.weight)  # Caffe's default filler, as in the authors' nets

    def _append(self, name: str, module: nn.Module) -> None:
        self.add_module(name, module)
        self.trunk.append(name)

    def forward(self, image: Tensor) -> Tensor:
        data = x = self.input(image)
        pools, tapped = {}, {fusion["pool"] for fusion in self.fusions}
        for name in self.trunk:
            x = self.get_submodule(name)(x)
            if name in tapped:
                pools[name] = x
        for fusion in self.fusions:
            pool, up, cropped = fusion["pool"], fusion["up"], fusion["cropped"]
            x = self.get_submodule(up)(x)
            skip = pools[pool]
            if self.at_once:
                skip = self.get_submodule(f"scale_{pool}")(skip)
            skip = self.get_submodule(f"score_{pool}")(skip)
            crop = self.get_submodule(f"crop_{cropped}")
            x, skip = (x, crop(skip, x)) if cropped == pool else (crop(x, skip), skip)
            x = self.get_submodule(f"fuse_{pool}")(x, skip)
        return self.score(self.get_submodule(self.last_up)(x), data)

    def output_size(self, n: int) -> int | None:
        """Output pixels along one axis for n input pixels; None if the network cannot be run on them."""
        sizes, size = {}, n
        for name in self.trunk:
            size = sizes[name] = self.along[name].size(size)
            if size < 1:
                return None
        for fusion in self.fusions:
            size = self.along[fusion["up"]].size(size)
            skip, crop = sizes[fusion["pool"]], self.get_submodule(f"crop_{fusion['cropped']}")
            whole, size = (skip, size) if fusion["cropped"] == fusion["pool"] else (size, skip)
            if not isinstance(crop, Crop) or crop.offset + size > whole:
                return None
        size = self.along[self.last_up].size(size)
        return n if self.score.offset + n <= size else None
