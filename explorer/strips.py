"""Maps of whole numbers (H x W), a strip at a time: what numpy makes on the way takes eight bytes a pixel and more."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

PIXELS = 2**20  # of a strip, at least a row


def strips(codes: np.ndarray) -> Iterator[slice]:
    """Rows of a map."""
    rows = max(1, PIXELS * len(codes) // max(1, codes.size))
    return (slice(top, top + rows) for top in range(0, len(codes), rows))


def counts(codes: np.ndarray, length: int = 0) -> np.ndarray:
    """How many pixels each number from 0 on has (int64), of at least `length` numbers."""
    total = np.zeros(length, np.int64)
    for rows in strips(codes):
        found = np.bincount(codes[rows].ravel(), minlength=len(total))
        found[: len(total)] += total
        total = found
    return total


def distinct(codes: np.ndarray) -> np.ndarray:
    """The numbers that occur, sorted."""
    return np.unique(np.concatenate([np.unique(codes[rows]) for rows in strips(codes)] or [codes.ravel()]))


def places(codes: np.ndarray, there: np.ndarray) -> np.ndarray:
    """Of each pixel, where its number stands among the `distinct` ones; in the smallest type that holds that."""
    return mapped(codes, there, np.arange(len(there)).astype(np.min_scalar_type(max(0, len(there) - 1))))


def mapped(codes: np.ndarray, there: np.ndarray, values: np.ndarray) -> np.ndarray:
    """A map with `values` in place of the `distinct` numbers, of their type."""
    made = np.empty(codes.shape, values.dtype)
    for rows in strips(codes):
        made[rows] = values[np.searchsorted(there, codes[rows])]
    return made


def pairs(one: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The numbers that two maps of one shape have at the same pixel: of the one, of the other, and how many pixels."""
    firsts, seconds = distinct(one), distinct(other)
    found = []
    for rows in strips(one):
        first, second = (np.searchsorted(there, codes[rows]) for there, codes in ((firsts, one), (seconds, other)))
        found.append(np.unique(first * len(seconds) + second, return_counts=True))
    codes, where = np.unique(np.concatenate([codes for codes, _ in found]), return_inverse=True)
    total = np.bincount(where, np.concatenate([number for _, number in found])).astype(np.int64)
    return firsts[codes // len(seconds)], seconds[codes % len(seconds)], total
