"""How fast and how often requests may go out, shared by all threads that talk to one service."""

from __future__ import annotations

import threading
from collections import deque

from attrs import define, field

from ocisidecar.clock import Clock

_WINDOW_SECONDS = 2.0
_CUT = 0.9
_GAIN_PER_SUCCESS = 0.05
_SLOWEST_PER_SECOND = 0.5


@define
class Pace:
    """A request rate that nobody has to configure: additive increase, multiplicative decrease.

    Without a 429 there is no limit.  The first 429 sets the rate to what went through during the last two
    seconds; each further one, at most once per half second because a burst of them is one message, cuts it by a
    tenth; each success adds a little.
    """

    _clock: Clock
    _rate: float | None = None
    _next_slot: float = 0.0
    _last_cut: float = 0.0
    _successes: deque[float] = field(factory=deque)
    _lock: threading.Lock = field(factory=threading.Lock)

    def reserve(self) -> float:
        """Take the next slot and return the seconds until it."""
        with self._lock:
            if self._rate is None:
                return 0.0
            now = self._clock.time()
            slot = max(now, self._next_slot)
            self._next_slot = slot + 1.0 / self._rate
            return slot - now

    def succeeded(self) -> None:
        """Count an answer that was not 429."""
        with self._lock:
            now = self._clock.time()
            if self._rate is None:
                self._successes.append(now)
                while self._successes and self._successes[0] < now - _WINDOW_SECONDS:
                    self._successes.popleft()
            else:
                self._rate += _GAIN_PER_SUCCESS

    def throttled(self) -> None:
        """Count a 429."""
        with self._lock:
            now = self._clock.time()
            if self._rate is None:
                since = now - self._successes[0] if self._successes else _WINDOW_SECONDS
                self._rate = max(_SLOWEST_PER_SECOND, len(self._successes) / max(since, 0.25))
            elif now - self._last_cut >= _WINDOW_SECONDS / 4:
                self._rate = max(_SLOWEST_PER_SECOND, self._rate * _CUT)
            else:
                return
            self._last_cut = now


@define
class Budget:
    """Retries that a service may still get: eight workers must not each retry a sick region eight times.

    Every retry costs one of `capacity`; a success gives a tenth back.
    """

    capacity: float = 100.0
    _spent: float = 0.0
    _lock: threading.Lock = field(factory=threading.Lock)

    def spend(self) -> bool:
        """Take one retry; False when none is left."""
        with self._lock:
            if self._spent >= self.capacity:
                return False
            self._spent += 1.0
            return True

    def succeeded(self) -> None:
        """Give a little back."""
        with self._lock:
            self._spent = max(0.0, self._spent - 0.1)
