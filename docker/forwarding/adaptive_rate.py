"""How often to call a service that says when it is too often."""

from __future__ import annotations

from typing import Final

_STEP: Final = 0.25
"""What an accepted call adds to the rate, in calls per second."""


class AdaptiveRate:
    """A rate that falls by half with each refusal and grows slowly again.  Reads no clock.  Not thread-safe.

    Args:
        max_per_second: the rate at the start, and the highest one.
        min_per_second: the lowest one.
    """

    def __init__(self, max_per_second: float, min_per_second: float = 0.1) -> None:
        self._max = max_per_second
        self._min = min_per_second
        self._next_at = 0.0
        self.per_second = max_per_second

    def reserve(self, now: float) -> float:
        """Return how many seconds to wait before a call, which counts as made then."""
        at = max(now, self._next_at)
        self._next_at = at + 1 / self.per_second
        return at - now

    def record_success(self) -> None:
        """Record that a call was accepted."""
        self.per_second = min(self._max, self.per_second + _STEP)

    def record_refusal(self) -> None:
        """Record that a call was too many."""
        self.per_second = max(self._min, self.per_second / 2)
