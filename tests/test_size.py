"""The benchmark of photographs run as copies of the size trained on."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks import size
from explorer import cards, weights
from explorer.metrics import IGNORE
from explorer.training.data import Sample
from tests.training.made import write_nuclei, write_photos

TABLE = json.loads((Path(size.__file__).parent / "size.json").read_text())


def test_a_photograph_is_enlarged_with_its_labels() -> None:
    target = np.array([[0, 1, 2], [3, IGNORE, 5]], np.uint8)
    sample = Sample("a", "photo", np.dstack([target * 40] * 3), target, None)
    twice = size.enlarged(sample, 2)
    np.testing.assert_array_equal(twice.target, target.repeat(2, 0).repeat(2, 1))
    assert twice.image.shape == (4, 6, 3)
    same = size.enlarged(sample, 1)
    np.testing.assert_array_equal(same.image, sample.image)
    np.testing.assert_array_equal(same.target, target)


def test_both_ways_are_measured_on_the_same_photographs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    side = cards.find("fcn8s-everyday").trained_side
    asked = []

    def segment(pixels: np.ndarray, loaded: weights.Loaded, size: int | None = None) -> SimpleNamespace:
        """As a copy every pixel is right, at its own size all is grass."""
        asked.append((max(pixels.shape), size))
        names = [info.name["en"] for info in loaded.card.classes]
        sky = size is not None and pixels[..., 2].astype(int) > pixels[..., 1]
        return SimpleNamespace(
            labels=np.where(sky, names.index("sky"), names.index("grass")) * np.ones(pixels.shape[:2], int)
        )

    monkeypatch.setattr(size.api, "segment", segment)
    write_photos(tmp_path / "photos", 5)
    out = tmp_path / "size.json"
    own = ["--weights", "fcn8s-everyday", "--data", str(tmp_path / "photos"), "--split", "all"]
    assert size.main([*own, "--times", "1", "2", "--json", str(out)]) == 0
    assert asked == [(48, None), (48, side)] * 5 + [(96, None), (96, side)] * 5
    rows = json.loads(out.read_text())["rows"]
    assert [row["longer_side"] for row in rows] == [48, 96]
    for row in rows:
        assert row["copy"]["pixel_accuracy"] > 98  # the edge between the two is blurred by JPEG
        assert row["own"]["pixel_accuracy"] < 80
        gained = row["copy"]["mean_iou"] - row["own"]["mean_iou"]
        assert row["points_above"]["mean_iou"] == pytest.approx(gained, abs=0.02)
        assert 0 < row["standard_error_of_points"]["pixel_accuracy"] < gained
    write_nuclei(tmp_path / "nuclei")
    assert size.main(["--weights", "unet-nuclei", "--data", str(tmp_path / "nuclei")]) == 2
    assert "instrument" in capsys.readouterr().err


def test_the_page_says_what_the_table_holds() -> None:
    """A copy is called better for photographs larger than those trained on: more pixels are right on all of these, and
    mean IoU falls by no more than its standard error."""
    bundled = {card.name: card for card in cards.available()}
    assert TABLE["rows"]
    for row in TABLE["rows"]:
        card = bundled[row["weights"]]
        assert row["sha256"] == card.sha256
        assert row["images"] == card.metrics["validation"]["images"]
        if row["times"] == 1:
            figures = card.metrics["validation"]["figures"][row["padding"]][card.spec.model]
            assert row["own"] == pytest.approx({key: 100 * figures[key] for key in size.KEYS}, abs=0.06)
        if card.is_too_large((row["longer_side"], 1)):
            assert row["points_above"]["pixel_accuracy"] > 0
            assert row["points_above"]["mean_iou"] > -row["standard_error_of_points"]["mean_iou"]
