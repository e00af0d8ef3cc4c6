"""Why this class here: gradient-weighted activation of any step for a class and a region of the prediction.

Seg-Grad-CAM (Vinogradova, Dibrov and Myers 2020, "Towards Interpretable Semantic Segmentation via Gradient-Weighted
Class Activation Mapping", eq. 1 and 2) carries Grad-CAM (Selvaraju et al. 2017) over to segmentation: where that takes
one class score, the scores of the class are summed over a region.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from explorer.errors import ExplorerError
from explorer.geometry import Axis, Box
from explorer.graph import graph_of
from explorer.labs.crops import walks
from explorer.labs.judging import Output, common, output_of
from explorer.replay import Progress
from explorer.trace import CancelledError


@dataclass(frozen=True, eq=False)
class Cam:
    """What a step's channels say for a class in a region.

    weights  of each channel: the mean over the step's units of the gradient of the class's scores, summed over the
             region, by the unit
    map      ReLU of the channels' weighted sum, h x w of the step; `axes` say where its units stand
    shares   of each channel, in the sum of all weighted maps where they count for the class: weight times the sum of
             the channel's values over the units at which `map` is above zero; they add up to the sum of `map`
    region   pixels of the network's input, those without a label left out; `pixels` of it
    total    the class's scores, summed over the region
    """

    step: str
    label: int
    weights: np.ndarray
    map: np.ndarray
    shares: np.ndarray
    axes: tuple[Axis, Axis]
    region: Box
    total: float
    output: Output

    @property
    def pixels(self) -> int:
        return (self.region.bottom - self.region.top) * (self.region.right - self.region.left)

    @property
    def order(self) -> np.ndarray:
        """Channels by how much they count, those that speak against the class last."""
        return np.argsort(-self.shares, kind="stable")

    def on_input(self, height: int, width: int) -> np.ndarray:
        """The map on the network's input, height x width, between its units linearly: each stands at its centre."""
        rows, cols = (
            (np.arange(n) - float(axis.grid.start)) / float(axis.grid.jump)
            for n, axis in zip((height, width), self.axes, strict=True)
        )
        down = np.stack([np.interp(rows, np.arange(self.map.shape[0]), column) for column in self.map.T], 1)
        return np.stack([np.interp(cols, np.arange(self.map.shape[1]), row) for row in down])


def cam(
    module: nn.Module,
    image: Tensor,
    step: str,
    label: int | None = None,
    region: Box | None = None,
    progress: Progress | None = None,
) -> Cam:
    """Seg-Grad-CAM of a step of a network in eval mode, for an image (1 x C x H x W, normalised).

    label   the class by its number (default: the one that most pixels of the region are labelled as)
    region  pixels of the network's input (default: all that get a label)
    progress  called before each step with (steps done, steps in all, name); returning False stops with CancelledError

    Raises SizeError for an input that the network does not take, ExplorerError for a step ("lab_step") or a class
    ("lab_class") that there is not and for a region without a label ("lab_region").
    """
    rows, cols = walks(module, (image.shape[2], image.shape[3]))
    if step not in rows.axes:
        raise ExplorerError("lab_step", f"The network has no step {step!r}.", step=step)
    with torch.inference_mode(False):
        values = _forward(module, image, step, progress)
        final = values[list(rows.axes)[-1]]
        output = output_of(final.detach(), (rows.output, cols.output))
        seen = output.box if region is None else common(region, output.box)
        if seen.bottom <= seen.top or seen.right <= seen.left:
            raise ExplorerError(
                "lab_region", "The network gives no label in this region: choose one inside its output."
            )
        label = _label(output, seen, label, final.shape[1])
        top, left = seen.top - output.top, seen.left - output.left
        total = final[0, label, top : top + seen.bottom - seen.top, left : left + seen.right - seen.left].sum()
        (gradient,) = torch.autograd.grad(total, values[step])
    weights = gradient[0].mean((1, 2))
    weighted = weights[:, None, None] * values[step].detach()[0]
    summed = weighted.sum(0)
    shares = (weighted * (summed > 0)).sum((1, 2))
    made = [part.cpu().double().numpy() for part in (weights, summed.clamp(min=0), shares)]
    return Cam(
        step, label, made[0], made[1], made[2], (rows.axes[step], cols.axes[step]), seen, float(total.detach()), output
    )


def _forward(module: nn.Module, image: Tensor, leaf: str, progress: Progress | None) -> dict[str, Tensor]:
    """The values of a step and of the last one; what lies behind the step can be differentiated by it."""
    nodes = [node for node in graph_of(module).nodes if node.op in ("placeholder", "call_module")]
    made, last = {}, nodes[-1]
    ends = {node: max(nodes.index(user) for user in node.users if user in nodes) for node in nodes if node is not last}
    for done, node in enumerate(nodes):
        name = str(node.target)
        if node.op == "placeholder":
            made[node] = image.detach().clone()
            continue
        if progress and progress(done, len(nodes), name) is False:
            raise CancelledError(name)
        with torch.set_grad_enabled(any(made[i].requires_grad for i in node.all_input_nodes)):
            made[node] = module.get_submodule(name)(*(made[i] for i in node.all_input_nodes))
        if name == leaf:
            made[node] = made[node].detach().clone().requires_grad_()
            kept = made[node]
        for read in node.all_input_nodes:
            if ends[read] == done and str(read.target) != leaf:
                del made[read]
    return {leaf: kept, str(last.target): made[last]}


def _label(output: Output, region: Box, label: int | None, classes: int) -> int:
    if label is None:
        return int(np.bincount(output.cut(region).ravel()).argmax())
    if not 0 <= label < classes:
        raise ExplorerError("lab_class", f"There is no class {label}: the network has {classes}.", classes=classes)
    return label
