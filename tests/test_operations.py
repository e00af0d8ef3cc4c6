"""Every kind of operation against torch: windows computed alone, a unit's arithmetic, costs, and what is not known."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from explorer import operations, unit
from explorer.geometry import Region, Window
from explorer.inference.forecast import forecast
from explorer.local import WindowRunner
from explorer.operations import Operation, Part, kinds, known, operation_of
from explorer.operations.arithmetic import Arithmetic, Place, Read, copied
from explorer.operations.layers import Add, Argmax, BilinearUp, Concat, Scale
from explorer.trace import trace

CHANNELS = 6


class Between(nn.Module):
    """A convolution, the module in question, a convolution: its windows lie inside a network."""

    def __init__(self, part: nn.Module, channels: int = CHANNELS) -> None:
        super().__init__()
        self.first, self.part, self.last = nn.Conv2d(2, CHANNELS, 3, padding=1), part, nn.Conv2d(channels, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.part(self.first(x)))


class Joined(Between):
    """Two convolutions, joined."""

    def __init__(self, part: nn.Module, channels: int = CHANNELS) -> None:
        super().__init__(part, channels)
        self.second = nn.Conv2d(2, CHANNELS, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.part(self.first(x), self.second(x)))


def pairs(low: int, high: int) -> st.SearchStrategy[tuple[int, int]]:
    return st.tuples(st.integers(low, high), st.integers(low, high))


@st.composite
def modules(draw: st.DrawFn) -> nn.Module:
    kind = draw(
        st.sampled_from(["conv", "max", "average", "upconv", "bilinear", "norm", "relu", "scale", "add", "concat"])
    )
    kernel, stride = draw(pairs(1, 4)), draw(pairs(1, 3))
    half = tuple(draw(st.integers(0, k // 2)) for k in kernel)
    groups, dilation = draw(st.sampled_from([1, 2, 3])), draw(pairs(1, 2))
    match kind:
        case "conv":
            padding = draw(pairs(0, 3))
            return Between(
                nn.Conv2d(CHANNELS, CHANNELS, kernel, stride, padding, dilation, groups, draw(st.booleans()))
            )
        case "max":
            return Between(nn.MaxPool2d(kernel, stride, half, dilation, ceil_mode=draw(st.booleans())))
        case "average":
            override = draw(st.sampled_from([None, None, 5]))
            ceil, count = draw(st.booleans()), draw(st.booleans())
            return Between(nn.AvgPool2d(kernel, stride, half, ceil, count, override))
        case "upconv":
            padding = tuple(draw(st.integers(0, k // 2)) for k in kernel)
            more = tuple(draw(st.integers(0, s - 1)) for s in stride)
            return Between(nn.ConvTranspose2d(CHANNELS, CHANNELS, kernel, stride, padding, more, groups))
        case "bilinear":
            return Between(BilinearUp(CHANNELS, draw(st.integers(1, 4))))
        case "norm":
            norm = nn.BatchNorm2d(CHANNELS, affine=draw(st.booleans()))
            norm.running_mean, norm.running_var = torch.randn(CHANNELS), torch.rand(CHANNELS) + 0.1
            return Between(norm)
        case "relu":
            return Between(draw(st.sampled_from([nn.ReLU(), nn.ReLU(inplace=False), nn.Dropout(), nn.Identity()])))
        case "scale":
            return Between(Scale(-1.5))
        case "add":
            return Joined(Add())
    return Joined(Concat(), 2 * CHANNELS)


def run_of(network: nn.Module, image: Tensor) -> tuple[object, WindowRunner]:
    done = trace(network, image)
    return done, WindowRunner(network, image, {step.name: step.shape for step in done.steps})


@settings(max_examples=150, deadline=None)
@given(modules(), pairs(3, 12), st.integers(0, 2**31), st.data())
def test_windows_and_arithmetic_are_torchs(network: nn.Module, size: tuple[int, int], seed: int, data) -> None:
    """Of any settings: what a window computes and what a unit's terms add up to is what the whole run has there."""
    torch.manual_seed(seed)
    network = network.double().eval()
    image = torch.randn(1, 2, *size, dtype=torch.float64)
    try:
        with torch.inference_mode():
            network(image)
    except RuntimeError:  # torch cannot either
        assume(False)
    run, local = run_of(network, image)
    step = run["part"]
    spans = []
    for n in step.shape[2:]:
        low = data.draw(st.integers(0, n - 1))
        spans.append((low, data.draw(st.integers(low + 1, n))))
    with torch.inference_mode():
        found = local.values("part", Region(*spans))["part"]
    expected = step.value[:, :, slice(*spans[0]), slice(*spans[1])]
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)

    place = tuple(data.draw(st.integers(0, n - 1)) for n in step.shape[1:])
    sum_of = unit.arithmetic(local, "part", *place, most=10**6)
    value = float(step.value[0, place[0], place[1], place[2]])
    assert sum_of.value == pytest.approx(value, rel=1e-10, abs=1e-12)
    for term in sum_of.terms:
        assert term.value == pytest.approx(float(run[term.source].value[0, term.channel, term.row, term.column]))
    if sum_of.kind == "sum":
        assert sum(term.product for term in sum_of.terms) + (sum_of.bias or 0) == pytest.approx(value, abs=1e-10)
    with FlopCounterMode(display=False) as counter:
        network(image)
    assert 2 * run.macs == counter.get_total_flops()


@settings(max_examples=60, deadline=None)
@given(modules(), pairs(3, 12))
def test_formulas_come_to_the_size(network: nn.Module, size: tuple[int, int]) -> None:
    """The text says what the map has: worked out as a person would, rounded as it says."""
    network = network.eval()
    try:
        run, _ = run_of(network, torch.randn(1, 2, *size))
    except (RuntimeError, ValueError):
        assume(False)
    for step in run.steps:
        for axis, (code, values) in enumerate(step.size):
            n = step.shape[2 + axis]
            if code == "kept":
                assert run[step.reads[0]].shape[2 + axis] == n
                continue
            assert values["size"] == n
            if code in ("plain", "ceil", "floor"):
                text = values.get("formula", values.get("quotient")).replace("·", "*").replace("−", "-")
                worked = eval(text, {"__builtins__": {}})
                assert n == (worked if code == "plain" else -(-worked // 1) + 1 if code == "ceil" else worked // 1 + 1)


def test_a_unit_of_an_average_pooling_is_no_copy() -> None:
    """0.989 for -0.016, it once said; and of a padded one nine units for one."""
    image = torch.tensor([[[[0.989, -1.0], [0.5, -0.553]]]], dtype=torch.float64)
    pooled = nn.Sequential(nn.AvgPool2d(2)).eval()
    _, local = run_of(pooled, image)
    found = unit.arithmetic(local, "0", 0, 0, 0)
    assert (found.kind, found.count, found.value) == ("sum", 4, pytest.approx(-0.016))
    padded, local = run_of(nn.Sequential(nn.AvgPool2d(3, 1, 1)).eval(), image)
    with torch.inference_mode():
        assert local.values("0", Region((0, 1), (0, 1)))["0"].shape == (1, 1, 1, 1)
    corner = unit.arithmetic(local, "0", 0, 0, 0)
    assert (corner.count, corner.outside, corner.value) == (4, 5, pytest.approx(float(padded.final[0, 0, 0, 0])))


UNKNOWN = [
    nn.PixelShuffle(2),
    nn.AdaptiveAvgPool2d(3),
    nn.Conv2d(4, 4, 3, padding="same"),
    nn.Conv2d(4, 4, 3, padding=1, padding_mode="reflect"),
    nn.BatchNorm2d(4, track_running_stats=False),
    nn.GroupNorm(2, 4),
]


@pytest.mark.parametrize("module", UNKNOWN, ids=lambda m: type(m).__name__)
def test_what_is_not_known_is_never_taken_for_something_else(module: nn.Module) -> None:
    """A step of it has its map and no field, nor has what comes behind it; windows and arithmetic refuse."""
    with pytest.raises(TypeError, match=type(module).__name__):
        operation_of(module)
    network = nn.Sequential(nn.Conv2d(3, 4, 3), module, nn.ReLU()).eval()
    image = torch.rand(1, 3, 8, 8)
    run, local = run_of(network, image)
    with torch.inference_mode():
        assert torch.equal(run.final, network(image))
    assert [step.operation for step in run.steps] == ["conv", "unknown", "relu"]
    assert [step.axes is None for step in run.steps] == [False, True, True]
    assert run["1"].stats is not None
    with pytest.raises(ValueError, match="no geometry is known of 1"):
        _ = run["1"].rows
    for step in ("1", "2"):
        with pytest.raises(TypeError, match="no geometry"):
            local.regions(step, Region((0, 1), (0, 1)))
        with pytest.raises(TypeError, match="no geometry"):
            unit.arithmetic(local, step, 0, 0, 0)
    assert unit.arithmetic(local, "0", 0, 0, 0).value == pytest.approx(float(run["0"].value[0, 0, 0, 0]), abs=1e-5)


def test_a_subclass_is_another_operation() -> None:
    class Odd(nn.Conv2d):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x).flip(2)

    assert known(Odd(1, 1, 1)) is None


# ---- adding an operation: one class


class Median(nn.Module):
    """The median of three rows, a stride of two: no operation that torch has a module for."""

    def forward(self, x: Tensor) -> Tensor:
        return x.unfold(2, 3, 2).median(-1).values


class MedianOfRows(Operation[Median]):
    """The toy: geometry and arithmetic of its own."""

    kind = "median"
    modules = (Median,)

    def along(self, module: Median, axis: int) -> Window:
        return Window(3, 2) if axis == 0 else Window(1)

    def window(self, module: Median, values: Sequence[Tensor], part: Part) -> Tensor:
        return module(values[0])

    def arithmetic(self, module: Median, reads: Sequence[Read], place: Place, most: int) -> Arithmetic:
        channel, row, column = place
        terms = sorted((reads[0].term(channel, 2 * row + k, column) for k in range(3)), key=lambda t: t.value)
        return copied(terms[1])


@pytest.fixture
def median() -> Iterator[None]:
    operations.register(MedianOfRows)
    yield
    operations.unregister("median")


def test_an_operation_is_one_class(median: None) -> None:
    """Trace, receptive fields, windows, arithmetic and the forecast of memory follow; nothing else is touched."""
    assert "median" in kinds()
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 4, 3), Median(), nn.ReLU(), nn.Conv2d(4, 2, 1)).double().eval()
    image = torch.randn(1, 3, 15, 9, dtype=torch.float64)
    run, local = run_of(network, image)
    step = run["1"]
    assert (step.operation, step.shape) == ("median", (1, 4, 6, 7))
    assert (step.rows.grid.jump, step.cols.grid.jump) == (2, 1)
    assert (step.rows.lo[1], step.rows.hi[1]) == (2, 6)  # three rows of windows of three
    with torch.inference_mode():
        window = local.values("3", Region((2, 5), (1, 4)))["3"]
    torch.testing.assert_close(window, run.final[:, :, 2:5, 1:4], rtol=0, atol=1e-12)
    for row in range(6):
        found = unit.arithmetic(local, "1", 3, row, 4)
        assert found.value == pytest.approx(float(step.value[0, 3, row, 4]))
    assert forecast(local, "3", Region((0, 6), (0, 7))).macs == run.macs > 0
    with pytest.raises(ValueError, match="already"):
        operations.register(MedianOfRows)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 9), pairs(1, 6), st.integers(0, 2**31), st.integers(1, 12))
def test_argmax_is_torchs_and_names_who_comes_closest(
    classes: int, size: tuple[int, int], seed: int, most: int
) -> None:
    """Of scores with ties, too: they are whole numbers."""
    torch.manual_seed(seed)
    scores = torch.randint(-3, 4, (1, classes, *size)).double()
    module = Argmax()
    made = module(scores)
    assert torch.equal(made, scores.argmax(1, keepdim=True).double())
    operation = operation_of(module)
    whole = Region((0, size[0]), (0, size[1]))
    read = Read("scores", size, whole, scores[0].numpy())
    for row in range(size[0]):
        for column in range(size[1]):
            found = operation.arithmetic(module, [read], (0, row, column), most)
            assert (found.kind, found.value, found.count) == ("argmax", made[0, 0, row, column], classes)
            assert [term.value for term in found.terms] == sorted(scores[0, :, row, column].tolist())[::-1][:most]
            assert all(term.value == scores[0, term.channel, row, column] for term in found.terms)
            assert found.terms[0].channel == found.value
    part = Part(Region((0, 1), (0, 1)), (Region((0, 1), (0, 1)),), (size,))
    assert operation.window(module, [scores[:, :, :1, :1]], part).item() == made[0, 0, 0, 0]
    assert operation.reads(module, [size], whole) == [whole]
