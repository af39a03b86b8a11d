"""Clocks, which are passed to everything in the package that reads the time or waits.

No other module reads the system's clock or sleeps, so a test that passes a `VirtualClock` to library and emulator
runs a provisioning of twenty minutes in milliseconds, with the same result each time.
"""

from __future__ import annotations

import queue
import threading
import time
from typing import Protocol, TypeVar

T = TypeVar("T")


class Clock(Protocol):
    """The source of time of the package.  Implementations are thread-safe."""

    def time(self) -> float:
        """Return seconds since the epoch; never runs backwards within one process."""
        ...

    def sleep(self, seconds: float, wake: threading.Event | None = None) -> None:
        """Block for `seconds` (>= 0), or until `wake` is set, whichever comes first."""
        ...

    def receive(self, inbox: queue.SimpleQueue[T], seconds: float, *, is_busy: bool) -> T | None:
        """Return the next item of `inbox`, or None after `seconds`.

        `is_busy` says that a thread is working and will post an item: a virtual clock then waits for that item
        instead of letting time pass.
        """
        ...


class SystemClock:
    """Real time: the wall clock's start, advanced by the monotonic clock."""

    def __init__(self) -> None:
        self._offset = time.time() - time.monotonic()

    def time(self) -> float:
        """Return seconds since the epoch, immune to clock adjustments."""
        return self._offset + time.monotonic()

    def sleep(self, seconds: float, wake: threading.Event | None = None) -> None:
        """Block for `seconds` or until `wake` is set."""
        (wake or threading.Event()).wait(seconds)

    def receive(self, inbox: queue.SimpleQueue[T], seconds: float, *, is_busy: bool) -> T | None:
        """Return the next item of `inbox`, or None after `seconds`, whether or not a thread is busy."""
        del is_busy
        try:
            return inbox.get(timeout=seconds)
        except queue.Empty:
            return None


class FastClock:
    """Real time, accelerated by a factor, so that an operation of a minute can be watched in seconds.

    Args:
        factor: seconds of this clock in a real second, > 0.
    """

    def __init__(self, factor: float) -> None:
        self._factor = factor
        self._real = SystemClock()
        self._start = self._real.time()

    def time(self) -> float:
        """Return seconds since the epoch: the real time at the start, and ahead of it later."""
        return self._start + (self._real.time() - self._start) * self._factor

    def sleep(self, seconds: float, wake: threading.Event | None = None) -> None:
        """Block for `seconds` of this clock or until `wake` is set."""
        self._real.sleep(seconds / self._factor, wake)

    def receive(self, inbox: queue.SimpleQueue[T], seconds: float, *, is_busy: bool) -> T | None:
        """Return the next item of `inbox`, or None after `seconds` of this clock."""
        return self._real.receive(inbox, seconds / self._factor, is_busy=is_busy)


class VirtualClock:
    """Time that passes only while a thread waits for it.

    Sleepers that started at the same instant overlap, as they would in reality: each moves the clock to *its*
    waking time, never back.
    """

    def __init__(self, start: float | None = None) -> None:
        self._now = time.time() if start is None else start
        self._lock = threading.Lock()

    def time(self) -> float:
        """Return the virtual seconds since the epoch."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Let `seconds` (>= 0) pass at once."""
        self._move_to(self._now + seconds)

    def sleep(self, seconds: float, wake: threading.Event | None = None) -> None:
        """Let `seconds` pass at once, unless `wake` is set already."""
        if wake is None or not wake.is_set():
            self._move_to(self._now + seconds)

    def receive(self, inbox: queue.SimpleQueue[T], seconds: float, *, is_busy: bool) -> T | None:
        """Return the next item of `inbox`; when no thread is busy, let `seconds` pass and return None."""
        try:
            return inbox.get(block=is_busy)
        except queue.Empty:
            self._move_to(self._now + seconds)
            return None

    def _move_to(self, moment: float) -> None:
        with self._lock:
            self._now = max(self._now, moment)
