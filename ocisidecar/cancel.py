"""Cancelling a running call from another thread, from a handler or by a deadline."""

from __future__ import annotations

import threading
from collections.abc import Callable

from ocisidecar.clock import Clock, SystemClock
from ocisidecar.errors import Cancelled


class Cancel:
    """A signal that ends a running `plan`, `apply` or `destroy`.  Thread-safe; once set, it stays set.

    After `set` no new request is sent; a request in flight finishes (bounded by its read timeout); created
    resources stay, are tagged, and are listed in `Cancelled.deployment` (except a log or log group whose OCID the
    service had not returned yet); applying again continues.  There are three checkpoints: before a request, in a
    retry sleep, in a poll sleep.

    Args:
        after_seconds: it is set automatically this long after construction; None means never.
        clock: the source of time.
    """

    def __init__(self, after_seconds: float | None = None, *, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._after_seconds = after_seconds
        self._deadline = None if after_seconds is None else self._clock.time() + after_seconds
        self._reason: str | None = None
        self._listeners: list[Callable[[], None]] = []
        self.event = threading.Event()

    def set(self, reason: str) -> None:
        """Cancel; the first reason stays."""
        if self._reason is None:
            self._reason = reason
        self.event.set()
        for listener in tuple(self._listeners):
            listener()

    @property
    def reason(self) -> str | None:
        """Why it was cancelled, or None while it was not."""
        if self._reason is None and self._deadline is not None and self._clock.time() >= self._deadline:
            self.set(f"the deadline of {self._after_seconds:g} s passed")
        return self._reason

    @property
    def seconds_left(self) -> float | None:
        """Seconds until the deadline, or None without one."""
        return None if self._deadline is None else max(0.0, self._deadline - self._clock.time())

    def check(self) -> None:
        """Raise `Cancelled` if it is set."""
        if self.reason is not None:
            raise Cancelled(self.reason)

    def listen(self, listener: Callable[[], None]) -> None:
        """Call `listener` when it is set, on the setting thread; used to wake the coordinating thread."""
        self._listeners.append(listener)

    def forget(self, listener: Callable[[], None]) -> None:
        """Undo `listen`."""
        self._listeners.remove(listener)
