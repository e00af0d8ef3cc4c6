"""A shared network stays where it is: who computes on another device gets a copy that lies there."""

from __future__ import annotations

import copy
import threading
from weakref import WeakKeyDictionary

import torch
from torch import nn

_copies: WeakKeyDictionary[nn.Module, dict[torch.device, nn.Module]] = WeakKeyDictionary()
_lock = threading.Lock()


def on_device(module: nn.Module, device: str) -> nn.Module:
    """The module itself where its parameters lie on a device already, else the one copy of it there.

    A copy is made once, and goes with the module. Neither is to be changed: others compute with them, too.
    """
    where = torch.empty(0, device=device).device  # "cuda" is "cuda:0"
    if all(parameter.device == where for parameter in module.parameters()):
        return module
    with _lock, torch.inference_mode(False):  # what is made inside inference mode serves no gradients
        copies = _copies.setdefault(module, {})
        if where not in copies:
            copies[where] = copy.deepcopy(module).to(where)
        return copies[where]
