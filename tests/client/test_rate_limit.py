"""The adaptive request rate, and the budget of retries."""

from __future__ import annotations

import pytest

from ocisidecar.client.rate_limit import (
    DECREASE_FACTOR,
    INCREASE_PER_SUCCESS,
    MIN_PER_SECOND,
    RETRIES_PER_SERVICE,
    RateLimiter,
    RetryBudget,
)
from ocisidecar.clock import VirtualClock


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(1000.0)


@pytest.fixture
def limiter(clock) -> RateLimiter:
    return RateLimiter(clock)


def succeed(limiter, clock, *, times, every):
    """Let requests succeed at a steady rate."""
    for _ in range(times):
        limiter.record_success()
        clock.advance(every)


class TestRateLimiter:
    """How fast requests are sent."""

    def test_without_a_429_there_is_no_limit(self, limiter, clock):
        """A service that has never sent a 429 gets every request at once."""
        succeed(limiter, clock, times=100, every=0.001)
        assert [limiter.reserve() for _ in range(100)] == [0.0] * 100
        assert limiter.per_second is None

    def test_the_first_429_sets_the_rate_of_the_successes(self, limiter, clock):
        """Twenty successes in the last two seconds limit the rate to ten requests a second."""
        succeed(limiter, clock, times=100, every=0.1)
        limiter.record_throttling()
        waits = [limiter.reserve() for _ in range(4)]
        assert waits == pytest.approx([0.0, 0.1, 0.2, 0.3], abs=0.02)

    def test_unused_slots_expire(self, limiter, clock):
        """After a quiet minute one request is sent at once and the next waits for its slot."""
        limiter.record_throttling()
        limiter.reserve()
        clock.advance(60.0)
        assert [limiter.reserve(), limiter.reserve()] == [0.0, 2.0]

    def test_a_429_as_the_first_response_means_the_minimum_rate(self, limiter):
        """Without a success to go by, one request in two seconds is sent."""
        limiter.record_throttling()
        assert [limiter.reserve(), limiter.reserve()] == [0.0, 2.0]

    def test_a_burst_of_429_counts_once(self, limiter, clock):
        """Sixteen threads that get a 429 at the same time lower the rate once."""
        succeed(limiter, clock, times=20, every=0.1)
        limiter.record_throttling()
        rate = limiter.per_second
        for _ in range(15):
            limiter.record_throttling()
        assert limiter.per_second == rate

    def test_each_later_429_lowers_the_rate_by_a_tenth(self, limiter, clock):
        """A 429 half a second after the last one multiplies the rate by the decrease factor."""
        succeed(limiter, clock, times=20, every=0.1)
        limiter.record_throttling()
        rate = limiter.per_second
        clock.advance(0.5)
        limiter.record_throttling()
        assert limiter.per_second == pytest.approx(rate * DECREASE_FACTOR)

    def test_the_rate_has_a_minimum(self, limiter, clock):
        """A hundred 429s leave one request in two seconds."""
        for _ in range(100):
            limiter.record_throttling()
            clock.advance(1.0)
        assert limiter.per_second == MIN_PER_SECOND

    def test_successes_raise_the_rate(self, limiter, clock):
        """Each success below the limit adds a constant to it."""
        limiter.record_throttling()
        before = limiter.per_second
        succeed(limiter, clock, times=10, every=0.1)
        assert limiter.per_second == pytest.approx(before + 10 * INCREASE_PER_SUCCESS)


class TestRetryBudget:
    """Retries that a service may still get."""

    @pytest.fixture
    def spent(self) -> RetryBudget:
        budget = RetryBudget()
        while budget.take():
            pass
        return budget

    def test_ends(self):
        """A service gets a hundred retries, however many workers ask for them."""
        budget = RetryBudget()
        taken = [budget.take() for _ in range(150)]
        assert taken == [True] * int(RETRIES_PER_SERVICE) + [False] * 50

    def test_ten_successes_earn_one_retry(self, spent):
        """A hundred successes return about ten retries."""
        retries = 0
        for _ in range(100):
            spent.record_success()
            retries += spent.take()
        assert retries == pytest.approx(10, abs=1)

    def test_never_exceeds_where_it_started(self):
        """Successes without retries do not save up retries for later."""
        budget = RetryBudget()
        for _ in range(100):
            budget.record_success()
        assert sum(budget.take() for _ in range(150)) == RETRIES_PER_SERVICE
