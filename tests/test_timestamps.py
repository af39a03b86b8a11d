"""Points in time as users give them and as OCI writes them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from ocisidecar.clock import VirtualClock
from ocisidecar.errors import SpecError
from ocisidecar.timestamps import beginning, now, rfc3339

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(NOON.timestamp())


def test_now_is_the_clocks_time(clock):
    """`now` returns the clock's time in UTC."""
    assert now(clock) == NOON


def test_rfc3339_is_utc_with_milliseconds():
    """`rfc3339` gives UTC with milliseconds for a time in any time zone."""
    there = timezone(timedelta(hours=2))
    assert rfc3339(datetime(2026, 3, 1, 14, 0, 0, 123456, tzinfo=there)) == "2026-03-01T12:00:00.123Z"


def test_since_is_a_moment_or_an_age(clock):
    """A time one hour ago and an age of one hour give the same point in time."""
    assert (
        beginning(timedelta(hours=1), clock) == NOON - timedelta(hours=1) == beginning(NOON.replace(hour=11), clock)
    )


def test_a_time_without_a_time_zone_is_refused(clock):
    """A time without a time zone raises SpecError."""
    with pytest.raises(SpecError, match="since: must have a time zone"):
        beginning(datetime(2026, 3, 1), clock)  # noqa: DTZ001 - that is the mistake
