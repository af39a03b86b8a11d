"""Restart policy and back-off."""

from __future__ import annotations

import pytest

from ocisidecar.engine.restarts import backoff, is_restarted


@pytest.mark.parametrize(
    ("policy", "after_success", "after_failure"),
    [("ALWAYS", True, True), ("ON_FAILURE", False, True), ("NEVER", False, False)],
)
def test_the_policy_decides_by_the_exit_code(policy, after_success, after_failure):
    """ALWAYS restarts after any exit code, ON_FAILURE after a non-zero one only, and NEVER does not restart."""
    assert is_restarted(policy, 0) is after_success
    assert is_restarted(policy, 137) is after_failure


def test_the_back_off_doubles_up_to_its_limit():
    """The back-off starts at 10 s, doubles with each restart and never exceeds 300 s."""
    waits = [backoff(0.0, ran_seconds=1.0)]
    for _ in range(7):
        waits.append(backoff(waits[-1], ran_seconds=1.0))
    assert waits == [10, 20, 40, 80, 160, 300, 300, 300]


@pytest.mark.parametrize(("ran_seconds", "wait"), [(599.0, 300.0), (600.0, 10.0)])
def test_a_long_run_resets_the_back_off(ran_seconds, wait):
    """A container that ran for 10 minutes is restarted with the first back-off."""
    assert backoff(300.0, ran_seconds=ran_seconds) == wait
