"""A unit's arithmetic adds up to its value in the run; its effective field is autograd's of the whole network."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from explorer import unit
from tests.test_local import CASES, traced


def places(shape: tuple[int, ...], count: int, seed: int) -> list[tuple[int, int, int]]:
    rng = np.random.default_rng(seed)
    corner = (shape[1] - 1, shape[2] - 1, shape[3] - 1)
    return [(0, 0, 0), corner, *(tuple(int(rng.integers(n)) for n in shape[1:]) for _ in range(count))]


@pytest.mark.parametrize("case", sorted(CASES))
def test_the_arithmetic_of_every_step_adds_up_to_its_value(case: str) -> None:
    module, _, run, local = traced(case)
    for index, step in enumerate(run.steps):
        for channel, row, column in places(step.shape, 1, index):
            found = unit.arithmetic(local, step.name, channel, row, column, most=10**6)
            value = float(step.value[0, channel, row, column])
            assert found.value == pytest.approx(value, rel=1e-12, abs=1e-12), (step.name, channel, row, column)
            assert found.count == len(found.terms)
            if found.kind == "sum":
                assert sum(t.product for t in found.terms) + (found.bias or 0) == pytest.approx(value, abs=1e-10)
                assert sum(s.sum for s in found.shares) + (found.bias or 0) == pytest.approx(value, abs=1e-10)
                sizes = [abs(t.product) for t in found.terms]
                assert sizes == sorted(sizes, reverse=True)
            elif found.kind == "max":
                assert found.terms[0].value == max(t.value for t in found.terms)
            part = module.get_submodule(step.name)
            if isinstance(part, nn.Conv2d):
                assert found.count + found.outside == part.weight[0].numel()
            for term in found.terms[:5]:  # the places are those of the whole maps
                if term.source != "image":
                    stands = run[term.source].value[0, term.channel, term.row, term.column]
                    assert term.value == pytest.approx(float(stands), abs=1e-12)


def test_only_the_largest_terms_are_listed_but_all_are_counted() -> None:
    *_, run, local = traced("fcn8s, pad 100")
    step = run["conv2_2"]
    full, short = (unit.arithmetic(local, step.name, 1, 30, 30, most) for most in (10**6, 5))
    assert (short.value, short.count, short.bias) == (full.value, full.count, full.bias)
    assert short.terms == full.terms[:5]
    assert short.shares == full.shares[:5]


@pytest.mark.parametrize("case", ["fcn8s, pad 100", "fcn16s, same", "unet, valid", "unet, same"])
def test_the_effective_field_is_autograds(case: str) -> None:
    module, image, run, local = traced(case)
    for name in ("pool1", "conv3_2", "fc6", "score_fr", "fuse_pool4", "pool_d0c", "concat_u1b", "conv_u3b_c", "score"):
        if name not in {step.name for step in run.steps}:
            continue
        step = run[name]
        channel, row, column = places(step.shape, 1, 3)[-1]
        found = unit.effective_field(local, name, channel, row, column)
        whole = image.clone().requires_grad_()
        value = _forward(module, whole, name)[0, channel, row, column]
        (gradient,) = torch.autograd.grad(value, whole)
        expected = gradient[0].abs().sum(0).numpy()
        assert found.value == pytest.approx(float(value), abs=1e-12)
        placed = np.zeros_like(expected)
        height, width = found.heat.shape
        placed[found.top : found.top + height, found.left : found.left + width] = found.heat
        peak = expected.max() or 1.0
        np.testing.assert_allclose(placed, expected / peak, atol=1e-6)  # zero outside the window too
        if expected.any():
            ordered = np.sort(expected.ravel())[::-1].cumsum() / expected.sum()
            assert found.most == int((ordered < 0.95 - 1e-9).sum()) + 1
            assert found.half <= found.most <= found.heat.size
            core = found.core
            inside = placed[core.top : core.bottom, core.left : core.right]
            assert inside.sum() >= 0.95 * placed.sum()
            for side in ((1, 0, 0, 0), (0, 1, 0, 0), (0, 0, -1, 0), (0, 0, 0, -1)):  # no side can move in
                top, left, bottom, right = (
                    e + d for e, d in zip((core.top, core.left, core.bottom, core.right), side, strict=True)
                )
                beyond = (
                    placed.sum()
                    - placed[top if side[0] else 0 : bottom if side[2] else None][
                        :, left if side[1] else 0 : right if side[3] else None
                    ].sum()
                )
                assert beyond >= 0.0125 * placed.sum() * (1 - 1e-6)
            assert not found.silent


def _forward(module: nn.Module, image: torch.Tensor, name: str) -> torch.Tensor:
    """The value of a step with gradients, by a hook on the plain network."""
    kept = []
    handle = module.get_submodule(name).register_forward_hook(lambda _m, _i, out: kept.append(out))
    try:
        module(image)
    finally:
        handle.remove()
    return kept[0]


def test_a_unit_that_sees_padding_alone_and_a_dead_one_are_silent() -> None:
    module, _, run, local = traced("fcn8s, pad 100")
    assert run["conv1_1"].rows.empty[0]
    found = unit.effective_field(local, "conv1_1", 0, 0, 0)
    assert found.silent
    assert found.value == pytest.approx(float(module.conv1_1.bias[0]))
    dead = (run["relu1_1"].value[0] == 0).nonzero()
    middle = next((c, y, x) for c, y, x in dead.tolist() if 105 < y < 120 and 105 < x < 140)
    assert unit.effective_field(local, "relu1_1", *middle).silent


@pytest.mark.parametrize("place", [(99, 0, 0), (0, 999, 0), (0, 0, -1)])
@pytest.mark.parametrize("ask", [unit.arithmetic, unit.effective_field])
def test_a_unit_that_is_not_there_is_refused(ask: object, place: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match=r"pool3 has .* units, none at"):
        ask(traced("fcn8s, pad 100")[3], "pool3", *place)  # type: ignore[operator]
    with pytest.raises(ValueError, match="no step"):
        ask(traced("fcn8s, pad 100")[3], "pool9", 0, 0, 0)  # type: ignore[operator]
