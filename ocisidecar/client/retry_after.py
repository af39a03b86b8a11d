"""The Retry-After header of any HTTP response."""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from typing import Final

from ocisidecar.clock import Clock

_LONGEST_NUMBER: Final = 9


def retry_after_seconds(value: str, clock: Clock) -> float | None:
    """Return the seconds of a Retry-After header, a number or a date; None without either.

    Source: RFC 9110, 10.2.3.
    """
    if value.strip().isdecimal():
        return float(value.strip()[:_LONGEST_NUMBER])
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - clock.time())
    except (TypeError, ValueError, OverflowError):
        return None
