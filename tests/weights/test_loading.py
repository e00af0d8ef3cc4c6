"""Strict loading and saving: what comes back, what is refused and why, what may run on what."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import safetensors
import safetensors.torch
import torch

from explorer import cards, weights
from explorer.cards import Card
from explorer.errors import ExplorerError
from explorer.models import build
from explorer.operations.layers import BilinearUp
from tests.weights.made import FCN8S, card_of, network


def rewritten(card: Card, change: dict[str, torch.Tensor | None]) -> Card:
    """The file with tensors replaced (or, None, left out), and a card whose sha256 fits it again."""
    state = safetensors.torch.load_file(card.file)
    for name, tensor in change.items():
        state.pop(name, None)
        if tensor is not None:
            state[name] = tensor
    safetensors.torch.save_file(state, card.file)
    import hashlib

    return replace(card, sha256=hashlib.sha256(card.file.read_bytes()).hexdigest())


def test_a_saved_network_comes_back(saved: Card) -> None:
    (found,) = cards.available(saved.folder)
    assert found == saved
    assert found.name == "mine"
    loaded = weights.load(found)
    assert not loaded.module.training
    assert loaded.notes == ()
    original = network(saved.spec)
    for name, tensor in original.state_dict().items():
        assert torch.equal(tensor, loaded.module.state_dict()[name]), name
    x = torch.rand(1, 3, 188, 204)
    with torch.inference_mode():
        assert torch.equal(original(x), loaded.module(x))


def test_bilinear_weights_are_not_stored_but_restored(fcn8s: Card) -> None:
    stored = safetensors.torch.load_file(fcn8s.file)
    module = weights.load(fcn8s).module
    fixed = [f"{n}.weight" for n, part in module.named_modules() if isinstance(part, BilinearUp)]
    assert len(fixed) == 3
    assert not set(fixed) & set(stored)
    assert set(stored) | set(fixed) == set(module.state_dict())
    assert module.state_dict()[fixed[0]][0, 0].sum() == pytest.approx(4)  # a filter of stride 2


def test_half_precision_is_loaded_as_single(tmp_path: Path) -> None:
    card = weights.save(tmp_path / "half.safetensors", network(FCN8S), card_of(FCN8S), torch.float16)
    assert all(t.dtype == torch.float16 for t in safetensors.torch.load_file(card.file).values())
    state = weights.load(card).module.state_dict()
    assert all(t.dtype == torch.float32 for t in state.values())
    expected = network(FCN8S).state_dict()["conv3_2.weight"]
    assert torch.equal(state["conv3_2.weight"], expected.half().float())


def test_one_network_has_one_sha256(saved: Card) -> None:
    """The library alone writes the three metadata in an order that changes from call to call."""
    module = network(saved.spec)
    with safetensors.safe_open(saved.file, "pt") as file:
        metadata = file.metadata()
    tensors = safetensors.torch.load_file(saved.file)
    assert len({safetensors.torch.save(tensors, metadata) for _ in range(20)}) > 1
    again = {weights.save(saved.folder / f"{i}.safetensors", module, saved).sha256 for i in range(20)}
    assert again == {saved.sha256}
    assert set(metadata) == {"format", "preprocessing", "spec"}
    assert metadata["format"] == "pt"
    assert json.loads(metadata["spec"]) == saved.spec.dict()
    assert int.from_bytes(saved.file.read_bytes()[:8], "little") % 8 == 0  # the tensors begin at a multiple of 8


def test_a_changed_byte_is_refused(saved: Card) -> None:
    data = bytearray(saved.file.read_bytes())
    data[-5] ^= 1
    saved.file.write_bytes(data)
    with pytest.raises(ExplorerError, match=r"mine\.safetensors is not the one") as caught:
        weights.load(saved)
    assert caught.value.code == "changed"


def test_a_missing_tensor_is_refused(fcn8s: Card) -> None:
    with pytest.raises(ExplorerError, match=r"lacks conv2_1\.bias") as caught:
        weights.load(rewritten(fcn8s, {"conv2_1.bias": None}))
    assert caught.value.code == "other_tensors"


@pytest.mark.parametrize("name", ["conv9_9.weight", "upscore8.weight"])
def test_an_extra_tensor_is_refused(fcn8s: Card, name: str) -> None:
    with pytest.raises(ExplorerError, match=name) as caught:
        weights.load(rewritten(fcn8s, {name: torch.zeros(4, 4, 16, 16)}))
    assert caught.value.code == "other_tensors"


def test_a_misshaped_tensor_is_refused_even_where_it_could_be_broadcast(fcn8s: Card) -> None:
    bias = safetensors.torch.load_file(fcn8s.file)["fc6.bias"]
    with pytest.raises(ExplorerError, match=r"fc6\.bias .* is 1, .* needs 8") as caught:
        weights.load(rewritten(fcn8s, {"fc6.bias": bias[:1]}))
    assert caught.value.code == "other_shape"


@pytest.mark.parametrize("value", [torch.full((8,), float("nan")), torch.ones(8, dtype=torch.int64)])
def test_values_that_are_no_finite_numbers_are_refused(fcn8s: Card, value: torch.Tensor) -> None:
    with pytest.raises(ExplorerError, match=r"fc6\.bias") as caught:
        weights.load(rewritten(fcn8s, {"fc6.bias": value}))
    assert caught.value.code == "bad_values"


def test_a_file_that_is_no_safetensors_is_refused(fcn8s: Card) -> None:
    import hashlib

    fcn8s.file.write_bytes(b"not weights at all")
    with pytest.raises(ExplorerError) as caught:
        weights.load(replace(fcn8s, sha256=hashlib.sha256(b"not weights at all").hexdigest()))
    assert caught.value.code == "unreadable"


@pytest.mark.parametrize("model", ["fcn32s", "fcn16s", "fcn8s"])
@pytest.mark.parametrize("padding", ["paper", "same"])
def test_a_coarser_network_runs_on_an_8s_and_says_so(fcn8s: Card, model: str, padding: str) -> None:
    loaded = weights.load(fcn8s, model, padding)
    expected = () if model == "fcn8s" else (weights.COARSER_THAN_TRAINED,)
    assert loaded.notes == (expected if padding == "same" else (*expected, weights.OTHER_GEOMETRY))
    assert (loaded.spec.model, loaded.spec.padding) == (model, padding)
    other = build(loaded.spec)
    source = network(FCN8S).state_dict()
    own = {k: v for k, v in other.state_dict().items() if k.startswith(("upscore",))}
    other.load_state_dict({k: own.get(k, source.get(k)) for k in other.state_dict()})
    x = torch.rand(1, 3, 33, 47)
    with torch.inference_mode():
        assert torch.equal(other(x), loaded.module(x))


def test_at_once_weights_are_rescaled_exactly(fcn8s: Card) -> None:
    plain, at_once = weights.load(fcn8s), weights.load(fcn8s, "fcn8s-atonce")
    assert at_once.notes == (weights.RESCALED_SKIPS,)
    x = torch.rand(1, 3, 40, 52)
    with torch.inference_mode():
        torch.testing.assert_close(plain.module(x), at_once.module(x), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("trained", "wanted"), [("fcn32s", "fcn16s"), ("fcn32s", "fcn8s"), ("fcn16s", "fcn8s")])
def test_a_finer_network_than_trained_is_refused(tmp_path: Path, trained: str, wanted: str) -> None:
    spec = replace(FCN8S, model=trained)
    card = weights.save(tmp_path / "c.safetensors", network(spec), card_of(spec))
    with pytest.raises(ExplorerError, match="has no weights for score_pool") as caught:
        weights.load(card, wanted)
    assert caught.value.code == "too_coarse"


def test_another_family_or_unknown_network_is_refused(fcn8s: Card) -> None:
    for model, padding, code in (
        ("unet", "same", "other_family"),
        ("resnet", None, "unknown_network"),
        (None, "valid", "unknown_network"),
    ):
        with pytest.raises(ExplorerError) as caught:
            weights.load(fcn8s, model, padding)
        assert caught.value.code == code


def test_saving_refuses_another_network_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ExplorerError):
        weights.save(tmp_path / "x.safetensors", network(FCN8S), card_of(replace(FCN8S, width=0.1)))
    assert list(tmp_path.iterdir()) == []


def test_a_failed_write_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    weights.replace_file(path, b"old")

    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("os.replace", fail)
    with pytest.raises(OSError, match="disk full"):
        weights.replace_file(path, b"new")
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]
