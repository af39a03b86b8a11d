"""The rate that nobody configures, and the budget of retries."""

from __future__ import annotations

import pytest

from ocisidecar.client.rate_limit import Budget, Pace
from ocisidecar.clock import VirtualClock


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(1000.0)


@pytest.fixture
def pace(clock) -> Pace:
    return Pace(clock)


def succeed(pace, clock, *, times, every):
    """Let requests succeed at a steady rate."""
    for _ in range(times):
        pace.succeeded()
        clock.advance(every)


class TestPace:
    """How fast requests go out."""

    def test_without_a_429_there_is_no_limit(self, pace, clock):
        """A service that never complains is never spared."""
        succeed(pace, clock, times=100, every=0.001)
        assert [pace.reserve() for _ in range(100)] == [0.0] * 100

    def test_the_first_429_sets_the_rate_that_went_through(self, pace, clock):
        """Twenty answers in the last two seconds mean ten requests a second from now on."""
        succeed(pace, clock, times=100, every=0.1)
        pace.throttled()
        waits = [pace.reserve() for _ in range(4)]
        assert waits == pytest.approx([0.0, 0.1, 0.2, 0.3], abs=0.02)

    def test_slots_do_not_pile_up_while_nobody_asks(self, pace, clock):
        """After a quiet minute one request goes at once and the next waits its turn."""
        pace.throttled()
        pace.reserve()
        clock.advance(60.0)
        assert [pace.reserve(), pace.reserve()] == [0.0, 2.0]

    def test_a_429_as_the_first_answer_means_the_slowest_rate(self, pace):
        """Nothing went through: one request in two seconds is tried."""
        pace.throttled()
        assert [pace.reserve(), pace.reserve()] == [0.0, 2.0]

    def test_a_burst_of_429_is_one_message(self, pace, clock):
        """Sixteen threads that were refused together cut the rate once."""
        succeed(pace, clock, times=20, every=0.1)
        pace.throttled()
        rate = pace._rate
        for _ in range(15):
            pace.throttled()
        assert pace._rate == rate

    def test_each_later_429_cuts_a_tenth(self, pace, clock):
        """What is still too fast gets slower."""
        succeed(pace, clock, times=20, every=0.1)
        pace.throttled()
        rate = pace._rate
        clock.advance(0.5)
        pace.throttled()
        assert pace._rate == pytest.approx(rate * 0.9)

    def test_never_gets_slower_than_one_request_in_two_seconds(self, pace, clock):
        """However often it is refused, it goes on trying."""
        for _ in range(100):
            pace.throttled()
            clock.advance(1.0)
        assert pace._rate == 0.5

    def test_successes_raise_the_rate(self, pace, clock):
        """Once the limit is known it is tried out again, a little at a time."""
        pace.throttled()
        before = pace._rate
        succeed(pace, clock, times=10, every=0.1)
        assert pace._rate == pytest.approx(before + 0.5)


class TestBudget:
    """Retries that a service may still get."""

    def test_is_spent_one_by_one(self):
        """Eight workers do not each retry a sick region eight times."""
        budget = Budget(3)
        assert [budget.spend() for _ in range(5)] == [True, True, True, False, False]

    def test_ten_successes_earn_one_retry(self):
        """A service that works earns trust again, slowly: a hundred successes are worth ten retries."""
        budget = Budget(1)
        budget.spend()
        retries = 0
        for _ in range(100):
            budget.succeeded()
            retries += budget.spend()
        assert retries == pytest.approx(10, abs=1)

    def test_never_holds_more_than_its_capacity(self):
        """A long good time is no licence for a storm."""
        budget = Budget(2)
        for _ in range(100):
            budget.succeeded()
        assert [budget.spend() for _ in range(3)] == [True, True, False]
