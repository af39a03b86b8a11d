"""Polling: at which times, how often each query runs, and when it ends."""

from __future__ import annotations

from bisect import bisect_left
from itertools import islice, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ocisidecar import Cancel, Cancelled, Provisioner, Throttled
from ocisidecar.clock import VirtualClock
from ocisidecar.observe.polling import Poll, PollResult, merge, poll_all, poll_at_interval, poll_with_backoff
from tests.readers import reader_of

THROTTLED = Throttled(operation="search_logs", status=429, code="TooManyRequests")


def test_polls_at_an_interval(provisioner):
    """The first poll comes at once, every further one after the interval, each with the time since the first."""
    caller = provisioner.session.caller(Cancel())
    assert list(islice(poll_at_interval(caller, 2.5), 3)) == pytest.approx([0.0, 2.5, 5.0])


def test_a_pause_ends_when_it_is_cancelled(provisioner):
    """Setting `cancel` during a pause raises Cancelled instead of polling again."""
    cancel = Cancel()
    times = poll_at_interval(provisioner.session.caller(cancel), 2.5)
    next(times)
    cancel.set("enough")
    with pytest.raises(Cancelled, match="enough"):
        next(times)


def test_polls_with_backoff(provisioner):
    """The intervals are a quarter of the time waited so far, between 0.25 s and the longest interval."""
    caller = provisioner.session.caller(Cancel())
    times = list(islice(poll_with_backoff(caller, max_interval_seconds=2.0), 30))
    assert times[:5] == pytest.approx([0.0, 0.25, 0.5, 0.75, 1.0])
    pauses = [late - early for early, late in pairwise(times)]
    assert pauses == pytest.approx([min(max(early / 4, 0.25), 2.0) for early in times[:-1]])


@pytest.fixture(scope="module")
def local():
    with Provisioner.local(clock=VirtualClock()) as provisioner:
        yield provisioner


@settings(deadline=None, max_examples=50)
@given(done_at=st.lists(st.integers(1, 40), max_size=5), timeout=st.integers(0, 60))
def test_every_poll_runs_until_it_is_done_or_the_time_is_up(local, done_at, timeout):
    """Each query runs at every poll time until its value suffices or the timeout has passed, at least once."""
    runs = [0] * len(done_at)

    def make(number: int):
        def query() -> int:
            runs[number] += 1
            return runs[number]

        return Poll(query, lambda count, _: count >= done_at[number])

    polls = [make(number) for number in range(len(done_at))]
    poll_all(reader_of(local, "web"), polls, timeout_seconds=timeout)
    times = list(islice(poll_with_backoff(local.session.caller(Cancel())), 60))
    max_runs = bisect_left(times, timeout - 1e-6) + 1
    assert runs == [min(wanted, max_runs) for wanted in done_at]
    assert [one.result.value for one in polls] == runs
    assert [one.result.elapsed_seconds for one in polls] == pytest.approx([times[count - 1] for count in runs])


def test_an_error_of_the_service_ends_a_poll(local):
    """A query that raises ServiceCallError is not repeated, and the result holds the error's text."""
    failing = Poll(lambda: pytest.fail("queried"), lambda *_: False, before_first=lambda: _raise(THROTTLED))
    poll_all(reader_of(local, "web"), [failing], timeout_seconds=60)
    assert failing.result == PollResult(error=str(THROTTLED))


def _raise(error: Exception) -> None:
    raise error


def test_before_first_runs_once(local):
    """`before_first` runs before the first query and not before the others."""
    done: list[str] = []
    poll = Poll(lambda: done.append("query"), lambda *_: len(done) > 3, before_first=lambda: done.append("send"))
    poll_all(reader_of(local, "web"), [poll], timeout_seconds=60)
    assert done == ["send", "query", "query", "query"]


def test_polling_can_be_cancelled(local):
    """Setting the reader's `cancel` ends poll_all with Cancelled."""
    cancel = Cancel()
    poll = Poll(lambda: cancel.set("enough"), lambda *_: False)
    with pytest.raises(Cancelled, match="enough"):
        poll_all(reader_of(local, "web", cancel=cancel), [poll], timeout_seconds=60)


def test_results_are_merged():
    """The merged result has all values in order, the first error and the longest time; of nothing it is empty."""
    several = [PollResult(value=(1,), elapsed_seconds=2.0), PollResult(error="no", elapsed_seconds=4.0)]
    assert merge([*several, PollResult(value=(2,))]) == PollResult(value=(1, 2), error="no", elapsed_seconds=4.0)
    assert merge([]) == PollResult(value=())
