"""Labels of a copy at the image's size: the classes of the scores that torch enlarges."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

from explorer import api, images
from explorer.inference import RunOptions, enlarge, labels_at

sides = st.integers(1, 9)


@given(
    sides, sides, st.integers(1, 30), st.integers(1, 30), st.integers(1, 4), st.integers(4, 2000), st.integers(0, 99)
)
def test_each_pixel_takes_the_class_of_the_enlarged_scores(
    height: int, width: int, rows: int, columns: int, classes: int, band: int, seed: int
) -> None:
    scores = np.random.default_rng(seed).normal(size=(classes, height, width)).astype(np.float32)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(enlarge, "BAND", band)  # from a row at a time to all at once
        labels = labels_at(scores, (rows, columns))
    size = (rows, columns)
    wanted = F.interpolate(torch.from_numpy(scores)[None], size, mode="bilinear", align_corners=False)[0].numpy()
    taken = np.take_along_axis(wanted, labels[None].astype(np.int64), 0)[0]
    np.testing.assert_allclose(taken, wanted.max(0), atol=1e-5)  # where two are equal, either may be taken


def test_a_copys_boundaries_lie_between_its_pixels() -> None:
    """Labels repeated pixel for pixel have boundaries on a grid of the enlargement alone."""
    rows, columns = np.mgrid[:8, :8]
    scores = np.stack([rows, columns + 0.3]).astype(np.float32)
    labels = labels_at(scores, (64, 64))
    assert not np.array_equal(labels, images.at_places(scores.argmax(0).astype(np.uint8), (64, 64)))
    middles = (np.arange(64) + 0.5) / 8 - 0.5
    inside = (middles > 0) & (middles < 7)
    straight = (middles[None] + 0.3 > middles[:, None]).astype(np.uint8)
    np.testing.assert_array_equal(labels[np.ix_(inside, inside)], straight[np.ix_(inside, inside)])


def test_a_segmented_copy_is_enlarged_by_its_scores() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (90, 120, 3), np.uint8)
    found = api.segment(pixels, "fcn8s", size=40, options=RunOptions("cpu"))
    scores = found.labelling.outputs.scores
    assert scores.shape[1:] == (30, 40)
    np.testing.assert_array_equal(found.labels, labels_at(scores, (90, 120)))
    assert found.counts.sum() == 90 * 120
