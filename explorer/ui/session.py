"""What one server process keeps, put together: each part is handed to those that need it. Knows no Gradio."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from explorer import cards
from explorer.files import EXAMPLES
from explorer.ui import lessons
from explorer.ui.image_store import ImageStore
from explorer.ui.inspector import Inspector
from explorer.ui.labs import Labs
from explorer.ui.listeners import Listeners
from explorer.ui.network_cache import NetworkCache
from explorer.ui.questions import Questions
from explorer.ui.run_store import RunStore
from explorer.ui.segmenter import Segmenter
from explorer.ui.state import Files
from explorer.ui.taking import Taker
from explorer.ui.turns import Turns


class Workbench:
    """Images, networks, runs and lessons of one server process; `teaching` are folders of further lessons. Raises
    ExplorerError where there are no weights."""

    def __init__(
        self,
        checkpoints: Path = cards.CHECKPOINTS,
        examples: Path = EXAMPLES,
        teaching: Sequence[Path] = (),
        files: Files | None = None,
    ) -> None:
        self.files, self.turns, self.listeners = files or Files(), Turns(), Listeners()
        self.questions = Questions(self.listeners)
        self.looks = Turns(2, most_of_one=8)  # at finished runs, for whom nobody needs the whole machine
        self.taking = Turns(1, most_of_one=4)  # each file may fill a core for seconds
        self.networks = NetworkCache(cards.with_snapshots(checkpoints))
        self.pictures = ImageStore(self.files, examples)
        self.inspector = Inspector(self.files)
        self.runs = RunStore(self.files, self.pictures, self.networks, self.inspector, self.turns)
        self.taker = Taker(self.files, self.pictures, self.networks, self.inspector)
        self.segmenter = Segmenter(self.files, self.pictures, self.networks, self.turns)
        self.labs = Labs(self.files, self.pictures, self.networks, self.turns)
        known = lessons.known([card.name for card in self.networks.cards], lessons.example_files(examples))
        self.lessons, self.mistakes = lessons.gather([lessons.BUNDLED, *teaching], known)
