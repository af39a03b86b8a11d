"""Laws of the poll interval, a pure function of how long and for how many resources has been waited."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ocisidecar.apply.intervals import interval

waits = st.floats(0, 1e5)
counts = st.integers(1, 2000)
reached = st.integers(0, 2000)
spans = st.none() | st.floats(0, 1e5)


@given(waited=waits, waiting=counts, arrived=reached, span=spans)
def test_is_bounded(waited, waiting, arrived, span):
    """The interval is between 5 ms and 10 s, whatever the arguments."""
    seconds = interval(waited, waiting, arrived, span)
    assert 0.005 <= seconds <= 10.0


@given(earlier=waits, later=waits, waiting=counts)
def test_grows_with_the_time_waited(earlier, later, waiting):
    """The interval does not become shorter as the time waited grows."""
    earlier, later = sorted((earlier, later))
    assert interval(earlier, waiting) <= interval(later, waiting)


@given(waited=waits, fewer=counts, more=counts)
def test_grows_with_the_number_waited_for(waited, fewer, more):
    """The interval does not become shorter as more resources are waited for."""
    fewer, more = sorted((fewer, more))
    assert interval(waited, fewer) <= interval(waited, more)


@given(waited=waits, waiting=counts, arrived=reached, span=spans)
def test_arrivals_never_make_it_longer(waited, waiting, arrived, span):
    """Resources that have reached their goal never make the interval longer."""
    assert interval(waited, waiting, arrived, span) <= interval(waited, waiting)


@given(waited=st.floats(10, 3600))
def test_a_single_resource_is_late_by_a_small_share(waited):
    """A single resource is noticed at most 3 % of the time waited, or 0.4 s, after it is ready."""
    assert interval(waited, 1) <= max(0.4, 0.03 * waited)
