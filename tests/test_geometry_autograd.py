"""Every step's intervals against autograd's support, for all networks in both paddings.

The networks are made linear with positive weights: average for max pooling, identity for ReLU and dropout, weights 1,
biases 0, one channel per layer, float64. A derivative is then zero exactly where a unit does not depend on a pixel:
nothing cancels and nothing underflows. Two ways, both autograd's:

* forward mode, for every unit: sample b of a batch carries the tangent "row b of the image" (or column b), so that one
  pass gives, for every step, the derivative of every row of units by every row of pixels;
* reverse mode, for a sample of units of every step: the gradient of one unit is a rectangle of pixels. The one size
  beyond the receptive field, 500, is tested in this way only.
"""

from __future__ import annotations

import pytest
import torch
import torch.autograd.forward_ad as forward_ad
from torch import Tensor, nn

from explorer.geometry import Axis
from explorer.models import MODELS, ModelSpec, build
from explorer.operations.layers import BilinearUp
from explorer.trace import trace

FCN_SIZES = [(1, 1), (2, 3), (7, 5), (33, 64), (50, 1)]
UNET_SIZES = {"valid": [(204, 188), (188, 220)], "same": [(16, 16), (32, 48), (80, 16)]}
CASES = [
    pytest.param(model, padding, size, id=f"{model}-{padding}-{size[0]}x{size[1]}")
    for model, entry in MODELS.items()
    for padding in entry.paddings
    for size in (UNET_SIZES[padding] if model == "unet" else FCN_SIZES)
]
LARGER = pytest.param("fcn8s", "paper", (500, 1), id="fcn8s-paper-500x1")  # taller than the receptive field
pytestmark = [
    pytest.mark.usefixtures("one_thread"),
    pytest.mark.filterwarnings("ignore:.torch.jit:FutureWarning"),  # torch's own forward mode
]


def one_channel(model: str, padding: str) -> nn.Module:
    return build(ModelSpec(model, padding, width=1e-6, fc_channels=1, in_channels=1, classes=1))


def linear(network: nn.Module) -> nn.Module:
    """The same network with positive linear layers (in place)."""
    for name, module in list(network.named_modules()):
        if isinstance(module, nn.MaxPool2d):
            pool = nn.AvgPool2d(module.kernel_size, module.stride, module.padding, ceil_mode=module.ceil_mode)
            network.set_submodule(name, pool)
        elif isinstance(module, nn.ReLU | nn.Dropout):
            network.set_submodule(name, nn.Identity())
        elif isinstance(module, nn.Conv2d | nn.ConvTranspose2d) and not isinstance(module, BilinearUp):
            nn.init.ones_(module.weight)
            nn.init.zeros_(module.bias)
    return network.double().requires_grad_(False)


def run_recording(network: nn.Module, image: Tensor, take) -> dict[str, Tensor]:
    """take(value) of every step's value, by the step's name."""
    taken: dict[str, Tensor] = {}
    leaves = [(name, module) for name, module in network.named_modules() if not list(module.children())]
    hooks = [
        module.register_forward_hook(lambda _, __, value, name=name: taken.update({name: take(value)}))
        for name, module in leaves
    ]
    try:
        network(image)
    finally:
        for hook in hooks:
            hook.remove()
    return taken


def reads(network: nn.Module, size: tuple[int, int], axis: int, batch: int = 8) -> dict[str, Tensor]:
    """Of every step a matrix units x pixels along the axis: True where the derivative is not zero."""
    parts: dict[str, list[Tensor]] = {}
    for first in range(0, size[axis], batch):
        samples = min(batch, size[axis] - first)
        tangent = torch.zeros(samples, 1, *size, dtype=torch.float64)
        for b in range(samples):
            tangent[b, 0].select(axis, first + b).fill_(1)
        with forward_ad.dual_level():
            image = forward_ad.make_dual(torch.ones_like(tangent), tangent)
            for name, part in run_recording(network, image, lambda v: _by_unit(v, axis)).items():
                parts.setdefault(name, []).append(part)
    return {name: torch.cat(part, 1) for name, part in parts.items()}


def _by_unit(value: Tensor, axis: int) -> Tensor:
    tangent = forward_ad.unpack_dual(value).tangent
    assert (tangent >= 0).all()
    return (tangent > 0).any(1).any(2 - axis).T  # over channels and the other axis


def assert_hull(where: str, axis: Axis, reads: Tensor) -> None:
    """lo, hi are the first and the last pixel read; EMPTY where none is; and no network of ours leaves holes."""
    support = reads.numpy()
    assert support.shape[0] == len(axis), where
    empty = ~support.any(1)
    assert (axis.empty == empty).all(), where
    first, last = support.argmax(1), support.shape[1] - 1 - support[:, ::-1].argmax(1)
    assert (axis.lo[~empty] == first[~empty]).all(), where
    assert (axis.hi[~empty] == last[~empty]).all(), where
    assert (axis.extents == support.sum(1)).all(), where


@pytest.mark.parametrize(("model", "padding", "size"), CASES)
def test_every_unit_of_every_step_agrees_with_forward_mode(model, padding, size):
    steps = trace(one_channel(model, padding), torch.ones(1, 1, *size), keep=False).steps
    network = linear(one_channel(model, padding))
    along = [reads(network, size, axis) for axis in (0, 1)]
    assert along[0].keys() == {step.name for step in steps}
    for step in steps:
        assert_hull(f"rows of {step.name}", step.rows, along[0][step.name])
        assert_hull(f"columns of {step.name}", step.cols, along[1][step.name])


@pytest.mark.parametrize(("model", "padding", "size"), [*CASES, LARGER])
def test_sampled_units_of_every_step_agree_with_reverse_mode(model, padding, size):
    steps = trace(one_channel(model, padding), torch.ones(1, 1, *size), keep=False).steps
    image = torch.ones(1, 1, *size, dtype=torch.float64, requires_grad=True)
    values = run_recording(linear(one_channel(model, padding)), image, lambda value: value)
    for step in steps:
        height, width = step.shape[2:]
        for row, col in {(0, 0), (height // 2, width // 3), (height // 3, width - 1), (height - 1, width // 2)}:
            unit = values[step.name][0, :, row, col].sum()
            (gradient,) = torch.autograd.grad(unit, image, retain_graph=True)
            expected = torch.zeros(size, dtype=torch.bool)
            if not (step.rows.empty[row] or step.cols.empty[col]):
                rows = slice(step.rows.lo[row], step.rows.hi[row] + 1)
                expected[rows, step.cols.lo[col] : step.cols.hi[col] + 1] = True
            assert torch.equal(gradient[0, 0] > 0, expected), f"{step.name} [{row}, {col}]"
