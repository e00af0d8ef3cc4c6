"""Nasty files on the whole way from an upload to a segmented image: a result or a sentence, and nothing left behind."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from explorer.ui.i18n import TEXTS
from explorer.ui.segmenter import Segmenter
from explorer.ui.session import Workbench
from tests import nasty
from tests.ui import made as ui


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Segmenter:
    return Workbench(ui.fill(tmp_path_factory.mktemp("checkpoints"))).segmenter


def send(full: Segmenter, data: bytes) -> dict[str, Any]:
    last = nasty.send(full, data, ui.raw(padding="same"))
    assert list(full.pictures.uploads.folder.iterdir()) == []
    return last


@pytest.mark.filterwarnings("ignore")  # Pillow's remarks on the damage
def test_each_is_segmented_or_refused_with_its_reason(full: Segmenter) -> None:
    files = nasty.collection()
    assert len(files) >= 60
    threads = threading.active_count()
    for name, (make, expected) in files.items():
        if name == "bomb largest_allowed":
            continue  # seconds and a GiB; benchmarks/nasty.py has it too
        said = send(full, make())
        assert (name, said.get("code", said["kind"])) == (name, expected)
        if expected != nasty.SEGMENTED:
            for language in TEXTS.values():
                language[f"error.{expected}"].format(**said["details"])
    assert threading.active_count() <= threads + 1


@pytest.mark.filterwarnings("ignore")
def test_damaged_files_are_segmented_or_refused(full: Segmenter) -> None:
    seen = {"segmented": 0, "refused": 0}
    for data in nasty.mutations(60, seed=1):
        said = send(full, data)
        assert said.get("code") != "internal"
        seen["refused" if said["kind"] == "error" else "segmented"] += 1
    assert min(seen.values()) > 2
