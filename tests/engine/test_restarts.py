"""What follows the end of a container."""

from __future__ import annotations

from itertools import pairwise

import pytest

from ocisidecar.engine.restarts import FIRST_BACKOFF_SECONDS, MAX_BACKOFF_SECONDS, is_restarted, next_backoff


@pytest.mark.parametrize(
    ("policy", "after_success", "after_failure"),
    [("ALWAYS", True, True), ("ON_FAILURE", False, True), ("NEVER", False, False)],
)
def test_the_policy_decides_by_the_exit_code(policy, after_success, after_failure):
    """0 is success, all else is failure."""
    assert is_restarted(policy, 0) is after_success
    assert is_restarted(policy, 137) is after_failure


def test_the_back_off_doubles_up_to_its_limit():
    """It never shrinks and never exceeds five minutes."""
    waits = [FIRST_BACKOFF_SECONDS]
    while waits[-1] < MAX_BACKOFF_SECONDS:
        waits.append(next_backoff(waits[-1]))
    assert all(later == min(2 * earlier, MAX_BACKOFF_SECONDS) for earlier, later in pairwise(waits))
    assert next_backoff(MAX_BACKOFF_SECONDS) == MAX_BACKOFF_SECONDS
