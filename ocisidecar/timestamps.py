"""Points in time in OCI's notation and in that of users."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from ocisidecar.clock import Clock
from ocisidecar.errors import SpecError, SpecProblem

Since = datetime | timedelta
"""A point in time with a time zone, or a duration before now."""


def from_epoch(seconds: float) -> datetime | None:
    """Return a point in time of a response or a token, in UTC; None for a number that is none."""
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def from_rfc3339(text: str) -> datetime | None:
    """Return the point in time that a text denotes; None for one that denotes none, or has no time zone."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else None


def from_http_date(text: str) -> datetime | None:
    """Return the point in time of a `Date` header; None for one that denotes none."""
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else None


def now(clock: Clock) -> datetime:
    """Return the clock's time in UTC."""
    return datetime.fromtimestamp(clock.time(), UTC)


def rfc3339(moment: datetime) -> str:
    """Return `moment` in the form that OCI takes: UTC, with milliseconds."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def start_of(since: Since, clock: Clock) -> datetime:
    """Return the point in time that `since` denotes.

    Raises:
        SpecError: it has no time zone.
    """
    if isinstance(since, timedelta):
        return now(clock) - since
    if since.tzinfo is None:
        raise SpecError([SpecProblem("since", f"must have a time zone, got {since}")])
    return since
