"""A limit on requests per second, service by service, as a token bucket."""

from __future__ import annotations

from ocisidecar.emulator.errors import ServiceError


class Throttle:
    """Admits `per_second` requests a second to each service, and bursts of as many; None admits all.

    Like OCI's, its 429 has no Retry-After.
    Used under the emulator's lock.
    """

    def __init__(self, per_second: float | None) -> None:
        if per_second is not None and per_second < 1:
            raise ValueError(f"requests_per_second must be >= 1 (got {per_second})")
        self._rate = per_second
        self._buckets: dict[str, tuple[float, float]] = {}

    def admit(self, service: str, now: float) -> None:
        """Count a request; ServiceError 429 TooManyRequests when it exceeds the limit."""
        if self._rate is None:
            return
        tokens, since = self._buckets.get(service, (self._rate, now))
        tokens = min(self._rate, tokens + (now - since) * self._rate)
        if tokens < 1:
            self._buckets[service] = (tokens, now)
            raise ServiceError("TooManyRequests", "Too many requests for the user")
        self._buckets[service] = (tokens - 1, now)
