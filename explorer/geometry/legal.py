"""Which input sizes a network accepts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from explorer.geometry.places import GeometryError


@dataclass(frozen=True)
class LegalSizes:
    """Input sizes a network accepts along one axis: minimum, minimum + period, minimum + 2 period, ..."""

    minimum: int
    period: int

    def __contains__(self, n: int) -> bool:
        return n >= self.minimum and (n - self.minimum) % self.period == 0

    def at_least(self, n: int) -> int:
        """The smallest legal size that is not below n."""
        return self.minimum + max(0, -(-(n - self.minimum) // self.period)) * self.period

    def nearest(self, n: int) -> tuple[int, ...]:
        """The nearest legal sizes around n: one below (if there is one) and one above."""
        above = self.at_least(n)
        return (above,) if above == self.minimum or above == n else (above - self.period, above)


def legal_sizes(output_size: Callable[[int], int | None], period: int) -> LegalSizes:
    """Find the rule behind `output_size(n)` (None where n is illegal) of a network whose largest jump is `period`.

    A network of poolings repeats with its largest jump, so three periods behind the first legal size decide; raises
    GeometryError if they do not follow one arithmetic progression.
    """
    searched = 64 * period + 1024
    minimum = next((n for n in range(1, searched) if output_size(n) is not None), None)
    if minimum is None:
        raise GeometryError(f"no legal input size below {searched}")
    legal = [n - minimum for n in range(minimum, minimum + 3 * period + 1) if output_size(n) is not None]
    step = legal[1] if len(legal) > 1 else 0
    if not step or legal != list(range(0, 3 * period + 1, step)):
        raise GeometryError(f"legal sizes do not repeat: {minimum} + {legal[:8]}")
    return LegalSizes(minimum, step)
