"""The request rate and the retry budget of one service, shared by all threads."""

from __future__ import annotations

import threading
from collections import deque
from typing import Final

from attrs import define, field

from ocisidecar.clock import Clock

WINDOW_SECONDS: Final = 2.0
MIN_PER_SECOND: Final = 0.5
DECREASE_FACTOR: Final = 0.9
INCREASE_PER_SUCCESS: Final = 0.05
RETRIES_PER_SERVICE: Final = 100.0
RETRIES_PER_SUCCESS: Final = 0.1


@define
class RateLimiter:
    """An adaptive request rate (AIMD: additive increase, multiplicative decrease).  Thread-safe.

    Without a 429 there is no limit.  The first 429 sets the rate to that of the successes in the last
    `WINDOW_SECONDS`; each further one multiplies it by `DECREASE_FACTOR`, at most once per half second because a
    burst of 429s has one cause; each success adds `INCREASE_PER_SUCCESS`.
    """

    _clock: Clock
    _rate: float | None = None
    _next_slot: float = 0.0
    _last_decrease: float = 0.0
    _successes: deque[float] = field(factory=deque)
    _lock: threading.Lock = field(factory=threading.Lock)

    @property
    def per_second(self) -> float | None:
        """The current limit in requests per second; None while the rate is not limited."""
        return self._rate

    def reserve(self) -> float:
        """Take the next slot and return the seconds until it."""
        with self._lock:
            if self._rate is None:
                return 0.0
            now = self._clock.time()
            slot = max(now, self._next_slot)
            self._next_slot = slot + 1.0 / self._rate
            return slot - now

    def record_success(self) -> None:
        """Count a response that was not 429."""
        with self._lock:
            now = self._clock.time()
            if self._rate is None:
                self._successes.append(now)
                while self._successes and self._successes[0] < now - WINDOW_SECONDS:
                    self._successes.popleft()
            else:
                self._rate += INCREASE_PER_SUCCESS

    def record_throttling(self) -> None:
        """Count a 429."""
        with self._lock:
            now = self._clock.time()
            if self._rate is None:
                elapsed = now - self._successes[0] if self._successes else WINDOW_SECONDS
                self._rate = max(MIN_PER_SECOND, len(self._successes) / max(elapsed, 0.25))
            elif now - self._last_decrease >= WINDOW_SECONDS / 4:
                self._rate = max(MIN_PER_SECOND, self._rate * DECREASE_FACTOR)
            else:
                return
            self._last_decrease = now


@define
class RetryBudget:
    """A budget of retries for one service, so that many workers do not each retry a failing region.  Thread-safe.

    Starts with `RETRIES_PER_SERVICE`; every retry takes one, a success returns `RETRIES_PER_SUCCESS`.
    """

    _spent: float = 0.0
    _lock: threading.Lock = field(factory=threading.Lock)

    def take(self) -> bool:
        """Take one retry; return False when none is left."""
        with self._lock:
            if self._spent >= RETRIES_PER_SERVICE:
                return False
            self._spent += 1.0
            return True

    def record_success(self) -> None:
        """Return a part of a retry to the budget."""
        with self._lock:
            self._spent = max(0.0, self._spent - RETRIES_PER_SUCCESS)
