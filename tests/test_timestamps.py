"""Moments as users give them and as OCI writes them."""

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
    """In UTC."""
    assert now(clock) == NOON


def test_rfc3339_is_utc_with_milliseconds():
    """The form that OCI takes, whatever the time zone."""
    there = timezone(timedelta(hours=2))
    assert rfc3339(datetime(2026, 3, 1, 14, 0, 0, 123456, tzinfo=there)) == "2026-03-01T12:00:00.123Z"


def test_a_beginning_is_a_moment_or_an_age(clock):
    """Both name the same moment."""
    assert (
        beginning(timedelta(hours=1), clock) == NOON - timedelta(hours=1) == beginning(NOON.replace(hour=11), clock)
    )


def test_a_moment_without_a_time_zone_is_a_fault(clock):
    """Guessing the zone would be off by hours."""
    with pytest.raises(SpecError, match="since: must have a time zone"):
        beginning(datetime(2026, 3, 1), clock)  # noqa: DTZ001 - that is the mistake
