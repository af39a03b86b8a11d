"""The time by the clock of the service, to which the times of creation in its answers belong."""

from __future__ import annotations

from contextlib import suppress
from email.utils import parsedate_to_datetime

from attrs import define, field

from ocisidecar.clock import Clock


@define
class ServiceClock:
    """Tells the service's time by the last response's Date header.  Thread-safe.

    Args:
        clock: this machine's.
    """

    clock: Clock
    _ahead_seconds: float = field(default=0.0, init=False)

    def note(self, date: str) -> None:
        """Note the Date header of a response that has just arrived; an unreadable one is ignored."""
        with suppress(ValueError):
            self._ahead_seconds = parsedate_to_datetime(date).timestamp() - self.clock.time()

    def time(self) -> float:
        """Return the service's time in seconds since the epoch."""
        return self.clock.time() + self._ahead_seconds
