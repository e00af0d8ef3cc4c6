"""Thin FCN and U-Net whose skips take another map than the paper's, where the grids let it meet the map from below."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from explorer.models.fcn import FCN, conv
from explorer.models.unet import UNet
from explorer.operations.layers import Crop
from explorer.training import norm

ROWS = {  # question: the paper's tap first
    "fcn16s": ("pool4", "conv5_1", "conv5_3", "conv4_3 average"),
    "fcn8s": ("pool3", "conv4_1", "conv4_3", "conv3_3 average"),
    "unet": ("before pooling", "after pooling"),
}


class TappedFCN(FCN):
    """FCN-16s or -8s, "same" padding: N x 3 x H x W -> N x classes x H x W, with the last skip's tap to choose.

    tap  a layer of the trunk, read behind its ReLU; "... average" brings a map of half the jump to the skip's by 2 x 2
         average pooling. All of them stand on the grid of the paper's tap, so that its crops hold.
    """

    def __init__(self, stride: int, tap: str, width: float, fc_channels: int, classes: int) -> None:
        self.tap = ""  # while the crops are aligned on the paper's own skips
        super().__init__(stride, padding="same", width=width, fc_channels=fc_channels, classes=classes)
        step, _, way = tap.partition(" ")
        self.tap = step.replace("conv", "relu")
        self.average = way == "average"
        channels = self.channels[int(step[-3 if "_" in step else -1]) - 1]
        score = conv(channels, classes, 1, 0)
        nn.init.zeros_(score.weight)  # as the paper's own: whatever the tap, training starts from the same function
        nn.init.zeros_(score.bias)  # type: ignore[arg-type]
        self.add_module("score_pool4" if stride == 16 else "score_pool3", score)

    def forward(self, image: Tensor) -> Tensor:
        if not self.tap:
            return super().forward(image)
        maps, x = {}, image
        for name, part in self.named_children():
            x = maps[name] = part(x)
            if name == "score_fr":
                break
        four = maps[self.tap] if self.stride == 16 else maps["pool4"]
        x = self._joined(x, four, "pool4", "upscore2", "crop_upscore2", self.stride == 16)
        if self.stride == 8:
            x = self._joined(x, maps[self.tap], "pool3", "upscore_pool4", "crop_upscore_pool4", True)
        up = self.upscore16 if self.stride == 16 else self.upscore8
        return self.score(up(x), maps["input"])

    def _joined(self, x: Tensor, tap: Tensor, own: str, up: str, crop: str, chosen: bool) -> Tensor:
        if chosen and self.average:
            tap = F.avg_pool2d(tap, 2, ceil_mode=True)  # rounds up, as the poolings beside it
        skip = self.get_submodule(f"score_{own}")(tap)
        x = self.get_submodule(crop)(self.get_submodule(up)(x), skip)
        return self.get_submodule(f"fuse_{own}")(x, skip)


class PooledSkip(nn.Module):
    """What a U-Net skip carries if it is taken behind the pooling: each maximum stands again on the four units that it
    came from, which is the grid before the pooling."""

    def __init__(self, crop: Crop) -> None:
        super().__init__()
        self.crop = crop

    def forward(self, x: Tensor, reference: Tensor) -> Tensor:
        return self.crop(F.interpolate(F.max_pool2d(x, 2), scale_factor=2.0, mode="nearest"), reference)


def variant(question: str, tap: str, seed: int, width: float, fc_channels: int, classes: int) -> nn.Module:
    """A network of ROWS with batch norm. One seed gives all rows of a question the same initial weights."""
    torch.manual_seed(seed)
    net: nn.Module
    if question == "unet":
        net = UNet("same", width, 3, classes)
        if tap == "after pooling":
            for name in ("crop_d3c", "crop_d2c", "crop_d1c", "crop_d0c"):
                setattr(net, name, PooledSkip(getattr(net, name)))
    else:
        net = TappedFCN(16 if question == "fcn16s" else 8, tap, width, fc_channels, classes)
    for part in net.modules():
        if isinstance(part, nn.Dropout):
            part.p = 0.0  # too few steps for it, and it would draw other numbers for other taps
    norm.insert(net)
    return net
