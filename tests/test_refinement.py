"""What a network predicts with its finer score layers at zero, against networks whose parameters really are zero."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from explorer.models import MODELS
from explorer.operations.layers import Add, BilinearUp, Concat, Crop
from explorer.refinement import Refiner, Stage, labelling
from explorer.trace import Trace, trace
from tests.labs.made import with_zeros

Thin = Callable[[str, str], nn.Module]


def refined(network: nn.Module, image: Tensor) -> tuple[Refiner, Trace, tuple[Stage, ...]]:
    refiner = Refiner(network, image)
    run = trace(network, image, keep=False, visit=refiner.visit)
    return refiner, run, refiner.stages(run)


def photo(network: nn.Module, side: int = 70) -> Tensor:
    n = network.input.sizes.at_least(side)
    return torch.rand(1, 3, n, network.input.sizes.at_least(n + 1), generator=torch.Generator().manual_seed(1))


FCN = {  # Long et al. 2015, Fig. 3: the score layers by stride, and where their sums are
    "fcn32s": [("score_fr", ())],
    "fcn16s": [("score_fr", ("score_pool4",)), ("fuse_pool4", ())],
    "fcn8s": [("score_fr", ("score_pool4", "score_pool3")), ("fuse_pool4", ("score_pool3",)), ("fuse_pool3", ())],
}
FCN["fcn8s-atonce"] = FCN["fcn8s"]


@pytest.mark.parametrize("padding", ["paper", "same"])
@pytest.mark.parametrize("model", FCN)
def test_the_stages_of_fcn(thin: Thin, model: str, padding: str) -> None:
    network = thin(model, padding)
    refiner, run, stages = refined(network, photo(network))
    assert [(stage.step, tuple(sorted(stage.zeroed, reverse=True))) for stage in stages] == FCN[model]
    image = photo(network)
    for stage in stages:
        with torch.inference_mode():
            wanted = with_zeros(network, *stage.zeroed)(image)
        assert torch.equal(refiner.scores(stage, run), wanted)
    sums = [float(refiner.scores(stage, run).double().abs().sum()) for stage in stages]
    assert len(set(sums)) == len(stages)  # every layer says something


@pytest.mark.parametrize("padding", ["valid", "same"])
def test_unet_has_one_score_layer_and_nothing_to_refine(thin: Thin, padding: str) -> None:
    network = thin("unet", padding)
    refiner, run, stages = refined(network, photo(network, 190))
    assert stages == (Stage("score", ()),)
    assert refiner.scores(stages[0], run) is run.final
    assert refiner._values.keys() == {"image"}  # nothing is kept for nothing


def test_what_is_kept_is_small(thin: Thin) -> None:
    """Score maps and what the crops take their sizes from, no feature maps."""
    network = thin("fcn8s", "paper")
    refiner, run, _ = refined(network, photo(network))
    assert set(refiner._values) == {"image", "input", "score_fr", "score_pool4", "score_pool3"}
    assert all(run[name].scores for name in refiner.layers)


class Towers(nn.Module):
    """Score layers of any levels under names that say nothing: tower i pools i times, a convolution scores it, and all
    are brought up and summed in any order."""

    def __init__(self, levels: Sequence[int]) -> None:
        super().__init__()
        self.count = len(levels)
        self.stem = nn.Conv2d(3, 5, 3, padding=1)
        for i, level in enumerate(levels):
            self.add_module(f"p{i}", nn.MaxPool2d(2**level, 2**level))
            self.add_module(f"s{i}", nn.Conv2d(5, 4, 1))
            self.add_module(f"u{i}", BilinearUp(4, 2**level))
            self.add_module(f"c{i}", Crop(2 ** (level - 1)))
            if i:
                self.add_module(f"a{i}", Add())

    def forward(self, image: Tensor) -> Tensor:
        stem = self.stem(image)
        total = image
        for i in range(self.count):
            pool, score, up, crop = (getattr(self, f"{kind}{i}") for kind in "psuc")
            made = crop(up(score(pool(stem))), image)
            total = getattr(self, f"a{i}")(total, made) if i else made
        return total


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(1, 3), min_size=1, max_size=4), st.integers(0, 2**31))
def test_any_score_layers_by_their_level(levels: list[int], seed: int) -> None:
    torch.manual_seed(seed)
    network = Towers(levels).eval()
    image = torch.rand(1, 3, 16, 24)
    refiner, run, stages = refined(network, image)
    assert len(stages) == len(set(levels))
    for stage, level in zip(stages, sorted(set(levels), reverse=True), strict=True):
        assert set(stage.zeroed) == {f"s{i}" for i, other in enumerate(levels) if other < level}
        with torch.inference_mode():
            torch.testing.assert_close(
                refiner.scores(stage, run), with_zeros(network, *stage.zeroed)(image), rtol=0, atol=0
            )
    assert stages[-1].zeroed == ()


class Deep(nn.Module):
    """A coarse score layer that reads the scores of a finer one: at zero, the finer one changes the coarser."""

    def __init__(self) -> None:
        super().__init__()
        self.fine, self.pool, self.coarse = nn.Conv2d(3, 4, 3, padding=1), nn.MaxPool2d(2, 2), nn.Conv2d(4, 4, 1)
        self.up, self.crop, self.sum = BilinearUp(4, 2), Crop(1), Add()

    def forward(self, image: Tensor) -> Tensor:
        fine = self.fine(image)
        return self.sum(self.crop(self.up(self.coarse(self.pool(fine))), fine), fine)


def test_score_layers_that_depend_on_each_other() -> None:
    torch.manual_seed(0)
    network, image = Deep().eval(), torch.rand(1, 3, 8, 12)
    refiner, run, stages = refined(network, image)
    assert [stage.zeroed for stage in stages] == [("fine",), ()]
    with torch.inference_mode():
        wanted = with_zeros(network, "fine")(image)
    assert torch.equal(refiner.scores(stages[0], run), wanted)
    assert not torch.equal(wanted, run.final)


def test_where_something_else_makes_classes_nothing_is_zeroed() -> None:
    """Halves of the classes that are stacked: there are no weights to be set to zero."""

    class Stacked(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b, self.both = nn.Conv2d(3, 2, 1), nn.Conv2d(3, 2, 1), Concat()

        def forward(self, image: Tensor) -> Tensor:
            return self.both(self.a(image), self.b(image))

    _, _, stages = refined(Stacked().eval(), torch.rand(1, 3, 8, 8))
    assert stages == (Stage("both", ()),)


@pytest.mark.parametrize("model", MODELS)
def test_argmax_stands_behind_the_output_and_in_no_trace(thin: Thin, model: str) -> None:
    network = thin(model, MODELS[model].paddings[0])
    n = network.input.sizes.at_least(190)
    run = trace(network, torch.rand(1, 3, n, n))
    step = labelling(run)
    assert step.operation == "argmax"
    assert (step.inputs, step.reads) == ((run.output.name,),) * 2
    assert step.shape == (1, 1, *run.output.shape[2:])
    assert step.axes == run.output.axes
    assert (step.role, step.level, step.scores) == ("score", run.output.level, False)
    assert step.numbers == {"classes": run.output.shape[1]}
    assert run.output.scores
    assert run.output.shape == tuple(run.final.shape)  # a trace ends with scores


def test_a_network_may_have_a_step_of_that_name() -> None:
    network = nn.Sequential()
    network.add_module("argmax", nn.Conv2d(3, 2, 1))
    assert labelling(trace(network.eval(), torch.rand(1, 3, 4, 4))).name == "argmax_"
