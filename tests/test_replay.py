"""replay: the same values as the whole network, from any step on; what is not changed is not computed again."""

from __future__ import annotations

import copy

import pytest
import torch

from explorer.replay import Replay
from explorer.trace import CancelledError, trace
from tests.test_trace import image_for, plainly

pytestmark = pytest.mark.usefixtures("one_thread")


def test_every_step_replayed_gives_the_same_bits(network) -> None:
    """One after the other, and all at once."""
    image = image_for(network, batch=2)
    expected, steps = plainly(network, image), [step.name for step in trace(network, image, keep=False).steps]
    replay = Replay(network, image, steps)
    assert torch.equal(replay.final, expected)
    for name in steps:
        assert torch.equal(replay.run({name: network.get_submodule(name)}), expected), name
    assert torch.equal(replay.run({name: network.get_submodule(name) for name in steps}), expected)
    assert replay.run({}) is replay.final


def test_a_changed_step_is_a_network_with_another_module(network) -> None:
    image = image_for(network)
    for name in [step.name for step in trace(network, image, keep=False).steps if step.operation in ("conv", "relu")][
        ::5
    ]:
        changed = copy.deepcopy(network)
        changed.set_submodule(name, torch.nn.Sequential(changed.get_submodule(name), torch.nn.Hardtanh(-0.1, 0.1)))
        replay = Replay(network, image, [name])
        part = network.get_submodule(name)
        assert torch.equal(replay.run({name: lambda x, part=part: part(x).clamp(-0.1, 0.1)}), plainly(changed, image))
        assert torch.equal(replay.final, plainly(network, image))


def test_only_what_lies_behind_is_computed_again(thin) -> None:
    network = copy.deepcopy(thin("unet", "valid"))
    called: list[str] = []
    for name, part in network.named_modules():
        part.register_forward_hook(lambda *_, name=name: called.append(name))
    replay = Replay(network, torch.rand(1, 3, 188, 188), ["concat_u0b", "concat_u1b"])
    called.clear()
    replay.run({"concat_u0b": lambda a, b: torch.cat((a, b), 1)})
    assert called == ["conv_u0b_c", "relu_u0c", "conv_u0c_d", "relu_u0d", "score"]
    assert [x.shape[1:] for x in replay.operands("concat_u0b")] == [(2, 8, 8)] * 2


def test_it_refuses_what_it_does_not_know_and_can_be_stopped(thin) -> None:
    network, image = thin("fcn8s", "same"), torch.rand(1, 3, 20, 20)
    with pytest.raises(ValueError, match="no step 'nothing'"):
        Replay(network, image, ["nothing"])
    with pytest.raises(ValueError, match="'pool4' is not among"):
        Replay(network, image, ["pool3"]).run({"pool4": lambda x: x})
    calls: list[tuple[int, int, str]] = []
    Replay(network, image, ["pool3"], progress=lambda *call: calls.append(call))
    assert calls == [(i, len(calls), name) for i, (_, _, name) in enumerate(calls)]
    with pytest.raises(CancelledError):
        Replay(network, image, ["pool3"], progress=lambda done, total, name: done < 3)
