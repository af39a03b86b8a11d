"""What follows the end of a container."""

from __future__ import annotations

import pytest

from ocisidecar.engine.restarts import backoff, is_restarted


@pytest.mark.parametrize(
    ("policy", "after_success", "after_failure"),
    [("ALWAYS", True, True), ("ON_FAILURE", False, True), ("NEVER", False, False)],
)
def test_the_policy_decides_by_the_exit_code(policy, after_success, after_failure):
    """0 is success, all else is failure."""
    assert is_restarted(policy, 0) is after_success
    assert is_restarted(policy, 137) is after_failure


def test_the_back_off_doubles_up_to_its_limit():
    """It begins with ten seconds, never shrinks and never exceeds five minutes."""
    waits = [backoff(0.0, ran_seconds=1.0)]
    for _ in range(7):
        waits.append(backoff(waits[-1], ran_seconds=1.0))
    assert waits == [10, 20, 40, 80, 160, 300, 300, 300]


@pytest.mark.parametrize(("ran_seconds", "wait"), [(599.0, 300.0), (600.0, 10.0)])
def test_a_run_that_lasted_ends_a_crash_loop(ran_seconds, wait):
    """What ran for ten minutes and then crashes is restarted as if it were the first time."""
    assert backoff(300.0, ran_seconds=ran_seconds) == wait
