"""A longer task's bar of progress, and how long it still takes, shared by the runs that it is made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from explorer import inference
from explorer.ui.turns import OnProgress


@dataclass(frozen=True)
class Stretch:
    """A part of a longer task: tells its progress on a stretch of the whole's bar, and hears when to stop."""

    progress: OnProgress
    cancelled: Callable[[], bool]
    low: float = 0.05
    high: float = 0.95
    behind: float | None = 0.0  # seconds of the parts that come later, None if they are not known
    single: bool = True  # it is the whole task

    def parts(self, seconds: Sequence[float | None]) -> list[Stretch]:
        """One for each of several runs, as long on the bar as its forecast seconds are in time."""
        known = [second for second in seconds if second is not None]
        times = known if len(known) == len(seconds) else [1.0] * len(seconds)
        width = (self.high - self.low) / sum(times)
        made, low = [], self.low
        for i, one in enumerate(times):
            later = seconds[i + 1 :]
            behind = None if None in later else sum(second or 0 for second in later)
            made.append(replace(self, low=low, high=low + one * width, behind=behind, single=False))
            low += one * width
        return made

    def teller(self, title: str) -> Callable[[inference.Progress], bool]:
        """What a run is given to tell by."""

        def tell(at: inference.Progress) -> bool:
            details = {"model": title, "tile": at.tile, "tiles": at.tiles, "step": at.step}
            text, left = "progress.segment", None
            if at.seconds_left is not None and self.behind is not None:
                text = "progress.segment.left" if self.single else "progress.compare.left"
                left = at.seconds_left + self.behind
            share = self.low + (self.high - self.low) * at.share
            self.progress(share, text, {**details, "time": {"seconds": round(left or 0, 1)}})
            return not self.cancelled()

        return tell
