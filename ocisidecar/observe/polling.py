"""Looking again and again at what only looking tells: logs that grow, health checks without a verdict yet.

What a plan waits for is the waiter's business.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ocisidecar.client.session import Caller

_SHORTEST_PAUSE_SECONDS = 0.25


def looks(caller: Caller, *, every_seconds: float) -> Iterator[float]:
    """Yield the seconds since the first look: at once, and then every so many seconds until the caller stops.

    Raises:
        Cancelled: the caller's `cancel` was set, also during a pause.
    """
    return _looks(caller, lambda _: every_seconds)


def hasty_looks(caller: Caller, *, every_seconds: float) -> Iterator[float]:
    """Yield as `looks` does, but at first sooner: what comes soon is seen at most a quarter later than it came.

    Raises:
        Cancelled: the caller's `cancel` was set, also during a pause.
    """
    return _looks(caller, lambda waited: min(max(waited / 4, _SHORTEST_PAUSE_SECONDS), every_seconds))


def _looks(caller: Caller, pause: Callable[[float], float]) -> Iterator[float]:
    began, waited = caller.clock.time(), 0.0
    while True:
        yield waited
        caller.sleep(pause(waited))
        waited = caller.clock.time() - began
