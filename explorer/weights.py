"""Bundled weights: find them, load them strictly, save them. `NAME.safetensors` holds tensors, `NAME.json` the card.

Loading compares the tensors with all that the card says and refuses with an `ExplorerError` rather than guess. Fixed
bilinear up-sampling is not stored: it follows from the constructor.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from explorer.cards import Card, check_card, no_weights
from explorer.errors import ExplorerError
from explorer.models import MODELS, ModelSpec, build, without_weights
from explorer.models.fcn import AT_ONCE_SCALE
from explorer.operations.layers import BilinearUp

FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)

# Codes of `Loaded.notes`: what a person should know about weights that run in another way than they were trained.
COARSER_THAN_TRAINED = "coarser_than_trained"  # FCN-32s or -16s on the trunk of an 8s: the finer skips are left out
OTHER_GEOMETRY = "other_geometry"  # a padding the weights were not trained in
RESCALED_SKIPS = "rescaled_skips"  # the "at once" network scales its pools; the score layers are scaled back exactly


@dataclass(frozen=True)
class Loaded:
    """A network ready to run (eval mode, float32, CPU). `spec` is what was built, `notes` are codes (see above)."""

    module: nn.Module
    card: Card
    spec: ModelSpec
    notes: tuple[str, ...] = ()


def cards_for(model: str, cards: Iterable[Card]) -> tuple[Card, ...]:
    """The cards whose weights suffice for a network: finished ones first, of those the ones trained as this network,
    of those the ones trained on images like its paper's; else in the given order."""
    family = [card for card in cards if card.family == MODELS[model].family]
    fitting = [c for c in family if stored_shapes(replace(c.spec, model=model)).keys() <= stored_shapes(c.spec).keys()]

    return tuple(
        sorted(fitting, key=lambda c: (c.is_snapshot, c.spec.model != model, c.domain != MODELS[model].domain))
    )


def usual_card(fitting: Sequence[Card], domain: str | None) -> Card:
    """The weights that a network runs on unless others are asked for, of those that fit it (`cards_for`): the first
    that were trained on images of the domain, else the first."""
    return next((card for card in fitting if card.domain == domain), fitting[0])


def usual_padding(card: Card, model: str) -> str:
    """The padding that a network runs in unless another is asked for: its paper's, where the weights were trained in
    that; else the weights' main one."""
    paper = MODELS[model].paddings[0]
    return paper if paper in card.geometries else card.spec.padding


def load(card: Card, model: str | None = None, padding: str | None = None) -> Loaded:
    """The network of a card, or another network of its family, in a geometry, with the card's weights.

    model    key of MODELS; FCN-32s and -16s run on an 8s, which loses the skips they do not have.
    padding  one of MODELS[model].paddings; the card's main one by default.
    Raises ExplorerError unless the file is the card's, has exactly its network's tensors, and they suffice.
    """
    spec = replace(card.spec, model=model or card.spec.model)
    if spec.model in MODELS and MODELS[spec.model].family != card.family:
        raise ExplorerError(
            "other_family",
            f"The weights {card.name} belong to {MODELS[card.spec.model].title} and do not fit "
            f"{MODELS[spec.model].title}. Choose weights of the same family.",
        )
    spec = replace(spec, padding=padding or card.spec.padding)
    if spec.model not in MODELS or spec.padding not in MODELS[spec.model].paddings:
        raise ExplorerError(
            "unknown_network",
            f"There is no network {spec.model!r} with padding {spec.padding!r}. Choose one of {', '.join(MODELS)}.",
        )
    state = _read(card)
    _compare(card, state)
    notes = _adapt(card, spec, state)
    module = build(spec)
    fixed = {name: tensor for name, tensor in module.state_dict().items() if name in _fixed(module)}
    module.load_state_dict(state | fixed, strict=True)
    if spec.padding not in card.geometries:
        notes.append(OTHER_GEOMETRY)
    return Loaded(module, card, spec, tuple(notes))


def _read(card: Card) -> dict[str, Tensor]:
    """The file's tensors as float32, after its sha256 was compared."""
    if not card.file.is_file():
        raise no_weights(card)
    data = card.file.read_bytes()
    found = hashlib.sha256(data).hexdigest()
    if found != card.sha256:
        raise ExplorerError(
            "changed",
            f"The weights file {card.file.name} is not the one its card describes (sha256 {found[:12]}..., expected "
            f"{card.sha256[:12]}...). Restore both files.",
        )
    try:
        state = safetensors.torch.load(data)
    except (safetensors.SafetensorError, ValueError, KeyError) as error:
        raise ExplorerError(
            "unreadable",
            f"{card.file.name} is not a readable safetensors file ({error}). Restore it.",
        ) from error
    for name, tensor in state.items():
        if tensor.dtype not in FLOATS or not torch.isfinite(tensor).all():
            raise ExplorerError(
                "bad_values",
                f"The tensor {name} of {card.file.name} does not hold finite numbers. Restore the file.",
            )
    return {name: tensor.float() for name, tensor in state.items()}


def _compare(card: Card, state: Mapping[str, Tensor]) -> None:
    """Refuse unless the file has exactly the tensors, with exactly the shapes, of the network on the card."""
    wanted = stored_shapes(card.spec)
    missing, extra = sorted(wanted.keys() - state.keys()), sorted(state.keys() - wanted.keys())
    if missing or extra:
        parts = [f"lacks {', '.join(missing[:3])}"] * bool(missing) + [f"has also {', '.join(extra[:3])}"] * bool(extra)
        raise ExplorerError(
            "other_tensors",
            f"{card.file.name} does not hold a {MODELS[card.spec.model].title}: it {' and '.join(parts)}. "
            "Correct the network on the card, or restore the file.",
        )
    for name, shape in wanted.items():
        if tuple(state[name].shape) != shape:
            sizes = [" x ".join(map(str, s)) for s in (state[name].shape, shape)]
            raise ExplorerError(
                "other_shape",
                f"The tensor {name} of {card.file.name} is {sizes[0]}, but the network on the card needs {sizes[1]}. "
                "Correct width, channels or classes on the card, or restore the file.",
            )


def _adapt(card: Card, spec: ModelSpec, state: dict[str, Tensor]) -> list[str]:
    """Fit the tensors of the card's network to another one of its family, in place; says what was done."""
    wanted, notes = stored_shapes(spec), []
    if lacking := sorted(wanted.keys() - state.keys()):
        raise ExplorerError(
            "too_coarse",
            f"{card.name} was trained as {MODELS[card.spec.model].title} and has no weights for {lacking[0]}, which "
            f"{MODELS[spec.model].title} needs. Choose a coarser network or other weights.",
        )
    for name in state.keys() - wanted.keys():
        del state[name]  # score_pool3, score_pool4
        notes = [COARSER_THAN_TRAINED]
    for pool, factor in AT_ONCE_SCALE.items():
        name = f"score_{pool}.weight"
        power = spec.model.endswith("-atonce") - card.spec.model.endswith("-atonce")
        if name in state and power:
            state[name] = state[name] * factor**-power
            notes = [*notes, RESCALED_SKIPS] if RESCALED_SKIPS not in notes else notes
    return notes


def _fixed(module: nn.Module) -> set[str]:
    """Names of the tensors that follow from the constructor."""
    return {f"{name}.weight" for name, part in module.named_modules() if isinstance(part, BilinearUp)}


@lru_cache(maxsize=64)
def stored_shapes(spec: ModelSpec) -> dict[str, tuple[int, ...]]:
    """Name and shape of each tensor that a weights file of this network holds."""
    module = without_weights(spec)
    fixed = _fixed(module)
    return {name: tuple(tensor.shape) for name, tensor in module.state_dict().items() if name not in fixed}


def save(path: Path, module: nn.Module, card: Card, dtype: torch.dtype | None = None) -> Card:
    """Write `path` (NAME.safetensors) and its card, each at once or not at all; returns the card with its sha256.

    dtype  stored precision (torch.float16 halves the file); the module's own by default.
    Raises ExplorerError if the module is not the network on the card (fold batch norm first) or the card is not whole.
    """
    path = Path(path)
    card = replace(card, name=path.stem, folder=path.parent)
    fixed = _fixed(module)
    state = {k: v.detach().cpu().to(dtype or v.dtype) for k, v in module.state_dict().items() if k not in fixed}
    check_card(path.with_suffix(".json"), card)
    _compare(card, state)
    metadata = {
        "format": "pt",
        "spec": json.dumps(card.spec.dict()),
        "preprocessing": json.dumps(asdict(card)["preprocessing"]),
    }
    data = _sorted_metadata(safetensors.torch.save({k: v.contiguous() for k, v in state.items()}, metadata))
    card = replace(card, sha256=hashlib.sha256(data).hexdigest())
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, data)
    write_card(card)
    return card


def write_card(card: Card) -> None:
    """Write a card beside its weights, at once or not at all."""
    text = json.dumps(card.json(), ensure_ascii=False, indent=2)
    replace_file(card.file.with_suffix(".json"), (text + "\n").encode("utf-8"))


def _sorted_metadata(data: bytes) -> bytes:
    """The same file with its metadata in order. safetensors writes them in another order at each call, which would
    give one and the same network a different sha256 each time it is made."""
    end = 8 + int.from_bytes(data[:8], "little")  # the header: its length in 8 bytes, then JSON, then the tensors
    header = json.loads(data[8:end])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode("utf-8")
    text += b" " * (-len(text) % 8)  # tensors begin at a multiple of 8
    return len(text).to_bytes(8, "little") + text + data[end:]


def replace_file(path: Path, data: bytes) -> None:
    """Write a file so that a reader, or a crash, never sees half of it."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
