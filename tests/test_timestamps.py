"""Points in time as users give them and as OCI writes them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from ocisidecar.clock import VirtualClock
from ocisidecar.errors import SpecError
from ocisidecar.timestamps import from_epoch, from_http_date, from_rfc3339, now, rfc3339, start_of

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(NOON.timestamp())


def test_now_is_the_clocks_time(clock):
    """`now` is the clock's time with the time zone UTC."""
    assert now(clock) == NOON


def test_rfc3339_is_utc_with_milliseconds():
    """A time in any zone is written in UTC with milliseconds and a Z."""
    there = timezone(timedelta(hours=2))
    assert rfc3339(datetime(2026, 3, 1, 14, 0, 0, 123456, tzinfo=there)) == "2026-03-01T12:00:00.123Z"


def test_a_start_is_a_time_or_a_duration_before_now(clock):
    """One hour as a duration and 11 o'clock as a time give the same start at noon."""
    eleven = NOON.replace(hour=11)
    assert start_of(timedelta(hours=1), clock) == eleven == start_of(eleven, clock)


def test_a_time_without_a_time_zone_is_an_error(clock):
    """A naive datetime raises SpecError for `since`, because guessing its zone could be off by hours."""
    with pytest.raises(SpecError, match="since: must have a time zone"):
        start_of(datetime(2026, 3, 1), clock)  # noqa: DTZ001 - that is the mistake


@pytest.mark.parametrize("seconds", [1e300, -1e300, float("inf"), float("nan"), 10**400, -(2**63)])
def test_a_number_that_is_no_time(seconds):
    """A number outside of the calendar, which only a broken service sends, is no time instead of an error."""
    assert from_epoch(seconds) is None
    assert from_epoch(0.5).isoformat() == "1970-01-01T00:00:00.500000+00:00"


@pytest.mark.parametrize(
    "text", ["", "soon", "2026-13-01T00:00:00Z", "2026-03-01T12:00:00", "²026-03-01T12:00:00Z"]
)
def test_a_text_that_is_no_time_is_none(text):
    """What denotes no time, and a time without a zone, is None and no error."""
    assert from_rfc3339(text) is None
    assert from_http_date(text) is None


def test_times_of_answers_are_read():
    """A field of OCI and a `Date` header are read with their zones."""
    assert from_rfc3339("2026-03-01T14:00:00+02:00") == NOON
    assert from_http_date("Sun, 01 Mar 2026 12:00:00 GMT") == NOON
