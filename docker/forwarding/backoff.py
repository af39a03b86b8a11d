"""How long to wait after a failure."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Final

_RANDOM: Final = random.SystemRandom()


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """Exponential back-off with jitter.

    Args:
        first_seconds: maximum delay after the first failure; doubles with each further one.
        max_seconds: maximum delay after any failure.
    """

    first_seconds: float
    max_seconds: float

    def delay_seconds(self, failures: int) -> float:
        """Return the delay after so many failures in a row, at least 1: from half of the step to all of it."""
        step = min(self.max_seconds, self.first_seconds * 2.0 ** min(failures - 1, 16))
        return step * _RANDOM.uniform(0.5, 1.0)
