"""Looking again and again at what only looking tells: logs that grow, health checks without a verdict yet.

What a plan waits for is the waiter's business.
"""

from __future__ import annotations

from collections.abc import Iterator

from ocisidecar.session import Caller


def looks(caller: Caller, *, every_seconds: float) -> Iterator[float]:
    """Yield the seconds since the first look: at once, and then every so many seconds until the caller stops.

    Raises:
        Cancelled: the caller's `cancel` was set, also during a pause.
    """
    began = caller.clock.time()
    yield 0.0
    while True:
        caller.sleep(every_seconds)
        yield caller.clock.time() - began
