"""U-Net once more, by other means than the page's: what its units see, and the maps that its weights make."""

from __future__ import annotations

from functools import cache

import numpy as np
import torch

from explorer.ui.labs.base import Question

PAPER = 572  # Ronneberger et al. 2015, Fig. 1
OFFSETS = {3: 4, 2: 16, 1: 40, 0: 88}  # of the crops: o(l - 1) = 2 o(l) + 8
FAR = 10**6  # where padding lies
UNET = "model=unet&padding=valid&image=pagoda.jpg"


# ---- U-Net along one axis, once more: the input pixels that units see


def conv(lo, hi, pad):
    """A convolution of three loses a unit on each side, unless padding is laid there."""
    if pad:
        lo, hi = [-FAR, *lo, FAR], [-FAR, *hi, FAR]
    return lo[:-2], hi[2:]


@cache
def fields(n, pad=False):
    """Step -> (first, last) pixels that its units see, in order."""
    lo, hi = list(range(n)), list(range(n))
    found, skips = {}, []
    for level in range(5):
        for letters in ("a_b", "b_c"):
            lo, hi = found[f"conv_d{level}{letters}"] = conv(lo, hi, pad)
        if level < 4:
            skips.append((lo, hi))
            lo, hi = found[f"pool_d{level}c"] = lo[:-1:2], hi[1::2]
    for level, offset in OFFSETS.items():
        lo, hi = found[f"upconv_u{level}a"] = tuple([end for end in ends for _ in range(2)] for ends in (lo, hi))
        first = 0 if pad else offset
        kept = found[f"crop_d{level}c"] = tuple(ends[first : first + len(lo)] for ends in skips[level])
        lo, hi = found[f"concat_u{level}b"] = list(map(min, lo, kept[0])), list(map(max, hi, kept[1]))
        for letters in ("b_c", "c_d"):
            lo, hi = found[f"conv_u{level}{letters}"] = conv(lo, hi, pad)
    found["score"] = lo, hi
    return {name: (np.array(lo), np.array(hi)) for name, (lo, hi) in found.items()}


def size(name, n=PAPER):
    """Pixels of the largest field."""
    lo, hi = fields(n)[name]
    return int((hi - lo).max()) + 1


# ---- the network of a lesson, run here


def loaded(filler, lab, at=UNET):
    bench = filler.bench.labs.bench
    question = Question(lab, "values", bench.networks.check(filler.selection(at)), None)
    return bench, question, bench.loaded(question)


def maps(module, image):
    """Every step's map, by name."""
    found = {}
    hooks = [
        layer.register_forward_hook(lambda _, __, made, name=name: found.update({name: made[0].double()}))
        for name, layer in module.named_modules()
        if name
    ]
    with torch.inference_mode():
        module(image)
    for hook in hooks:
        hook.remove()
    return found
